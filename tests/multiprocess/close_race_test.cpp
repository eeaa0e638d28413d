// SEMANTICS 29: close racing data. FAIRWAY_LONG=1 runs 10 000 rounds; a failure prints its seed.
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>
#include <sstream>

#include "multiprocess/stream_roles.hpp"
#include "support/broker_thread.hpp"
#include "support/child.hpp"

namespace fairway::test {
namespace {

int rounds() { return std::getenv("FAIRWAY_LONG") != nullptr ? 10'000 : 500; }

struct Outcome {
  std::uint64_t received = 0;
  int closes = 0;
  bool in_order = true;
  bool close_last = true;
};

/// Reads to the end by handlers or by receive, and says what came.
Outcome read_to_the_end(Context& context, MessagePort& port, std::uint64_t seed, bool by_handler) {
  Outcome outcome;
  Stream stream(seed);
  if (!by_handler) {
    while (auto event = port.receive()) {
      outcome.in_order &= stream.is_message(outcome.received, event->bytes());
      ++outcome.received;
    }
    outcome.closes = port.close_reason() ? 1 : 0;
    return outcome;
  }
  port.on_close([&](CloseReason) { ++outcome.closes; });
  port.on_message([&](MessageEvent& event) {
    outcome.close_last &= outcome.closes == 0;
    outcome.in_order &= stream.is_message(outcome.received, event.bytes());
    ++outcome.received;
  });
  while (outcome.closes == 0) context.run_once();
  context.poll();
  return outcome;
}

FAIRWAY_CHILD(close_race_sender) {
  Context context({.broker = arguments.at(0)});
  say("ready");
  for (std::string line; hear(line);) {
    std::istringstream words(line);
    std::uint64_t seed = 0;
    std::uint64_t count = 0;
    bool reader_closes = false;
    words >> seed >> count >> reader_closes;
    MessagePort port = context.connect("reader");
    Stream stream(seed);
    std::uint64_t posted = 0;
    for (; posted < count; ++posted) {
      port.post_message(stream.message(posted));
      if (posted % 64 == 0) context.poll();
    }
    if (reader_closes) {
      while (!port.close_reason()) {
        if (port.try_receive()) return 1;
        context.run_once(std::chrono::milliseconds(1));
      }
    }
    port.close();
    while (context.run_once(Timeout::zero())) {
    }
    say(std::to_string(posted));
  }
  return 0;
}

TEST(CloseRace, received_is_a_prefix_of_sent_equal_on_a_clean_close_and_close_comes_once_and_last) {
  BrokerThread broker;
  Context context({.name = "reader", .broker = broker.directory()});
  std::optional<MessagePort> port;
  context.on_connect([&](MessageEvent& event) { port = std::move(event.ports[0]); });
  Child sender("close_race_sender", {broker.directory().native()});
  ASSERT_EQ(sender.line(), "ready");
  std::cout << "pids " << ::getpid() << " and " << sender.pid() << "\n";

  std::mt19937_64 random(20261121);
  for (int round = 0; round < rounds(); ++round) {
    const std::uint64_t seed = random();
    SCOPED_TRACE("round " + std::to_string(round) + " seed " + std::to_string(seed));
    const std::uint64_t count = random() % 300;
    const bool reader_closes = random() % 4 == 0;
    const bool by_handler = random() % 2 == 0;
    port.reset();
    sender.send(std::to_string(seed) + " " + std::to_string(count) + " " + std::to_string(reader_closes));
    while (!port) context.run_once();
    if (reader_closes) {
      const std::uint64_t until = count == 0 ? 0 : random() % count;
      Stream stream(seed);
      for (std::uint64_t n = 0; n < until; ++n) {
        const auto event = port->receive();
        ASSERT_TRUE(event && stream.is_message(n, event->bytes()));
      }
      port->close();
      ASSERT_EQ(sender.line(), std::to_string(count));
      continue;
    }
    const Outcome outcome = read_to_the_end(context, *port, seed, by_handler);
    ASSERT_EQ(outcome.received, count);
    ASSERT_TRUE(outcome.in_order);
    ASSERT_TRUE(outcome.close_last);
    ASSERT_EQ(outcome.closes, 1);
    ASSERT_EQ(sender.line(), std::to_string(count));
  }
}

}  // namespace
}  // namespace fairway::test
