#pragma once

#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <fairway/fairway.hpp>

#include "faults/call_faults.hpp"
#include "faults/call_sweep.hpp"
#include "support/child.hpp"

/// What the parts of the sweeps over system calls have in common.
namespace fairway::test {

/// Of all sizes, so that generations grow, with one that no ring holds.
inline constexpr std::uint64_t starved_messages = 120;
inline constexpr std::size_t starved_largest = 60'000;
inline constexpr std::size_t starved_huge = 5'000'000;

/// Who waits longer hangs. No outcome depends on it.
inline constexpr std::chrono::seconds starved_patience{20};

/// The segments and tables that a process has mapped.
std::size_t mapped_segments(int pid);

/// Of a broker that is started on demand, and of who starts it, one call fails. What they said, what "next starter" said in
/// the same directory, with no fault, and what is left there.
Accounts start_on_demand(const Victim& victim);

/// As SweepRun tells a part: directory, (signal), call, pass, error.
void begin_starved(const std::vector<std::string>& arguments);

inline ContextOptions starved_options(const std::vector<std::string>& arguments, const char* name) {
  return {.name = name, .broker = arguments.at(0), .wait = Wait::block, .broker_timeout = std::chrono::seconds(5)};
}

/// Plays a part that uses the library: how it ended, what it left, what it called.
template <class Part>
int play_starved(const std::vector<std::string>& arguments, Part&& part) {
  begin_starved(arguments);
  const std::size_t before = open_descriptors(::getpid());
  try {
    part();
  } catch (const DOMException& error) {
    say(std::string("error ") + error.what());
  } catch (const std::system_error& error) {
    say(std::string("error ") + error.what());
  }
  const std::size_t after = open_descriptors(::getpid());
  say("left " + std::to_string(after - std::min(after, before)) + " " + std::to_string(mapped_segments(::getpid())));
  say(call_report());
  return 0;
}

}  // namespace fairway::test
