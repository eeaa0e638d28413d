#include "value/text.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>

namespace fairway::graph {

namespace {

constexpr char32_t replacement = 0xfffd;

void append(std::string& out, char32_t point) {
  if (point < 0x80) {
    out.push_back(static_cast<char>(point));
  } else if (point < 0x800) {
    out.push_back(static_cast<char>(0xc0 | point >> 6));
    out.push_back(static_cast<char>(0x80 | (point & 0x3f)));
  } else if (point < 0x10000) {
    out.push_back(static_cast<char>(0xe0 | point >> 12));
    out.push_back(static_cast<char>(0x80 | (point >> 6 & 0x3f)));
    out.push_back(static_cast<char>(0x80 | (point & 0x3f)));
  } else {
    out.push_back(static_cast<char>(0xf0 | point >> 18));
    out.push_back(static_cast<char>(0x80 | (point >> 12 & 0x3f)));
    out.push_back(static_cast<char>(0x80 | (point >> 6 & 0x3f)));
    out.push_back(static_cast<char>(0x80 | (point & 0x3f)));
  }
}

struct Sequence {
  char32_t point;
  std::size_t length;
  bool valid;
};

/// The sequence that the bytes begin with, or the maximal part of one that is ill-formed.
Sequence first_of(std::string_view bytes) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {lead, 1, true};
  unsigned char low = 0x80;
  unsigned char high = 0xbf;
  std::size_t length = 0;
  char32_t point = 0;
  if (lead >= 0xc2 && lead <= 0xdf) {
    length = 2;
    point = lead & 0x1f;
  } else if (lead >= 0xe0 && lead <= 0xef) {
    length = 3;
    point = lead & 0x0f;
    if (lead == 0xe0) low = 0xa0;
    if (lead == 0xed) high = 0x9f;
  } else if (lead >= 0xf0 && lead <= 0xf4) {
    length = 4;
    point = lead & 0x07;
    if (lead == 0xf0) low = 0x90;
    if (lead == 0xf4) high = 0x8f;
  } else {
    return {replacement, 1, false};
  }
  for (std::size_t i = 1; i < length; ++i) {
    if (i == bytes.size() || byte(i) < low || byte(i) > high) return {replacement, i, false};
    point = point << 6 | (byte(i) & 0x3f);
    low = 0x80;
    high = 0xbf;
  }
  return {point, length, true};
}

/// What our own strings hold is well-formed, lone surrogates apart.
Sequence first_of_own(std::string_view wtf8) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<char32_t>(static_cast<unsigned char>(wtf8[i])); };
  if (byte(0) < 0x80) return {byte(0), 1, true};
  if (byte(0) < 0xe0) return {(byte(0) & 0x1f) << 6 | (byte(1) & 0x3f), 2, true};
  if (byte(0) < 0xf0) {
    const char32_t point = (byte(0) & 0x0f) << 12 | (byte(1) & 0x3f) << 6 | (byte(2) & 0x3f);
    return {point, 3, point < 0xd800 || point > 0xdfff};
  }
  return {(byte(0) & 0x07) << 18 | (byte(1) & 0x3f) << 12 | (byte(2) & 0x3f) << 6 | (byte(3) & 0x3f), 4, true};
}

bool has_lone_surrogate(std::string_view wtf8) noexcept {
  for (std::size_t at = wtf8.find('\xed'); at != std::string_view::npos; at = wtf8.find('\xed', at + 1))
    if (static_cast<unsigned char>(wtf8[at + 1]) >= 0xa0) return true;
  return false;
}

/// Lone surrogates and U+FFFD take three bytes each.
std::string without_lone_surrogates(std::string text) {
  for (std::size_t at = text.find('\xed'); at != std::string::npos; at = text.find('\xed', at + 1))
    if (static_cast<unsigned char>(text[at + 1]) >= 0xa0) text.replace(at, 3, "\xef\xbf\xbd");
  return text;
}

}  // namespace

Text::Text(std::string text) : wtf8(std::move(text)) {
  if (has_lone_surrogate(wtf8)) well_formed = std::make_unique<std::string>(without_lone_surrogates(wtf8));
}

bool is_ascii(std::string_view text) noexcept {
  std::size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + at, 8);
    if ((word & 0x8080808080808080) != 0) return false;
  }
  for (; at < text.size(); ++at)
    if (static_cast<unsigned char>(text[at]) >= 0x80) return false;
  return true;
}

bool is_utf8(std::string_view text) noexcept {
  while (!text.empty()) {
    const Sequence next = first_of(text);
    if (!next.valid) return false;
    text.remove_prefix(next.length);
  }
  return true;
}

std::string to_utf8(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  while (!bytes.empty()) {
    const Sequence next = first_of(bytes);
    append(out, next.point);
    bytes.remove_prefix(next.length);
  }
  return out;
}

std::string from_utf16(std::u16string_view units) {
  std::string out;
  out.reserve(units.size());
  for (std::size_t i = 0; i < units.size(); ++i) {
    char32_t point = units[i];
    if (point >= 0xd800 && point < 0xdc00 && i + 1 < units.size() && units[i + 1] >= 0xdc00 && units[i + 1] < 0xe000)
      point = 0x10000 + ((point - 0xd800) << 10) + (char32_t{units[++i]} - 0xdc00);
    append(out, point);
  }
  return out;
}

std::string from_latin1(Bytes characters) {
  const std::string_view text(reinterpret_cast<const char*>(characters.data()), characters.size());
  if (is_ascii(text)) return std::string(text);
  std::string out;
  out.reserve(text.size() * 2);
  for (const std::byte character : characters) append(out, static_cast<char32_t>(character));
  return out;
}

std::u16string to_utf16(std::string_view wtf8) {
  std::u16string out;
  out.reserve(wtf8.size());
  while (!wtf8.empty()) {
    const Sequence next = first_of_own(wtf8);
    if (next.point >= 0x10000) {
      out.push_back(static_cast<char16_t>(0xd800 + ((next.point - 0x10000) >> 10)));
      out.push_back(static_cast<char16_t>(0xdc00 + (next.point & 0x3ff)));
    } else {
      out.push_back(static_cast<char16_t>(next.point));
    }
    wtf8.remove_prefix(next.length);
  }
  return out;
}

bool is_latin1(std::string_view wtf8) noexcept {
  return std::ranges::all_of(wtf8, [](char c) { return static_cast<unsigned char>(c) <= 0xc3; });
}

/// ECMAScript, Number::toString.
std::string number_text(double number) {
  if (std::isnan(number)) return "NaN";
  if (std::isinf(number)) return number < 0 ? "-Infinity" : "Infinity";
  if (number == 0) return "0";
  char buffer[32];
  const auto written = std::to_chars(buffer, buffer + sizeof buffer, std::fabs(number), std::chars_format::scientific);
  const std::string_view text(buffer, static_cast<std::size_t>(written.ptr - buffer));
  const std::size_t e = text.find('e');
  std::string digits(text.substr(0, 1));
  if (e > 1) digits += text.substr(2, e - 2);
  int exponent = 0;
  std::from_chars(text.data() + e + (text[e + 1] == '+' ? 2 : 1), text.data() + text.size(), exponent);
  const int count = static_cast<int>(digits.size());
  const int point = exponent + 1;  // digits in front of the decimal point
  std::string out = number < 0 ? "-" : "";
  if (point > 21 || point < -5) {
    out += digits[0];
    if (count > 1) out += "." + digits.substr(1);
    return out + (exponent < 0 ? "e-" : "e+") + std::to_string(std::abs(exponent));
  }
  if (point <= 0) return out + "0." + std::string(static_cast<std::size_t>(-point), '0') + digits;
  if (count <= point) return out + digits + std::string(static_cast<std::size_t>(point - count), '0');
  return out + digits.substr(0, static_cast<std::size_t>(point)) + "." + digits.substr(static_cast<std::size_t>(point));
}

std::uint32_t index_of(std::string_view key) noexcept {
  if (key.empty() || key.size() > 10 || key[0] < '0' || key[0] > '9' || (key[0] == '0' && key.size() > 1)) return no_index;
  std::uint32_t index = 0;
  const auto read = std::from_chars(key.data(), key.data() + key.size(), index);
  return read.ec == std::errc{} && read.ptr == key.data() + key.size() ? index : no_index;
}

}  // namespace fairway::graph
