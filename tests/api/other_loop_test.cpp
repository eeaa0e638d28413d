// A loop that is not the Context's waits for its descriptor: whatever makes work meanwhile must make that readable.
#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <fairway/fairway.hpp>

#include "support/town.hpp"

namespace fairway::test {
namespace {

class OtherLoop : public testing::Test {
 protected:
  void fall_asleep() {
    ASSERT_TRUE(town.until([this] { return town[0].prepare_to_sleep(); }));
    asleep = true;
  }
  bool readable() {
    pollfd entry{town[0].native_handle(), POLLIN, 0};
    return ::poll(&entry, 1, 0) == 1;
  }
  /// What such a loop does: it looks at nothing while it sleeps, and the descriptor is not readable.
  void turn() {
    if (asleep && !readable()) return;
    town[0].poll();
    asleep = town[0].prepare_to_sleep();
  }
  /// False: it sleeps for ever.
  bool turns_until(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::min(std::chrono::seconds(20), Child::watchdog());
    while (!condition() && std::chrono::steady_clock::now() < deadline) {
      turn();
      town[1].poll();
      std::this_thread::yield();
    }
    return condition();
  }

  Town town{2};
  bool asleep = false;
};

TEST_F(OtherLoop, it_is_woken_by_a_message_posted_inside_the_context) {
  MessageChannel channel(town[0]);
  bool came = false;
  channel.port1.on_message([&](MessageEvent&) { came = true; });
  fall_asleep();
  EXPECT_FALSE(readable());
  channel.port2.post_message("hello");
  EXPECT_TRUE(readable());
  EXPECT_TRUE(turns_until([&] { return came; }));
}

TEST_F(OtherLoop, it_is_woken_by_a_handler_that_comes_after_its_messages) {
  auto [mine, theirs] = town.channel(0, 1);
  theirs.post_message("hello");
  fall_asleep();
  bool came = false;
  mine.on_message([&](MessageEvent&) { came = true; });
  EXPECT_TRUE(readable());
  EXPECT_TRUE(turns_until([&] { return came; }));
}

TEST_F(OtherLoop, it_is_woken_by_a_handler_that_comes_after_the_end) {
  auto [mine, theirs] = town.channel(0, 1);
  theirs.close();
  EXPECT_EQ(town.text(mine), "closed");
  fall_asleep();
  bool came = false;
  mine.on_close([&](CloseReason) { came = true; });
  EXPECT_TRUE(readable());
  EXPECT_TRUE(turns_until([&] { return came; }));
}

TEST_F(OtherLoop, a_post_that_finds_no_room_is_finished_by_it) {
  auto [mine, theirs] = town.channel(0, 1);
  mine.post_message("first");
  EXPECT_EQ(town.text(theirs), "first");
  fall_asleep();
  const std::string message(200'000, 'x');
  for (int i = 0; i < 300; ++i) mine.post_message(message);
  EXPECT_TRUE(readable());
  int left = 300;
  MessagePort& reader = theirs;  // Clang 14 captures no structured binding
  EXPECT_TRUE(turns_until([&] {
    while (reader.try_receive()) --left;
    return left == 0;
  }));
}

TEST_F(OtherLoop, it_is_woken_for_others_when_a_blocking_receive_has_taken_their_calls) {
  auto [first, first_theirs] = town.channel(0, 1);
  auto [second, second_theirs] = town.channel(0, 1);
  int came = 0;
  second.on_message([&](MessageEvent&) { ++came; });
  fall_asleep();
  EXPECT_FALSE(first.receive(std::chrono::milliseconds(1)));
  second_theirs.post_message("hello");
  EXPECT_TRUE(turns_until([&] { return came == 1; }));
}

TEST_F(OtherLoop, a_stop_does_not_keep_it_awake) {
  town[0].stop();
  EXPECT_TRUE(turns_until([&] { return asleep && !readable(); }));
}

TEST_F(OtherLoop, a_connection_to_oneself_wakes_it) {
  bool came = false;
  town[0].on_connect([&](MessageEvent&) { came = true; });
  fall_asleep();
  const MessagePort port = town[0].connect("a");
  EXPECT_TRUE(readable());
  EXPECT_TRUE(turns_until([&] { return came; }));
}

}  // namespace
}  // namespace fairway::test
