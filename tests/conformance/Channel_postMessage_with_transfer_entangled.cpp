// After webmessaging/Channel_postMessage_with_transfer_entangled.any.js; SEMANTICS 5, 14.
#include "conformance/transports.hpp"

namespace fairway::test {
namespace {

using Entangled = OverTransports;

TEST_P(Entangled, both_ends_travel_in_two_messages) {
  const auto [x, y] = a.make_channel();
  x->post("to y");
  y->post("to x");
  a.post("x", {*x});
  a.post("y", {*y});
  const auto one = b.take_port();
  const auto two = b.take_port();
  one->post("hello y");
  two->post("hello x");
  EXPECT_EQ(one->receive(), "to x");
  EXPECT_EQ(one->receive(), "hello x");
  EXPECT_EQ(two->receive(), "to y");
  EXPECT_EQ(two->receive(), "hello y");
}

TEST_P(Entangled, both_ends_change_places) {
  const auto [x, p] = a.make_channel();
  a.post("p", {*p});
  const auto y = b.take_port();
  x->post("1");
  y->post("2");
  a.post("x", {*x});
  b.post("y", {*y});
  const auto in_b = b.take_port();
  const auto in_a = a.take_port();
  in_b->post("3");
  in_a->post("4");
  EXPECT_EQ(in_a->receive(), "1");
  EXPECT_EQ(in_a->receive(), "3");
  EXPECT_EQ(in_b->receive(), "2");
  EXPECT_EQ(in_b->receive(), "4");
}

TEST_P(Entangled, both_ends_change_places_again_and_again) {
  auto [x, p] = a.make_channel();
  a.post("p", {*p});
  auto y = b.take_port();
  for (int i = 0; i < 20; ++i) {
    x->post("from a " + std::to_string(i));
    y->post("from b " + std::to_string(i));
    a.post("x", {*x});
    b.post("y", {*y});
    auto in_b = b.take_port();
    x = a.take_port();
    y = std::move(in_b);
    ASSERT_EQ(x->receive(), "from a " + std::to_string(i));
    ASSERT_EQ(y->receive(), "from b " + std::to_string(i));
  }
}

TEST_P(Entangled, a_message_that_carries_the_port_it_is_for_is_dropped_and_its_ports_close) {
  const auto [x, p] = a.make_channel();
  a.post("away", {*p});
  const auto there = b.take_port();
  b.post("and back", {*there});
  const auto y = a.take_port();  // the two talk through shared memory now
  const auto [z, q] = a.make_channel();
  x->listen_for_close();
  z->listen_for_close();
  x->post("doomed", {*y, *q});
  EXPECT_FALSE(y->open());
  EXPECT_FALSE(q->open());
  EXPECT_EQ(x->pump(1).size(), 1u);
  EXPECT_EQ(z->pump(1).size(), 1u);
}

FAIRWAY_OVER_TRANSPORTS(Entangled);

}  // namespace
}  // namespace fairway::test
