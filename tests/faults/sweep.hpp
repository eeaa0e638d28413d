#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "faults/hooks.hpp"
#include "support/child.hpp"
#include "support/temporary_directory.hpp"

/// A broker and other processes, of which one kills or stops itself at a hook, or has a system call that fails.
namespace fairway::test {

struct Victim {
  std::string part;  ///< empty: nobody
  int signal = 0;
  std::size_t point = 0;
  std::uint64_t occurrence = 1;
  int error = 0;  ///< instead of a signal: with which the system call fails that has `point` as its number
};

class SweepRun {
 public:
  explicit SweepRun(const Victim& victim, const std::string& broker_role = "sweep_broker")
      : victim_(victim), broker(broker_role, arguments_for("broker")) {
    watch("broker", broker);
    said_first = broker.line();
    broker_ready = said_first == "ready";
    if (broker_ready) descriptors_before_ = open_descriptors(broker.pid());
  }
  ~SweepRun() {
    if (watcher_.joinable()) watcher_.join();
  }

  Child* start(const std::string& part, const std::string& role) {
    // No second broker comes by itself when the first is killed.
    const std::vector<std::string> alone{"FAIRWAYD=/bin/false"};
    Child* const child = children_.emplace_back(std::make_unique<Child>(role, arguments_for(part), alone)).get();
    watch(part, *child);
    return child;
  }
  /// Waits until the victim has been stopped and let go again.
  bool was_stopped() {
    if (watcher_.joinable()) watcher_.join();
    return was_stopped_;
  }
  /// With all contexts gone the broker holds what it held before, and no name is left.
  void expect_nothing_left() {
    for (int looks = 0; looks < 20'000; ++looks) {
      if (open_descriptors(broker.pid()) <= descriptors_before_ + 1 && names() == 0) break;  // a table of contexts stays
      std::this_thread::sleep_for(std::chrono::milliseconds(1));  // there is no event for another process's descriptors
    }
    EXPECT_LE(open_descriptors(broker.pid()), descriptors_before_ + 1);
    EXPECT_EQ(names(), 0u);
  }

 private:
  std::vector<std::string> arguments_for(const std::string& part) const {
    const bool hit = part == victim_.part;
    return {directory_.path().native(), std::to_string(hit ? victim_.signal : 0), std::to_string(victim_.point),
            std::to_string(victim_.occurrence), std::to_string(hit ? victim_.error : 0)};
  }
  std::size_t names() const {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(directory_.path() / "segments")) count += !entry.path().empty();
    return count;
  }
  /// Lets a victim that stops itself stand for a while, in which nobody may take it for dead.
  void watch(const std::string& part, Child& child) {
    if (victim_.signal != SIGSTOP || part != victim_.part) return;
    watcher_ = std::thread([this, &child] {
      was_stopped_ = child.wait_until_stopped();
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      child.kill(SIGCONT);
    });
  }

  TemporaryDirectory directory_;
  Victim victim_;

 public:
  Child broker;
  bool broker_ready = false;
  std::string said_first;  ///< by the broker: "ready", or why not

 private:
  std::vector<std::unique_ptr<Child>> children_;
  std::size_t descriptors_before_ = 0;
  std::thread watcher_;
  bool was_stopped_ = false;
};

/// The lines until one that begins like that, or the end of the output.
inline std::string line_that_begins(Child& child, const std::string& beginning) {
  for (;;) {
    const std::string line = child.line();
    if (line.empty() || line.starts_with(beginning) || line.starts_with("hits")) return line;
  }
}

using Hits = std::map<std::string, std::uint64_t>;

inline Hits parse_hits(const std::string& report) {
  Hits hits;
  std::istringstream words(report);
  std::string word;
  words >> word;
  while (words >> word) hits[word.substr(0, word.find('='))] = std::stoull(word.substr(word.find('=') + 1));
  return hits;
}

/// At which passes of a hook that is passed so often a part is hit: the first, one in the middle; FAIRWAY_LONG=1: more.
inline std::vector<std::uint64_t> occurrences(std::uint64_t hits) {
  std::vector<std::uint64_t> chosen{1};
  if (hits >= 3) chosen.push_back((hits + 1) / 2);
  if (std::getenv("FAIRWAY_LONG") != nullptr)
    for (std::uint64_t n = 2; n <= hits && chosen.size() < 12; n += std::max<std::uint64_t>(1, hits / 10)) chosen.push_back(n);
  return chosen;
}

/// What a part passes when nobody dies. `census`: what it passed in one such run. A hook that not every run has passed is no step
/// of the part: somebody happened to be slow, and no other run need pass it.
template <class Census>
Hits steps_of(Census&& census) {
  Hits steps = census();
  for (int again = 0; again < 2; ++again)
    std::erase_if(steps, [hits = census()](const auto& step) { return !hits.contains(step.first); });
  return steps;
}

/// Which side's news comes first is a race: a step that one run does not come to, another does.
inline constexpr int most_attempts = 10;

/// `run`: one run with that victim; whether it was hit. True for the first pass of each step, or the test fails.
template <class Census, class Run>
void kill_at_every_hook(const std::string& part, Census&& census, Run&& run) {
  const Hits hits = steps_of(census);
  std::size_t kills = 0;
  for (std::size_t point = 0; point < hook_count; ++point) {
    const auto found = hits.find(std::string(hook_names[point]));
    if (found == hits.end()) continue;
    for (const std::uint64_t occurrence : occurrences(found->second)) {
      SCOPED_TRACE(part + " killed at " + std::string(hook_names[point]) + " #" + std::to_string(occurrence));
      bool hit = false;
      for (int attempt = 0; attempt < most_attempts && !hit && !testing::Test::HasFailure() && (attempt == 0 || occurrence == 1); ++attempt)
        hit = run(Victim{part, SIGKILL, point, occurrence});
      EXPECT_TRUE(hit || occurrence > 1) << "the first occurrence was not reached";
      kills += hit;
      if (testing::Test::HasFailure()) return;
    }
  }
  std::printf("%s: %zu hooks, %zu kills\n", part.c_str(), hits.size(), kills);
}

/// The same with a stop; `run` tells whether the part was stopped.
template <class Census, class Run>
void stop_at_every_hook(const std::string& part, Census&& census, Run&& run) {
  const Hits hits = steps_of(census);
  for (std::size_t point = 0; point < hook_count; ++point) {
    if (!hits.contains(std::string(hook_names[point]))) continue;
    SCOPED_TRACE(part + " stopped at " + std::string(hook_names[point]));
    bool stopped = false;
    for (int attempt = 0; attempt < most_attempts && !stopped && !testing::Test::HasFailure(); ++attempt)
      stopped = run(Victim{part, SIGSTOP, point, 1});
    EXPECT_TRUE(stopped);
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace fairway::test
