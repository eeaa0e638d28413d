// Large ArrayBuffers change hands as the objects that they are: nothing of them is copied, wherever their message goes, and
// they are gone with their last holder.
#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <vector>

#include <fairway/fairway.hpp>

#include "multiprocess/memory_objects.hpp"
#include "support/child.hpp"
#include "support/town.hpp"

namespace fairway::test {
namespace {

class BufferMove : public testing::Test {
 protected:
  void TearDown() override { EXPECT_TRUE(town.until([] { return holders() == 0; })) << holders() << " are left"; }

  Town town{3};
};

TEST_F(BufferMove, the_object_itself_goes_there_and_back) {
  auto [mine, theirs] = town.channel(0, 1);
  ArrayBuffer buffer = filled(3 * mebibyte + 5, 7);
  const std::string object = object_at(buffer.bytes().data());
  ASSERT_NE(object, "");
  mine.post_message(buffer, {.transfer = {buffer}});
  EXPECT_TRUE(buffer.detached());
  {
    auto event = town.next(theirs);
    ASSERT_TRUE(event);
    Value there = event->data();
    EXPECT_EQ(object_at(there.bytes().data()), object);
    EXPECT_EQ(object_at(there.bytes().data() + there.size() - 1), object);
    EXPECT_TRUE(is_filled(there, 3 * mebibyte + 5, 7));
    EXPECT_TRUE(town.until([] { return holders() == 2; })) << "one mapping and its descriptor: the sender and the broker have let go";
    there.bytes()[mebibyte] = std::byte{99};
    ArrayBuffer again(there);
    theirs.post_message(Value::object({{"again", again}}), {.transfer = {again}});
  }
  const auto back = town.next(mine);
  ASSERT_TRUE(back);
  const Value again = back->data()["again"];
  EXPECT_EQ(object_at(again.bytes().data()), object);
  EXPECT_EQ(again.bytes()[mebibyte], std::byte{99});
}

TEST_F(BufferMove, within_a_context_and_in_a_clone_it_stays_where_it_is) {
  MessageChannel channel(town[0]);
  ArrayBuffer buffer = filled(mebibyte, 3);
  const std::byte* const place = buffer.bytes().data();
  channel.port1.post_message(buffer, {.transfer = {buffer}});
  const auto event = channel.port2.try_receive();
  ASSERT_TRUE(event);
  EXPECT_EQ(event->data().bytes().data(), place);
  ArrayBuffer there(Value(event->data()));
  const Clone clone = structured_clone(Value(there), {.transfer = {there}});
  EXPECT_EQ(clone.data.bytes().data(), place);
  EXPECT_TRUE(is_filled(clone.data, mebibyte, 3));
}

TEST_F(BufferMove, large_and_small_ones_and_ports_come_together_in_their_places) {
  auto [mine, theirs] = town.channel(0, 1);
  MessageChannel inside(town[0]);
  ArrayBuffer large = filled(2 * mebibyte, 1), small = filled(100, 2), larger = filled(4 * mebibyte, 3), resizable(mebibyte, 2 * mebibyte);
  const std::string first = object_at(large.bytes().data()), second = object_at(larger.bytes().data());
  const Value value = Value::array({large, small, larger, resizable, Value::typed_array(ElementType::uint8, larger, mebibyte, 16)});
  mine.post_message(value, {.transfer = {small, larger, inside.port2, large, resizable}});
  const auto event = town.next(theirs);
  ASSERT_TRUE(event && event->ports.size() == 1);
  const Value& all = event->data();
  EXPECT_TRUE(is_filled(all[0], 2 * mebibyte, 1));
  EXPECT_TRUE(is_filled(all[1], 100, 2));
  EXPECT_TRUE(is_filled(all[2], 4 * mebibyte, 3));
  EXPECT_EQ(all[3].max_size(), 2 * mebibyte);
  EXPECT_TRUE(all[4].buffer().is_same(all[2]));
  EXPECT_EQ(object_at(all[0].bytes().data()), first);
  EXPECT_EQ(object_at(all[2].bytes().data()), second);
  inside.port1.post_message("over there");
  MessagePort moved = std::move(const_cast<MessageEvent&>(*event).ports[0]);
  EXPECT_EQ(town.text(moved), "over there");
}

TEST_F(BufferMove, one_that_waits_unread_goes_on_with_its_port) {
  auto [mine, theirs] = town.channel(0, 1);
  auto [carrier, far] = town.channel(1, 2);
  ArrayBuffer buffer = filled(mebibyte, 5);
  const std::string object = object_at(buffer.bytes().data());
  mine.post_message("first");
  mine.post_message(buffer, {.transfer = {buffer}});
  EXPECT_EQ(town.text(theirs), "first");
  carrier.post_message("here", {.transfer = {theirs}});
  MessagePort moved = town.take(far);
  const auto event = town.next(moved);
  ASSERT_TRUE(event);
  EXPECT_EQ(object_at(event->data().bytes().data()), object);
  EXPECT_TRUE(is_filled(event->data(), mebibyte, 5));
}

TEST_F(BufferMove, one_that_waits_inside_a_context_goes_along_when_its_port_leaves_that) {
  auto [mine, theirs] = town.channel(0, 1);
  MessageChannel inside(town[0]);
  ArrayBuffer large = filled(mebibyte, 5), small = filled(10, 6), larger = filled(2 * mebibyte, 7);
  const std::string first = object_at(large.bytes().data()), second = object_at(larger.bytes().data());
  inside.port1.post_message(Value::array({large, small}), {.transfer = {large, small}});
  inside.port1.post_message(larger, {.transfer = {larger}});
  mine.post_message("take it", {.transfer = {inside.port2}});
  MessagePort moved = town.take(theirs);
  const auto both = town.next(moved);
  const auto last = town.next(moved);
  ASSERT_TRUE(both && last);
  EXPECT_TRUE(is_filled(both->data()[0], mebibyte, 5));
  EXPECT_TRUE(is_filled(both->data()[1], 10, 6));
  EXPECT_TRUE(is_filled(last->data(), 2 * mebibyte, 7));
  EXPECT_EQ(object_at(both->data()[0].bytes().data()), first);
  EXPECT_EQ(object_at(last->data().bytes().data()), second);
}

TEST_F(BufferMove, it_crosses_a_channel_that_came_home) {
  auto [mine, theirs] = town.channel(0, 1);
  MessageChannel inside(town[0]);
  mine.post_message("there", {.transfer = {inside.port2}});
  MessagePort away = town.take(theirs);
  theirs.post_message("and back", {.transfer = {away}});
  MessagePort home = town.take(mine);
  ArrayBuffer buffer = filled(mebibyte, 9);
  const std::string object = object_at(buffer.bytes().data());
  inside.port1.post_message(buffer, {.transfer = {buffer}});
  const auto event = town.next(home);
  ASSERT_TRUE(event);
  EXPECT_TRUE(is_filled(event->data(), mebibyte, 9));
  EXPECT_EQ(object_at(event->data().bytes().data()), object);
}

TEST_F(BufferMove, one_that_was_granted_and_not_delivered_goes_on_too) {
  auto [mine, theirs] = town.channel(0, 1);
  auto [carrier, far] = town.channel(1, 2);
  ArrayBuffer buffer = filled(mebibyte, 5);
  mine.post_message(buffer, {.transfer = {buffer}});
  ASSERT_TRUE(town.until([] { return holders() == 1; })) << "the broker's";
  town.broker.stop();
  EXPECT_FALSE(theirs.try_receive()) << "it is asked for";
  town.broker.start();
  ASSERT_TRUE(town.until([] { return holders() == 3; })) << "a mapping, its descriptor, and still the broker's";
  carrier.post_message("here", {.transfer = {theirs}});
  MessagePort moved = town.take(far);
  const auto event = town.next(moved);
  ASSERT_TRUE(event);
  EXPECT_TRUE(is_filled(event->data(), mebibyte, 5));
}

TEST_F(BufferMove, one_that_nobody_reads_is_freed) {
  auto [mine, theirs] = town.channel(0, 1);
  ArrayBuffer buffer = filled(mebibyte, 5), late = filled(mebibyte, 6);
  mine.post_message(buffer, {.transfer = {buffer}});
  EXPECT_TRUE(town.until([] { return holders() == 3; })) << "the second's two, and the broker's of the first";
  theirs.close();
  EXPECT_TRUE(town.until([] { return holders() == 2; }));
  EXPECT_TRUE(town.until([&] { return mine.close_reason() || !mine; }));
  mine.post_message(late, {.transfer = {late}});
  EXPECT_TRUE(late.detached());
  EXPECT_EQ(holders(), 0u);
}

TEST_F(BufferMove, it_counts_as_buffered_until_it_is_read) {
  auto [mine, theirs] = town.channel(0, 1);
  bool drained = false;
  mine.on_drain([&] { drained = true; });
  const std::size_t size = ContextOptions{}.queue_soft_limit;
  ArrayBuffer first(size), second(size);
  EXPECT_EQ(mine.try_post(first, {.transfer = {first}}), Status::ok);
  EXPECT_GE(mine.buffered_amount(), size);
  EXPECT_EQ(mine.try_post(second, {.transfer = {second}}), Status::full);
  EXPECT_EQ(second.size(), size) << "not detached";
  EXPECT_FALSE(drained);
  {
    const auto event = town.next(theirs);
    ASSERT_TRUE(event);
    EXPECT_EQ(event->data().size(), size);
  }
  EXPECT_TRUE(town.until([&] { return drained; }));
  EXPECT_EQ(mine.buffered_amount(), 0u);
}

TEST(BufferMoveProcesses, contexts_of_a_private_broker_copy) {
  Town town(2, {.private_names = true});
  auto [mine, theirs] = town.channel(0, 1);
  ArrayBuffer buffer = filled(mebibyte, 13);
  mine.post_message(buffer, {.transfer = {buffer}});
  EXPECT_TRUE(buffer.detached());
  const auto event = town.next(theirs);
  ASSERT_TRUE(event.has_value());
  EXPECT_TRUE(is_filled(event->data(), mebibyte, 13));
  EXPECT_EQ(object_at(event->data().bytes().data()), "");
}

/// Arguments: directory, size.
FAIRWAY_CHILD(posts_and_goes) {
  Context context({.broker = arguments.at(0)});
  MessagePort port = context.connect("reader");
  ArrayBuffer buffer = filled(std::stoul(arguments.at(1)), 11);
  port.post_message(buffer, {.transfer = {buffer}});
  port.post_message("done");
  say(object_at(buffer.bytes().data()) + "posted");
  for (std::string line; hear(line);) {
  }
  return 0;
}

TEST(BufferMoveProcesses, it_outlives_a_sender_that_is_killed) {
  BrokerThread broker;
  Context context({.name = "reader", .broker = broker.directory()});
  std::optional<MessagePort> port;
  context.on_connect([&](MessageEvent& event) { port = std::move(event.ports[0]); });
  Child sender("posts_and_goes", {broker.directory().native(), std::to_string(20 * mebibyte)});
  while (!port) context.run_once();
  EXPECT_EQ(sender.line(), "posted");
  sender.kill(SIGKILL);
  sender.wait();
  const auto event = port->receive(Child::watchdog());
  ASSERT_TRUE(event);
  EXPECT_TRUE(is_filled(event->data(), 20 * mebibyte, 11));
  EXPECT_NE(object_at(event->data().bytes().data()), "");
}

/// Arguments: directory. Has no descriptor left when the message comes.
FAIRWAY_CHILD(reads_without_descriptors) {
  const rlimit few{64, 64};
  ::setrlimit(RLIMIT_NOFILE, &few);
  Context context({.name = "poor", .broker = arguments.at(0)});
  std::optional<MessagePort> port;
  context.on_connect([&](MessageEvent& event) { port = std::move(event.ports[0]); });
  say("ready");
  while (!port) context.run_once();
  if (!port->receive(Child::watchdog())) return 1;
  std::vector<int> fillers;
  for (int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC); fd >= 0; fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC)) fillers.push_back(fd);
  say("full");
  std::string line;
  hear(line);
  say(port->receive(std::chrono::milliseconds(300)) ? "it came" : "nothing");
  for (const int fd : fillers) ::close(fd);
  const auto event = port->receive(Child::watchdog());
  say(event && event->kind() == MessageEvent::Kind::value && is_filled(event->data(), mebibyte, 13) ? "it came" : "nothing");
  return 0;
}

TEST(BufferMoveProcesses, a_reader_without_descriptors_asks_again_and_loses_nothing) {
  BrokerThread broker;
  Child reader("reads_without_descriptors", {broker.directory().native()});
  ASSERT_EQ(reader.line(), "ready");
  Context context({.broker = broker.directory()});
  MessagePort port = context.connect("poor");
  port.post_message("hello");
  ASSERT_EQ(reader.line(), "full");
  ArrayBuffer buffer = filled(mebibyte, 13);
  port.post_message(buffer, {.transfer = {buffer}});
  reader.send("posted");
  EXPECT_EQ(reader.line(), "nothing");
  EXPECT_EQ(reader.line(), "it came");
  EXPECT_EQ(reader.wait(), 0);
}

}  // namespace
}  // namespace fairway::test
