// After html/infrastructure/safe-passing-of-structured-data/structured-clone-battery-of-tests-with-transferables.js, for
// ArrayBuffers; SEMANTICS 5, 11, 16, 23, 26.
#include <algorithm>

#include "conformance/transports.hpp"

namespace fairway::test {
namespace {

class TransferredBuffers : public OverTransports {
 protected:
  /// The value as the other side got it.
  Value over_there(const Value& value, PostOptions options) {
    a.port().post_message(value, std::move(options));
    return back();
  }
  Value back() {
    b.bounce();
    const auto event = a.next();
    if (!event) throw std::runtime_error("nothing came back");
    EXPECT_EQ(event->kind(), MessageEvent::Kind::value);
    return event->data();
  }
  /// Of bytes that tell where they belong.
  static ArrayBuffer filled(std::size_t size) {
    ArrayBuffer buffer(size);
    for (std::size_t i = 0; i < size; ++i) buffer.bytes()[i] = static_cast<std::byte>(i * 7 + i / 251);
    return buffer;
  }
  static bool same_bytes(const ArrayBuffer& one, const Value& other) { return std::ranges::equal(one.bytes(), other.bytes()); }
};

TEST_P(TransferredBuffers, a_buffer_arrives_and_is_detached_here) {
  for (const std::size_t size : {0, 1, 15, 16, 17, 5000, 100'000, 3 << 20}) {
    ArrayBuffer buffer = filled(size);
    const ArrayBuffer handle = buffer;
    const Value back = over_there(buffer, {.transfer = {buffer}});
    EXPECT_TRUE(handle.detached());
    EXPECT_EQ(handle.size(), 0u);
    EXPECT_TRUE(handle.bytes().empty());
    ASSERT_EQ(back.type(), Value::Type::array_buffer);
    EXPECT_EQ(back.size(), size);
    EXPECT_FALSE(back.resizable());
    EXPECT_TRUE(same_bytes(filled(size), back));
  }
}

TEST_P(TransferredBuffers, every_view_here_is_empty_then_and_those_over_there_show_it) {
  ArrayBuffer buffer = filled(16);
  const Value bytes = Value::typed_array(ElementType::uint8, buffer, 1, 3);
  const Value numbers = Value::typed_array(ElementType::int32, buffer, 4);
  const Value data = Value::data_view(buffer, 2, 5);
  const Value all = over_there(Value::array({bytes, numbers, buffer, data}), {.transfer = {buffer}});
  for (const Value& view : {bytes, numbers, data}) {
    EXPECT_EQ(view.size(), 0u);
    EXPECT_TRUE(view.bytes().empty());
    EXPECT_TRUE(view.out_of_bounds());
  }
  EXPECT_TRUE(bytes[0].is_undefined());
  EXPECT_EQ(all[0].size(), 3u);
  EXPECT_EQ(all[0][0].get<int>(), 7);
  EXPECT_EQ(all[1].size(), 3u);
  EXPECT_EQ(all[3].byte_offset(), 2u);
  for (const int view : {0, 1, 3}) EXPECT_TRUE(all[view].buffer().is_same(all[2]));
}

TEST_P(TransferredBuffers, a_detached_buffer_cannot_be_transferred) {
  ArrayBuffer buffer(0);
  static_cast<void>(over_there(buffer, {.transfer = {buffer}}));
  EXPECT_EQ(error_of([&] { a.port().post_message(buffer, {.transfer = {buffer}}); }), "DataCloneError");
  EXPECT_EQ(error_of([&] { a.port().post_message("not in it", {.transfer = {buffer}}); }), "DataCloneError");
  EXPECT_EQ(error_of([&] { a.port().post_message(Value(buffer)); }), "DataCloneError");
}

TEST_P(TransferredBuffers, a_resizable_one_keeps_its_maximum_and_stays_resizable) {
  ArrayBuffer buffer(16, 1024);
  Value back = over_there(buffer, {.transfer = {buffer}});
  EXPECT_EQ(buffer.size(), 0u);
  EXPECT_EQ(back.size(), 16u);
  EXPECT_TRUE(back.resizable());
  EXPECT_EQ(back.max_size(), 1024u);
  back.resize(1024);
  EXPECT_EQ(error_of([&] { back.resize(1025); }), "RangeError");
}

TEST_P(TransferredBuffers, one_that_may_become_too_large_to_be_copied_can_leave) {
  ArrayBuffer buffer(1, std::size_t{1} << 40);
  EXPECT_EQ(error_of([&] { a.port().post_message(buffer); }), "DataCloneError");
  EXPECT_EQ(over_there(buffer, {.transfer = {buffer}}).max_size(), std::size_t{1} << 40);
}

TEST_P(TransferredBuffers, views_that_track_the_length_of_a_transferred_one_still_do) {
  for (const bool typed : {true, false}) {
    ArrayBuffer buffer(16, 1024);
    const Value view = typed ? Value::typed_array(ElementType::uint8, buffer) : Value::data_view(buffer);
    const Value back = over_there(view, {.transfer = {buffer}});
    EXPECT_EQ(view.size(), 0u);
    EXPECT_TRUE(back.length_tracking());
    back.buffer().resize(40);
    EXPECT_EQ(back.size(), 40u);
  }
}

TEST_P(TransferredBuffers, a_view_out_of_bounds_throws_and_detaches_nothing) {
  for (const bool typed : {true, false}) {
    ArrayBuffer buffer(16, 1024);
    const Value view = typed ? Value::typed_array(ElementType::uint8, buffer, 8) : Value::data_view(buffer, 8);
    buffer.resize(4);
    EXPECT_EQ(error_of([&] { a.port().post_message(view, {.transfer = {buffer}}); }), "DataCloneError");
    EXPECT_EQ(buffer.size(), 4u);
  }
}

TEST_P(TransferredBuffers, those_listed_leave_and_the_others_are_copied) {
  ArrayBuffer leaves = filled(10);
  ArrayBuffer stays = filled(20);
  ArrayBuffer second = filled(30);
  const Value all = over_there(Value::array({second, stays, leaves, second}), {.transfer = {leaves, second}});
  EXPECT_TRUE(leaves.detached());
  EXPECT_TRUE(second.detached());
  EXPECT_TRUE(same_bytes(stays, all[1]));
  EXPECT_TRUE(same_bytes(filled(30), all[0]));
  EXPECT_TRUE(same_bytes(filled(10), all[2]));
  EXPECT_TRUE(all[3].is_same(all[0]));
}

TEST_P(TransferredBuffers, a_buffer_that_the_payload_does_not_hold_is_detached_and_gone) {
  ArrayBuffer of_value(1), of_string(1), of_bytes(1);
  EXPECT_EQ(over_there(1, {.transfer = {of_value}}).get<int>(), 1);
  a.port().post_message("text", {.transfer = {of_string}});
  EXPECT_EQ(back().get<std::string>(), "text");
  a.port().post_message(Bytes(), {.transfer = {of_bytes}});
  for (const ArrayBuffer* const buffer : {&of_value, &of_string, &of_bytes}) EXPECT_TRUE(buffer->detached());
}

TEST_P(TransferredBuffers, ports_in_the_event_do_not_count_them) {
  MessageChannel one(*channel.context), two(*channel.context);
  ArrayBuffer first = filled(3), last = filled(40'000);
  const Value value = Value::array({two.port2, last, one.port2, first});
  a.port().post_message(value, {.transfer = {first, one.port2, last, two.port2}});
  b.bounce();
  auto event = a.next();
  ASSERT_TRUE(event);
  ASSERT_EQ(event->ports.size(), 2u);
  const Value& back = event->data();
  EXPECT_EQ(back[0].port_index(), 1u);
  EXPECT_EQ(back[2].port_index(), 0u);
  EXPECT_TRUE(same_bytes(filled(40'000), back[1]));
  EXPECT_TRUE(same_bytes(filled(3), back[3]));
  two.port1.post_message("two");
  EXPECT_EQ(event->ports[1].receive()->string(), "two");
}

TEST_P(TransferredBuffers, what_waits_in_a_port_goes_along_when_that_leaves) {
  MessageChannel other(*channel.context);
  ArrayBuffer small = filled(10), large = filled(200'000);
  other.port1.post_message(Value::array({small}), {.transfer = {small}});
  other.port1.post_message(large, {.transfer = {large}});
  EXPECT_TRUE(large.detached());
  a.port().post_message("take it", {.transfer = {other.port2}});
  b.bounce();
  auto event = a.next();
  ASSERT_TRUE(event && event->ports.size() == 1);
  MessagePort& home = event->ports[0];
  EXPECT_TRUE(same_bytes(filled(10), home.receive()->data()[0]));
  EXPECT_TRUE(same_bytes(filled(200'000), home.receive()->data()));
  // Both ends are here, and in two of the transports they talk through shared memory.
  ArrayBuffer again = filled(100);
  home.post_message(again, {.transfer = {again}});
  EXPECT_TRUE(again.detached());
  EXPECT_TRUE(same_bytes(filled(100), other.port1.receive()->data()));
}

TEST_P(TransferredBuffers, they_count_as_buffered) {
  ArrayBuffer buffer(50'000);
  const std::size_t before = a.buffered();
  a.port().post_message(buffer, {.transfer = {buffer}});
  EXPECT_GE(a.buffered(), before + 50'000);
  static_cast<void>(back());
  for (int turns = 0; turns < 1000 && a.buffered() != 0; ++turns) a.settle();
  EXPECT_EQ(a.buffered(), 0u);
}

FAIRWAY_OVER_TRANSPORTS(TransferredBuffers);

}  // namespace
}  // namespace fairway::test
