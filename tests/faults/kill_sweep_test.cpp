// Kills, or stops, a writer, a reader and a broker at every hook that they pass: nobody else is hurt, nothing is left.
#include <gtest/gtest.h>

#include <csignal>
#include <iostream>
#include <map>
#include <sstream>

#include "faults/sweep.hpp"
#include "faults/sweep_roles.hpp"

namespace fairway::test {
namespace {

const std::vector<std::string> sweep_parts{"broker", "reader", "writer"};

/// One run of the three processes.
struct Trio : SweepRun {
  explicit Trio(const Victim& victim) : SweepRun(victim) {
    if (!broker_ready) return;
    reader = start("reader", "sweep_reader");
    reader_ready = reader->line() == "ready";
    writer = start("writer", "sweep_writer");
  }

  Child* reader = nullptr;
  Child* writer = nullptr;
  bool reader_ready = false;
};

/// What each part passes in a run in which nobody dies.
std::map<std::string, Hits> census() {
  Trio run({});
  std::map<std::string, Hits> result;
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
  run.expect_nothing_left();
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
  run.expect_nothing_left();
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

class KillSweep : public testing::TestWithParam<std::string> {};

TEST_P(KillSweep, a_kill_at_every_hook_hurts_nobody_else) {
  const std::string part = GetParam();
  kill_at_every_hook(part, [&] { return census().at(part); }, [&](const Victim& victim) {
    Trio run(victim);
    return part == "writer" ? kill_writer(run) : part == "reader" ? kill_reader(run) : kill_broker(run);
  });
}

TEST_P(KillSweep, a_stop_at_every_hook_delays_only_the_stopped) {
  stop_at_every_hook(GetParam(), [] { return census().at(GetParam()); }, [](const Victim& victim) {
    Trio run(victim);
    EXPECT_EQ(line_that_begins(*run.writer, "wrote"), "wrote " + std::to_string(sweep_messages) + " open");
    EXPECT_EQ(line_that_begins(*run.reader, "closed"), "closed closed " + std::to_string(sweep_messages) + " good");
    run.writer->close_input();
    run.reader->close_input();
    const bool stopped = run.was_stopped();
    EXPECT_EQ(run.writer->wait(), 0);
    EXPECT_EQ(run.reader->wait(), 0);
    run.expect_nothing_left();
    return stopped;
  });
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
