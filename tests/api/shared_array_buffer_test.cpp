// SharedArrayBuffer; inside one context, and between two.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include <fairway/fairway.hpp>

#include "support/dom_error.hpp"
#include "support/town.hpp"

namespace fairway::test {

struct Board {
  SharedArrayBuffer memory;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive & memory;
  }
};

}  // namespace fairway::test

template <>
inline constexpr std::string_view fairway::type_key<fairway::test::Board> = "test.Board";

namespace fairway::test {
namespace {

TEST(SharedArrayBuffer, is_of_zeros_and_has_atomics) {
  const SharedArrayBuffer buffer(20);
  EXPECT_EQ(buffer.size(), 20u);
  EXPECT_TRUE(std::ranges::all_of(buffer.bytes(), [](std::byte byte) { return byte == std::byte{0}; }));
  EXPECT_EQ(std::atomic_ref(buffer.at<std::uint32_t>(16)).fetch_add(3), 0u);
  EXPECT_EQ(std::atomic_ref(buffer.at<std::uint32_t>(16)).load(), 3u);
  for (const std::size_t offset : {std::size_t{1}, std::size_t{18}, std::size_t{20}, ~std::size_t{3}})
    EXPECT_EQ(error_of([&] { static_cast<void>(buffer.at<std::uint32_t>(offset)); }), "RangeError") << offset;
  EXPECT_EQ(SharedArrayBuffer().size(), 0u);
  EXPECT_EQ(error_of([] { SharedArrayBuffer(~std::size_t{0}); }), "RangeError");
  EXPECT_EQ(error_of([] { SharedArrayBuffer(Value(ArrayBuffer(1))); }), "TypeError");
}

TEST(SharedArrayBuffer, has_views_that_write) {
  const SharedArrayBuffer buffer(8);
  Value view = Value::typed_array(ElementType::int32, buffer, 4);
  view.set(0, -2);
  EXPECT_EQ(std::atomic_ref(buffer.at<std::int32_t>(4)).load(), -2);
  EXPECT_EQ(view.buffer().type(), ValueType::shared_array_buffer);
  EXPECT_FALSE(Value(buffer).resizable());
}

TEST(SharedArrayBuffer, is_shared_by_a_clone) {
  const SharedArrayBuffer buffer(8);
  const Value clone = structured_clone(Value::object({{"it", buffer}}));
  buffer.bytes()[3] = std::byte{8};
  EXPECT_EQ(SharedArrayBuffer(clone["it"]).bytes()[3], std::byte{8});
}

class SharedArrayBuffers : public OverBoth {
 protected:
  SharedArrayBuffer next() {
    auto event = town.next(theirs);
    if (!event) throw std::runtime_error("nothing came");
    return SharedArrayBuffer(Value(event->data()));
  }
};

TEST_P(SharedArrayBuffers, are_the_same_memory_over_there) {
  for (const std::size_t size : {1, 64, 5000, 3 << 20}) {
    const SharedArrayBuffer buffer(size);
    mine.post_message(buffer);
    const SharedArrayBuffer there = next();
    ASSERT_EQ(there.size(), size);
    buffer.bytes()[size - 1] = std::byte{5};
    EXPECT_EQ(there.bytes()[size - 1], std::byte{5});
    there.bytes()[0] = std::byte{6};
    EXPECT_EQ(buffer.bytes()[0], std::byte{6});
  }
  mine.post_message(SharedArrayBuffer());
  EXPECT_EQ(next().size(), 0u);
}

TEST_P(SharedArrayBuffers, count_together) {
  const SharedArrayBuffer buffer(16);
  mine.post_message(buffer);
  const SharedArrayBuffer there = next();
  const auto count = [](const SharedArrayBuffer& memory) {
    for (int i = 0; i < 10'000; ++i) std::atomic_ref(memory.at<std::uint64_t>(8)).fetch_add(1, std::memory_order_relaxed);
  };
  std::thread other(count, std::cref(there));
  count(buffer);
  other.join();
  EXPECT_EQ(std::atomic_ref(buffer.at<std::uint64_t>(8)).load(), 20'000u);
}

TEST_P(SharedArrayBuffers, cannot_be_transferred) {
  Value buffer = SharedArrayBuffer(4);
  EXPECT_EQ(error_of([&] { mine.post_message(buffer, {.transfer = {buffer}}); }), "DataCloneError");
  EXPECT_EQ(buffer.size(), 4u);
}

TEST_P(SharedArrayBuffers, come_back_as_the_same_memory) {
  const SharedArrayBuffer buffer(4096);
  mine.post_message(Value::map({{"memory", buffer}, {"view", Value::data_view(buffer, 8)}}));
  const auto event = town.next(theirs);
  ASSERT_TRUE(event);
  theirs.post_message(event->data());
  const auto back = town.next(mine);
  ASSERT_TRUE(back);
  buffer.bytes()[9] = std::byte{77};
  const Value memory = back->data().get_entry("memory");
  EXPECT_EQ(SharedArrayBuffer(memory).bytes()[9], std::byte{77});
  EXPECT_TRUE(back->data().get_entry("view").buffer().is_same(memory));
}

TEST_P(SharedArrayBuffers, are_members_of_objects) {
  const Board board{SharedArrayBuffer(32)};
  mine.post_message(board);
  const auto event = town.next(theirs);
  ASSERT_TRUE(event);
  event->get<Board>().memory.bytes()[31] = std::byte{3};
  EXPECT_EQ(board.memory.bytes()[31], std::byte{3});
}

TEST_P(SharedArrayBuffers, do_not_count_as_posted) {
  mine.post_message(SharedArrayBuffer(3 << 20));
  EXPECT_LT(mine.buffered_amount(), 1000u);
  EXPECT_EQ(next().size(), std::size_t{3} << 20);
  EXPECT_TRUE(town.until([&] { return mine.buffered_amount() == 0; }));
}

INSTANTIATE_TEST_SUITE_P(, SharedArrayBuffers, testing::Bool(), kind_of_channel);

}  // namespace
}  // namespace fairway::test
