// After webmessaging/Channel_postMessage_DataCloneErr.any.js, Channel_postMessage_clone_port_error.any.js,
// Channel_postMessage_with_transfer_entangled.any.js and Channel_postMessage_ports_readonly_array.any.js; SEMANTICS 5, 6, 7.
#include <boost/serialization/string.hpp>
#include <stdexcept>

#include "conformance/transports.hpp"

namespace fairway::test {

struct Refuses {
  template <class Archive>
  void serialize(Archive&, unsigned) {
    throw std::runtime_error("cannot be serialized");
  }
};

}  // namespace fairway::test

template <>
inline constexpr std::string_view fairway::type_key<fairway::test::Refuses> = "test.Refuses";

namespace fairway::test {
namespace {

using DataCloneErr = OverTransports;

TEST_P(DataCloneErr, the_source_port_in_its_own_transfer_list_throws_and_stays_usable) {
  EXPECT_EQ(error_of([&] { a.port().post_message("self", {.transfer = {a.port()}}); }), "DataCloneError");
  a.post("still here");
  EXPECT_EQ(b.receive(), "still here");
}

TEST_P(DataCloneErr, an_object_that_cannot_be_serialized_throws_and_nothing_is_sent) {
  EXPECT_THROW(a.port().post_message(Refuses{}), std::runtime_error);
  a.post("next");
  EXPECT_EQ(b.receive(), "next");
}

TEST_P(DataCloneErr, a_post_on_a_port_whose_peer_is_gone_still_serializes) {
  a.listen_for_close();
  b.close();
  EXPECT_EQ(a.pump(1), Events{"c:closed"});
  EXPECT_THROW(a.port().post_message(Refuses{}), std::runtime_error);
  EXPECT_EQ(error_of([&] { a.port().post_message("self", {.transfer = {a.port()}}); }), "DataCloneError");
}

TEST_P(DataCloneErr, a_post_on_a_closed_port_still_serializes_and_detaches_what_it_transfers) {
  a.close();
  EXPECT_THROW(a.port().post_message(Refuses{}), std::runtime_error);
  MessageChannel other(*channel.context);
  a.port().post_message("lost", {.transfer = {other.port1}});
  EXPECT_FALSE(static_cast<bool>(other.port1));
  std::optional<CloseReason> reason;
  other.port2.on_close([&](CloseReason why) { reason = why; });
  while (!reason) channel.context->run_once();
}

FAIRWAY_OVER_TRANSPORTS(DataCloneErr);

class TransferInOneContext : public testing::Test {
 protected:
  BrokerThread broker;
  Context context{{.broker = broker.directory()}};
  MessageChannel carrier{context};
  MessageChannel other{context};
};

TEST_F(TransferInOneContext, the_target_port_in_the_list_dooms_the_message) {
  carrier.port1.post_message("doomed", {.transfer = {carrier.port2}});
  EXPECT_FALSE(static_cast<bool>(carrier.port2));
  std::optional<CloseReason> reason;
  carrier.port1.on_close([&](CloseReason why) { reason = why; });
  while (!reason) context.run_once();
}

TEST_F(TransferInOneContext, ports_arrive_in_the_order_of_the_list) {
  MessageChannel third(context);
  carrier.port1.post_message("two ports", {.transfer = {other.port2, third.port2}});
  other.port1.post_message("first");
  third.port1.post_message("second");
  auto event = carrier.port2.receive();
  ASSERT_TRUE(event);
  ASSERT_EQ(event->ports.size(), 2u);
  EXPECT_EQ(event->ports[0].receive()->string(), "first");
  EXPECT_EQ(event->ports[1].receive()->string(), "second");
}

TEST_F(TransferInOneContext, delivery_follows_the_owner_of_the_queue) {
  other.port1.post_message("before");
  carrier.port1.post_message("port", {.transfer = {other.port2}});
  other.port1.post_message("after");
  EXPECT_FALSE(static_cast<bool>(other.port2));
  auto event = carrier.port2.receive();
  MessagePort moved = std::move(event->ports.at(0));
  EXPECT_EQ(moved.receive()->string(), "before");
  EXPECT_EQ(moved.receive()->string(), "after");
}

TEST_F(TransferInOneContext, a_duplicate_a_closed_and_a_transferred_port_throw_and_nothing_is_detached) {
  MessageChannel third(context);
  EXPECT_EQ(error_of([&] { carrier.port1.post_message("x", {.transfer = {third.port1, third.port1}}); }), "DataCloneError");
  EXPECT_TRUE(static_cast<bool>(third.port1));
  other.port1.close();
  EXPECT_EQ(error_of([&] { carrier.port1.post_message("x", {.transfer = {third.port1, other.port1}}); }), "DataCloneError");
  EXPECT_TRUE(static_cast<bool>(third.port1));
  EXPECT_NO_THROW(carrier.port1.post_message("x", {.transfer = {third.port1}}));
  EXPECT_EQ(error_of([&] { carrier.port1.post_message("x", {.transfer = {third.port1}}); }), "DataCloneError");
}

TEST_F(TransferInOneContext, ports_in_a_dropped_message_close) {
  carrier.port1.post_message("dropped", {.transfer = {other.port2}});
  carrier.port2.close();
  std::optional<CloseReason> reason;
  other.port1.on_close([&](CloseReason why) { reason = why; });
  while (!reason) context.run_once();
}

TEST_F(TransferInOneContext, ten_thousand_ports_nested_in_undelivered_messages_close_without_recursion) {
  MessagePort inner = std::move(other.port2);
  for (int i = 0; i < 10'000; ++i) {
    MessageChannel next(context);
    next.port1.post_message("nested", {.transfer = {inner}});
    inner = std::move(next.port2);
  }
  inner.close();
  std::optional<CloseReason> reason;
  other.port1.on_close([&](CloseReason why) { reason = why; });
  while (!reason) context.run_once();
}

}  // namespace
}  // namespace fairway::test
