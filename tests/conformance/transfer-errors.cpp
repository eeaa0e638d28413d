// After html/infrastructure/safe-passing-of-structured-data/transfer-errors.window.js,
// webmessaging/postMessage_dup_transfer_objects.htm and webmessaging/Channel_postMessage_clone_port_error.any.js; SEMANTICS 5, 16.
#include <boost/serialization/string.hpp>
#include <functional>
#include <stdexcept>

#include "conformance/transports.hpp"

namespace fairway::test {

struct CannotBeSent {
  template <class Archive>
  void serialize(Archive&, unsigned) {
    throw std::runtime_error("the value's own error");
  }
};

/// Does what a getter of JavaScript could.
struct DetachesWhileSent {
  std::function<void()> detach;
  template <class Archive>
  void serialize(Archive&, unsigned) {
    detach();
  }
};

}  // namespace fairway::test

template <>
inline constexpr std::string_view fairway::type_key<fairway::test::DetachesWhileSent> = "test.DetachesWhileSent";
template <>
inline constexpr std::string_view fairway::type_key<fairway::test::CannotBeSent> = "test.CannotBeSent";

namespace fairway::test {
namespace {

/// "value" for the error of CannotBeSent.
template <class Action>
std::string which_error(Action&& action) {
  try {
    return error_of(action);
  } catch (const std::runtime_error&) {
    return "value";
  }
}

MessagePort& port_of(const std::unique_ptr<Side>& side) { return dynamic_cast<LocalSide&>(*side).port(); }

class TransferErrors : public OverTransports {
 protected:
  TransferErrors() {
    std::tie(x, p) = a.make_channel();
    std::tie(y, q) = a.make_channel();
  }
  /// The good port is where it was, and `a` sends what it is told to.
  void expect_that_nothing_happened() {
    EXPECT_TRUE(p->open());
    x->post("still here");
    EXPECT_EQ(p->receive(), "still here");
    a.post("good", {*p});
    const auto moved = b.take_port();
    x->post("there");
    EXPECT_EQ(moved->receive(), "there");
  }

  std::unique_ptr<Side> x, p, y, q;
};

TEST_P(TransferErrors, a_duplicate_detaches_nothing) {
  EXPECT_EQ(error_of([&] { a.post("twice", {*p, *q, *p}); }), "DataCloneError");
  EXPECT_TRUE(q->open());
  expect_that_nothing_happened();
}

TEST_P(TransferErrors, a_duplicate_at_the_end_of_a_long_list_detaches_nothing) {
  std::vector<std::unique_ptr<Side>> sides;
  Transfer list{*p};
  for (int i = 0; i < 99; ++i) {
    auto [one, two] = a.make_channel();
    list.push_back(*two);
    sides.push_back(std::move(one));
    sides.push_back(std::move(two));
  }
  list.push_back(*p);
  EXPECT_EQ(error_of([&] { a.post("hundred and one", list); }), "DataCloneError");
  for (const auto& side : sides) EXPECT_TRUE(side->open());
  expect_that_nothing_happened();
}

TEST_P(TransferErrors, a_port_that_was_transferred_already_detaches_nothing) {
  a.post("q", {*q});
  EXPECT_EQ(error_of([&] { a.post("again", {*p, *q}); }), "DataCloneError");
  static_cast<void>(b.take());
  expect_that_nothing_happened();
}

TEST_P(TransferErrors, a_closed_port_detaches_nothing) {
  q->close();
  EXPECT_EQ(error_of([&] { a.post("closed", {*p, *q}); }), "DataCloneError");
  expect_that_nothing_happened();
}

TEST_P(TransferErrors, an_empty_handle_detaches_nothing) {
  MessagePort empty;
  EXPECT_EQ(error_of([&] { a.port().post_message("empty", {.transfer = {port_of(p), empty}}); }), "DataCloneError");
  expect_that_nothing_happened();
}

TEST_P(TransferErrors, the_port_that_posts_detaches_nothing) {
  EXPECT_EQ(error_of([&] { a.post("self", {*p, a}); }), "DataCloneError");
  expect_that_nothing_happened();
}

TEST_P(TransferErrors, an_error_of_the_value_detaches_nothing) {
  EXPECT_EQ(which_error([&] { a.port().post_message(CannotBeSent(), {.transfer = {port_of(p)}}); }), "value");
  expect_that_nothing_happened();
}

TEST_P(TransferErrors, a_port_of_another_context_is_a_DataCloneError_and_detaches_nothing) {
  Context other(ContextOptions{.broker = channel.broker->directory()});
  MessageChannel foreign(other);
  EXPECT_EQ(error_of([&] { a.port().post_message("foreign", {.transfer = {port_of(p), foreign.port1}}); }), "DataCloneError");
  foreign.port2.post_message("still there");
  EXPECT_EQ(foreign.port1.receive()->string(), "still there");
  expect_that_nothing_happened();
}

TEST_P(TransferErrors, duplicates_and_the_posting_port_come_before_errors_of_the_value) {
  EXPECT_EQ(which_error([&] { a.port().post_message(CannotBeSent(), {.transfer = {port_of(p), port_of(p)}}); }), "DataCloneError");
  EXPECT_EQ(which_error([&] { a.port().post_message(CannotBeSent(), {.transfer = {port_of(p), a.port()}}); }), "DataCloneError");
  q->close();
  MessagePort& closed = port_of(q);
  EXPECT_EQ(which_error([&] { a.port().post_message(CannotBeSent(), {.transfer = {closed, closed}}); }), "DataCloneError");
  expect_that_nothing_happened();
}

TEST_P(TransferErrors, errors_of_the_value_come_before_detached_ports) {
  q->close();
  EXPECT_EQ(which_error([&] { a.port().post_message(CannotBeSent(), {.transfer = {port_of(p), port_of(q)}}); }), "value");
  a.post("y", {*y});
  EXPECT_EQ(which_error([&] { a.port().post_message(CannotBeSent(), {.transfer = {port_of(p), port_of(y)}}); }), "value");
  static_cast<void>(b.take());
  expect_that_nothing_happened();
}

// "Cannot transfer the same ArrayBuffer twice", "Serialize should throw before a detached ArrayBuffer is found", "Cannot transfer
// ArrayBuffer detached while the message was serialized", "Cannot transfer all objects".
TEST_P(TransferErrors, a_buffer_that_is_listed_twice_detaches_nothing) {
  ArrayBuffer buffer(4);
  Value again = buffer;
  EXPECT_EQ(error_of([&] { a.port().post_message("twice", {.transfer = {port_of(p), buffer, again}}); }), "DataCloneError");
  EXPECT_EQ(which_error([&] { a.port().post_message(CannotBeSent(), {.transfer = {buffer, buffer}}); }), "DataCloneError");
  EXPECT_EQ(buffer.size(), 4u);
  expect_that_nothing_happened();
}

TEST_P(TransferErrors, what_cannot_be_transferred_comes_before_errors_of_the_value) {
  ArrayBuffer buffer(4);
  Value view = Value::typed_array(ElementType::uint8, buffer);
  Value object = Value::object();
  Value number = 1;
  Value stands_for_a_port = port_of(p);
  for (Value* const value : {&view, &object, &number, &stands_for_a_port})
    EXPECT_EQ(which_error([&] { a.port().post_message(CannotBeSent(), {.transfer = {buffer, port_of(p), *value}}); }), "DataCloneError");
  EXPECT_EQ(buffer.size(), 4u);
  expect_that_nothing_happened();
}

TEST_P(TransferErrors, errors_of_the_value_come_before_detached_buffers) {
  ArrayBuffer buffer(4);
  ArrayBuffer gone(1);
  a.port().post_message("gone", {.transfer = {gone}});
  EXPECT_EQ(which_error([&] { a.port().post_message(CannotBeSent(), {.transfer = {buffer, gone}}); }), "value");
  EXPECT_EQ(error_of([&] { a.port().post_message("again", {.transfer = {buffer, port_of(p), gone}}); }), "DataCloneError");
  EXPECT_EQ(buffer.size(), 4u);
  static_cast<void>(b.take());
  expect_that_nothing_happened();
}

TEST_P(TransferErrors, a_buffer_that_is_detached_while_the_message_is_serialized_is_seen) {
  ArrayBuffer kept(4);
  ArrayBuffer buffer(4);
  DetachesWhileSent message{[&] { Value(buffer).detach(); }};
  EXPECT_EQ(which_error([&] { a.port().post_message(message, {.transfer = {kept, port_of(p), buffer}}); }), "DataCloneError");
  EXPECT_EQ(kept.size(), 4u);
  expect_that_nothing_happened();
}

TEST_P(TransferErrors, a_buffer_stays_where_a_try_post_says_full_or_closed) {
  const std::string large(1 << 20, 'x');
  ArrayBuffer buffer(4);
  int posted = 0;
  while (a.try_post(large) == "ok") ++posted;
  EXPECT_EQ(a.port().try_post(buffer, {.transfer = {buffer}}), Status::full);
  EXPECT_EQ(buffer.size(), 4u);
  a.listen_for_close();
  b.close();
  EXPECT_EQ(a.pump(1), Events{"c:closed"});
  EXPECT_EQ(a.port().try_post(buffer, {.transfer = {buffer}}), Status::closed);
  EXPECT_EQ(buffer.size(), 4u);
  a.port().post_message(Value(buffer), {.transfer = {buffer}});
  EXPECT_TRUE(buffer.detached());
}

TEST_P(TransferErrors, a_try_post_that_says_full_detaches_nothing) {
  const std::string large(1 << 20, 'x');
  int posted = 0;
  while (a.try_post(large) == "ok") ++posted;
  EXPECT_EQ(a.try_post(large, {*p}), "full");
  EXPECT_TRUE(p->open());
  for (int i = 0; i < posted; ++i) ASSERT_EQ(b.receive(), large);
  while (a.buffered() != 0) a.settle();
  EXPECT_EQ(a.try_post("room now", {*p}), "ok");
  EXPECT_FALSE(p->open());
  const auto moved = b.take_port();
  x->post("there");
  EXPECT_EQ(moved->receive(), "there");
}

TEST_P(TransferErrors, a_try_post_to_a_port_that_is_gone_detaches_nothing) {
  a.listen_for_close();
  b.close();
  EXPECT_EQ(a.pump(1), Events{"c:closed"});
  EXPECT_EQ(a.try_post("nobody", {*p}), "closed");
  EXPECT_TRUE(p->open());
  x->post("still here");
  EXPECT_EQ(p->receive(), "still here");
}

TEST_P(TransferErrors, a_post_to_a_port_that_is_gone_throws_as_ever) {
  a.listen_for_close();
  b.close();
  EXPECT_EQ(a.pump(1), Events{"c:closed"});
  EXPECT_EQ(error_of([&] { a.post("twice", {*p, *p}); }), "DataCloneError");
  EXPECT_EQ(which_error([&] { a.port().post_message(CannotBeSent(), {.transfer = {port_of(p)}}); }), "value");
  EXPECT_TRUE(p->open());
}

TEST_P(TransferErrors, an_error_at_the_far_side_detaches_nothing_there) {
  const auto [z, r] = b.make_channel();
  EXPECT_EQ(error_of([&, port = r.get()] { b.post("twice", {*port, *port}); }), "DataCloneError");
  EXPECT_TRUE(r->open());
  b.post("good", {*r});
  const auto moved = a.take_port();
  z->post("there");
  EXPECT_EQ(moved->receive(), "there");
}

FAIRWAY_OVER_TRANSPORTS(TransferErrors);

TEST(TransferQuota, a_post_beyond_the_hard_limit_detaches_nothing) {
  BrokerThread broker;
  Context context({.broker = broker.directory(), .queue_hard_limit = 1000});
  MessageChannel carrier(context);
  MessageChannel other(context);
  carrier.port1.post_message(std::string(2000, 'x'));
  EXPECT_EQ(error_of([&] { carrier.port1.post_message("more", {.transfer = {other.port1}}); }), "QuotaExceededError");
  EXPECT_TRUE(static_cast<bool>(other.port1));
  other.port2.post_message("still here");
  EXPECT_EQ(other.port1.receive()->string(), "still here");
}

TEST(TransferQuota, empty_messages_reach_the_hard_limit_too) {
  BrokerThread broker;
  Context context({.broker = broker.directory(), .queue_hard_limit = 640});
  MessageChannel channel(context);
  for (int i = 0; i < 11; ++i) channel.port1.post_message("");
  EXPECT_EQ(error_of([&] { channel.port1.post_message(""); }), "QuotaExceededError");
  ASSERT_TRUE(channel.port2.receive());
  EXPECT_EQ(error_of([&] { channel.port1.post_message(""); }), "none");
}

}  // namespace
}  // namespace fairway::test
