#pragma once

#include <cstdint>

namespace fairway::test {

inline constexpr std::uint64_t sweep_seed = 4711;
inline constexpr std::uint64_t sweep_messages = 200;
inline constexpr std::uint64_t sweep_window = 40;
inline constexpr std::size_t sweep_largest = 100'000;
/// Now and then a message that no ring holds.
inline constexpr std::size_t sweep_huge = 5'000'000;

}  // namespace fairway::test
