#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>

/// How a target takes its input apart: bytes for what to do, words for what to do it with.
namespace fairway::fuzz {

using Input = std::span<const std::uint8_t>;

/// What does not hold is a finding: it ends the process.
inline void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

/// 0 behind the end.
inline std::uint8_t take(Input& input) {
  if (input.empty()) return 0;
  const std::uint8_t byte = input.front();
  input = input.subspan(1);
  return byte;
}

/// One byte, because most numbers are small; 255: eight bytes follow.
inline std::uint64_t take_word(Input& input) {
  const std::uint8_t byte = take(input);
  if (byte != 255) return byte;
  std::uint64_t word = 0;
  for (int i = 0; i < 8; ++i) word = word << 8 | take(input);
  return word;
}

}  // namespace fairway::fuzz
