// Ports that change hands between contexts: SEMANTICS 11 to 16. The contexts share a thread, so that every order is exact.
#include <gtest/gtest.h>

#include "support/town.hpp"

namespace fairway::test {
namespace {

constexpr std::size_t a = 0, b = 1, c = 2;

TEST(Transfer, a_port_brings_its_queue_and_what_is_posted_meanwhile) {
  Town town(2);
  auto [k, k_far] = town.channel(a, b);
  MessageChannel channel(town[a]);
  channel.port1.post_message("1");
  channel.port1.post_message("2");
  k.post_message("here", {.transfer = {channel.port2}});
  EXPECT_FALSE(channel.port2);
  channel.port1.post_message("3");
  MessagePort port = town.take(k_far);
  channel.port1.post_message("4");
  for (const char* const expected : {"1", "2", "3", "4"}) EXPECT_EQ(town.text(port), expected);
  port.post_message("answer");
  EXPECT_EQ(town.text(channel.port1), "answer");
}

TEST(Transfer, the_other_side_goes_on_with_the_new_owner) {
  Town town(3);
  auto [x, p] = town.channel(c, a);
  auto [k, k_far] = town.channel(a, b);
  x.post_message("1");
  x.post_message("2");
  EXPECT_EQ(town.text(p), "1");
  p.post_message("from the old owner");
  k.post_message("here", {.transfer = {p}});
  x.post_message("3");
  MessagePort port = town.take(k_far);
  for (const char* const expected : {"2", "3"}) EXPECT_EQ(town.text(port), expected);
  port.post_message("from the new owner");
  EXPECT_EQ(town.text(x), "from the old owner");
  EXPECT_EQ(town.text(x), "from the new owner");
  x.post_message("4");
  EXPECT_EQ(town.text(port), "4");
  port.close();
  EXPECT_EQ(town.text(x), "closed");
  EXPECT_EQ(x.close_reason(), CloseReason::closed);
}

TEST(Transfer, what_waits_for_the_broker_may_leave_in_what_waits_too) {
  constexpr std::size_t carried = 8, others = 200;  // of these, more than the way to the broker holds
  Town town(2);
  auto [k, k_far] = town.channel(a, b);
  std::vector<std::pair<MessagePort, MessagePort>> p;
  for (std::size_t i = 0; i < carried; ++i) {
    p.push_back(town.channel(a, b));
    p[i].first.post_message("opened");
    EXPECT_EQ(town.text(p[i].second), "opened");
  }
  std::vector<MessagePort> kept;
  const auto post_with_a_port = [&](MessagePort& over) {
    MessageChannel channel(town[a]);
    over.post_message("a port", {.transfer = {channel.port2}});
    kept.push_back(std::move(channel.port1));
  };
  town.broker.stop();
  for (std::size_t i = 0; i < others; ++i) post_with_a_port(k);
  for (auto& [here, there] : p) post_with_a_port(here);
  for (auto& [here, there] : p) k.post_message("a carrier", {.transfer = {here}});
  town.broker.start();
  for (std::size_t i = 0; i < others; ++i) EXPECT_TRUE(town.take(k_far)) << i;
  for (std::size_t i = 0; i < carried; ++i) {
    MessagePort moved = town.take(k_far);
    MessagePort deepest = town.take(p[i].second);
    deepest.post_message("there");
    EXPECT_EQ(town.text(kept[others + i]), "there");
    moved.post_message("after all");
    EXPECT_EQ(town.text(p[i].second), "after all");
  }
}

TEST(Transfer, a_port_is_forwarded_unread_and_comes_home) {
  Town town(3);
  auto [x, p] = town.channel(c, a);
  auto [to_b, b_from_a] = town.channel(a, b);
  for (int round = 0; round < 20; ++round) {
    x.post_message(std::to_string(round));
    to_b.post_message("there", {.transfer = {p}});
    MessagePort there = town.take(b_from_a);
    x.post_message("m" + std::to_string(round));
    b_from_a.post_message("back", {.transfer = {there}});
    p = town.take(to_b);
  }
  for (int round = 0; round < 20; ++round) {
    EXPECT_EQ(town.text(p), std::to_string(round));
    EXPECT_EQ(town.text(p), "m" + std::to_string(round));
  }
  p.post_message("home");
  EXPECT_EQ(town.text(x), "home");
}

TEST(Transfer, a_port_comes_to_the_context_that_owns_the_other_one) {
  Town town(2);
  auto [k, k_far] = town.channel(a, b);
  MessageChannel channel(town[a]);
  channel.port1.post_message("1");
  k.post_message("out", {.transfer = {channel.port2}});
  MessagePort port = town.take(k_far);
  port.post_message("from b");
  k_far.post_message("home", {.transfer = {port}});
  MessagePort home = town.take(k);
  channel.port1.post_message("2");
  EXPECT_EQ(town.text(home), "1");
  EXPECT_EQ(town.text(home), "2");
  home.post_message("from home");
  EXPECT_EQ(town.text(channel.port1), "from b");
  EXPECT_EQ(town.text(channel.port1), "from home");
  home.close();
  EXPECT_EQ(town.text(channel.port1), "closed");
}

TEST(Transfer, both_ends_travel_at_once) {
  Town town(3);
  auto [to_b, in_b] = town.channel(a, b);
  auto [to_c, in_c] = town.channel(a, c);
  MessageChannel channel(town[a]);
  channel.port1.post_message("to two");
  channel.port2.post_message("to one");
  to_b.post_message("one", {.transfer = {channel.port1}});
  to_c.post_message("two", {.transfer = {channel.port2}});
  MessagePort one = town.take(in_b);
  MessagePort two = town.take(in_c);
  one.post_message("hello two");
  two.post_message("hello one");
  EXPECT_EQ(town.text(one), "to one");
  EXPECT_EQ(town.text(one), "hello one");
  EXPECT_EQ(town.text(two), "to two");
  EXPECT_EQ(town.text(two), "hello two");
}

/// One message from a to b carries so many ports, each of which works.
void carry(std::size_t count) {
  Town town(2);
  auto [k, k_far] = town.channel(a, b);
  std::vector<MessageChannel> channels;
  PostOptions options;
  for (std::size_t i = 0; i < count; ++i) channels.emplace_back(town[a]);
  for (MessageChannel& channel : channels) options.transfer.emplace_back(channel.port2);
  k.post_message("all of them", options);
  auto event = town.next(k_far);
  ASSERT_TRUE(event);
  ASSERT_EQ(event->ports.size(), count);
  for (std::size_t i = 0; i < count; ++i) event->ports[i].post_message(std::to_string(i));
  for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(town.text(channels[i].port1), std::to_string(i));
}

TEST(Transfer, one_message_carries_a_hundred_ports) { carry(100); }

TEST(Transfer, one_message_carries_more_ports_than_there_are_channel_numbers_in_stock) { carry(300); }

TEST(Transfer, more_ports_than_a_broker_that_stands_still_takes_messages_leave_when_it_goes_on) {
  Town town(2);
  auto [k, k_far] = town.channel(a, b);
  std::vector<MessagePort> here;
  std::vector<MessagePort> there;
  for (int i = 0; i < 10; ++i) {
    std::vector<MessageChannel> channels;
    PostOptions options;
    for (int j = 0; j < 100; ++j) channels.emplace_back(town[a]);
    for (MessageChannel& channel : channels) options.transfer.emplace_back(channel.port2);
    k.post_message("some", options);
    auto event = town.next(k_far);
    ASSERT_TRUE(event);
    for (MessagePort& port : event->ports) there.push_back(std::move(port));
    for (MessageChannel& channel : channels) here.push_back(std::move(channel.port1));
  }
  town.broker.stop();
  PostOptions back;
  for (MessagePort& port : there) back.transfer.emplace_back(port);
  k_far.post_message("all", back);
  static_cast<void>(town[b].run_once(std::chrono::milliseconds(10)));  // it falls asleep with that
  town.broker.start();
  std::optional<MessageEvent> home;
  EXPECT_TRUE(town.until([&, &k = k] {  // Clang 14 captures no structured binding by default
    static_cast<void>(town[b].run_once(std::chrono::milliseconds(1)));
    home = k.try_receive();
    return home.has_value();
  }));
  ASSERT_TRUE(home);
  ASSERT_EQ(home->ports.size(), 1000u);
  home->ports[999].post_message("last");
  EXPECT_EQ(town.text(here[999]), "last");
}

TEST(Transfer, ports_in_undelivered_messages_of_ports_travel_along) {
  Town town(2);
  auto [k, k_far] = town.channel(a, b);
  MessageChannel outer(town[a]), middle(town[a]), inner(town[a]);
  inner.port1.post_message("deep");
  middle.port1.post_message("inner", {.transfer = {inner.port2}});
  outer.port1.post_message("middle", {.transfer = {middle.port2}});
  k.post_message("outer", {.transfer = {outer.port2}});
  MessagePort port = town.take(k_far);
  port = town.take(port);
  port = town.take(port);
  EXPECT_EQ(town.text(port), "deep");
  port.post_message("found");
  EXPECT_EQ(town.text(inner.port1), "found");
}

TEST(Transfer, ports_in_a_message_that_is_dropped_close_recursively) {
  Town town(2);
  auto [k, k_far] = town.channel(a, b);
  MessageChannel outer(town[a]), inner(town[a]);
  outer.port1.post_message("inner", {.transfer = {inner.port2}});
  k.post_message("outer", {.transfer = {outer.port2}});
  k_far.close();
  EXPECT_EQ(town.text(outer.port1), "closed");
  EXPECT_EQ(town.text(inner.port1), "closed");
}

TEST(Transfer, the_other_side_closes_while_the_port_is_in_flight) {
  Town town(3);
  auto [x, p] = town.channel(c, a);
  auto [k, k_far] = town.channel(a, b);
  x.post_message("last words");
  town.poll_all();
  k.post_message("here", {.transfer = {p}});
  x.close();
  MessagePort port = town.take(k_far);
  EXPECT_EQ(town.text(port), "last words");
  EXPECT_EQ(town.text(port), "closed");
  EXPECT_EQ(port.close_reason(), CloseReason::closed);
}

TEST(Transfer, within_a_handler_the_rest_of_the_queue_moves) {
  Town town(3);
  auto [x, p] = town.channel(c, a);
  auto [k, k_far] = town.channel(a, b);
  for (const char* const text : {"1", "2", "3"}) x.post_message(text);
  std::string here;
  p.on_message([&, &k = k, &p = p](MessageEvent& event) {
    here += event.string();
    k.post_message("the rest", {.transfer = {p}});
  });
  MessagePort port = town.take(k_far);
  EXPECT_EQ(here, "1");
  EXPECT_EQ(town.text(port), "2");
  EXPECT_EQ(town.text(port), "3");
}

TEST(Transfer, a_carrier_moves_with_the_port_in_it) {
  Town town(3);
  auto [x, p] = town.channel(c, a);
  auto [k, k_far] = town.channel(a, b);
  auto [l, l_far] = town.channel(b, c);
  x.post_message("kept");
  k.post_message("p", {.transfer = {p}});
  l.post_message("k", {.transfer = {k_far}});
  MessagePort carrier = town.take(l_far);
  MessagePort port = town.take(carrier);
  EXPECT_EQ(town.text(port), "kept");
}

TEST(Transfer, a_port_of_a_channel_whose_other_end_is_closed_brings_the_rest) {
  Town town(2);
  auto [k, k_far] = town.channel(a, b);
  MessageChannel channel(town[a]);
  channel.port1.post_message("rest");
  channel.port1.close();
  k.post_message("here", {.transfer = {channel.port2}});
  MessagePort port = town.take(k_far);
  EXPECT_EQ(town.text(port), "rest");
  EXPECT_EQ(town.text(port), "closed");
}

}  // namespace
}  // namespace fairway::test
