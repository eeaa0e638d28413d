// After webmessaging/Channel_postMessage_ports_readonly_array.any.js, webmessaging/event.ports.sub.htm and
// webmessaging/with-ports/; SEMANTICS 6, 14.
#include "conformance/transports.hpp"

namespace fairway::test {
namespace {

using PortsArray = OverTransports;

TEST_P(PortsArray, ports_of_a_message_without_a_list_are_none) {
  a.post("nothing");
  EXPECT_TRUE(b.take().ports.empty());
}

TEST_P(PortsArray, ports_arrive_in_the_order_of_the_list) {
  const auto [x, p] = a.make_channel();
  const auto [y, q] = a.make_channel();
  const auto [z, r] = a.make_channel();
  a.post("three", {*r, *p, *q});
  const Message message = b.take();
  ASSERT_EQ(message.ports.size(), 3u);
  message.ports[0]->post("first");
  message.ports[1]->post("second");
  message.ports[2]->post("third");
  EXPECT_EQ(z->receive(), "first");
  EXPECT_EQ(x->receive(), "second");
  EXPECT_EQ(y->receive(), "third");
}

TEST_P(PortsArray, one_message_carries_a_hundred_ports) {
  std::vector<std::unique_ptr<Side>> here;
  std::vector<std::unique_ptr<Side>> leaving;
  Transfer list;
  for (int i = 0; i < 100; ++i) {
    auto [x, p] = a.make_channel();
    here.push_back(std::move(x));
    list.push_back(*p);
    leaving.push_back(std::move(p));
  }
  a.post("all of them", list);
  const Message message = b.take();
  ASSERT_EQ(message.ports.size(), 100u);
  for (std::size_t i = 0; i < 100; ++i) message.ports[i]->post(std::to_string(i));
  for (std::size_t i = 0; i < 100; ++i) EXPECT_EQ(here[i]->receive(), std::to_string(i));
}

TEST_P(PortsArray, a_hundred_ports_with_messages_in_them_come_back_in_one_message) {
  std::vector<std::unique_ptr<Side>> here;
  std::vector<std::unique_ptr<Side>> leaving;
  Transfer list;
  for (int i = 0; i < 100; ++i) {
    auto [x, p] = a.make_channel();
    x->post("unread " + std::to_string(i));
    here.push_back(std::move(x));
    list.push_back(*p);
    leaving.push_back(std::move(p));
  }
  a.post("there", list);
  const Message there = b.take();
  ASSERT_EQ(there.ports.size(), 100u);
  list.clear();
  for (const auto& port : there.ports) list.push_back(*port);
  b.post("back", list);
  const Message back = a.take();
  ASSERT_EQ(back.ports.size(), 100u);
  for (std::size_t i = 0; i < 100; ++i) EXPECT_EQ(back.ports[i]->receive(), "unread " + std::to_string(i));
}

TEST_P(PortsArray, both_ports_of_a_channel_fit_into_one_message) {
  const auto [x, y] = a.make_channel();
  x->post("to y");
  y->post("to x");
  a.post("both", {*x, *y});
  const Message message = b.take();
  ASSERT_EQ(message.ports.size(), 2u);
  EXPECT_EQ(message.ports[0]->receive(), "to x");
  EXPECT_EQ(message.ports[1]->receive(), "to y");
  message.ports[0]->post("again");
  EXPECT_EQ(message.ports[1]->receive(), "again");
}

TEST_P(PortsArray, a_port_that_stays_in_the_event_closes_with_it) {
  const auto [x, p] = a.make_channel();
  x->listen_for_close();
  a.post("ignored", {*p});
  EXPECT_EQ(b.receive(), "ignored");
  EXPECT_EQ(x->pump(1), Events{"c:closed"});
}

FAIRWAY_OVER_TRANSPORTS(PortsArray);

}  // namespace
}  // namespace fairway::test
