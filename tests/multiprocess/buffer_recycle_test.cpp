// Large ArrayBuffers that go back and forth over a channel come to the same place again: after the first times neither side asks
// the kernel or the broker for anything. What stays away is let go of, and what a port that leaves was to get comes to who has it.
#include <gtest/gtest.h>

#include <sys/resource.h>

#include <chrono>
#include <csignal>
#include <cstring>
#include <iostream>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fairway/fairway.hpp>

#include "multiprocess/memory_objects.hpp"
#include "support/child.hpp"
#include "support/sanitized.hpp"
#include "support/town.hpp"
#include "support/tracing.hpp"

namespace fairway::test {
namespace {

constexpr std::size_t size = mebibyte + 4096;

class BufferRecycle : public testing::Test {
 protected:
  void TearDown() override {
    mine.close();
    theirs.close();
    EXPECT_TRUE(town.until([] { return holders() == 0; })) << holders() << " are left";
  }

  std::optional<MessageEvent> pass(MessagePort& from, MessagePort& to, ArrayBuffer buffer) {
    from.post_message(buffer, {.transfer = {buffer}});
    return town.next(to);
  }
  /// There, and back again.
  ArrayBuffer trip(ArrayBuffer buffer) {
    auto there = pass(mine, theirs, std::move(buffer));
    auto back = pass(theirs, mine, ArrayBuffer(Value(there->data())));
    return ArrayBuffer(Value(back->data()));
  }
  /// A buffer that both sides know.
  ArrayBuffer warm(unsigned seed) {
    ArrayBuffer buffer = filled(size, seed);
    for (int i = 0; i < 3; ++i) buffer = trip(std::move(buffer));
    return buffer;
  }

  Town town{3};
  std::pair<MessagePort, MessagePort> channel = town.channel(0, 1);
  MessagePort& mine = channel.first;
  MessagePort& theirs = channel.second;
};

TEST_F(BufferRecycle, it_comes_to_the_same_place_on_both_sides) {
  ArrayBuffer buffer = warm(5);
  const std::byte* const here = buffer.bytes().data();
  const std::byte* there = nullptr;
  for (unsigned i = 0; i < 20; ++i) {
    auto event = pass(mine, theirs, std::move(buffer));
    ASSERT_TRUE(event);
    Value data = event->data();
    if (there == nullptr) there = data.bytes().data();
    EXPECT_EQ(data.bytes().data(), there);
    EXPECT_TRUE(i != 0 || is_filled(data, size, 5));
    EXPECT_EQ(data.bytes()[i], i == 0 ? std::byte{0} : data.bytes()[i]);
    data.bytes()[i] = std::byte{99};
    event = pass(theirs, mine, ArrayBuffer(data));
    ASSERT_TRUE(event);
    buffer = ArrayBuffer(Value(event->data()));
    EXPECT_EQ(buffer.bytes().data(), here);
    EXPECT_EQ(buffer.bytes()[i], std::byte{99});
  }
  EXPECT_TRUE(town.until([] { return holders() == 4; })) << "a mapping and a descriptor on each side; there are " << holders();
}

TEST_F(BufferRecycle, several_are_told_apart) {
  std::vector<ArrayBuffer> buffers;
  std::vector<const std::byte*> places;
  for (unsigned i = 0; i < 4; ++i) {
    buffers.push_back(warm(i + 1));
    places.push_back(buffers.back().bytes().data());
  }
  for (unsigned i = 0; i < 4; ++i) mine.post_message(buffers[i], {.transfer = {buffers[i]}});
  std::vector<ArrayBuffer> there;
  for (unsigned i = 0; i < 4; ++i) there.emplace_back(Value(town.next(theirs)->data()));
  theirs.post_message(Value::array({there[2], there[0]}), {.transfer = {there[0], there[2]}});
  theirs.post_message(Value::array({there[3], there[1]}), {.transfer = {there[1], there[3]}});
  for (const auto& [first, second] : {std::pair(2u, 0u), std::pair(3u, 1u)}) {
    const auto event = town.next(mine);
    ASSERT_TRUE(event);
    EXPECT_EQ(event->data()[0].bytes().data(), places[first]);
    EXPECT_EQ(event->data()[1].bytes().data(), places[second]);
    EXPECT_TRUE(is_filled(event->data()[0], size, first + 1));
    EXPECT_TRUE(is_filled(event->data()[1], size, second + 1));
  }
}

TEST_F(BufferRecycle, what_goes_one_way_is_not_kept) {
  for (unsigned i = 0; i < 3; ++i) {
    const auto event = pass(mine, theirs, filled(size, i));
    ASSERT_TRUE(event);
    EXPECT_TRUE(is_filled(event->data(), size, i));
    EXPECT_TRUE(town.until([] { return holders() == 2; })) << "the receiver's alone";
  }
}

TEST_F(BufferRecycle, what_the_other_side_drops_is_let_go_of) {
  auto event = pass(mine, theirs, warm(1));
  ASSERT_TRUE(event);
  EXPECT_TRUE(town.until([] { return holders() == 4; })) << "one that has it, one that keeps it; there are " << holders();
  event.reset();
  EXPECT_TRUE(town.until([] { return holders() == 0; })) << holders();
}

TEST_F(BufferRecycle, what_the_other_side_sends_elsewhere_is_let_go_of) {
  auto [on, far] = town.channel(1, 2);
  auto event = pass(mine, theirs, warm(1));
  ASSERT_TRUE(event);
  const auto farther = pass(on, far, ArrayBuffer(Value(event->data())));
  ASSERT_TRUE(farther);
  EXPECT_TRUE(is_filled(farther->data(), size, 1));
  event.reset();
  EXPECT_TRUE(town.until([] { return holders() == 2; })) << holders();
}

TEST_F(BufferRecycle, what_the_other_side_lends_to_somebody_else_is_let_go_of) {
  auto [on, far] = town.channel(1, 2);
  ASSERT_TRUE(pass(far, on, filled(size, 9))) << "so that it is worth lending there";
  auto event = pass(mine, theirs, warm(1));
  auto farther = pass(on, far, ArrayBuffer(Value(event->data())));
  event.reset();
  EXPECT_TRUE(town.until([] { return holders() == 4; })) << "who has it, and who lent it last; there are " << holders();
  event = pass(far, on, ArrayBuffer(Value(farther->data())));
  farther.reset();
  EXPECT_TRUE(is_filled(event->data(), size, 1));
  event.reset();
}

TEST_F(BufferRecycle, what_is_let_go_of_is_no_message) {
  auto event = pass(mine, theirs, warm(1));
  event.reset();
  EXPECT_TRUE(town.until([] { return holders() == 0; }));
  EXPECT_FALSE(mine.try_receive());
  theirs.post_message("next");
  EXPECT_EQ(town.text(mine), "next");
}

TEST_F(BufferRecycle, a_close_behind_what_is_let_go_of_is_heard_of_without_reading) {
  auto event = pass(mine, theirs, warm(1));
  bool closed = false;
  mine.on_close([&](CloseReason) { closed = true; });
  event.reset();
  EXPECT_TRUE(town.until([] { return holders() == 0; }));
  theirs.close();
  EXPECT_TRUE(town.until([&] { return closed; }));
}

TEST_F(BufferRecycle, a_shorter_one_comes_back_in_the_same_memory) {
  ArrayBuffer buffer = warm(1);
  const std::byte* const here = buffer.bytes().data();
  auto event = pass(mine, theirs, std::move(buffer));
  ArrayBuffer there(Value(event->data()));
  for (int i = 0; i < 2; ++i) {
    event = pass(theirs, mine, there);
    EXPECT_EQ(event->data().bytes().data(), here);
    event = pass(mine, theirs, ArrayBuffer(Value(event->data())));
    there = ArrayBuffer(Value(event->data()));
  }
}

TEST_F(BufferRecycle, what_was_to_come_back_comes_to_who_has_the_port_then) {
  auto [carrier, far] = town.channel(0, 2);
  auto event = pass(mine, theirs, warm(3));
  ArrayBuffer there(Value(event->data()));
  carrier.post_message("take it", {.transfer = {mine}});
  theirs.post_message(there, {.transfer = {there}});  // it cannot know yet
  event.reset();
  MessagePort moved = town.take(far);
  event = town.next(moved);
  ASSERT_TRUE(event);
  EXPECT_TRUE(is_filled(event->data(), size, 3));
  event = pass(moved, theirs, ArrayBuffer(Value(event->data())));
  ASSERT_TRUE(event);
  EXPECT_TRUE(is_filled(event->data(), size, 3));
  moved.close();
}

TEST_F(BufferRecycle, what_waits_in_a_port_that_leaves_goes_along) {
  auto [carrier, far] = town.channel(0, 2);
  auto event = pass(mine, theirs, warm(3));
  ArrayBuffer there(Value(event->data()));
  theirs.post_message(there, {.transfer = {there}});
  event.reset();
  carrier.post_message("take it", {.transfer = {mine}});
  MessagePort moved = town.take(far);
  event = town.next(moved);
  ASSERT_TRUE(event);
  EXPECT_TRUE(is_filled(event->data(), size, 3));
  theirs.post_message("last");
  EXPECT_EQ(town.text(moved), "last");
}

TEST_F(BufferRecycle, what_does_not_come_back_is_not_kept_for_who_has_the_port_then) {
  auto [carrier, far] = town.channel(0, 2);
  auto event = pass(mine, theirs, warm(3));
  carrier.post_message("take it", {.transfer = {mine}});
  MessagePort moved = town.take(far);
  event.reset();
  theirs.post_message("behind it");
  EXPECT_EQ(town.text(moved), "behind it");
  EXPECT_TRUE(town.until([] { return holders() == 0; })) << holders();
}

TEST_F(BufferRecycle, a_port_that_leaves_takes_no_memory_along_that_stays) {
  auto [carrier, far] = town.channel(1, 2);
  auto event = pass(mine, theirs, warm(3));
  const ArrayBuffer there(Value(event->data()));
  carrier.post_message("take it", {.transfer = {theirs}});
  event.reset();
  MessagePort moved = town.take(far);
  mine.post_message("on");
  EXPECT_EQ(town.text(moved), "on");
  EXPECT_TRUE(is_filled(there.value(), size, 3));
  EXPECT_TRUE(town.until([] { return holders() == 2; })) << "who has it alone; there are " << holders();
}

TEST_F(BufferRecycle, a_buffer_that_went_out_before_its_port_left_can_come_back_to_the_next_one) {
  auto [carrier, far] = town.channel(1, 2);
  ArrayBuffer buffer = warm(3);
  mine.post_message(buffer, {.transfer = {buffer}});
  carrier.post_message("take it", {.transfer = {theirs}});
  MessagePort moved = town.take(far);
  auto event = town.next(moved);
  ASSERT_TRUE(event);
  EXPECT_TRUE(is_filled(event->data(), size, 3));
  event = pass(moved, mine, ArrayBuffer(Value(event->data())));
  ASSERT_TRUE(event);
  EXPECT_TRUE(is_filled(event->data(), size, 3));
}

/// The next message, with both contexts running.
std::optional<MessageEvent> next(Context& a, Context& b, MessagePort& port) {
  const auto deadline = std::chrono::steady_clock::now() + Child::watchdog();
  while (std::chrono::steady_clock::now() < deadline) {
    a.poll();
    b.poll();
    if (auto event = port.try_receive()) return event;
  }
  return {};
}

class BufferCache : public testing::TestWithParam<std::size_t> {};

TEST_P(BufferCache, bounds_what_is_kept) {
  const std::size_t kept = GetParam();
  const std::size_t object = size;  // a multiple of the page
  BrokerThread broker;
  Context a({.name = "a", .broker = broker.directory(), .buffer_cache = kept * object + object / 2});
  Context b({.broker = broker.directory(), .buffer_cache = 0});
  MessagePort theirs;
  a.on_connect([&](MessageEvent& event) { theirs = std::move(event.ports[0]); });
  MessagePort mine = b.connect("a");
  mine.post_message("here");
  while (!theirs) a.run_once();
  ASSERT_TRUE(next(a, b, theirs));

  ArrayBuffer first = filled(size, 1);
  mine.post_message(first, {.transfer = {first}});
  ASSERT_TRUE(next(a, b, theirs)) << "memory comes: what goes back may be kept";
  std::vector<ArrayBuffer> there;
  for (unsigned i = 0; i < 4; ++i) {
    ArrayBuffer buffer = filled(size, i);
    theirs.post_message(buffer, {.transfer = {buffer}});
    const auto event = next(a, b, mine);
    ASSERT_TRUE(event);
    there.emplace_back(Value(event->data()));
  }
  const auto settled = [&] {
    a.poll();
    b.poll();
    return holders() == 2 * (there.size() + kept);
  };
  const auto deadline = std::chrono::steady_clock::now() + Child::watchdog();
  while (!settled() && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_EQ(holders(), 2 * (there.size() + kept));
}

INSTANTIATE_TEST_SUITE_P(, BufferCache, testing::Values(0u, 1u, 3u));

/// Posts back what comes, until the end.
FAIRWAY_CHILD(bounce_buffers) {
  Context context({.name = "bouncer", .broker = arguments.at(0), .wait = Wait::poll});
  MessagePort port;
  context.on_connect([&](MessageEvent& event) { port = std::move(event.ports[0]); });
  std::cout << "ready" << std::endl;
  while (!port) context.run_once();
  while (auto event = port.receive()) {
    Value data = event->data();
    data.bytes()[data.size() - 1] = std::byte{1};
    ArrayBuffer buffer(data);
    port.post_message(buffer, {.transfer = {buffer}});
  }
  return 0;
}

/// Lets a buffer go there and back so often, all of its pages touched each time, and prints what page faults that took.
FAIRWAY_CHILD(buffer_trips) {
  Context context({.broker = arguments.at(0), .wait = Wait::poll});
  MessagePort port = context.connect("bouncer");
  ArrayBuffer buffer(size);
  const auto trips = [&](int count) {
    for (int i = 0; i < count; ++i) {
      std::memset(buffer.bytes().data(), i, buffer.size());
      port.post_message(buffer, {.transfer = {buffer}});
      const auto event = port.receive();
      if (!event) return false;
      buffer = ArrayBuffer(Value(event->data()));
    }
    return true;
  };
  const auto faults = [] {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return usage.ru_minflt + usage.ru_majflt;
  };
  if (!trips(10)) return 1;
  const long before = faults();
  if (!trips(std::stoi(arguments.at(1)))) return 1;
  std::cout << faults() - before << std::endl;
  return 0;
}

TEST(BufferTrips, of_a_warm_buffer_make_no_system_call) {
  if (sanitized) GTEST_SKIP() << "a sanitizer has system calls of its own";
  if (!can_trace()) GTEST_SKIP() << "needs strace, and the right to trace";
  BrokerThread broker;
  const auto calls_for = [&broker](const std::string& trips) {
    Child bouncer("bounce_buffers", {broker.directory().native()});
    EXPECT_EQ(bouncer.line(), "ready");
    return system_calls_of("buffer_trips " + broker.directory().native() + " " + trips).value_or(0);
  };
  const std::uint64_t few = calls_for("100");
  const std::uint64_t more = calls_for("4100");
  std::cout << "system calls: " << few << " for 100 trips, " << more << " for 4100\n";
  ASSERT_GT(few, 0u);
  ASSERT_GT(more, 0u);
  EXPECT_LT(more, few + 1000);  // far less than one for each; the loop looks at its descriptors ten times a second
}

TEST(BufferTrips, of_a_warm_buffer_fault_no_page_in) {
  if (sanitized) GTEST_SKIP() << "a sanitizer's own memory would count";
  BrokerThread broker;
  Child bouncer("bounce_buffers", {broker.directory().native()});
  ASSERT_EQ(bouncer.line(), "ready");
  Child near("buffer_trips", {broker.directory().native(), "1000"});
  const std::string faults = near.line();
  std::cout << faults << " page faults in 1000 trips of " << size / 4096 << " pages\n";
  ASSERT_NE(faults, "");
  EXPECT_LT(std::stol(faults), 500);
}

TEST(BufferTrips, leave_nothing_behind_when_the_other_side_is_killed) {
  Town town(1);
  {
    Child bouncer("bounce_buffers", {town.broker.directory().native()});
    ASSERT_EQ(bouncer.line(), "ready");
    MessagePort port = town[0].connect("bouncer");
    ArrayBuffer buffer = filled(size, 1);
    for (int i = 0; i < 5; ++i) {
      port.post_message(buffer, {.transfer = {buffer}});
      auto event = town.next(port);
      ASSERT_TRUE(event);
      buffer = ArrayBuffer(Value(event->data()));
    }
    ASSERT_EQ(::kill(bouncer.pid(), SIGSTOP), 0);
    port.post_message(buffer, {.transfer = {buffer}});
    bouncer.kill(SIGKILL);
    EXPECT_FALSE(town.next(port));
  }
  EXPECT_TRUE(town.until([] { return holders() == 0; })) << holders() << " are left";
}

}  // namespace
}  // namespace fairway::test
