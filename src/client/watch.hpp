#pragma once

#include <cstdint>

#include "base/ids.hpp"

namespace fairway::client::watch {

// What a context's poller says of a descriptor: one of three fixed words, or an id and what it is the id of.
inline constexpr std::uint64_t broker = 0;
inline constexpr std::uint64_t wake_up = 1;
inline constexpr std::uint64_t link_kind = 2;
inline constexpr std::uint64_t child_kind = 3;
inline constexpr std::uint64_t retry = 4;

constexpr std::uint64_t kind(std::uint64_t key) { return key & 0xff; }
constexpr std::uint64_t id(std::uint64_t key) { return key >> 8; }
constexpr std::uint64_t link(LinkId link) { return std::uint64_t{link.value} << 8 | link_kind; }
constexpr std::uint64_t child(std::uint64_t number) { return number << 8 | child_kind; }

}  // namespace fairway::client::watch
