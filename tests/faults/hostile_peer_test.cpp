// A peer that rewrites every word that it shares, at rest and while the other side works, floods and stops: the channel to it
// closes with protocol_error, or goes on and harms nobody. The victim is this process; a third one is honest.
#include <gtest/gtest.h>

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include <fairway/fairway.hpp>

#include "faults/hooks.hpp"
#include "faults/shared_words.hpp"
#include "faults/sweep_roles.hpp"
#include "shm/layout.hpp"
#include "support/allocated.hpp"
#include "support/child.hpp"
#include "support/temporary_directory.hpp"

namespace fairway::test {
namespace {

constexpr const char* all_changes[] = {"zero", "one", "max", "plus_one", "minus_one", "plus_eight", "minus_eight", "swapped", "previous"};

std::uint64_t work() {
  std::uint64_t hits = 0;
  for (const std::uint64_t count : hook_hits) hits += count;
  return hits;
}

/// A turn of the loop hands out a thousand messages of each port at most, and each passes a few hooks.
constexpr std::uint64_t most_work_in_a_turn = 10'000;

class HostilePeer : public testing::Test {
 protected:
  void SetUp() override {
    set_log(LogLevel::warning, [this](LogLevel, std::string_view line) { log_.emplace_back(line); });
    install_hooks({});
    ASSERT_EQ(broker_.line(), "ready");  // otherwise who comes first starts one
    honest_.emplace("echo", std::vector<std::string>{directory_.path(), "block"});
    hostile_.emplace("hostile_peer", std::vector<std::string>{directory_.path()});
    victim_.emplace(Context::Options{.name = "victim", .broker = directory_.path(), .wait = Wait::block, .queue_soft_limit = 100'000});
    victim_->on_connect([this](MessageEvent& event) { connected(std::move(event.ports[0])); });
    ASSERT_EQ(honest_->line(), "ready");
    friend_ = victim_->connect("echo");
    friend_.on_message([this](MessageEvent& event) { answer_ = event.string(); });
    pid_ = hostile_->line();
    ASSERT_NO_FATAL_FAILURE(talk(50));
    ASSERT_NO_FATAL_FAILURE(meet());
  }
  void TearDown() override {
    if (!HasFatalFailure()) talk(50);
    guilty_ = {};
    friend_ = {};
    seconds_.clear();
    victim_.reset();
    hooks::handler = nullptr;
    set_log(LogLevel::off, {});
  }

  /// One turn of the victim's loop: never more than a bounded piece of work.
  void turn(Timeout timeout = std::chrono::milliseconds(1)) {
    const std::uint64_t before = work();
    victim_->run_once(timeout);
    EXPECT_LE(work() - before, most_work_in_a_turn);
  }
  template <class Condition>
  [[nodiscard]] bool until(Condition&& condition) {
    const auto deadline = std::chrono::steady_clock::now() + Child::watchdog();
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      turn();
    }
    return true;
  }
  /// The hostile one does that; the victim goes on meanwhile.
  std::string tell(const std::string& what) {
    hostile_->send(what);
    EXPECT_TRUE(until([&] { return hostile_->says_something(std::chrono::milliseconds::zero()); }));
    return hostile_->line();
  }
  void meet() {
    guilty_ = {};
    ASSERT_EQ(tell("meet"), "met");
    ASSERT_TRUE(guilty_);
  }
  /// So many messages to the honest one and back, each as it was posted.
  void talk(int rounds) {
    for (int i = 0; i < rounds; ++i) {
      const std::string text = "honest " + std::to_string(++rounds_);
      friend_.post_message(text);
      ASSERT_TRUE(until([&] { return answer_ == text; })) << "the honest one is not heard any more";
    }
    ASSERT_FALSE(friend_.close_reason());
  }
  /// With nothing to do, the victim falls asleep within a few turns: no word keeps it awake.
  void expect_rest() {
    for (int turns = 0; turns < 200; ++turns) {
      turn(std::chrono::milliseconds(1));
      if (victim_->prepare_to_sleep()) return;
    }
    FAIL() << "it is kept awake for ever";
  }
  /// Closed for what it did, and named; or nothing has come of it.
  void expect_closed_or_harmless() {
    if (!guilty_.close_reason()) return;
    EXPECT_EQ(guilty_.close_reason(), CloseReason::protocol_error);
    if (guilty_.close_reason() == CloseReason::protocol_error) expect_named();
  }
  void expect_protocol_error() {
    ASSERT_TRUE(until([this] { return guilty_.close_reason().has_value(); })) << "nobody notices";
    EXPECT_EQ(guilty_.close_reason(), CloseReason::protocol_error);
    expect_named();
    ASSERT_NO_FATAL_FAILURE(talk(20));
    ASSERT_NO_FATAL_FAILURE(expect_rest());
  }
  void expect_named() {
    const auto names = [this](const std::string& line) { return line.find("pid " + pid_ + " (guilty)") != std::string::npos; };
    EXPECT_TRUE(std::ranges::any_of(log_, names)) << "the log does not say who it was";
  }
  void post_to_guilty(int count, std::size_t size) {
    for (int i = 0; i < count && !guilty_.close_reason(); ++i) {
      static_cast<void>(guilty_.try_post(std::string(size, 'v')));
      turn(Timeout::zero());
    }
  }

  TemporaryDirectory directory_;
  Child broker_{"sweep_broker", {directory_.path(), "0", "0", "1"}};
  std::optional<Child> honest_, hostile_;
  std::optional<Context> victim_;
  MessagePort friend_, guilty_;
  std::vector<MessagePort> seconds_;  ///< further ports to the same one
  std::string pid_;
  std::vector<std::string> log_;

 private:
  void connected(MessagePort port) {
    if (guilty_) return seconds_.push_back(std::move(port));
    guilty_ = std::move(port);
    guilty_.on_message([this](MessageEvent& event) {
      if (event.kind() != MessageEvent::Kind::string) return;
      if (event.string() == "echo") {
        guilty_.post_message("echo");
      } else {
        static_cast<void>(guilty_.try_post(event.string()));
      }
    });
  }

  std::string answer_;
  int rounds_ = 0;
};

// Every word ------------------------------------------------------------------------------------------------

std::vector<std::string> words_of_peers() {
  std::vector<std::string> names;
  for (const SharedWord& word : shared_words())
    if (word.by_peers) names.push_back(word.name);
  return names;
}

TEST(SharedWords, have_one_name_and_one_place_each) {
  std::set<std::string> names;
  std::set<std::pair<SharedWord::Place, std::size_t>> ends;
  for (const SharedWord& word : shared_words()) {
    const std::size_t room = word.place == SharedWord::Place::contexts   ? sizeof(shm::ContextRow)
                             : word.place == SharedWord::Place::channels ? sizeof(shm::ChannelRow)
                                                                         : shm::data_offset;
    EXPECT_LE(word.offset + word.size, room) << word.name;
    EXPECT_TRUE(ends.insert({word.place, word.offset}).second) << word.name;
    if (word.by_peers) {
      EXPECT_TRUE(names.insert(word.name).second) << word.name;
    }
  }
  EXPECT_EQ(names.size(), 54u) << "the new one is attacked by its name: say here that there is one more";
}

class HostileWord : public HostilePeer, public testing::WithParamInterface<std::string> {};

TEST_P(HostileWord, of_any_value_at_rest_harms_nobody) {
  const std::size_t before = allocated();
  for (const char* const how : all_changes) {
    SCOPED_TRACE(how);
    ASSERT_EQ(tell("write " + GetParam() + " " + how), "written");
    post_to_guilty(20, 1000);
    ASSERT_NO_FATAL_FAILURE(talk(5));
    ASSERT_NO_FATAL_FAILURE(expect_rest());
    expect_closed_or_harmless();
    ASSERT_NO_FATAL_FAILURE(meet());
  }
  EXPECT_LT(allocated(), before + (4 << 20));
}

TEST_P(HostileWord, that_changes_all_the_time_harms_nobody) {
  const auto seed = static_cast<std::uint64_t>(::getpid());
  SCOPED_TRACE("seed " + std::to_string(seed));
  const std::size_t before = allocated();
  ASSERT_EQ(tell("storm " + GetParam() + " " + std::to_string(seed)), "storms");
  for (int i = 0; i < 20; ++i) {
    post_to_guilty(5, 1000);
    ASSERT_NO_FATAL_FAILURE(talk(2));
  }
  EXPECT_NE(tell("calm"), "0") << "it has done nothing";
  ASSERT_NO_FATAL_FAILURE(expect_rest());
  expect_closed_or_harmless();
  EXPECT_LT(allocated(), before + (4 << 20));
}

INSTANTIATE_TEST_SUITE_P(, HostileWord, testing::ValuesIn(words_of_peers()), [](const auto& word) { return word.param; });

TEST_F(HostilePeer, that_rewrites_all_its_words_at_once_harms_nobody) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    ASSERT_EQ(tell("storm all " + std::to_string(seed)), "storms");
    post_to_guilty(50, 1000);
    ASSERT_NO_FATAL_FAILURE(talk(20));
    EXPECT_NE(tell("calm"), "0");
    ASSERT_NO_FATAL_FAILURE(expect_rest());
    expect_closed_or_harmless();
    ASSERT_NO_FATAL_FAILURE(meet());
  }
}

class HostileRecord : public HostilePeer, public testing::WithParamInterface<std::string> {};

TEST_P(HostileRecord, of_any_value_is_read_or_closes_its_channel) {
  std::vector<std::string> changes(std::begin(all_changes), std::end(all_changes));
  for (const std::uint64_t value : {2, 3, 4, 5, 6, 7, 8, 9, 128, 8183, 8184, 8185}) changes.push_back(std::to_string(value));
  for (const std::string& how : changes) {
    SCOPED_TRACE(how);
    ASSERT_EQ(tell("record " + GetParam() + " " + how), "written");
    ASSERT_NO_FATAL_FAILURE(talk(5));
    ASSERT_NO_FATAL_FAILURE(expect_rest());
    if (guilty_.close_reason() != CloseReason::closed) expect_closed_or_harmless();  // a record that says so
    ASSERT_NO_FATAL_FAILURE(meet());
  }
}

INSTANTIATE_TEST_SUITE_P(, HostileRecord, testing::Values("length", "type", "flags", "sequence"), [](const auto& field) { return field.param; });

// What a check is for ---------------------------------------------------------------------------------------

TEST_F(HostilePeer, that_claims_to_have_read_what_was_never_written_is_closed) {
  ASSERT_EQ(tell("write head " + std::to_string(shm::Position{0, 1 << 20}.pack())), "written");
  post_to_guilty(100, 200);
  ASSERT_NO_FATAL_FAILURE(expect_protocol_error());
}

TEST_F(HostilePeer, that_claims_so_while_nothing_more_is_posted_is_closed) {
  ASSERT_EQ(hostile_->ask("write head " + std::to_string(shm::Position{7, 0}.pack())), "written");
  for (int i = 0; i < 100; ++i) static_cast<void>(guilty_.try_post(std::string(200, 'v')));  // more than its ring has room for
  ASSERT_NO_FATAL_FAILURE(expect_protocol_error());
}

TEST_F(HostilePeer, whose_record_reaches_beyond_its_segment_is_closed) {
  ASSERT_EQ(tell("record length 8192"), "written");
  ASSERT_NO_FATAL_FAILURE(expect_protocol_error());
}

TEST_F(HostilePeer, whose_ready_ring_is_fuller_than_full_is_closed_and_keeps_nobody_awake) {
  ASSERT_EQ(tell("write ready_tail max"), "written");
  ASSERT_NO_FATAL_FAILURE(expect_protocol_error());
}

TEST_F(HostilePeer, that_sends_a_port_twice_is_closed_and_the_broker_blames_nobody_else) {
  ASSERT_EQ(tell("twice"), "written");
  ASSERT_NO_FATAL_FAILURE(expect_protocol_error());
  EXPECT_NO_THROW(static_cast<void>(victim_->connect("echo"))) << "the broker has ended the victim's connection";
}

TEST_F(HostilePeer, that_sends_more_ports_than_anybody_has_is_closed_before_the_broker_is_asked) {
  ASSERT_EQ(hostile_->ask("crowd 70000"), "written");
  ASSERT_NO_FATAL_FAILURE(expect_protocol_error());
  EXPECT_NO_THROW(static_cast<void>(victim_->connect("echo")));
}

TEST_F(HostilePeer, that_reads_nothing_and_claims_everything_is_held_to_the_limit_of_the_queue) {
  ASSERT_EQ(hostile_->ask("write statistics_bytes_read max"), "written");
  const std::string message(1000, 'm');
  std::size_t posted = 0, before = 0;
  do {
    before = posted;
    while (posted < (8 << 20) && guilty_.try_post(message) == Status::ok) posted += message.size();
    static_cast<void>(victim_->connect("echo"));  // once to the broker and back: the memory that the posts asked for is there
  } while (posted > before);
  EXPECT_LT(posted, 2u << 20) << "its word is all that counts";
}

TEST_F(HostilePeer, that_says_goodbye_for_the_broker_is_not_believed) {
  ASSERT_EQ(tell("write left one"), "written");
  ASSERT_EQ(tell("write statistics_generation max"), "written");
  ASSERT_NO_FATAL_FAILURE(talk(20));
  ASSERT_FALSE(guilty_.close_reason());
  EXPECT_EQ(tell("echo"), "echo");
}

// Floods ----------------------------------------------------------------------------------------------------

TEST_F(HostilePeer, that_floods_doorbells_is_not_heard_for_long) {
  for (int round = 0; round < 5; ++round) {
    EXPECT_NE(tell("flood 20000"), "0");
    ASSERT_NO_FATAL_FAILURE(talk(20));
    ASSERT_NO_FATAL_FAILURE(expect_rest());
  }
  EXPECT_EQ(tell("echo"), "echo");
}

TEST_F(HostilePeer, that_arms_and_never_reads_costs_a_call_for_each_message) {
  constexpr auto rung = static_cast<std::size_t>(hooks::Point::notify_doorbell_rung);
  const std::uint64_t before = hook_hits[rung];
  constexpr int messages = 200;
  for (int i = 0; i < messages; ++i) {
    ASSERT_EQ(hostile_->ask("arm 1000"), "armed");
    static_cast<void>(guilty_.try_post("v"));
  }
  EXPECT_LE(hook_hits[rung] - before, 2u * messages);
  ASSERT_NO_FATAL_FAILURE(talk(20));
  ASSERT_NO_FATAL_FAILURE(expect_rest());
}

TEST_F(HostilePeer, that_fills_the_ready_ring_with_calls_for_nothing_costs_one_look_at_its_ports) {
  for (const char* const calls : {"ready unknown 100000", "ready stale 100000"}) {
    SCOPED_TRACE(calls);
    ASSERT_EQ(tell(calls), "called");
    ASSERT_NO_FATAL_FAILURE(talk(20));
    ASSERT_NO_FATAL_FAILURE(expect_rest());
  }
  EXPECT_EQ(tell("echo"), "echo");
}

TEST_F(HostilePeer, whose_ring_has_no_end_takes_its_turn_and_no_more) {
  ASSERT_EQ(tell("forge"), "forged");
  for (int i = 0; i < 20; ++i) ASSERT_NO_FATAL_FAILURE(talk(1));
  guilty_.close();
  ASSERT_NO_FATAL_FAILURE(expect_rest());
}

TEST_F(HostilePeer, that_stops_holds_up_its_own_channel_only) {
  hostile_->kill(SIGSTOP);
  const std::size_t before = allocated();
  int posted = 0;
  while (posted < 10'000 && guilty_.try_post(std::string(1000, 'v')) == Status::ok) ++posted;
  EXPECT_LT(posted, 10'000) << "its queue has no limit";
  EXPECT_LT(allocated(), before + (4 << 20));
  ASSERT_NO_FATAL_FAILURE(talk(50));
  ASSERT_NO_FATAL_FAILURE(expect_rest());
  hostile_->kill(SIGCONT);
  EXPECT_EQ(tell("echo"), "echo");
}

}  // namespace
}  // namespace fairway::test
