#pragma once

#include <cstdint>
#include <string>

namespace fairway::route::test {

/// A seeded random walk of a few simulated clients and one Registry, with messages crossing both ways.
struct Walk {
  std::uint64_t seed = 1;
  int steps = 2000;
  int honest = 4;           ///< contexts at most that play by the rules
  int hostile = 0;          ///< and that do not
  bool mapping_fails = false;
  bool memory_fails = false;
  bool links_fail = false;
  bool parents_die = false;  ///< before their children come
};

/// Empty, or what went wrong, with the last messages in front of it.
std::string run(const Walk& walk);

}  // namespace fairway::route::test
