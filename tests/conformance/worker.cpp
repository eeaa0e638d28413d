// After webmessaging/message-channels/worker.any.js, cross-document.html and
// workers/interfaces/DedicatedWorkerGlobalScope/postMessage/message-event.html; SEMANTICS 11, 14, 15, 29. Three parties:
// this one, and two that know only this one until it introduces them.
#include <csignal>

#include "conformance/transports.hpp"

namespace fairway::test {
namespace {

using ThreeParties = OverTransportsOfThree;

TEST_P(ThreeParties, two_strangers_are_introduced_and_talk_to_each_other) {
  const auto [x, y] = to_b.make_channel();
  to_b.post("meet c", {*x});
  to_c.post("meet b", {*y});
  const auto in_b = b.take_port();
  const auto in_c = c.take_port();
  in_b->post_many(100);
  in_c->post_many(100);
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(in_c->receive(), "m" + std::to_string(i));
    ASSERT_EQ(in_b->receive(), "m" + std::to_string(i));
  }
  to_b.close();
  to_c.close();
  in_b->post("without you");
  EXPECT_EQ(in_c->receive(), "without you");
}

TEST_P(ThreeParties, a_port_goes_round_unread_many_times_and_comes_home_with_everything) {
  auto [x, p] = to_b.make_channel();
  const auto [bc, cb] = to_b.make_channel();
  to_b.post("bc", {*bc});
  to_c.post("cb", {*cb});
  const auto b_to_c = b.take_port();
  const auto c_from_b = c.take_port();
  for (int round = 0; round < 10; ++round) {
    x->post("a" + std::to_string(round));
    to_b.post("on", {*p});
    auto in_b = b.take_port();
    x->post("b" + std::to_string(round));
    b_to_c->post("on", {*in_b});
    auto in_c = c_from_b->take_port();
    x->post("c" + std::to_string(round));
    c.post("home", {*in_c});
    p = to_c.take_port();
  }
  for (int round = 0; round < 10; ++round)
    for (const char* const where : {"a", "b", "c"}) ASSERT_EQ(p->receive(), where + std::to_string(round));
  p->post("home");
  EXPECT_EQ(x->receive(), "home");
}

TEST_P(ThreeParties, a_port_is_forwarded_at_every_hop_while_its_peer_posts) {
  const auto [x, p] = c.make_channel();
  c.post("p", {*p});
  auto port = to_c.take_port();
  x->post_many(5000);  // where c is a process, it is at it during all of the hops
  for (int hop = 0; hop < 10; ++hop) {
    to_b.post("there", {*port});
    const auto there = b.take_port();
    b.post("back", {*there});
    port = to_b.take_port();
  }
  for (int i = 0; i < 5000; ++i) ASSERT_EQ(port->receive(), "m" + std::to_string(i));
}

TEST_P(ThreeParties, both_ends_leave_for_different_places_at_once) {
  const auto [x, y] = to_b.make_channel();
  x->post("1");
  y->post("2");
  to_b.post("x", {*x});
  to_c.post("y", {*y});
  const auto in_b = b.take_port();
  const auto in_c = c.take_port();
  in_b->post("3");
  in_c->post("4");
  EXPECT_EQ(in_c->receive(), "1");
  EXPECT_EQ(in_c->receive(), "3");
  EXPECT_EQ(in_b->receive(), "2");
  EXPECT_EQ(in_b->receive(), "4");
}

TEST_P(ThreeParties, both_ends_are_handed_on_before_either_is_claimed) {
  const auto [x, y] = b.make_channel();
  x->post("1");
  y->post("2");
  b.post("x", {*x});
  b.post("y", {*y});
  const auto one = to_b.take_port();
  const auto two = to_b.take_port();
  to_c.post("one", {*one});
  to_c.post("two", {*two});
  const auto x_in_c = c.take_port();
  const auto y_in_c = c.take_port();
  x_in_c->post("3");
  EXPECT_EQ(y_in_c->receive(), "1");
  EXPECT_EQ(y_in_c->receive(), "3");
  EXPECT_EQ(x_in_c->receive(), "2");
}

TEST_P(ThreeParties, a_handler_of_one_party_sends_the_rest_of_its_queue_to_another) {
  const auto [x, p] = c.make_channel();
  c.post("p", {*p});
  const auto here = to_c.take_port();
  const auto [carrier, far] = to_b.make_channel();
  to_b.post("far", {*far});
  const auto there = b.take_port();
  for (const char* const text : {"1", "2", "3"}) x->post(text);
  here->listen_and_leave_over(*carrier);
  EXPECT_EQ(here->pump(1), Events{"m:1"});
  const auto moved = there->take_port();
  x->post("4");
  for (const char* const expected : {"2", "3", "4"}) EXPECT_EQ(moved->receive(), expected);
  moved->post("to c");
  EXPECT_EQ(x->receive(), "to c");
}

TEST_P(ThreeParties, a_carrier_moves_with_the_ports_that_wait_in_it) {
  const auto [carrier, far] = to_b.make_channel();
  to_b.post("far", {*far});
  const auto in_b = b.take_port();
  const auto [x, p] = to_b.make_channel();
  x->post("kept");
  carrier->post("p", {*p});
  b.post("far, unread", {*in_b});
  const auto back = to_b.take_port();
  to_c.post("far", {*back});
  const auto in_c = c.take_port();
  const auto moved = in_c->take_port();
  EXPECT_EQ(moved->receive(), "kept");
  moved->post("from c");
  EXPECT_EQ(x->receive(), "from c");
}

TEST_P(ThreeParties, the_close_finds_a_port_that_has_moved_on) {
  const auto [x, p] = b.make_channel();
  b.post("p", {*p});
  const auto here = to_b.take_port();
  to_c.post("p", {*here});
  const auto in_c = c.take_port();
  in_c->listen_for_close();
  x->close();
  EXPECT_EQ(in_c->pump(1), Events{"c:closed"});
}

FAIRWAY_OVER_TRANSPORTS_OF_THREE(ThreeParties);

class KilledParty : public testing::Test {
 protected:
  static void kill(Side& side) {
    Child& child = dynamic_cast<RemoteSide&>(side).child();
    child.kill(SIGKILL);
    EXPECT_EQ(child.wait(), -SIGKILL);
  }
  Trio trio{Transport::three_processes};
  LocalSide& to_b = *trio.to_b;
  LocalSide& to_c = *trio.to_c;
  Side& b = *trio.b;
  Side& c = *trio.c;
};

TEST_F(KilledParty, a_channel_that_has_passed_through_it_works_without_it) {
  const auto [x, p] = c.make_channel();
  c.post("p", {*p});
  const auto here = to_c.take_port();
  to_b.post("p", {*here});
  const auto in_b = b.take_port();
  in_b->post("from b");
  b.post("back", {*in_b});
  kill(b);
  const auto back = to_b.take_port();
  x->post("to whom?");
  EXPECT_EQ(back->receive(), "to whom?");
  back->post("to me");
  EXPECT_EQ(x->receive(), "from b");
  EXPECT_EQ(x->receive(), "to me");
}

TEST_F(KilledParty, a_port_that_it_was_sent_and_had_not_read_closes_at_the_third_party) {
  const auto [x, p] = c.make_channel();
  c.post("p", {*p});
  const auto here = to_c.take_port();
  here->post("before");
  to_b.post("unread", {*here});
  kill(b);
  EXPECT_EQ(x->receive(), "before");
  EXPECT_EQ(x->receive(), "");
  EXPECT_NE(x->reason(), "");
}

TEST_F(KilledParty, a_port_that_it_had_got_from_another_closes_at_the_third_party) {
  const auto [x, p] = c.make_channel();
  c.post("p", {*p});
  const auto here = to_c.take_port();
  to_b.post("p", {*here});
  const auto in_b = b.take_port();
  in_b->post("last words");
  EXPECT_EQ(x->receive(), "last words");
  kill(b);
  EXPECT_EQ(x->receive(), "");
  EXPECT_EQ(x->reason(), "peer_lost");
}

}  // namespace
}  // namespace fairway::test
