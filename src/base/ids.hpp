#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace fairway {

/// An id that mixes with no other id. 0 means "none".
template <class Tag, class Rep>
struct Id {
  using rep = Rep;

  Rep value = 0;

  explicit operator bool() const noexcept { return value != 0; }
  friend auto operator<=>(Id, Id) = default;
};

using ContextId = Id<struct ContextTag, std::uint32_t>;
using ChannelId = Id<struct ChannelTag, std::uint64_t>;
using LinkId = Id<struct LinkTag, std::uint32_t>;
/// A segment that the broker allocated; while nobody has opened it for a port or a link it is a lease.
using SegmentId = Id<struct SegmentTag, std::uint64_t>;

/// How many times a port has changed owner.
using Epoch = std::uint32_t;
/// Index in the sequence of segments that make a stream.
using Generation = std::uint16_t;

/// One end of a channel: the channel's number, and side 1 or 2.
struct PortId {
  std::uint64_t value = 0;

  static PortId of(ChannelId channel, int side) { return {channel.value << 1 | static_cast<unsigned>(side - 1)}; }

  ChannelId channel() const noexcept { return {value >> 1}; }
  int side() const noexcept { return static_cast<int>(value & 1) + 1; }
  PortId opposite() const noexcept { return {value ^ 1}; }
  explicit operator bool() const noexcept { return value > 1; }
  friend auto operator<=>(PortId, PortId) = default;
};

inline std::string to_string(ChannelId channel) { return "ch-" + std::to_string(channel.value); }
inline std::string to_string(PortId port) { return to_string(port.channel()) + "." + std::to_string(port.side()); }

struct IdHash {
  template <class T>
  std::size_t operator()(T id) const noexcept {
    return static_cast<std::size_t>(static_cast<std::uint64_t>(id.value) * 0x9e3779b97f4a7c15u);
  }
};

}  // namespace fairway
