// SEMANTICS 2, 3, 9, 10: what a handler may do to its own port, and what is left for it afterwards.
#include <poll.h>

#include "conformance/transports.hpp"
#include "support/town.hpp"

namespace fairway::test {
namespace {

/// Lets a context do what there is, and look once more.
void settle(Context& context) {
  for (int turn = 0; turn < 20; ++turn) context.poll();
}

/// Lets every context of a town fall asleep.
void sleep_all(Town& town, std::size_t contexts) {
  for (int round = 0; round < 5; ++round)
    for (std::size_t i = 0; i < contexts; ++i) town[i].run_once(std::chrono::milliseconds(10));
}

class OwnPort : public testing::Test {
 protected:
  BrokerThread broker_;
  Context context_{{.broker = broker_.directory()}};
  MessageChannel channel_{context_};
  std::string received_;
};

TEST_F(OwnPort, a_handler_that_posts_to_it_is_called_again) {
  channel_.port2.on_message([&](MessageEvent& event) {
    received_ += event.string();
    if (received_.size() < 5) channel_.port1.post_message("x");
  });
  channel_.port1.post_message("x");
  settle(context_);
  EXPECT_EQ(received_, "xxxxx");
}

TEST_F(OwnPort, a_handler_that_posts_to_it_and_throws_is_called_again) {
  channel_.port2.on_message([&](MessageEvent& event) {
    received_ += event.string();
    if (received_.size() == 1) {
      channel_.port1.post_message("x");
      throw std::runtime_error("once");
    }
  });
  channel_.port1.post_message("x");
  EXPECT_THROW(context_.poll(), std::runtime_error);
  settle(context_);
  EXPECT_EQ(received_, "xx");
}

TEST_F(OwnPort, a_handler_that_receives_from_it_is_called_with_the_rest) {
  channel_.port2.on_message([&](MessageEvent& event) {
    received_ += event.string();
    if (event.string() == "1") received_ += channel_.port2.receive()->string();
  });
  for (const char* const text : {"1", "2", "3", "4"}) channel_.port1.post_message(text);
  settle(context_);
  EXPECT_EQ(received_, "1234");
}

TEST_F(OwnPort, a_handler_that_is_taken_away_within_itself_is_called_no_more) {
  channel_.port2.on_message([&](MessageEvent& event) {
    received_ += event.string();
    channel_.port2.on_message(nullptr);
  });
  for (const char* const text : {"1", "2"}) channel_.port1.post_message(text);
  settle(context_);
  EXPECT_EQ(received_, "1");
  const auto rest = channel_.port2.try_receive();
  ASSERT_TRUE(rest);
  EXPECT_EQ(rest->string(), "2");
}

TEST_F(OwnPort, a_handler_that_is_taken_away_leaves_what_waits) {
  channel_.port2.on_message([&](MessageEvent& event) { received_ += event.string(); });
  channel_.port1.post_message("1");
  channel_.port2.on_message(nullptr);
  settle(context_);
  EXPECT_EQ(received_, "");
  channel_.port2.on_message([&](MessageEvent& event) { received_ += event.string(); });
  settle(context_);
  EXPECT_EQ(received_, "1");
}

TEST_F(OwnPort, a_handler_that_is_replaced_within_itself_gives_way_to_the_next) {
  channel_.port2.on_message([&](MessageEvent&) {
    channel_.port2.on_message([&](MessageEvent& event) { received_ += event.string(); });
  });
  for (const char* const text : {"1", "2"}) channel_.port1.post_message(text);
  settle(context_);
  EXPECT_EQ(received_, "2");
}

TEST_F(OwnPort, an_empty_callback_in_the_loop_is_nothing) {
  context_.post({});
  EXPECT_NO_THROW(settle(context_));
}

TEST(LastMessage, the_close_comes_although_the_last_message_was_received_by_hand) {
  BrokerThread broker;
  Context context({.broker = broker.directory()});
  MessageChannel channel(context);
  int closes = 0;
  channel.port2.on_close([&](CloseReason) { ++closes; });
  channel.port2.start();
  channel.port1.post_message("last");
  channel.port1.close();
  EXPECT_FALSE(context.run_once(std::chrono::milliseconds(10)));
  ASSERT_TRUE(channel.port2.try_receive());
  EXPECT_TRUE(context.run_once(std::chrono::seconds(10)));
  EXPECT_EQ(closes, 1);
}

TEST(LastMessage, the_close_of_another_context_comes_although_the_last_message_was_received_by_hand) {
  Town town(2);
  auto [writer, reader] = town.channel(0, 1);
  int closes = 0;
  reader.on_close([&](CloseReason) { ++closes; });
  reader.start();
  writer.post_message("last");
  writer.close();
  sleep_all(town, 2);
  EXPECT_EQ(closes, 0);
  ASSERT_TRUE(reader.try_receive());
  EXPECT_TRUE(town.until([&] { return closes == 1; }));
}

TEST(ForeignLoop, is_woken_to_ask_again_for_what_the_broker_refused) {
  BrokerThread broker({.memory_per_context = std::size_t{24} << 20});
  Context context({.broker = broker.directory()});
  Context reader({.name = "reader", .broker = broker.directory()});
  std::vector<MessagePort> ports;
  reader.on_connect([&](MessageEvent& event) { ports.push_back(std::move(event.ports[0])); });
  MessagePort first = context.connect("reader");
  MessagePort second = context.connect("reader");
  while (ports.size() < 2) reader.poll();
  const std::vector<std::byte> most(std::size_t{14} << 20);
  first.post_message(most);
  second.post_message(most);  // has to wait for the first one's memory
  for (int wakes = 0; wakes < 6; ++wakes) {  // to ask, and with the answer
    context.poll();
    pollfd waited{context.native_handle(), POLLIN, 0};
    if (!context.prepare_to_sleep()) continue;
    ASSERT_EQ(::poll(&waited, 1, 20'000), 1) << "nothing wakes it";
  }
  ASSERT_TRUE(ports[0].receive(std::chrono::seconds(20)));
  first.close();
  ports[0].close();
  while (!ports[1].receive(std::chrono::milliseconds(20))) context.poll();
}

TEST(Home, a_port_that_came_home_says_when_there_is_room) {
  Town town(2);
  auto [there, back] = town.channel(0, 1);
  MessageChannel channel(town[0]);
  there.post_message("take it", {.transfer = {channel.port2}});
  MessagePort away = town.take(back);
  back.post_message("keep it", {.transfer = {away}});
  MessagePort home = town.take(there);
  // Both ends know each other's words before the queue fills up.
  channel.port1.post_message("one way");
  EXPECT_EQ(town.text(home), "one way");
  home.post_message("and the other");
  EXPECT_EQ(town.text(channel.port1), "and the other");
  sleep_all(town, 2);

  int drained = 0;
  channel.port1.on_drain([&] { ++drained; });
  const std::vector<std::byte> block(std::size_t{1} << 20);
  while (channel.port1.try_post(block) == Status::ok) {
  }
  sleep_all(town, 2);
  EXPECT_EQ(drained, 0);
  while (home.try_receive()) {
  }
  EXPECT_TRUE(town.until([&] { return drained == 1; }));
}

}  // namespace
}  // namespace fairway::test
