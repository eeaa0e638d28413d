// After html/infrastructure/safe-passing-of-structured-data/structured-clone-battery-of-tests-with-transferables.js,
// messagechannel.any.js and transfer-errors.window.js, for ports; SEMANTICS 5, 6, 12, 16. Its buffers: transferred_buffers.cpp.
#include "conformance/transports.hpp"

namespace fairway::test {
namespace {

using WithTransferables = OverTransports;

TEST_P(WithTransferables, a_port_in_the_value_is_the_one_in_the_list) {
  MessageChannel other(*channel.context);
  Value value = Value::object({{"port", other.port2}, {"list", Value::array({1, other.port2})}});
  a.port().post_message(value, {.transfer = {other.port2}});
  EXPECT_FALSE(static_cast<bool>(other.port2));
  b.bounce();
  auto event = a.next();
  ASSERT_TRUE(event);
  ASSERT_EQ(event->kind(), MessageEvent::Kind::value);
  ASSERT_EQ(event->ports.size(), 1u);
  const Value back = event->data();
  EXPECT_EQ(back["port"].port_index(), 0u);
  EXPECT_TRUE(back["list"][1].is_same(back["port"]));
  EXPECT_EQ(Value(event->ports[0]).type(), Value::Type::port);
  other.port1.post_message("through both");
  EXPECT_EQ(event->ports[0].receive()->string(), "through both");
}

TEST_P(WithTransferables, ports_come_in_the_order_of_the_list_and_not_of_the_value) {
  MessageChannel one(*channel.context);
  MessageChannel two(*channel.context);
  MessageChannel three(*channel.context);
  a.port().post_message(Value::array({three.port2, one.port2}), {.transfer = {one.port2, two.port2, three.port2}});
  b.bounce();
  auto event = a.next();
  ASSERT_TRUE(event);
  ASSERT_EQ(event->ports.size(), 3u);
  EXPECT_EQ(event->data()[0].port_index(), 2u);
  EXPECT_EQ(event->data()[1].port_index(), 0u);
  one.port1.post_message("one");
  three.port1.post_message("three");
  EXPECT_EQ(event->ports[2].receive()->string(), "three");
  EXPECT_EQ(event->ports[0].receive()->string(), "one");
}

TEST_P(WithTransferables, a_port_that_is_not_listed_throws_and_nothing_is_detached) {
  MessageChannel one(*channel.context);
  MessageChannel two(*channel.context);
  EXPECT_EQ(error_of([&] { a.port().post_message(Value::array({one.port1, two.port1}), {.transfer = {one.port1}}); }), "DataCloneError");
  EXPECT_TRUE(static_cast<bool>(one.port1));
  EXPECT_TRUE(static_cast<bool>(two.port1));
  a.post("next");
  EXPECT_EQ(b.receive(), "next");
}

TEST_P(WithTransferables, a_transferred_or_closed_port_throws) {
  MessageChannel one(*channel.context);
  const Value value = Value::array({one.port1});
  a.port().post_message(value, {.transfer = {one.port1}});
  EXPECT_EQ(error_of([&] { a.port().post_message(value, {.transfer = {one.port1}}); }), "DataCloneError");
  MessageChannel two(*channel.context);
  const Value closed = Value::array({two.port1});
  two.port1.close();
  EXPECT_EQ(error_of([&] { a.port().post_message(closed, {.transfer = {two.port1}}); }), "DataCloneError");
}

// The list itself, then the value, then what is detached already: each alone would throw, so the first has to say so.
TEST_P(WithTransferables, errors_come_in_the_order_of_the_standard) {
  const auto message_of = [&](const Value& value, PostOptions options) -> std::string {
    try {
      a.port().post_message(value, std::move(options));
    } catch (const DOMException& error) {
      return error.what();
    }
    return "none";
  };
  MessageChannel closed(*channel.context);
  closed.port1.close();
  Value detached = Value::array_buffer(Bytes());
  detached.detach();
  EXPECT_NE(message_of(detached, {.transfer = {closed.port1, closed.port1}}).find("twice"), std::string::npos);
  EXPECT_NE(message_of(detached, {.transfer = {a.port()}}).find("over itself"), std::string::npos);
  EXPECT_NE(message_of(detached, {.transfer = {closed.port1}}).find("detached"), std::string::npos);
  EXPECT_NE(message_of({}, {.transfer = {closed.port1}}).find("closed or was transferred"), std::string::npos);
}

TEST_P(WithTransferables, a_post_on_a_closed_port_still_throws_and_still_detaches) {
  MessageChannel one(*channel.context);
  MessageChannel two(*channel.context);
  a.close();
  EXPECT_EQ(error_of([&] { a.port().post_message(Value::array({one.port1})); }), "DataCloneError");
  a.port().post_message(Value::array({two.port1}), {.transfer = {two.port1}});
  EXPECT_FALSE(static_cast<bool>(two.port1));
}

TEST_P(WithTransferables, structured_clone_takes_ports_along) {
  MessageChannel one(*channel.context);
  Clone clone = structured_clone(Value::array({one.port2, one.port2}), {.transfer = {one.port2}});
  EXPECT_FALSE(static_cast<bool>(one.port2));
  ASSERT_EQ(clone.ports.size(), 1u);
  EXPECT_EQ(clone.data[1].port_index(), 0u);
  one.port1.post_message("hello");
  EXPECT_EQ(clone.ports[0].receive()->string(), "hello");
  EXPECT_EQ(error_of([&] { structured_clone(Value::array({one.port1})); }), "DataCloneError");
}

FAIRWAY_OVER_TRANSPORTS(WithTransferables);

}  // namespace
}  // namespace fairway::test
