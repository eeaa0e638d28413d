// After webmessaging/Transferred_objects_unusable.sub.htm; SEMANTICS 5, 12.
#include "conformance/transports.hpp"

namespace fairway::test {
namespace {

/// What is done to the handle of a port that has left must not matter to who has the port now.
class Unusable : public OverTransports {
 protected:
  Unusable() {
    std::tie(x, p) = b.make_channel();
    b.post("p", {*p});
    moved = a.take_port();
  }
  void expect_that_the_channel_works() {
    x->post("ping");
    EXPECT_EQ(moved->receive(), "ping");
    moved->post("pong");
    EXPECT_EQ(x->receive(), "pong");
  }

  std::unique_ptr<Side> x, p, moved;
};

TEST_P(Unusable, the_handle_is_detached_at_the_post_and_not_at_the_receipt) {
  const auto [y, q] = b.make_channel();
  EXPECT_TRUE(q->open());
  b.post("q", {*q});
  EXPECT_FALSE(q->open());
  EXPECT_EQ(error_of([&, handle = q.get()] { b.post("again", {*handle}); }), "DataCloneError");
}

TEST_P(Unusable, a_post_on_it_is_silent_and_arrives_nowhere) {
  p->post("lost");
  EXPECT_EQ(p->try_post("lost"), "detached");
  expect_that_the_channel_works();
}

TEST_P(Unusable, a_transfer_of_it_is_a_DataCloneError_and_sends_nothing) {
  EXPECT_EQ(error_of([&] { b.post("again", {*p}); }), "DataCloneError");
  EXPECT_EQ(error_of([&] { static_cast<void>(b.try_post("again", {*p})); }), "DataCloneError");
  b.post("next");
  EXPECT_EQ(a.receive(), "next");
  expect_that_the_channel_works();
}

TEST_P(Unusable, its_close_does_not_harm_the_channel) {
  p->close();
  p->close();
  expect_that_the_channel_works();
}

TEST_P(Unusable, its_end_does_not_harm_the_channel) {
  p.reset();
  expect_that_the_channel_works();
}

TEST_P(Unusable, its_handlers_and_its_start_are_for_nothing) {
  p->listen();
  p->listen_for_close();
  p->start();
  EXPECT_EQ(p->receive(std::chrono::milliseconds(0)), "");
  expect_that_the_channel_works();
  x->close();
  EXPECT_EQ(moved->receive(), "");
  EXPECT_EQ(p->settle(), Events{});
  EXPECT_EQ(p->buffered(), 0u);
  EXPECT_EQ(p->reason(), "");
}

TEST_P(Unusable, a_post_on_it_still_detaches_what_it_transfers) {
  const auto [y, q] = b.make_channel();
  y->listen_for_close();
  p->post("lost", {*q});
  EXPECT_FALSE(q->open());
  EXPECT_EQ(y->pump(1).size(), 1u);
  expect_that_the_channel_works();
}

TEST_P(Unusable, a_try_post_on_it_reports_and_detaches_nothing) {
  const auto [y, q] = b.make_channel();
  EXPECT_EQ(p->try_post("kept", {*q}), "detached");
  EXPECT_TRUE(q->open());
  y->post("here");
  EXPECT_EQ(q->receive(), "here");
}

TEST_P(Unusable, its_close_before_the_receipt_does_not_harm_the_channel) {
  const auto [y, q] = b.make_channel();
  y->post("1");
  b.post("q", {*q});
  q->close();
  const auto there = a.take_port();
  EXPECT_EQ(there->receive(), "1");
  there->post("2");
  EXPECT_EQ(y->receive(), "2");
}

FAIRWAY_OVER_TRANSPORTS(Unusable);

}  // namespace
}  // namespace fairway::test
