#pragma once

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include <fairway/types.hpp>

#include "value/slot.hpp"
#include "wire/value_reader.hpp"
#include "wire/value_tags.hpp"

namespace fairway::wire {

/// The bytes from here to their end. The first error stays; what is read behind it means nothing.
class ValueInput {
 public:
  explicit ValueInput(Bytes bytes) noexcept : rest_(bytes) {}

  std::size_t left() const noexcept { return rest_.size(); }
  bool good() const noexcept { return error_ == ValueError::none; }
  ValueError error() const noexcept { return error_; }
  void fail(ValueError error) noexcept {
    if (good()) error_ = error;
    rest_ = {};
  }

  std::uint8_t byte() noexcept {
    if (rest_.empty()) return fail(ValueError::cut_off), std::uint8_t{0};
    const auto value = static_cast<std::uint8_t>(rest_.front());
    rest_ = rest_.subspan(1);
    return value;
  }

  /// Takes the byte if it is that one.
  bool next_is(std::uint8_t wanted) noexcept {
    if (rest_.empty() || rest_.front() != std::byte{wanted}) return false;
    rest_ = rest_.subspan(1);
    return true;
  }

  /// The tag that comes, behind padding; 0 at the end.
  std::uint8_t peek_tag() noexcept {
    while (!rest_.empty() && rest_.front() == std::byte{tag::padding}) rest_ = rest_.subspan(1);
    return rest_.empty() ? std::uint8_t{0} : static_cast<std::uint8_t>(rest_.front());
  }
  std::uint8_t tag() noexcept {
    static_cast<void>(peek_tag());
    return byte();
  }
  bool skip_tag(std::uint8_t wanted) noexcept {
    if (peek_tag() != wanted) return false;
    rest_ = rest_.subspan(1);
    return true;
  }

  /// Of 32 bits at the most.
  std::uint32_t varint() noexcept {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 35; shift += 7) {
      const std::uint8_t next = byte();
      value |= std::uint64_t{next & 0x7fu} << shift;
      if (next < 0x80) {
        if (value > std::numeric_limits<std::uint32_t>::max()) break;
        return static_cast<std::uint32_t>(value);
      }
    }
    fail(ValueError::count);
    return 0;
  }
  std::int32_t zigzag() noexcept {
    const std::uint32_t value = varint();
    return static_cast<std::int32_t>(value >> 1 ^ (0 - (value & 1)));
  }

  Bytes raw(std::size_t size) noexcept {
    if (size > rest_.size()) return fail(ValueError::cut_off), Bytes();
    const Bytes bytes = rest_.first(size);
    rest_ = rest_.subspan(size);
    return bytes;
  }
  double real() noexcept {
    double value = 0;
    const Bytes bytes = raw(sizeof value);
    if (!bytes.empty()) std::memcpy(&value, bytes.data(), sizeof value);
    return std::isnan(value) ? std::numeric_limits<double>::quiet_NaN() : value;
  }

 private:
  Bytes rest_;
  ValueError error_ = ValueError::none;
};

/// The string behind its tag.
graph::Slot read_string(ValueInput& in, std::uint8_t tag);
graph::Slot read_bigint(ValueInput& in);
/// What has no identity, behind its tag. A hole: that tag means something else.
graph::Slot read_primitive(ValueInput& in, std::uint8_t tag);

constexpr bool is_string_tag(std::uint8_t tag) noexcept {
  return tag == tag::one_byte_string || tag == tag::two_byte_string || tag == tag::utf8_string;
}

}  // namespace fairway::wire
