#pragma once

#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "faults/hooks.hpp"
#include "support/child.hpp"

/// What the parts of the sweeps have in common.
namespace fairway::test {

inline constexpr std::uint64_t sweep_seed = 4711;
inline constexpr std::uint64_t sweep_messages = 200;
inline constexpr std::uint64_t sweep_window = 40;
inline constexpr std::size_t sweep_largest = 100'000;
/// Now and then a message that no ring holds.
inline constexpr std::size_t sweep_huge = 5'000'000;

/// As SweepRun tells this part: directory, signal, hook, occurrence.
inline void install(const std::vector<std::string>& arguments) {
  install_hooks({std::stoi(arguments.at(1)), std::stoul(arguments.at(2)), std::stoull(arguments.at(3))});
}

/// Calls `end` when the test closes this process's input.
class EndOfInput {
 public:
  template <class End>
  explicit EndOfInput(End end) : thread_([end] {
    for (std::string line; hear(line);) {
    }
    end();
  }) {}
  ~EndOfInput() { thread_.join(); }

 private:
  std::thread thread_;
};

}  // namespace fairway::test
