// After webmessaging/Channel_postMessage_with_transfer_incoming_messages.any.js; SEMANTICS 11, 13, 29.
#include "conformance/transports.hpp"

namespace fairway::test {
namespace {

std::string numbered(std::size_t i, std::size_t size = 0) {
  std::string text = "m" + std::to_string(i);
  text.resize(std::max(size, text.size()), 'x');
  return text;
}

using IncomingMessages = OverTransports;

TEST_P(IncomingMessages, pending_messages_move_along_in_order_and_those_in_mid_flight_come_after_them) {
  const auto [x, p] = a.make_channel();
  x->post("1");
  x->post("2");
  a.post("p", {*p});
  x->post("3");
  const auto moved = b.take_port();
  x->post("4");
  for (const char* const expected : {"1", "2", "3", "4"}) EXPECT_EQ(moved->receive(), expected);
}

TEST_P(IncomingMessages, the_new_ports_queue_is_disabled_although_the_old_one_was_enabled) {
  const auto [x, p] = a.make_channel();
  p->start();
  x->post("1");
  a.post("p", {*p});
  x->post("2");
  const auto moved = b.take_port();
  moved->listen_for_close();
  EXPECT_EQ(moved->settle(), Events{});
  EXPECT_EQ(x->buffered(), 2u);
  moved->listen();
  EXPECT_EQ(moved->pump(2), (Events{"m:1", "m:2"}));
}

TEST_P(IncomingMessages, handlers_stay_behind) {
  const auto [x, p] = a.make_channel();
  p->listen();
  p->listen_for_close();
  x->post("1");
  EXPECT_EQ(p->pump(1), Events{"m:1"});
  a.post("p", {*p});
  x->post("2");
  const auto moved = b.take_port();
  EXPECT_EQ(moved->receive(), "2");
  x->close();
  EXPECT_EQ(moved->receive(), "");
  EXPECT_EQ(p->settle(), Events{});
}

TEST_P(IncomingMessages, only_what_was_not_read_moves) {
  const auto [x, p] = a.make_channel();
  x->post_many(10);
  for (std::size_t i = 0; i < 5; ++i) ASSERT_EQ(p->receive(), numbered(i));
  a.post("p", {*p});
  const auto moved = b.take_port();
  for (std::size_t i = 5; i < 10; ++i) ASSERT_EQ(moved->receive(), numbered(i));
}

TEST_P(IncomingMessages, a_transfer_within_the_handler_moves_the_rest_of_the_queue) {
  const auto [x, p] = b.make_channel();
  for (const char* const text : {"1", "2", "3"}) x->post(text);
  p->listen_and_leave_over(b);
  EXPECT_EQ(p->pump(1), Events{"m:1"});
  const auto moved = a.take_port();
  EXPECT_EQ(moved->receive(), "2");
  EXPECT_EQ(moved->receive(), "3");
  EXPECT_EQ(p->settle(), Events{});
}

TEST_P(IncomingMessages, a_transfer_within_the_handler_of_a_port_with_its_peer_elsewhere_moves_the_rest_too) {
  const auto [x, p] = a.make_channel();
  a.post("p", {*p});
  const auto moved = b.take_port();
  for (const char* const text : {"1", "2", "3"}) x->post(text);
  moved->listen_and_leave_over(b);
  EXPECT_EQ(moved->pump(1), Events{"m:1"});
  const auto home = a.take_port();
  x->post("4");
  for (const char* const expected : {"2", "3", "4"}) EXPECT_EQ(home->receive(), expected);
}

TEST_P(IncomingMessages, the_peer_posts_from_elsewhere_while_the_port_moves) {
  const auto [x, p] = b.make_channel();
  b.post("p", {*p});
  const auto here = a.take_port();
  const auto [carrier, far] = a.make_channel();
  a.post("carrier", {*far});
  const auto there = b.take_port();
  x->post_many(2000);  // in another process it is still at it during what follows
  carrier->post("back", {*here});
  const auto back = there->take_port();
  for (std::size_t i = 0; i < 2000; ++i) ASSERT_EQ(back->receive(), numbered(i));
}

TEST_P(IncomingMessages, ten_thousand_queued_messages_move_along) {
  const auto [x, p] = a.make_channel();
  x->post_many(10'000);
  a.post("p", {*p});
  const auto moved = b.take_port();
  moved->listen();
  std::size_t next = 0;
  while (next < 10'000) {
    const Events events = moved->pump(1);
    ASSERT_FALSE(events.empty());
    for (const std::string& event : events) ASSERT_EQ(event, "m:" + numbered(next++));
  }
}

TEST_P(IncomingMessages, large_messages_that_wait_in_the_senders_heap_move_along) {
  const auto [x, p] = b.make_channel();
  b.post("p", {*p});
  const auto here = a.take_port();
  x->post_many(40, 300'000);
  a.post("back", {*here});
  const auto back = b.take_port();
  for (std::size_t i = 0; i < 40; ++i) ASSERT_EQ(back->receive(), numbered(i, 300'000));
}

TEST_P(IncomingMessages, a_port_that_is_moved_again_before_it_was_claimed_brings_everything) {
  const auto [x, p] = a.make_channel();
  const auto [carrier, far] = a.make_channel();
  x->post("1");
  carrier->post("p", {*p});
  x->post("2");
  a.post("far", {*far});
  x->post("3");
  const auto there = b.take_port();
  x->post("4");
  const auto moved = there->take_port();
  for (const char* const expected : {"1", "2", "3", "4"}) EXPECT_EQ(moved->receive(), expected);
}

TEST_P(IncomingMessages, ports_in_pending_messages_move_along_however_deep) {
  auto [x, inner] = a.make_channel();
  x->post("deep");
  std::vector<std::unique_ptr<Side>> kept;
  for (int i = 0; i < 20; ++i) {
    auto [y, outer] = a.make_channel();
    y->post("inner", {*inner});
    kept.push_back(std::move(y));
    inner = std::move(outer);
  }
  a.post("outermost", {*inner});
  auto port = b.take_port();
  for (int i = 0; i < 20; ++i) port = port->take_port();
  EXPECT_EQ(port->receive(), "deep");
  port->post("found");
  EXPECT_EQ(x->receive(), "found");
}

TEST_P(IncomingMessages, the_close_of_the_peer_moves_along_behind_the_messages) {
  const auto [x, p] = b.make_channel();
  b.post("p", {*p});
  const auto here = a.take_port();
  x->post("last words");
  x->close();
  a.post("back", {*here});
  const auto back = b.take_port();
  back->listen_for_close();
  back->listen();
  EXPECT_EQ(back->pump(2), (Events{"m:last words", "c:closed"}));
}

FAIRWAY_OVER_TRANSPORTS(IncomingMessages);

}  // namespace
}  // namespace fairway::test
