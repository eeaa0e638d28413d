#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <fairway/types.hpp>

/// Strings inside: UTF-8, in which lone surrogates stand as three bytes of their own (WTF-8). Each sequence of UTF-16 code
/// units has exactly one such form, so that strings are compared by their bytes.
namespace fairway::graph {

/// The immutable rest of a primitive, counted: threads may share it.
struct Blob {
  std::atomic<std::uint32_t> references{1};
};

struct Text : Blob {
  explicit Text(std::string wtf8);

  std::string wtf8;
  /// The string as users see it, if that is another one: U+FFFD for lone surrogates.
  std::unique_ptr<std::string> well_formed;

  std::string_view view() const noexcept { return well_formed ? *well_formed : wtf8; }
};

struct BigInteger : Blob {
  BigInteger(bool negative, std::vector<std::uint64_t> magnitude);

  bool negative;
  std::vector<std::uint64_t> magnitude;  ///< the least significant first; no zeros at its end, and then never negative
};

/// U+FFFD for every maximal part that is ill-formed, as the Encoding Standard says.
std::string to_utf8(std::string_view bytes);
bool is_ascii(std::string_view text) noexcept;
bool is_utf8(std::string_view text) noexcept;

std::string from_utf16(std::u16string_view units);
std::string from_latin1(Bytes characters);
std::u16string to_utf16(std::string_view wtf8);
/// Whether each code unit is below 256.
bool is_latin1(std::string_view wtf8) noexcept;

/// As JavaScript writes numbers: "-0" is "0".
std::string number_text(double number);

/// Nothing: those are no digits. In time as the square of their number.
std::unique_ptr<BigInteger> parse_bigint(std::string_view digits);
std::string bigint_text(const BigInteger& number, int base);

/// A canonical array index: 0 to 2^32 - 2 in decimal. Else `no_index`.
inline constexpr std::uint32_t no_index = 0xffffffff;
std::uint32_t index_of(std::string_view key) noexcept;

}  // namespace fairway::graph
