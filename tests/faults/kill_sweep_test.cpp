// Kills, or stops, a writer, a reader and a broker at every hook that they pass: nobody else is hurt, nothing is left.
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <sstream>
#include <thread>

#include "faults/hooks.hpp"
#include "faults/sweep_roles.hpp"
#include "support/child.hpp"
#include "support/temporary_directory.hpp"

namespace fairway::test {
namespace {

const std::vector<std::string> sweep_parts{"broker", "reader", "writer"};

struct Victim {
  std::string part;  ///< empty: nobody
  int signal = 0;
  std::size_t point = 0;
  std::uint64_t occurrence = 1;
};

std::vector<std::string> arguments_for(const std::string& part, const std::string& directory, const Victim& victim) {
  const bool hit = part == victim.part;
  return {directory, std::to_string(hit ? victim.signal : 0), std::to_string(victim.point), std::to_string(victim.occurrence)};
}

/// One run of the three processes.
class Trio {
 public:
  explicit Trio(const Victim& victim)
      : broker("sweep_broker", arguments_for("broker", directory.path(), victim)), victim_(victim) {
    watch("broker", broker);
    if (broker.line() != "ready") return;
    descriptors_before = open_descriptors(broker.pid());
    // No second broker comes by itself when the first is killed.
    const std::vector<std::string> alone{"FAIRWAYD=/bin/false"};
    reader = std::make_unique<Child>("sweep_reader", arguments_for("reader", directory.path(), victim), alone);
    watch("reader", *reader);
    if (reader->line() == "ready") reader_ready = true;
    writer = std::make_unique<Child>("sweep_writer", arguments_for("writer", directory.path(), victim), alone);
    watch("writer", *writer);
  }
  ~Trio() {
    if (watcher_.joinable()) watcher_.join();
  }

  /// Waits until the victim has been stopped and let go again.
  bool was_stopped() {
    if (watcher_.joinable()) watcher_.join();
    return was_stopped_;
  }

  std::size_t names() const {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(directory.path() / "segments")) count += !entry.path().empty();
    return count;
  }

  TemporaryDirectory directory;
  Child broker;
  std::unique_ptr<Child> reader;
  std::unique_ptr<Child> writer;
  bool reader_ready = false;
  std::size_t descriptors_before = 0;

 private:
  /// Lets a victim that stops itself stand for a while, in which nobody may take it for dead.
  void watch(const std::string& part, Child& child) {
    if (victim_.signal != SIGSTOP || part != victim_.part) return;
    watcher_ = std::thread([this, &child] {
      was_stopped_ = child.wait_until_stopped();
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      child.kill(SIGCONT);
    });
  }

  Victim victim_;
  std::thread watcher_;
  bool was_stopped_ = false;
};

/// The lines until one that begins like that, or the end of the output.
std::string line_that_begins(Child& child, const std::string& beginning) {
  for (;;) {
    const std::string line = child.line();
    if (line.empty() || line.starts_with(beginning) || line.starts_with("hits")) return line;
  }
}

std::map<std::string, std::uint64_t> parse_hits(const std::string& report) {
  std::map<std::string, std::uint64_t> hits;
  std::istringstream words(report);
  std::string word;
  words >> word;
  while (words >> word) hits[word.substr(0, word.find('='))] = std::stoull(word.substr(word.find('=') + 1));
  return hits;
}

/// What each part passes in a run in which nobody dies.
std::map<std::string, std::map<std::string, std::uint64_t>> census() {
  Trio run({});
  std::map<std::string, std::map<std::string, std::uint64_t>> result;
  result["writer"] = parse_hits(line_that_begins(*run.writer, "hits"));
  EXPECT_EQ(line_that_begins(*run.reader, "closed"), "closed closed " + std::to_string(sweep_messages) + " good");
  run.reader->close_input();
  result["reader"] = parse_hits(line_that_begins(*run.reader, "hits"));
  run.writer->close_input();
  EXPECT_EQ(run.writer->wait(), 0);
  EXPECT_EQ(run.reader->wait(), 0);
  run.broker.close_input();
  result["broker"] = parse_hits(line_that_begins(run.broker, "hits"));
  EXPECT_EQ(run.broker.wait(), 0);
  return result;
}

/// With all contexts gone the broker holds what it held before, and no name is left.
void expect_nothing_left(Trio& run) {
  for (int looks = 0; looks < 20'000; ++looks) {
    if (open_descriptors(run.broker.pid()) <= run.descriptors_before + 1 && run.names() == 0) break;  // a table of contexts stays
    std::this_thread::sleep_for(std::chrono::milliseconds(1));  // there is no event for another process's descriptors
  }
  EXPECT_LE(open_descriptors(run.broker.pid()), run.descriptors_before + 1);
  EXPECT_EQ(run.names(), 0u);
}

void expect_prefix(const std::string& closed, bool killed_writer) {
  std::istringstream words(closed);
  std::string verb, reason, good;
  std::uint64_t received = 0;
  words >> verb >> reason >> received >> good;
  EXPECT_EQ(good, "good") << closed;
  EXPECT_LE(received, sweep_messages);
  if (reason == "closed") {
    EXPECT_EQ(received, sweep_messages) << closed;
  } else {
    EXPECT_EQ(reason, "peer_lost") << closed;
    EXPECT_TRUE(killed_writer) << closed;
  }
}

/// Whether the victim was hit: how often some hooks are passed depends on timing.
using Hit = bool;

Hit kill_writer(Trio& run) {
  line_that_begins(*run.writer, "hits");
  run.writer->close_input();
  const int end = run.writer->wait();
  run.reader->close_input();
  for (std::string line = run.reader->line(); !line.starts_with("hits") && !line.empty(); line = run.reader->line())
    if (line.starts_with("closed")) expect_prefix(line, true);
  EXPECT_EQ(run.reader->wait(), 0);
  expect_nothing_left(run);
  return end == -SIGKILL;
}

Hit kill_reader(Trio& run) {
  if (run.reader_ready) {
    const std::string line = line_that_begins(*run.writer, "wrote");
    // Killed before the writer came: nobody to connect to. Killed late: everything was written already.
    if (line.starts_with("wrote")) {
      EXPECT_TRUE(line.ends_with("peer_lost") || line.starts_with("wrote " + std::to_string(sweep_messages))) << line;
    }
  } else {
    run.writer->kill(SIGKILL);  // it waits for a name that never comes
  }
  run.writer->close_input();
  run.writer->wait();
  run.reader->close_input();
  const int end = run.reader->wait();
  expect_nothing_left(run);
  return end == -SIGKILL;
}

Hit kill_broker(Trio& run) {
  // Either the channel was there, and goes on to its end, or what needed the broker says so.
  if (run.writer) {
    for (std::string line = run.writer->line(); !line.empty() && !line.starts_with("hits"); line = run.writer->line()) {
      if (line.starts_with("error")) {
        EXPECT_NE(line.find("broker"), std::string::npos) << line;
      }
    }
    run.writer->close_input();
    run.reader->close_input();
    EXPECT_TRUE(run.writer->wait() == 0 || run.writer->wait() == 125);
    for (std::string line = run.reader->line(); !line.empty() && !line.starts_with("hits"); line = run.reader->line()) {
      if (!line.starts_with("closed")) continue;
      std::istringstream words(line);
      std::string verb, reason, good;
      std::uint64_t received = 0;
      words >> verb >> reason >> received >> good;
      EXPECT_EQ(good, "good") << line;
      EXPECT_LE(received, sweep_messages) << line;
    }
    EXPECT_TRUE(run.reader->wait() == 0 || run.reader->wait() == 125);
  }
  run.broker.close_input();
  return run.broker.wait() == -SIGKILL;
}

std::vector<std::uint64_t> occurrences(std::uint64_t hits) {
  std::vector<std::uint64_t> chosen{1};
  if (hits >= 3) chosen.push_back((hits + 1) / 2);
  if (std::getenv("FAIRWAY_LONG") != nullptr)
    for (std::uint64_t n = 2; n <= hits && chosen.size() < 12; n += std::max<std::uint64_t>(1, hits / 10)) chosen.push_back(n);
  return chosen;
}

constexpr int most_attempts = 10;

class KillSweep : public testing::TestWithParam<std::string> {};

TEST_P(KillSweep, a_kill_at_every_hook_hurts_nobody_else) {
  const auto hits = census().at(GetParam());
  std::size_t kills = 0;
  for (std::size_t point = 0; point < hook_count; ++point) {
    const auto found = hits.find(std::string(hook_names[point]));
    if (found == hits.end()) continue;
    for (const std::uint64_t occurrence : occurrences(found->second)) {
      const std::string what = GetParam() + " killed at " + std::string(hook_names[point]) + " #" + std::to_string(occurrence);
      SCOPED_TRACE(what);
      Hit hit = false;
      // Which side's close comes first is a race: a hook that one run does not pass, another does.
      for (int attempt = 0; attempt < most_attempts && !hit && !HasFailure() && (attempt == 0 || occurrence == 1); ++attempt) {
        Trio run({GetParam(), SIGKILL, point, occurrence});
        hit = GetParam() == "writer" ? kill_writer(run) : GetParam() == "reader" ? kill_reader(run) : kill_broker(run);
      }
      EXPECT_TRUE(hit || occurrence > 1) << "the first occurrence was not reached";
      kills += hit;
      if (HasFailure()) return;
    }
  }
  std::cout << GetParam() << ": " << hits.size() << " hooks, " << kills << " kills\n";
}

TEST_P(KillSweep, a_stop_at_every_hook_delays_only_the_stopped) {
  const auto hits = census().at(GetParam());
  for (std::size_t point = 0; point < hook_count; ++point) {
    if (!hits.contains(std::string(hook_names[point]))) continue;
    SCOPED_TRACE(GetParam() + " stopped at " + std::string(hook_names[point]));
    bool stopped = false;
    for (int attempt = 0; attempt < most_attempts && !stopped; ++attempt) {
      Trio run({GetParam(), SIGSTOP, point, 1});
      ASSERT_EQ(line_that_begins(*run.writer, "wrote"), "wrote " + std::to_string(sweep_messages) + " open");
      ASSERT_EQ(line_that_begins(*run.reader, "closed"), "closed closed " + std::to_string(sweep_messages) + " good");
      run.writer->close_input();
      run.reader->close_input();
      stopped = run.was_stopped();
      EXPECT_EQ(run.writer->wait(), 0);
      EXPECT_EQ(run.reader->wait(), 0);
      expect_nothing_left(run);
      if (HasFailure()) return;
    }
    EXPECT_TRUE(stopped);
  }
}

INSTANTIATE_TEST_SUITE_P(, KillSweep, testing::ValuesIn(sweep_parts), [](const auto& part) { return part.param; });

TEST(Census, every_hook_is_passed_by_somebody) {
  const auto parts = census();
  for (std::size_t point = 0; point < hook_count; ++point) {
    std::string line(hook_names[point]);
    bool hit = false;
    for (const std::string& part : sweep_parts) {
      const auto found = parts.at(part).find(std::string(hook_names[point]));
      if (found == parts.at(part).end()) continue;
      hit = true;
      line += "  " + part + " " + std::to_string(found->second);
    }
    std::cout << line << "\n";
    EXPECT_TRUE(hit) << hook_names[point] << " is never passed";
  }
}

}  // namespace
}  // namespace fairway::test
