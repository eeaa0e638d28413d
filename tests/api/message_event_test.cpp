// What a received message gives, and for how long.
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fairway/fairway.hpp>

#include "support/broker_thread.hpp"

namespace fairway::test {
namespace {

class Received : public testing::Test {
 protected:
  template <class T>
  MessageEvent through(const T& message) {
    channel_.port1.post_message(message);
    auto event = channel_.port2.try_receive();
    EXPECT_TRUE(event);
    return event ? std::move(*event) : MessageEvent();
  }

  BrokerThread broker_;
  Context context_{{.broker = broker_.directory()}};
  MessageChannel channel_{context_};
};

TEST_F(Received, data_is_the_same_object_as_long_as_the_event_lives) {
  const MessageEvent value = through(Value::array({1, 2}));
  const MessageEvent text = through("some words");
  for (const MessageEvent* const event : {&value, &text}) {
    const Value& once = event->data();
    EXPECT_EQ(&event->data(), &once);
  }
  EXPECT_EQ(value.data().size(), 2u);
  EXPECT_EQ(text.data(), Value("some words"));
}

TEST_F(Received, data_of_a_string_of_any_length_leaves_what_was_given_out_before_in_place) {
  for (const std::size_t size : {0u, 1u, 15u, 200u, 100'000u}) {
    const std::string sent(size, 'x');
    const MessageEvent event = through(sent);
    const std::string_view before = event.string();
    EXPECT_EQ(event.data().get<std::string>(), sent);
    EXPECT_EQ(before, sent);
    EXPECT_EQ(event.string(), sent);
  }
}

TEST_F(Received, what_was_moved_from_has_no_data_and_what_it_was_moved_to_has_it) {
  MessageEvent event = through(Value::object({{"kind", "greeting"}}));
  const MessageEvent taken = std::move(event);
  EXPECT_EQ(taken.data()["kind"], Value("greeting"));
  EXPECT_TRUE(event.data().is_undefined());
}

TEST_F(Received, bytes_have_no_data) { EXPECT_TRUE(through(std::vector<std::byte>(3)).data().is_undefined()); }

}  // namespace
}  // namespace fairway::test
