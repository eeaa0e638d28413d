// After webmessaging/message-channels/close-event/document-destroyed.tentative.window.js, garbage-collected.tentative.any.js
// and webmessaging/message-channels/detached-iframe.window.js; SEMANTICS 9, 15.
#include <csignal>

#include "conformance/transports.hpp"

namespace fairway::test {
namespace {

/// A port of the channel was lost on its way or with its owner: the one that stayed is told, with any reason.
void expect_closed(Side& side) {
  EXPECT_EQ(side.receive(), "");
  EXPECT_NE(side.reason(), "");
}

using DroppedMessage = OverTransports;

TEST_P(DroppedMessage, its_ports_close_when_the_port_is_closed_that_it_was_for) {
  const auto [x, p] = a.make_channel();
  x->listen_for_close();
  a.post("unread", {*p});
  b.close();
  EXPECT_EQ(x->pump(1).size(), 1u);
}

TEST_P(DroppedMessage, its_ports_close_when_that_port_was_closed_before) {
  const auto [x, p] = a.make_channel();
  a.listen_for_close();
  b.close();
  EXPECT_EQ(a.pump(1), Events{"c:closed"});
  a.post("to nobody", {*p});
  EXPECT_FALSE(p->open());
  expect_closed(*x);
}

TEST_P(DroppedMessage, its_ports_close_with_those_in_their_own_messages) {
  auto [x, inner] = a.make_channel();
  std::vector<std::unique_ptr<Side>> kept;
  for (int i = 0; i < 20; ++i) {
    auto [y, outer] = a.make_channel();
    y->post("inner", {*inner});
    kept.push_back(std::move(y));
    inner = std::move(outer);
  }
  a.post("outermost", {*inner});
  b.close();
  for (const auto& side : kept) expect_closed(*side);
  expect_closed(*x);
}

TEST_P(DroppedMessage, its_ports_close_when_it_waits_in_a_port_that_is_dropped_too) {
  const auto [carrier, far] = a.make_channel();
  const auto [x, p] = a.make_channel();
  a.post("far", {*far});
  const auto there = b.take_port();
  carrier->post("p", {*p});
  b.post("the carrier, unread", {*there});
  a.close();
  expect_closed(*carrier);
  expect_closed(*x);
}

TEST_P(DroppedMessage, what_was_posted_on_its_ports_before_arrives) {
  const auto [x, p] = a.make_channel();
  p->post("before");
  a.post("unread", {*p});
  b.close();
  EXPECT_EQ(x->receive(), "before");
  expect_closed(*x);
}

TEST_P(DroppedMessage, all_hundred_ports_of_it_close) {
  std::vector<std::unique_ptr<Side>> kept;
  std::vector<std::unique_ptr<Side>> leaving;
  Transfer list;
  for (int i = 0; i < 100; ++i) {
    auto [x, p] = a.make_channel();
    kept.push_back(std::move(x));
    list.push_back(*p);
    leaving.push_back(std::move(p));
  }
  a.post("unread", list);
  b.close();
  for (const auto& side : kept) expect_closed(*side);
}

TEST_P(DroppedMessage, the_other_ports_of_its_context_stay) {
  const auto [x, p] = a.make_channel();
  const auto [y, q] = a.make_channel();
  a.post("kept", {*q});
  const auto kept = b.take_port();
  a.post("unread", {*p});
  b.close();
  expect_closed(*x);
  y->post("still here");
  EXPECT_EQ(kept->receive(), "still here");
}

FAIRWAY_OVER_TRANSPORTS(DroppedMessage);

/// The other context ends, in order.
class DestroyedContext : public OverTransports {};

TEST_P(DestroyedContext, its_moved_ports_and_the_unread_ones_close) {
  const auto [x, p] = a.make_channel();
  const auto [y, q] = a.make_channel();
  a.post("read", {*p});
  auto moved = b.take_port();
  a.post("unread", {*q});
  moved->post("last words");
  b.end_context();
  EXPECT_EQ(x->receive(), "last words");
  expect_closed(*x);
  expect_closed(*y);
}

TEST_P(DestroyedContext, ports_that_it_had_sent_arrive) {
  auto [x, p] = b.make_channel();
  p->post("1");
  x->post("2");
  b.post("p", {*p});
  b.post("x", {*x});
  b.end_context();
  const auto one = a.take_port();
  const auto two = a.take_port();
  EXPECT_EQ(one->receive(), "2");
  EXPECT_EQ(two->receive(), "1");
  one->post("3");
  EXPECT_EQ(two->receive(), "3");
}

INSTANTIATE_TEST_SUITE_P(, DestroyedContext, testing::Values(Transport::two_contexts, Transport::two_processes),
                         [](const auto& transport) { return name_of(transport.param); });

TEST(DestroyedContextsHandles, of_transferred_ports_outlive_it_and_do_nothing) {
  BrokerThread broker;
  Context other({.name = "other", .broker = broker.directory()});
  std::optional<Context> context(ContextOptions{.broker = broker.directory()});
  MessagePort remote = context->connect("other");
  MessageChannel local(*context), one(*context), two(*context);
  local.port1.post_message("moved", {.transfer = {one.port1}});
  remote.post_message("left", {.transfer = {two.port1}});
  context.reset();
  for (MessagePort* const handle : {&one.port1, &two.port1}) {
    EXPECT_FALSE(*handle);
    EXPECT_FALSE(handle->try_receive());
    EXPECT_EQ(handle->try_post("lost"), Status::detached);
    handle->start();
    handle->close();
  }
}

class KilledOwner : public testing::Test {
 protected:
  void kill() {
    Child& child = dynamic_cast<RemoteSide&>(*channel.b).child();
    child.kill(SIGKILL);
    EXPECT_EQ(child.wait(), -SIGKILL);
  }
  Channel channel{Transport::two_processes};
  LocalSide& a = *channel.a;
  Side& b = *channel.b;
};

TEST_F(KilledOwner, ports_that_it_had_close) {
  const auto [x, p] = a.make_channel();
  x->listen_for_close();
  a.post("p", {*p});
  const auto moved = b.take_port();
  moved->post("last words");
  kill();
  EXPECT_EQ(x->receive(), "last words");
  expect_closed(*x);
}

TEST_F(KilledOwner, ports_in_messages_that_it_had_not_read_close_recursively) {
  const auto [x, p] = a.make_channel();
  const auto [y, q] = a.make_channel();
  y->post("inner", {*p});
  a.post("outer", {*q});
  kill();
  expect_closed(*y);
  expect_closed(*x);
}

TEST_F(KilledOwner, ports_that_it_had_read_and_others_that_wait_in_them_close) {
  const auto [carrier, far] = a.make_channel();
  const auto [x, p] = a.make_channel();
  a.post("far", {*far});
  const auto there = b.take_port();
  carrier->post("unread", {*p});
  kill();
  expect_closed(*carrier);
  expect_closed(*x);
}

TEST_F(KilledOwner, ports_that_it_had_sent_arrive_with_what_was_in_them) {
  const auto [x, p] = a.make_channel();
  a.post("p", {*p});
  const auto moved = b.take_port();
  moved->post("from the dead");
  x->post("unread");
  b.post("back", {*moved});
  kill();
  const auto back = a.take_port();
  EXPECT_EQ(back->receive(), "unread");
  EXPECT_EQ(x->receive(), "from the dead");
  back->post("alive");
  EXPECT_EQ(x->receive(), "alive");
}

TEST_F(KilledOwner, while_it_posts_on_a_moved_port_what_arrives_is_a_beginning_without_gaps) {
  const auto [x, p] = a.make_channel();
  a.post("p", {*p});
  const auto moved = b.take_port();
  moved->post_many(100'000);
  EXPECT_EQ(x->receive(), "m0");  // it is at it
  kill();
  std::size_t next = 1;
  for (std::string text = x->receive(); !text.empty(); text = x->receive()) ASSERT_EQ(text, "m" + std::to_string(next++));
  EXPECT_NE(x->reason(), "");
}

}  // namespace
}  // namespace fairway::test
