// Memory in messages, seen from inside: when the broker dies, and when the other side lies about what it lends.
#include <csignal>
#include <thread>

#include "client/context.hpp"
#include "multiprocess/mortal_broker.hpp"
#include "value/heap.hpp"

namespace fairway::test {
namespace {

TEST(Boxes, a_broker_that_dies_when_their_numbers_are_asked_for_costs_the_post_and_nothing_else) {
  Contexts town(1);
  Context writer({.broker = town.directory(), .broker_timeout = std::chrono::milliseconds(200)});
  MessagePort mine = writer.connect("a");
  ASSERT_TRUE(town.until([&] { return !town.connected(0).empty(); }));
  MessageChannel inside(writer);
  ArrayBuffer buffer(std::size_t{1} << 20);
  inside.port1.post_message(buffer, {.transfer = {buffer}});

  ASSERT_EQ(::kill(town.broker_pid(), SIGSTOP), 0);
  std::size_t channels = 0;  // as many as it has numbers for: what is asked for next has to wait
  EXPECT_THROW(
      for (;; ++channels) writer.implementation().create_channels(channels), std::system_error);
  EXPECT_GT(channels, 100u);
  town.kill_broker();
  EXPECT_THROW(mine.post_message("take it", {.transfer = {inside.port2}}), std::system_error);
  ASSERT_TRUE(inside.port2);
  const auto event = inside.port2.try_receive();
  ASSERT_TRUE(event);
  EXPECT_EQ(event->data().size(), std::size_t{1} << 20);
}

class Lent : public testing::Test {
 protected:
  static constexpr std::size_t size = std::size_t{1} << 20;

  /// From `a` to `b`, or back.
  std::optional<MessageEvent> pass(MessagePort& from, MessagePort& to, ArrayBuffer buffer) {
    from.post_message(buffer, {.transfer = {buffer}});
    std::optional<MessageEvent> event;
    EXPECT_TRUE(town.until([&] { return (event = to.try_receive()) || to.close_reason(); }));
    return event;
  }
  ArrayBuffer trip(ArrayBuffer buffer) {
    auto there = pass(mine, theirs, std::move(buffer));
    auto back = pass(theirs, mine, ArrayBuffer(Value(there->data())));
    return ArrayBuffer(Value(back->data()));
  }
  MessagePort accept(std::size_t at) {
    EXPECT_TRUE(town.until([&] { return !town.connected(at).empty(); }));
    MessagePort port = std::move(town.connected(at).back());
    town.connected(at).pop_back();
    return port;
  }

  Contexts town{3};
  MessagePort mine = town[0].connect("b");
  MessagePort theirs = accept(1);
};

TEST_F(Lent, goes_back_and_forth_while_no_broker_is_there) {
  ArrayBuffer buffer(size);
  for (int i = 0; i < 3; ++i) buffer = trip(std::move(buffer));
  const std::byte* const here = buffer.bytes().data();
  town.kill_broker();
  ASSERT_TRUE(town.until([&] { return !town[0].implementation().broker_alive() && !town[1].implementation().broker_alive(); }));
  for (int i = 0; i < 4; ++i) {
    buffer = trip(std::move(buffer));
    EXPECT_EQ(buffer.bytes().data(), here);
  }
  auto there = pass(mine, theirs, std::move(buffer));
  ArrayBuffer last(Value(there->data()));
  theirs.post_message(last, {.transfer = {last}});  // under a number of the broker that is gone
  town.start_broker();
  ASSERT_TRUE(town.until([&] { return mine.implementation()->endpoint->known() && theirs.implementation()->endpoint->known(); }));
  auto back = town.next(mine);
  ASSERT_TRUE(back);
  buffer = ArrayBuffer(Value(back->data()));
  EXPECT_EQ(buffer.bytes().data(), here);
  for (int i = 0; i < 4; ++i) {
    buffer = trip(std::move(buffer));
    EXPECT_EQ(buffer.bytes().data(), here) << "the next broker takes other numbers, and the same memory";
  }
}

TEST_F(Lent, a_number_that_means_something_else_here_is_not_named) {
  MessagePort other = town[1].connect("c");
  MessagePort far = accept(2);
  other.post_message("here");
  client::Endpoint& borrower = *theirs.implementation()->endpoint;
  const PortId own = other.implementation()->endpoint->id();
  client::Context& context = town[1].implementation();
  context.stock_numbers(1);
  const std::vector<client::Number> unused = context.take_numbers(1);
  ASSERT_EQ(unused.size(), 1u);
  context.return_numbers(unused);
  for (const PortId lie : {own, own.opposite(), unused[0].id, borrower.id(), borrower.id().opposite()}) {
    auto event = pass(mine, theirs, ArrayBuffer(size));
    ASSERT_TRUE(event);
    ArrayBuffer buffer(Value(event->data()));
    graph::Contents offered;
    offered.memory = graph::as<graph::BufferNode>(buffer.value().cell()).memory;
    offered.lent_as = lie.value;
    borrower.borrow(offered);
    offered = {};
    event = pass(theirs, mine, buffer);
    ASSERT_TRUE(event) << "nobody can answer for " << to_string(lie);
    EXPECT_EQ(event->data().size(), size) << to_string(lie);
    EXPECT_FALSE(borrower.may_relinquish());
  }
}

}  // namespace
}  // namespace fairway::test
