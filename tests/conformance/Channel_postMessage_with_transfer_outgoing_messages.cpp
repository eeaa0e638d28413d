// After webmessaging/Channel_postMessage_with_transfer_outgoing_messages.any.js; SEMANTICS 6, 11.
#include "conformance/transports.hpp"

namespace fairway::test {
namespace {

using OutgoingMessages = OverTransports;

TEST_P(OutgoingMessages, what_the_old_owner_posted_arrives_before_what_the_new_one_posts) {
  const auto [x, p] = a.make_channel();
  p->post("1");
  p->post("2");
  a.post("p", {*p});
  const auto moved = b.take_port();
  moved->post("3");
  for (const char* const expected : {"1", "2", "3"}) EXPECT_EQ(x->receive(), expected);
}

TEST_P(OutgoingMessages, they_are_read_while_nobody_has_claimed_the_port) {
  const auto [x, p] = a.make_channel();
  p->post("1");
  a.post("p", {*p});
  EXPECT_EQ(x->receive(), "1");
  const auto moved = b.take_port();
  moved->post("2");
  EXPECT_EQ(x->receive(), "2");
}

TEST_P(OutgoingMessages, they_arrive_although_the_message_with_the_port_is_dropped) {
  const auto [x, p] = a.make_channel();
  p->post("1");
  b.close();
  a.post("p", {*p});
  EXPECT_EQ(x->receive(), "1");
  EXPECT_EQ(x->receive(), "");
  EXPECT_NE(x->reason(), "");
}

TEST_P(OutgoingMessages, large_ones_come_first_too) {
  const auto [x, p] = b.make_channel();
  b.post("p", {*p});
  const auto here = a.take_port();
  here->post_many(40, 300'000);
  a.post("back", {*here});
  const auto back = b.take_port();
  back->post("last");
  for (std::size_t i = 0; i < 40; ++i) {
    const std::string text = x->receive();
    ASSERT_EQ(text.size(), 300'000u);
    ASSERT_EQ(text.substr(0, text.find('x')), "m" + std::to_string(i));
  }
  EXPECT_EQ(x->receive(), "last");
}

TEST_P(OutgoingMessages, every_owner_of_a_port_that_goes_back_and_forth_is_heard_in_turn) {
  auto [x, p] = a.make_channel();
  for (int i = 0; i < 10; ++i) {
    p->post("a" + std::to_string(i));
    a.post("there", {*p});
    const auto there = b.take_port();
    there->post("b" + std::to_string(i));
    b.post("back", {*there});
    p = a.take_port();
  }
  for (int i = 0; i < 10; ++i) {
    ASSERT_EQ(x->receive(), "a" + std::to_string(i));
    ASSERT_EQ(x->receive(), "b" + std::to_string(i));
  }
}

FAIRWAY_OVER_TRANSPORTS(OutgoingMessages);

}  // namespace
}  // namespace fairway::test
