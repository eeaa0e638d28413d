// Kills, or stops, the old owner, the new owner, the other side and the broker at every hook that they pass while a port
// changes hands in the middle of a stream. Each outcome is the one of the crash table: who had the port when it died takes it
// along; who had let it go, or had none yet, is not missed; nobody reads a message twice, or misses one.
#include <gtest/gtest.h>

#include <csignal>
#include <map>
#include <sstream>
#include <string>

#include "faults/sweep.hpp"
#include "faults/transfer_sweep_roles.hpp"

namespace fairway::test {
namespace {

/// One run of the four processes.
struct Quartet : SweepRun {
  explicit Quartet(const Victim& victim) : SweepRun(victim) {
    if (!broker_ready) return;
    new_owner = start("new_owner", "sweep_new_owner");
    new_owner->line();  // ready, or dead
    old_owner = start("old_owner", "sweep_old_owner");
    old_owner->line();
    other_side = start("other_side", "sweep_other_side");
  }

  Child* new_owner = nullptr;
  Child* old_owner = nullptr;
  Child* other_side = nullptr;
};

/// What the parts said before they ended.
struct Outcome {
  struct Said {
    std::string line;  ///< empty: it died before, or had nothing to say
    Hits hits;
    int end = 0;
  };
  std::map<std::string, Said> parts;

  const std::string& line(const std::string& part) const { return parts.at(part).line; }
  bool complete() const {
    return line("other_side") == "other open old new done" &&
           line("new_owner").starts_with("new " + std::to_string(read_by_old) + " " + std::to_string(moved_messages) + " good ") &&
           line("old_owner") == "old " + std::to_string(read_by_old) + " good";
  }
  std::string text() const {
    std::string all;
    for (const auto& [part, said] : parts) all += part + ": " + said.line + " (" + std::to_string(said.end) + ")\n";
    return all;
  }
};

Outcome::Said hear_out(Child& child) {
  Outcome::Said said;
  for (std::string line = child.line(); !line.empty(); line = child.line()) {
    if (line.starts_with("hits")) {
      said.hits = parse_hits(line);
      break;
    }
    if (line != "ready") said.line = line;
  }
  said.end = child.wait();
  return said;
}

Outcome end_of(Quartet& run) {
  Outcome outcome;
  for (const char* const part : {"other_side", "old_owner", "new_owner"}) outcome.parts[part];
  if (run.other_side != nullptr) {
    // The other side ends by itself, whatever happens. The others may wait for somebody who never comes.
    outcome.parts["other_side"] = hear_out(*run.other_side);
    run.old_owner->close_input();
    outcome.parts["old_owner"] = hear_out(*run.old_owner);
    run.new_owner->close_input();
    outcome.parts["new_owner"] = hear_out(*run.new_owner);
  }
  return outcome;
}

void end_broker(Quartet& run, Outcome& outcome) {
  run.broker.close_input();
  outcome.parts["broker"] = hear_out(run.broker);
}

/// Nobody reads what was not posted, twice, or out of order, whoever dies.
void expect_whole(const Outcome& outcome) {
  const std::string& old_owner = outcome.line("old_owner");
  const std::string& new_owner = outcome.line("new_owner");
  if (old_owner.starts_with("old")) {
    EXPECT_TRUE(old_owner.ends_with(" good"));
  }
  if (!new_owner.starts_with("new") || new_owner.starts_with("new nothing")) return;
  std::istringstream words(new_owner);
  std::string word, good, reason;
  std::uint64_t first = 0, end = 0;
  words >> word >> first >> end >> good >> reason;
  EXPECT_EQ(first, read_by_old);
  EXPECT_LE(end, moved_messages);
  EXPECT_EQ(good, "good");
}

bool new_owner_has_the_port(const Outcome& outcome) {
  std::istringstream words(outcome.line("new_owner"));
  std::string word, first, end, good, reason;
  words >> word >> first >> end >> good >> reason;
  return word == "new" && first != "nothing" && (end != first || reason != "dropped");
}

/// It is not missed once its port has gone; before, it takes the port along.
void expect_old_owner_died(const Outcome& outcome) {
  if (new_owner_has_the_port(outcome)) {
    EXPECT_EQ(outcome.line("other_side"), "other open old new done");
    return;
  }
  const std::string& other = outcome.line("other_side");
  EXPECT_TRUE(other.starts_with("other peer_lost") || other.starts_with("other dropped") || other.starts_with("error")) << other;
  EXPECT_EQ(other.find("new"), std::string::npos) << "two owners";
}

void expect_new_owner_died(const Outcome& outcome) {
  const std::string& other = outcome.line("other_side");
  if (outcome.line("old_owner").starts_with("error")) {  // nobody had the name: it kept the port, and closed it
    EXPECT_TRUE(other.starts_with("other closed")) << other;
    return;
  }
  EXPECT_EQ(outcome.line("old_owner"), "old " + std::to_string(read_by_old) + " good");
  const bool late = other == "other open old new done";  // everything was read by then
  // Dead with the port, or with the message that it was in; or known to be dead, and the old owner's post closed it.
  EXPECT_TRUE(late || other.starts_with("other peer_lost") || other.starts_with("other dropped") || other == "other closed old") << other;
}

void expect_other_side_died(const Outcome& outcome) {
  if (!new_owner_has_the_port(outcome)) return;  // it never came to a transfer
  const std::string& line = outcome.line("new_owner");
  EXPECT_TRUE(line.ends_with("peer_lost") || line.ends_with("closed")) << line;
}

/// What needs it says so; nobody waits for ever.
void expect_broker_died(const Outcome& outcome) {
  for (const auto& [part, said] : outcome.parts) {
    if (part == "broker") continue;
    EXPECT_TRUE(said.end == 0 || said.end == 125) << part;
    if (said.line.starts_with("error")) {
      EXPECT_NE(said.line.find("broker"), std::string::npos) << said.line;
    }
  }
}

const std::map<std::string, void (*)(const Outcome&)> crash_table{{"old_owner", expect_old_owner_died},
                                                                  {"new_owner", expect_new_owner_died},
                                                                  {"other_side", expect_other_side_died},
                                                                  {"broker", expect_broker_died}};

Outcome undisturbed() {
  Quartet run({});
  Outcome outcome = end_of(run);
  EXPECT_TRUE(outcome.complete()) << outcome.text();
  run.expect_nothing_left();
  end_broker(run, outcome);
  return outcome;
}

class TransferSweep : public testing::TestWithParam<const char*> {};

TEST_P(TransferSweep, a_kill_at_every_hook_has_the_outcome_of_the_crash_table) {
  const std::string part = GetParam();
  kill_at_every_hook(part, [&] { return undisturbed().parts.at(part).hits; }, [&](const Victim& victim) {
    Quartet run(victim);
    Outcome outcome = end_of(run);
    if (part != "broker") run.expect_nothing_left();
    end_broker(run, outcome);
    const bool hit = outcome.parts.at(part).end == -SIGKILL;
    SCOPED_TRACE(outcome.text());
    expect_whole(outcome);
    if (hit) {
      crash_table.at(part)(outcome);
    } else {
      EXPECT_TRUE(outcome.complete());
    }
    return hit;
  });
}

TEST_P(TransferSweep, a_stop_at_every_hook_delays_only_the_stopped) {
  const std::string part = GetParam();
  stop_at_every_hook(part, [&] { return undisturbed().parts.at(part).hits; }, [](const Victim& victim) {
    Quartet run(victim);
    Outcome outcome = end_of(run);
    const bool stopped = run.was_stopped();
    EXPECT_TRUE(outcome.complete()) << outcome.text();
    run.expect_nothing_left();
    end_broker(run, outcome);
    return stopped;
  });
}

INSTANTIATE_TEST_SUITE_P(, TransferSweep, testing::Values("old_owner", "new_owner", "other_side", "broker"),
                         [](const auto& part) { return std::string(part.param); });

/// Each step of a transfer has its hook, and each part passes those of its steps.
TEST(TransferCensus, every_step_is_passed_by_its_part) {
  const Outcome outcome = undisturbed();
  const std::map<std::string, std::vector<std::string>> steps{
      {"old_owner", {"bind_sent", "detach_before", "detach_sent", "commit_before", "commit_after"}},
      {"new_owner", {"claim_sent", "grant_received", "install_received", "bind_sent", "read_head_published"}},
      {"other_side", {"install_received", "bind_sent", "link_received", "commit_after"}},
      {"broker", {"broker_received", "broker_before_send", "broker_bound", "broker_link_made"}}};
  for (const auto& [part, names] : steps)
    for (const std::string& name : names) {
      const Hits& hits = outcome.parts.at(part).hits;
      EXPECT_TRUE(hits.contains(name)) << part << " does not pass " << name;
      if (hits.contains(name)) std::printf("%s %s %llu\n", part.c_str(), name.c_str(), static_cast<unsigned long long>(hits.at(name)));
    }
}

}  // namespace
}  // namespace fairway::test
