// ArrayBuffer, the handle; and that inside one context the memory itself moves.
#include <gtest/gtest.h>

#include <concepts>
#include <numeric>
#include <string>

#include <fairway/fairway.hpp>

#include "support/broker_thread.hpp"
#include "support/dom_error.hpp"

namespace fairway::test {
namespace {

TEST(ArrayBuffer, is_of_zeros_or_a_copy) {
  ArrayBuffer zeros(5);
  EXPECT_EQ(zeros.size(), 5u);
  EXPECT_EQ(zeros.max_size(), 5u);
  EXPECT_FALSE(zeros.resizable());
  for (const std::byte byte : zeros.bytes()) EXPECT_EQ(byte, std::byte{0});
  const std::string text = "text";
  const ArrayBuffer copy(std::as_bytes(std::span(text)));
  EXPECT_EQ(copy.size(), 4u);
  EXPECT_EQ(copy.bytes()[3], std::byte{'t'});
  EXPECT_NE(static_cast<const void*>(copy.bytes().data()), text.data());
}

TEST(ArrayBuffer, is_the_same_container_as_the_value) {
  ArrayBuffer buffer(4);
  const Value value = buffer;
  const ArrayBuffer again(value);
  const ArrayBuffer copy = buffer;
  EXPECT_TRUE(value.is_same(buffer));
  EXPECT_TRUE(again.value().is_same(copy));
  buffer.bytes()[2] = std::byte{9};
  EXPECT_EQ(Value::typed_array(ElementType::uint8, copy)[2].get<int>(), 9);
  EXPECT_EQ(error_of([] { ArrayBuffer(Value::object()); }), "TypeError");
  EXPECT_EQ(error_of([&] { ArrayBuffer(Value::data_view(buffer)); }), "TypeError");
}

TEST(ArrayBuffer, can_be_resized_to_its_maximum) {
  ArrayBuffer buffer(2, 6);
  buffer.resize(6);
  EXPECT_EQ(buffer.size(), 6u);
  EXPECT_EQ(error_of([&] { buffer.resize(7); }), "RangeError");
  EXPECT_EQ(error_of([] { ArrayBuffer(7, 6); }), "RangeError");
  EXPECT_EQ(error_of([] { ArrayBuffer(7).resize(6); }), "TypeError");
  EXPECT_EQ(error_of([] { ArrayBuffer(~std::size_t{0}); }), "RangeError");
  EXPECT_EQ(error_of([] { ArrayBuffer(~std::size_t{0}, ~std::size_t{0}); }), "RangeError");
  EXPECT_EQ(error_of([] { ArrayBuffer(1, ~std::size_t{0}).resize(~std::size_t{0}); }), "RangeError");
}

static_assert(!std::convertible_to<std::size_t, ArrayBuffer> && !std::convertible_to<Value, ArrayBuffer>);
static_assert(std::convertible_to<ArrayBuffer, Value>);
static_assert(!std::constructible_from<TransferRef, ArrayBuffer> && !std::constructible_from<TransferRef, Value>, "it would dangle");

class Moving : public testing::Test {
 protected:
  BrokerThread broker_;
  Context context_{{.broker = broker_.directory()}};
  MessageChannel channel_{context_};
};

TEST_F(Moving, the_memory_itself_moves_inside_one_context) {
  ArrayBuffer buffer(100'000);
  const void* const memory = buffer.bytes().data();
  channel_.port1.post_message(Value::object({{"frame", buffer}}), {.transfer = {buffer}});
  const auto event = channel_.port2.receive();
  ASSERT_TRUE(event);
  EXPECT_EQ(event->data()["frame"].bytes().data(), memory);
  EXPECT_EQ(buffer.bytes().data(), nullptr);
}

TEST_F(Moving, the_memory_itself_moves_in_a_structured_clone) {
  ArrayBuffer buffer(100'000);
  ArrayBuffer unused(1);
  const void* const memory = buffer.bytes().data();
  const Value view = Value::typed_array(ElementType::float32, buffer, 8, 2);
  const Clone clone = structured_clone(Value::array({view, buffer}), {.transfer = {buffer, unused}});
  EXPECT_EQ(clone.data[1].bytes().data(), memory);
  EXPECT_EQ(clone.data[0].byte_offset(), 8u);
  EXPECT_TRUE(clone.data[0].buffer().is_same(clone.data[1]));
  EXPECT_TRUE(buffer.detached());
  EXPECT_TRUE(unused.detached());
  EXPECT_TRUE(view.out_of_bounds());
  EXPECT_EQ(error_of([&] { structured_clone(buffer, {.transfer = {buffer}}); }), "DataCloneError");
}

TEST_F(Moving, what_was_detached_weighs_nothing_and_can_be_freed_in_any_order) {
  Value graph = Value::array();
  for (int round = 0; round < 200; ++round) {
    ArrayBuffer buffer(100'000);
    graph.push_back(Value::typed_array(ElementType::uint8, buffer));
    channel_.port1.post_message(graph[graph.size() - 1], {.transfer = {buffer}});
    if (round % 2 == 0) continue;
    const auto first = channel_.port2.receive();
    ASSERT_TRUE(first);
    EXPECT_EQ(first->data().size(), 100'000u);
    graph.set_length(0);
  }
}

}  // namespace
}  // namespace fairway::test
