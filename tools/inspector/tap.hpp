#pragma once

#include <cstdint>
#include <cstdio>
#include <optional>

#include "inspector/passing.hpp"
#include "inspector/reader.hpp"

namespace fairway::inspector {

struct TapOptions {
  std::optional<int> from = {};  ///< the side whose messages are shown; none: both
  Look look = {};
  bool json = false;
  bool follow = false;                         ///< what passes from now on, instead of what waits unread
  std::optional<std::uint64_t> count = {};     ///< so many messages, then leave; follows
};

/// Shows the messages of a channel without taking part in it; returns how many. Follows until both ports are closed, or
/// nobody reads what it writes. None: there is no such channel. Throws Failure, std::system_error.
std::optional<std::uint64_t> tap(Reader& reader, ChannelId channel, const TapOptions& options, std::FILE* out, Colour colour);

}  // namespace fairway::inspector
