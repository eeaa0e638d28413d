/// A message of kind value whose bytes are none: a messageerror, and the next message comes as if nothing had been.
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include <fairway/context.hpp>
#include <fairway/message_channel.hpp>
#include <fairway/message_event.hpp>
#include <fairway/value.hpp>

#include "client/endpoint.hpp"
#include "client/port.hpp"
#include "support/broker_thread.hpp"

namespace fairway::test {
namespace {

using namespace std::string_literals;

const std::string samples[] = {"", "\xff\x0f"s, "\xff\x10_"s, "\xff\x0f^\0"s, "\xff\x0f\\\0"s, "\xff\x0f" "A\xff\xff\xff\xff\x0f"s, "\xff\x0f__"s};

/// As its owner would, were it not honest.
void post_as_value(MessagePort& port, const std::string& bytes) {
  port.implementation()->endpoint->post(shm::RecordType::value, std::as_bytes(std::span(bytes)));
}

void expect_errors(MessagePort& from, MessagePort& to) {
  for (const std::string& bytes : samples) {
    post_as_value(from, bytes);
    from.post_message(Value::array({1}));
    const auto damaged = to.receive(std::chrono::seconds(20));
    ASSERT_TRUE(damaged);
    EXPECT_EQ(damaged->kind(), MessageEvent::Kind::error);
    EXPECT_TRUE(damaged->data().is_null());
    EXPECT_TRUE(damaged->bytes().empty());
    const auto next = to.receive(std::chrono::seconds(20));
    ASSERT_TRUE(next);
    EXPECT_EQ(next->data(), Value::array({1}));
  }
}

struct TwoContexts {
  BrokerThread broker;
  Context one{{.name = "one", .broker = broker.directory()}};
  Context two{{.broker = broker.directory()}};
  MessagePort to;
  MessagePort from;

  TwoContexts() {
    std::optional<MessagePort> connected;
    one.on_connect([&](MessageEvent& event) { connected = std::move(event.ports[0]); });
    from = two.connect("one");
    while (!connected) one.run_once();
    to = *std::move(connected);
  }
};

TEST(DamagedValue, in_one_context_is_a_messageerror) {
  BrokerThread broker;
  Context context({.broker = broker.directory()});
  MessageChannel channel(context);
  expect_errors(channel.port1, channel.port2);
}

TEST(DamagedValue, through_shared_memory_is_a_messageerror) {
  TwoContexts contexts;
  expect_errors(contexts.from, contexts.to);
}

/// Beside a value, as its owner would, were it not honest.
void post_with_buffers(MessagePort& port, shm::RecordType type, std::uint8_t flags, const std::string& bytes) {
  const Bytes payload = std::as_bytes(std::span(bytes));
  port.implementation()->endpoint->post_record({type, flags, {payload.begin(), payload.end()}}, {});
}

TEST(DamagedValue, with_contents_of_buffers_that_are_none_is_a_messageerror) {
  TwoContexts contexts;
  const auto word = [](char number) { return number + std::string(7, '\0'); };
  const std::string fixed(8, '\xff');
  const std::string value = "\xff\x0ft\0"s;
  const auto block = [&](std::string bytes, char size) {
    const char length = static_cast<char>(bytes.size());
    bytes.resize(16);
    return word(1) + word(length) + word(size) + fixed + bytes + std::string(16, 'a');
  };
  const auto kind_of = [&](shm::RecordType type, std::uint8_t flags, const std::string& bytes) {
    post_with_buffers(contexts.from, type, flags, bytes);
    const auto event = contexts.to.receive(std::chrono::seconds(20));
    return event ? event->kind() : MessageEvent::Kind::bytes;
  };
  constexpr auto error = MessageEvent::Kind::error;
  EXPECT_EQ(kind_of(shm::RecordType::value, shm::record_has_buffers, block(value, 3)), MessageEvent::Kind::value);
  EXPECT_EQ(kind_of(shm::RecordType::value, shm::record_has_buffers, block(value, 17)), error);
  EXPECT_EQ(kind_of(shm::RecordType::value, shm::record_has_buffers, block(value, 3).substr(0, 63)), error);
  EXPECT_EQ(kind_of(shm::RecordType::value, shm::record_has_buffers, block("\xff\x0ft\1", 3)), error);
  EXPECT_EQ(kind_of(shm::RecordType::value, shm::record_has_buffers, block("", 3)), error);
  EXPECT_EQ(kind_of(shm::RecordType::value, shm::record_has_buffers, value), error);
  EXPECT_EQ(kind_of(shm::RecordType::value, shm::record_has_buffers, ""), error);
  EXPECT_EQ(kind_of(shm::RecordType::value, 0, value), error);
  EXPECT_EQ(kind_of(shm::RecordType::value, 0, block(value, 3)), error);
  EXPECT_EQ(kind_of(shm::RecordType::value, 4, value), error);
  EXPECT_EQ(kind_of(shm::RecordType::bytes, shm::record_has_buffers, block(value, 3)), error);
  contexts.from.post_message(Value("next"));
  EXPECT_EQ(contexts.to.receive(std::chrono::seconds(20))->data().get<std::string>(), "next");
}

TEST(DamagedValue, goes_to_on_message_error_and_not_to_on_message) {
  TwoContexts contexts;
  std::string heard;
  contexts.to.on_message_error([&](MessageEvent& event) { heard += event.data().is_null() ? "e" : "?"; });
  contexts.to.on_message([&](MessageEvent& event) { heard += event.data().get<std::string>(); });
  post_as_value(contexts.from, samples[3]);
  contexts.from.post_message(Value("m"));
  post_as_value(contexts.from, samples[4]);
  while (heard.size() < 3) contexts.one.run_once();
  EXPECT_EQ(heard, "eme");
}

TEST(ValueEvent, can_be_moved_and_kept_and_has_its_bytes) {
  TwoContexts contexts;
  Value cycle = Value::object({{"name", "x"}});
  cycle.set("self", cycle);
  contexts.from.post_message(cycle);
  std::optional<MessageEvent> event = contexts.to.receive();
  ASSERT_TRUE(event);
  MessageEvent moved = std::move(*event);
  event.reset();
  EXPECT_EQ(moved.data(), cycle);
  EXPECT_EQ(moved.bytes()[0], std::byte{0xff});
  MessageEvent assigned;
  assigned = std::move(moved);
  const Value kept = assigned.data();
  ASSERT_TRUE(assigned.assign(MessageEvent::Kind::string, 0));
  EXPECT_EQ(kept, cycle);
  EXPECT_EQ(assigned.data(), Value(""));
}

}  // namespace
}  // namespace fairway::test
