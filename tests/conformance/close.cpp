// After webmessaging/message-channels/close.any.js; SEMANTICS 7, 8.
#include "conformance/transports.hpp"

namespace fairway::test {
namespace {

using Close = OverTransports;

TEST_P(Close, what_was_posted_before_the_sender_closed_arrives) {
  for (int i = 0; i < 50; ++i) a.post("m" + std::to_string(i));
  a.close();
  for (int i = 0; i < 50; ++i) EXPECT_EQ(b.receive(), "m" + std::to_string(i));
  EXPECT_EQ(b.receive(), "");
  EXPECT_EQ(b.reason(), "closed");
}

TEST_P(Close, what_is_posted_to_a_closed_port_does_not_arrive) {
  a.listen();
  a.close();
  b.post("nobody");
  EXPECT_EQ(a.settle(), Events{});
}

TEST_P(Close, what_is_posted_on_a_closed_port_does_not_arrive_and_does_not_throw) {
  b.listen();
  a.close();
  EXPECT_NO_THROW(a.post("nothing"));
  EXPECT_EQ(b.settle(), Events{});
}

TEST_P(Close, closing_twice_and_closing_both_ends_is_fine) {
  a.close();
  a.close();
  b.close();
  b.close();
  EXPECT_FALSE(static_cast<bool>(a.port()));
}

TEST_P(Close, what_is_queued_when_the_receiver_closes_is_dropped) {
  for (int i = 0; i < 10; ++i) b.post("m" + std::to_string(i));
  a.close();
  EXPECT_EQ(a.receive(std::chrono::milliseconds(0)), "");
}

TEST_P(Close, a_big_backlog_arrives_whole_after_the_close) {
  const std::string text(100'000, 'x');
  for (int i = 0; i < 200; ++i) a.post(text + std::to_string(i));
  a.close();
  // The rest is moved into shared memory by the loop, as any loop of a living context does.
  for (int i = 0; i < 200; ++i) {
    std::string received;
    while (received.empty()) {
      channel.context->poll();
      received = b.receive(std::chrono::milliseconds(1));
    }
    ASSERT_EQ(received.size(), text.size() + std::to_string(i).size());
    ASSERT_EQ(received.substr(text.size()), std::to_string(i));
  }
}

FAIRWAY_OVER_TRANSPORTS(Close);

TEST(CloseInHandler, the_rest_of_the_queue_is_dropped) {
  BrokerThread broker;
  Context context({.broker = broker.directory()});
  MessageChannel channel(context);
  int received = 0;
  channel.port2.on_message([&](MessageEvent&) {
    ++received;
    channel.port2.close();
  });
  channel.port1.post_message("1");
  channel.port1.post_message("2");
  bool closed = false;
  channel.port1.on_close([&](CloseReason) { closed = true; });
  while (!closed) context.run_once();
  EXPECT_EQ(received, 1);
}

TEST(LastHandle, the_last_handle_going_is_a_close) {
  BrokerThread broker;
  Context context({.broker = broker.directory()});
  auto channel = std::make_unique<MessageChannel>(context);
  MessagePort port = std::move(channel->port1);
  channel.reset();
  std::optional<CloseReason> reason;
  port.on_close([&](CloseReason why) { reason = why; });
  while (!reason) context.run_once();
  EXPECT_EQ(*reason, CloseReason::closed);
}

}  // namespace
}  // namespace fairway::test
