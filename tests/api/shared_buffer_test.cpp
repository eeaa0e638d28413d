// SharedBuffer, the handle, and how it travels; inside one context, and between two.
#include <gtest/gtest.h>

#include <algorithm>
#include <concepts>
#include <string>
#include <vector>

#include <boost/serialization/vector.hpp>
#include <fairway/fairway.hpp>

#include "support/dom_error.hpp"
#include "support/town.hpp"

namespace fairway::test {

struct Scene {
  int number = 0;
  std::vector<SharedBuffer> meshes;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive & number & meshes;
  }
};

}  // namespace fairway::test

template <>
inline constexpr std::string_view fairway::type_key<fairway::test::Scene> = "test.Scene";

namespace fairway::test {
namespace {

constexpr std::size_t large = (std::size_t{2} << 20) + 3;

std::vector<std::byte> pattern(std::size_t size) {
  std::vector<std::byte> bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * 5 + i / 4096);
  return bytes;
}

TEST(SharedBuffer, is_a_copy_that_nobody_changes) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{7}, large}) {
    std::vector<std::byte> bytes = pattern(size);
    const SharedBuffer buffer{Bytes(bytes)};
    std::ranges::fill(bytes, std::byte{0xee});
    EXPECT_EQ(buffer.size(), size);
    EXPECT_TRUE(std::ranges::equal(buffer.bytes(), pattern(size)));
    EXPECT_FALSE(buffer.detached());
  }
  EXPECT_EQ(SharedBuffer().size(), 0u);
}

TEST(SharedBuffer, takes_what_an_array_buffer_holds) {
  for (const std::size_t size : {std::size_t{7}, large}) {
    ArrayBuffer source{Bytes(pattern(size))};
    const SharedBuffer buffer(std::move(source));
    EXPECT_TRUE(source.detached());
    EXPECT_TRUE(std::ranges::equal(buffer.bytes(), pattern(size)));
    EXPECT_EQ(error_of([&] { SharedBuffer(std::move(source)); }), "TypeError");
  }
  ArrayBuffer resizable(5, 10);
  EXPECT_EQ(SharedBuffer(std::move(resizable)).size(), 5u);
}

TEST(SharedBuffer, cannot_be_written_through_anything) {
  for (const std::size_t size : {std::size_t{64}, large}) {
    const SharedBuffer buffer{Bytes(pattern(size))};
    Value value = buffer;
    EXPECT_EQ(value.type(), ValueType::shared_buffer);
    EXPECT_EQ(error_of([&] { static_cast<void>(value.bytes()); }), "TypeError");
    Value view = Value::typed_array(ElementType::uint8, value, 1, 8);
    EXPECT_EQ(view[0].get<int>(), 5);
    EXPECT_EQ(error_of([&] { view.set(0, 9); }), "TypeError");
    EXPECT_EQ(error_of([&] { static_cast<void>(view.bytes()); }), "TypeError");
    EXPECT_EQ(std::as_const(view).bytes().size(), 8u);
    EXPECT_TRUE(view.buffer().is_same(value));
    EXPECT_EQ(error_of([&] { value.resize(1); }), "TypeError");
    EXPECT_EQ(error_of([&] { value.detach(); }), "TypeError");
    EXPECT_EQ(error_of([&] { ArrayBuffer{value}; }), "TypeError");
    EXPECT_TRUE(SharedBuffer(value).value().is_same(buffer));
  }
  EXPECT_EQ(error_of([] { SharedBuffer(Value(ArrayBuffer(1))); }), "TypeError");
}

TEST(SharedBuffer, is_shared_by_a_clone) {
  const SharedBuffer buffer{Bytes(pattern(100))};
  const Value clone = structured_clone(Value::array({buffer, buffer}));
  EXPECT_TRUE(clone[0].is_same(clone[1]));
  EXPECT_FALSE(clone[0].is_same(buffer));
  EXPECT_EQ(SharedBuffer(clone[0]).bytes().data(), buffer.bytes().data());
  EXPECT_EQ(clone, Value::array({buffer, buffer}));
}

TEST(SharedBuffer, is_shown_as_what_it_is) {
  SharedBuffer buffer{Bytes(pattern(2))};
  EXPECT_EQ(inspect(buffer), "SharedBuffer { <00 05>, byteLength: 2 }");
  EXPECT_EQ(inspect(SharedArrayBuffer(1)), "SharedArrayBuffer { <00>, byteLength: 1 }");
  static_cast<void>(structured_clone(Value(buffer), {.transfer = {buffer}}));
  EXPECT_EQ(inspect(buffer), "SharedBuffer { (detached) }");
}

static_assert(!std::constructible_from<TransferRef, SharedBuffer>, "it would dangle");

class SharedBuffers : public OverBoth {
 protected:
  Value next() {
    auto event = town.next(theirs);
    if (!event) throw std::runtime_error("nothing came");
    EXPECT_EQ(event->kind(), MessageEvent::Kind::value);
    return event->data();
  }
};

TEST_P(SharedBuffers, are_sent_again_and_again_and_stay) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{100}, large}) {
    const SharedBuffer buffer{Bytes(pattern(size))};
    for (int i = 0; i < 3; ++i) mine.post_message(buffer);
    EXPECT_FALSE(buffer.detached());
    for (int i = 0; i < 3; ++i) {
      const Value there = next();
      ASSERT_EQ(there.type(), ValueType::shared_buffer);
      EXPECT_TRUE(std::ranges::equal(there.bytes(), pattern(size)));
    }
    EXPECT_TRUE(town.until([&] { return mine.buffered_amount() == 0; }));
  }
}

TEST_P(SharedBuffers, come_once_with_their_views_and_beside_other_buffers_and_ports) {
  const SharedBuffer one{Bytes(pattern(large))}, other{Bytes(pattern(10))};
  ArrayBuffer moved{Bytes(pattern(large))}, small(3);
  MessageChannel inside(town[0]);
  const Value view = Value::typed_array(ElementType::uint16, one, 4, 2);
  mine.post_message(Value::array({one, moved, other, view, one, small}), {.transfer = {small, inside.port2, moved}});
  auto event = town.next(theirs);
  ASSERT_TRUE(event && event->ports.size() == 1);
  const Value there = event->data();
  ASSERT_EQ(there.size(), 6u);
  EXPECT_EQ(there[0].type(), ValueType::shared_buffer);
  EXPECT_EQ(there[1].type(), ValueType::array_buffer);
  EXPECT_TRUE(std::ranges::equal(there[1].bytes(), pattern(large)));
  EXPECT_TRUE(std::ranges::equal(SharedBuffer(there[2]).bytes(), pattern(10)));
  EXPECT_TRUE(there[3].buffer().is_same(there[0]));
  EXPECT_EQ(there[3], view);
  EXPECT_TRUE(there[4].is_same(there[0]));
  EXPECT_TRUE(moved.detached());
  event->ports[0].post_message("here");
  EXPECT_EQ(town.text(inside.port1), "here");
}

TEST_P(SharedBuffers, that_are_listed_are_detached_here) {
  SharedBuffer buffer{Bytes(pattern(large))};
  const SharedBuffer handle = buffer;
  const Value view = Value::typed_array(ElementType::uint8, buffer);
  mine.post_message(buffer, {.transfer = {buffer}});
  EXPECT_TRUE(handle.detached());
  EXPECT_EQ(handle.size(), 0u);
  EXPECT_TRUE(view.out_of_bounds());
  EXPECT_TRUE(std::ranges::equal(SharedBuffer(next()).bytes(), pattern(large)));
  EXPECT_EQ(error_of([&] { mine.post_message(handle); }), "DataCloneError");
  EXPECT_EQ(error_of([&] { mine.post_message("it", {.transfer = {buffer}}); }), "DataCloneError");
  SharedBuffer twice{Bytes(pattern(1))};
  EXPECT_EQ(error_of([&] { mine.post_message("it", {.transfer = {twice, twice}}); }), "DataCloneError");
  EXPECT_FALSE(twice.detached());
}

TEST_P(SharedBuffers, are_forwarded) {
  const SharedBuffer buffer{Bytes(pattern(large))};
  mine.post_message(buffer);
  theirs.post_message(SharedBuffer(next()));
  const auto event = town.next(mine);
  ASSERT_TRUE(event);
  EXPECT_TRUE(std::ranges::equal(event->data().bytes(), pattern(large)));
}

TEST_P(SharedBuffers, are_members_of_objects) {
  Scene scene{4, {SharedBuffer{Bytes(pattern(large))}, SharedBuffer{Bytes(pattern(9))}}};
  scene.meshes.push_back(scene.meshes[0]);
  mine.post_message(scene);
  const auto event = town.next(theirs);
  ASSERT_TRUE(event);
  const auto there = event->get<Scene>();
  EXPECT_EQ(there.number, 4);
  ASSERT_EQ(there.meshes.size(), 3u);
  EXPECT_TRUE(std::ranges::equal(there.meshes[0].bytes(), pattern(large)));
  EXPECT_TRUE(std::ranges::equal(there.meshes[1].bytes(), pattern(9)));
  EXPECT_TRUE(there.meshes[2].value().is_same(there.meshes[0].value()));
  EXPECT_FALSE(scene.meshes[0].detached());

  mine.post_message(scene, {.transfer = {scene.meshes[1]}});
  EXPECT_TRUE(scene.meshes[1].detached());
  EXPECT_EQ(error_of([&] { mine.post_message(scene); }), "DataCloneError");
}

TEST_P(SharedBuffers, count_as_posted_until_they_are_read) {
  const SharedBuffer buffer{Bytes(pattern(large))};
  mine.post_message(buffer);
  EXPECT_GE(mine.buffered_amount(), large);
  next();
  EXPECT_TRUE(town.until([&] { return mine.buffered_amount() == 0; }));
}

INSTANTIATE_TEST_SUITE_P(, SharedBuffers, testing::Bool(), kind_of_channel);

}  // namespace
}  // namespace fairway::test
