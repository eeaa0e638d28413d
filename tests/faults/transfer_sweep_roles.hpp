#pragma once

#include <cstdint>

namespace fairway::test {

inline constexpr std::uint64_t moved_messages = 120;
/// Then the port moves on.
inline constexpr std::uint64_t read_by_old = 30;

}  // namespace fairway::test
