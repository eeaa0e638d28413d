#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "inspector/snapshot.hpp"

/// From numbers to sentences. Pure: everything comes in by the arguments, so each diagnosis is a table test.
namespace fairway::inspector {

/// What waits between a writer and a reader. The counters are two processes' own: a reader that claims more than was
/// written counts as having read all.
struct Waiting {
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;
};

/// What was posted by the other port and not read by port `side` (1 or 2). None: a half that is needed cannot be read.
std::optional<Waiting> waiting_at(const ChannelSnapshot& channel, int side);

/// One direction of a channel over the time between two samples.
struct Flow {
  int writer = 1;  ///< side of the port that writes
  int reader = 2;
  std::optional<Waiting> waiting = {};  ///< now; the backlog is part of it
  /// Both halves could be read at both samples, or were not there yet at the first; else the rates are 0.
  bool rates_known = false;
  double posted_per_second = 0;
  double read_per_second = 0;
  double bytes_per_second = 0;  ///< posted
  double wakes_per_second = 0;  ///< of the reader
  /// Something waited at both samples and nothing was read in between.
  bool stuck = false;
  std::uint64_t backpressure_ns = 0;                      ///< the present spell included
  std::optional<std::uint64_t> backpressure_for_ns = {};  ///< of the present spell
  std::uint64_t high_water = 0;  ///< the writer notes it when its ring is full; never less than what waits now

  /// Age of the oldest unread message, between two bounds; the lower is 0 where nothing is known. Nobody stamps
  /// messages, so it comes from: when the writer last had to tell the reader (`readable_since_ns`), when the reader
  /// last found nothing (`last_read_ns`), and whether what waited at the first sample was read until the second.
  std::optional<std::uint64_t> oldest_at_least_ns = {};
  std::optional<std::uint64_t> oldest_at_most_ns = {};
};

/// `writer`: the side that writes. `before` and `now` are the same channel; they may be the same sample.
Flow flow(const ChannelSnapshot& before, const ChannelSnapshot& now, int writer);

/// One sentence: what is wrong with the channel, worst first, and what to do next; or that nothing is.
std::string diagnose(const ChannelReport& report);

/// "900 ns", "4.2 s", "3 min", "2 h", "5 d".
std::string duration_text(std::uint64_t ns);
/// "12 B", "1.5 KiB", "3.0 GiB".
std::string bytes_text(std::uint64_t bytes);

}  // namespace fairway::inspector
