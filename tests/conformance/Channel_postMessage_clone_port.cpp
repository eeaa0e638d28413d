// After webmessaging/Channel_postMessage_clone_port.any.js and webmessaging/message-channels/worker.any.js;
// SEMANTICS 6, 7, 9, 12.
#include "conformance/transports.hpp"

namespace fairway::test {
namespace {

using ClonePort = OverTransports;

TEST_P(ClonePort, a_port_arrives_with_its_message_and_talks_to_the_port_that_stayed) {
  const auto [x, p] = a.make_channel();
  a.post("a port", {*p});
  const Message message = b.take();
  EXPECT_EQ(message.text, "a port");
  ASSERT_EQ(message.ports.size(), 1u);
  x->post("question");
  EXPECT_EQ(message.ports[0]->receive(), "question");
  message.ports[0]->post("answer");
  EXPECT_EQ(x->receive(), "answer");
}

TEST_P(ClonePort, ports_go_both_ways_over_one_channel) {
  const auto [x, p] = a.make_channel();
  const auto [y, q] = b.make_channel();
  a.post("from a", {*p});
  b.post("from b", {*q});
  const auto in_b = b.take_port();
  const auto in_a = a.take_port();
  in_b->post("1");
  in_a->post("2");
  EXPECT_EQ(x->receive(), "1");
  EXPECT_EQ(y->receive(), "2");
}

TEST_P(ClonePort, messages_before_and_after_the_one_with_the_port_keep_their_order) {
  const auto [x, p] = a.make_channel();
  a.post("1");
  a.post("2", {*p});
  a.post("3");
  EXPECT_EQ(b.receive(), "1");
  const Message second = b.take();
  EXPECT_EQ(second.text, "2");
  EXPECT_EQ(second.ports.size(), 1u);
  EXPECT_EQ(b.receive(), "3");
}

TEST_P(ClonePort, a_moved_port_keeps_the_order_of_both_directions) {
  const auto [x, p] = a.make_channel();
  a.post("p", {*p});
  const auto moved = b.take_port();
  x->post_many(100);
  moved->post_many(100);
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(moved->receive(), "m" + std::to_string(i));
    ASSERT_EQ(x->receive(), "m" + std::to_string(i));
  }
}

TEST_P(ClonePort, an_empty_message_and_a_large_one_carry_ports_too) {
  const auto [x, p] = a.make_channel();
  const auto [y, q] = a.make_channel();
  const std::string large(300'000, 'y');
  a.post("", {*p});
  a.post(large, {*q});
  const Message first = b.take();
  EXPECT_EQ(first.text, "");
  ASSERT_EQ(first.ports.size(), 1u);
  const Message second = b.take();
  EXPECT_EQ(second.text, large);
  ASSERT_EQ(second.ports.size(), 1u);
  first.ports[0]->post("1");
  second.ports[0]->post("2");
  EXPECT_EQ(x->receive(), "1");
  EXPECT_EQ(y->receive(), "2");
}

TEST_P(ClonePort, the_close_of_a_moved_port_is_told_to_the_port_that_stayed) {
  const auto [x, p] = a.make_channel();
  x->listen_for_close();
  a.post("p", {*p});
  const auto moved = b.take_port();
  moved->close();
  EXPECT_EQ(x->pump(1), Events{"c:closed"});
}

TEST_P(ClonePort, the_close_of_the_port_that_stayed_is_told_to_the_moved_one_after_the_rest) {
  const auto [x, p] = a.make_channel();
  x->post("1");
  a.post("p", {*p});
  x->post("2");
  x->close();
  const auto moved = b.take_port();
  moved->listen_for_close();
  moved->listen();
  EXPECT_EQ(moved->pump(3), (Events{"m:1", "m:2", "c:closed"}));
}

TEST_P(ClonePort, a_port_whose_other_end_is_closed_can_be_transferred_and_brings_the_rest) {
  const auto [x, p] = a.make_channel();
  x->post("rest");
  x->close();
  a.post("p", {*p});
  const auto moved = b.take_port();
  EXPECT_EQ(moved->receive(), "rest");
  EXPECT_EQ(moved->receive(), "");
  EXPECT_EQ(moved->reason(), "closed");
}

TEST_P(ClonePort, what_is_unread_counts_as_buffered_while_the_port_travels) {
  const auto [x, p] = a.make_channel();
  x->post("12345");
  a.post("p", {*p});
  x->post("678");
  EXPECT_EQ(x->buffered(), 8u);
  const auto moved = b.take_port();
  EXPECT_EQ(moved->receive(), "12345");
  EXPECT_EQ(moved->receive(), "678");
  while (x->buffered() != 0) x->settle();
}

FAIRWAY_OVER_TRANSPORTS(ClonePort);

}  // namespace
}  // namespace fairway::test
