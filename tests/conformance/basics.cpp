// After webmessaging/message-channels/basics.any.js; SEMANTICS 1, 3, 6.
#include "conformance/transports.hpp"

namespace fairway::test {
namespace {

using Basics = OverTransports;

TEST_P(Basics, a_message_arrives_at_the_other_port_and_only_there) {
  a.listen();
  b.listen();
  a.post("ping");
  EXPECT_EQ(b.pump(1), Events{"m:ping"});
  EXPECT_EQ(a.settle(), Events{});
}

TEST_P(Basics, messages_go_both_ways_and_keep_their_order) {
  a.listen();
  b.listen();
  for (int i = 0; i < 100; ++i) {
    a.post("a" + std::to_string(i));
    b.post("b" + std::to_string(i));
  }
  Events to_a;
  Events to_b;
  for (int i = 0; i < 100; ++i) {
    to_a.push_back("m:b" + std::to_string(i));
    to_b.push_back("m:a" + std::to_string(i));
  }
  if (GetParam() == Transport::one_context) {  // one loop serves both
    EXPECT_EQ(b.pump(100), to_b);
    EXPECT_EQ(a.pump(100), to_a);
  } else {
    EXPECT_EQ(a.pump(100), to_a);
    EXPECT_EQ(b.pump(100), to_b);
  }
}

TEST_P(Basics, a_message_is_delivered_in_a_task_of_its_own) {
  b.listen();
  a.post("later");
  EXPECT_EQ(b.buffered(), 0u);
  EXPECT_EQ(b.pump(1), Events{"m:later"});
}

TEST_P(Basics, an_empty_string_is_a_message) {
  b.listen();
  a.post("");
  EXPECT_EQ(b.pump(1), Events{"m:"});
}

TEST_P(Basics, buffered_amount_is_what_the_other_side_has_not_read) {
  EXPECT_EQ(a.buffered(), 0u);
  a.post("12345");
  a.post("678");
  EXPECT_EQ(a.buffered(), 8u);
  EXPECT_EQ(b.receive(), "12345");
  EXPECT_EQ(b.receive(), "678");
  while (a.buffered() != 0) a.settle();  // the first news of a reader comes through the broker
}

FAIRWAY_OVER_TRANSPORTS(Basics);

TEST(OneContext, ports_of_one_context_share_one_queue_in_posting_order) {
  BrokerThread broker;
  Context context({.broker = broker.directory()});
  MessageChannel one(context);
  MessageChannel two(context);
  std::string order;
  one.port2.on_message([&](MessageEvent& event) { order += event.string(); });
  two.port2.on_message([&](MessageEvent& event) { order += event.string(); });
  one.port1.post_message("1");
  two.port1.post_message("2");
  two.port1.post_message("3");
  one.port1.post_message("4");
  while (order.size() < 4) context.run_once();
  EXPECT_EQ(order, "1234");
}

TEST(OneContext, messages_of_a_port_that_starts_late_keep_their_place) {
  BrokerThread broker;
  Context context({.broker = broker.directory()});
  MessageChannel one(context);
  MessageChannel two(context);
  std::string order;
  one.port1.post_message("1");
  two.port1.post_message("2");
  one.port1.post_message("3");
  two.port2.on_message([&](MessageEvent& event) { order += event.string(); });
  one.port2.on_message([&](MessageEvent& event) { order += event.string(); });
  while (order.size() < 3) context.run_once();
  EXPECT_EQ(order, "123");
}

}  // namespace
}  // namespace fairway::test
