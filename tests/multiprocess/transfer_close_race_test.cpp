// Close racing transfer, and death racing it. X posts to a port of A; A reads a little and sends it to B, which is this
// process. A and X are processes of their own. 500 rounds; FAIRWAY_LONG=1: 10 000; FAIRWAY_SEED=n: that one.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <future>
#include <memory>
#include <optional>
#include <random>
#include <sstream>

#include "multiprocess/stream_roles.hpp"
#include "support/broker_thread.hpp"
#include "support/child.hpp"

namespace fairway::test {
namespace {

enum class End {
  other_side_closes,  ///< X, after its last message
  new_owner_closes,   ///< B, in the middle
  old_owner_dies,     ///< A, after it let go
  dies_meanwhile,     ///< A, at any time after it began to
};

struct Round {
  explicit Round(std::uint64_t from) : seed(from) {
    std::mt19937_64 random(from);
    end = static_cast<End>(random() % 4);
    posted = random() % 5 == 0 ? random() % 2000 : random() % 60;
    read_before = random() % 3 == 0 ? random() % (posted + 1) : 0;
    answers_before = random() % 2 == 0 ? random() % 20 : 0;
    read_after = end == End::new_owner_closes ? random() % (posted - read_before + 1) : posted - read_before;
    answers_after = random() % 2 == 0 ? random() % 20 : 0;
    by_handler = random() % 2 == 0;
    spins = random() % 2 == 0 ? 0 : random() % 100'000;
  }

  std::uint64_t seed;
  End end;
  std::uint64_t posted;          ///< by X
  std::uint64_t read_before;     ///< of these, by A
  std::uint64_t read_after;      ///< and by B
  std::uint64_t answers_before;  ///< posted by A
  std::uint64_t answers_after;   ///< and by B
  bool by_handler;
  std::uint64_t spins;
};

/// Closes and lost messages take effect at others only while this loop runs.
void settle(Context& context) {
  while (context.run_once(std::chrono::milliseconds(5))) {
  }
}

/// Settles when it is told to. Nothing: there are no more.
std::optional<Round> next_round(Context& context) {
  for (std::string line; hear(line);) {
    if (line != "settle") return Round(std::stoull(line));
    settle(context);
    say("settled");
  }
  return std::nullopt;
}

FAIRWAY_CHILD(race_other_side) {
  Context context({.name = "x", .broker = arguments.at(0)});
  std::optional<MessagePort> accepted;  // a port whose other side is gone already is one too
  context.on_connect([&](MessageEvent& event) { accepted = std::move(event.ports[0]); });
  say("ready");
  while (const auto next = next_round(context)) {
    const Round& round = *next;
    while (!accepted) context.run_once();
    MessagePort port = std::move(*accepted);
    accepted.reset();
    std::uint64_t answers = 0;
    int closes = 0;
    bool right = true;
    std::string reason;
    port.on_close([&](CloseReason why) {
      ++closes;
      reason = why == CloseReason::closed ? "closed" : why == CloseReason::peer_lost ? "peer_lost" : why == CloseReason::dropped ? "dropped" : "error";
    });
    port.on_message([&](MessageEvent& event) {
      right &= closes == 0 && event.string() == std::to_string(answers);
      ++answers;
    });
    Stream stream(round.seed);
    for (std::uint64_t n = 0; n < round.posted; ++n) {
      port.post_message(stream.message(n));
      if (n % 16 == 0) context.poll();
    }
    if (round.end == End::other_side_closes) {
      right &= closes == 0;
      port.close();
      reason = "self";
    } else {
      while (closes == 0) context.run_once();
    }
    settle(context);
    say(reason + " " + std::to_string(answers) + " " + std::to_string(closes) + (right ? " right" : " wrong"));
  }
  return 0;
}

FAIRWAY_CHILD(race_old_owner) {
  Context context({.broker = arguments.at(0)});
  say("ready");
  while (const auto next = next_round(context)) {
    const Round& round = *next;
    MessagePort carrier = context.connect("b");
    carrier.post_message("hello");
    MessagePort port = context.connect("x");
    for (std::uint64_t n = 0; n < round.answers_before; ++n) port.post_message(std::to_string(n));
    Stream stream(round.seed);
    for (std::uint64_t n = 0; n < round.read_before; ++n) {
      const auto event = port.receive();
      if (event && stream.is_message(n, event->bytes())) continue;
      say("wrong at " + std::to_string(n));
      return 1;
    }
    say("going");
    carrier.post_message("here", {.transfer = {port}});
    say("gone");
    carrier.close();
    settle(context);
  }
  return 0;
}

class CloseRacesTransfer : public testing::Test {
 protected:
  CloseRacesTransfer() : context_({.name = "b", .broker = broker_.directory()}) {
    context_.on_connect([this](MessageEvent& event) { accepted_ = std::move(event.ports[0]); });
    other_side_ = std::make_unique<Child>("race_other_side", std::vector<std::string>{broker_.directory().native()});
    EXPECT_EQ(other_side_->line(), "ready");
  }

  void begin_old_owner() {
    if (old_owner_) return;
    old_owner_ = std::make_unique<Child>("race_old_owner", std::vector<std::string>{broker_.directory().native()});
    ASSERT_EQ(old_owner_->line(), "ready");
  }

  void run(const Round& round) {
    begin_old_owner();
    other_side_->send(std::to_string(round.seed));
    old_owner_->send(std::to_string(round.seed));
    while (!accepted_) ASSERT_TRUE(context_.run_once(Child::watchdog())) << "nobody connects";
    MessagePort carrier = std::move(*accepted_);
    accepted_.reset();
    const auto hello = carrier.receive(Child::watchdog());
    ASSERT_TRUE(hello && hello->string() == "hello");
    if (round.end == End::old_owner_dies || round.end == End::dies_meanwhile) {
      ASSERT_EQ(old_owner_->line(), "going");
      if (round.end == End::old_owner_dies) {
        ASSERT_EQ(old_owner_->line(), "gone");
      }
      for (std::uint64_t i = 0; i < round.spins; ++i) std::atomic_signal_fence(std::memory_order_seq_cst);
      old_owner_->kill(SIGKILL);
      old_owner_->wait();
      old_owner_.reset();
    }
    auto event = carrier.receive(Child::watchdog());
    const bool arrived = event.has_value();
    MessagePort port;
    if (arrived) {
      ASSERT_EQ(event->ports.size(), 1u);
      port = std::move(event->ports[0]);
    }
    if (!arrived) {
      ASSERT_EQ(round.end, End::dies_meanwhile) << "the port is lost";
    }
    std::uint64_t received = 0;
    if (arrived) read(round, port, received);
    if (HasFailure()) return;
    const bool whole = received == round.read_after;
    if (round.end != End::dies_meanwhile) {
      ASSERT_TRUE(whole) << received << " of " << round.read_after << " received";
    }
    if (arrived && !whole) {
      ASSERT_TRUE(port.close_reason()) << "nothing comes any more";
    }
    if (arrived && round.end != End::other_side_closes) {
      for (std::uint64_t n = 0; n < round.answers_after; ++n) port.post_message(std::to_string(round.answers_before + n));
      port.close();
    }
    if (old_owner_) {
      ASSERT_EQ(old_owner_->line(), "going");
      ASSERT_EQ(old_owner_->line(), "gone");
    }
    std::istringstream said(line_of_other_side());
    std::string reason, right;
    std::uint64_t answers = 0;
    int closes = 0;
    said >> reason >> answers >> closes >> right;
    ASSERT_EQ(right, "right") << said.str();
    if (round.end == End::other_side_closes) {
      ASSERT_EQ(reason, "self");
      ASSERT_LE(answers, round.answers_before);
      return;
    }
    ASSERT_EQ(closes, 1) << said.str();
    ASSERT_LE(answers, round.answers_before + round.answers_after);
    if (round.end == End::dies_meanwhile && reason != "closed") return;  // the port has died with A
    ASSERT_EQ(reason, "closed") << said.str();
    ASSERT_EQ(answers, round.answers_before + round.answers_after) << said.str();
  }

  /// B's loop runs meanwhile.
  std::string line_of_other_side() {
    std::future<std::string> line = std::async(std::launch::async, [this] { return other_side_->line(); });
    while (line.wait_for(std::chrono::seconds(0)) != std::future_status::ready) context_.run_once(std::chrono::milliseconds(1));
    return line.get();
  }

  /// What is left for B, until that is read or the end has come.
  void read(const Round& round, MessagePort& port, std::uint64_t& received) {
    Stream stream(round.seed);
    const bool to_the_end = round.end == End::other_side_closes;
    if (!round.by_handler) {
      while (to_the_end || received < round.read_after) {
        const auto event = port.receive(Child::watchdog());
        if (!event) break;
        ASSERT_TRUE(stream.is_message(round.read_before + received, event->bytes())) << received;
        ++received;
      }
      if (to_the_end) {
        ASSERT_EQ(port.close_reason(), CloseReason::closed);
      }
      return;
    }
    int closes = 0;
    bool right = true;
    port.on_close([&](CloseReason) { ++closes; });
    port.on_message([&](MessageEvent& event) {
      if (!to_the_end && received == round.read_after) return;
      right &= closes == 0 && stream.is_message(round.read_before + received, event.bytes());
      ++received;
    });
    while (closes == 0 && (to_the_end || received < round.read_after)) ASSERT_TRUE(context_.run_once(Child::watchdog())) << received;
    context_.poll();
    ASSERT_TRUE(right);
    if (to_the_end) {
      ASSERT_EQ(closes, 1);
    }
    port.on_close({});
    port.on_message({});
  }

  std::size_t segments() const {
    const auto entries = std::filesystem::directory_iterator(broker_.directory() / "segments");
    return static_cast<std::size_t>(std::distance(begin(entries), end(entries)));
  }

  /// Everybody's loop has nothing to do any more.
  void settle_all() {
    const auto deadline = std::chrono::steady_clock::now() + Child::watchdog();
    do {
      if (old_owner_) {
        ASSERT_EQ(old_owner_->ask("settle"), "settled");
      }
      ASSERT_EQ(other_side_->ask("settle"), "settled");
      settle(context_);
    } while (segments() != 0 && std::chrono::steady_clock::now() < deadline);
    ASSERT_EQ(segments(), 0u);
  }

  BrokerThread broker_;
  Context context_;
  std::optional<MessagePort> accepted_;
  std::unique_ptr<Child> other_side_, old_owner_;
};

TEST_F(CloseRacesTransfer, received_is_a_prefix_of_sent_equal_on_a_clean_close_and_nothing_is_left) {
  const char* const only = std::getenv("FAIRWAY_SEED");
  const std::uint64_t first = only != nullptr ? std::strtoull(only, nullptr, 10) : 1;
  const std::uint64_t rounds = only != nullptr ? 1 : std::getenv("FAIRWAY_LONG") != nullptr ? 10'000 : 500;
  std::size_t here = 0, there = 0;
  constexpr std::size_t spare_segments = 16;  // that contexts keep in hand, more of them when they need many
  for (std::uint64_t seed = first; seed < first + rounds; ++seed) {
    SCOPED_TRACE("FAIRWAY_SEED=" + std::to_string(seed) + " end " + std::to_string(static_cast<int>(Round(seed).end)));
    try {
      run(Round(seed));
    } catch (const std::exception& error) {
      ADD_FAILURE() << error.what();
    }
    if (HasFailure()) return;
    if (seed % 50 != 0 && seed != first + rounds - 1) continue;
    begin_old_owner();
    settle_all();
    if (HasFailure()) return;
    if (here == 0) {
      here = open_descriptors(::getpid());
      there = open_descriptors(other_side_->pid());
    }
    ASSERT_LE(open_descriptors(::getpid()), here + spare_segments) << "descriptors are left with the broker or the new owner";
    ASSERT_LE(open_descriptors(other_side_->pid()), there + spare_segments) << "descriptors are left at the other side";
  }
}

}  // namespace
}  // namespace fairway::test
