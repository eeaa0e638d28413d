#include <algorithm>
#include <charconv>
#include <cstdio>

#include "value/text.hpp"

namespace fairway::graph {

namespace {

__extension__ using Wide = unsigned __int128;
constexpr std::uint64_t chunk = 10'000'000'000'000'000'000u;
constexpr std::size_t chunk_digits = 19;

void multiply_add(std::vector<std::uint64_t>& magnitude, std::uint64_t factor, std::uint64_t carry) {
  for (std::uint64_t& digit : magnitude) {
    const Wide product = Wide{digit} * factor + carry;
    digit = static_cast<std::uint64_t>(product);
    carry = static_cast<std::uint64_t>(product >> 64);
  }
  if (carry != 0) magnitude.push_back(carry);
}

std::uint64_t divide(std::vector<std::uint64_t>& magnitude, std::uint64_t divisor) {
  Wide remainder = 0;
  for (std::size_t i = magnitude.size(); i-- > 0;) {
    const Wide part = remainder << 64 | magnitude[i];
    magnitude[i] = static_cast<std::uint64_t>(part / divisor);
    remainder = part % divisor;
  }
  while (!magnitude.empty() && magnitude.back() == 0) magnitude.pop_back();
  return static_cast<std::uint64_t>(remainder);
}

/// False: not only digits.
bool parse_group(std::string_view digits, int base, std::uint64_t& out) {
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), out, base);
  return read.ec == std::errc{} && read.ptr == digits.data() + digits.size();
}

std::string decimal(std::vector<std::uint64_t> magnitude) {
  std::vector<std::uint64_t> groups;
  while (!magnitude.empty()) groups.push_back(divide(magnitude, chunk));
  if (groups.empty()) return "0";
  std::string out = std::to_string(groups.back());
  for (std::size_t i = groups.size() - 1; i-- > 0;) {
    const std::string group = std::to_string(groups[i]);
    out.append(chunk_digits - group.size(), '0').append(group);
  }
  return out;
}

std::string hexadecimal(const std::vector<std::uint64_t>& magnitude) {
  if (magnitude.empty()) return "0x0";
  char group[20];
  std::snprintf(group, sizeof group, "0x%lx", magnitude.back());
  std::string out = group;
  for (std::size_t i = magnitude.size() - 1; i-- > 0;) {
    std::snprintf(group, sizeof group, "%016lx", magnitude[i]);
    out += group;
  }
  return out;
}

}  // namespace

BigInteger::BigInteger(bool is_negative, std::vector<std::uint64_t> digits)
    : negative(is_negative), magnitude(std::move(digits)) {
  while (!magnitude.empty() && magnitude.back() == 0) magnitude.pop_back();
  if (magnitude.empty()) negative = false;
}

std::unique_ptr<BigInteger> parse_bigint(std::string_view digits) {
  const bool negative = digits.starts_with('-');
  if (negative) digits.remove_prefix(1);
  std::vector<std::uint64_t> magnitude;
  if (digits.starts_with("0x") || digits.starts_with("0X")) {
    digits.remove_prefix(2);
    if (digits.empty() || digits[0] == '-') return nullptr;
    for (std::size_t end = digits.size(); end > 0; end -= std::min<std::size_t>(end, 16)) {
      const std::size_t begin = end > 16 ? end - 16 : 0;
      if (!parse_group(digits.substr(begin, end - begin), 16, magnitude.emplace_back())) return nullptr;
    }
  } else {
    if (digits.empty()) return nullptr;
    while (!digits.empty()) {
      const std::string_view group = digits.substr(0, chunk_digits);
      std::uint64_t number = 0;
      if (group[0] == '-' || !parse_group(group, 10, number)) return nullptr;
      std::uint64_t factor = 1;
      for (std::size_t i = 0; i < group.size(); ++i) factor *= 10;
      multiply_add(magnitude, factor, number);
      digits.remove_prefix(group.size());
    }
  }
  return std::make_unique<BigInteger>(negative, std::move(magnitude));
}

std::string bigint_text(const BigInteger& number, int base) {
  return (number.negative ? "-" : "") + (base == 16 ? hexadecimal(number.magnitude) : decimal(number.magnitude));
}

}  // namespace fairway::graph
