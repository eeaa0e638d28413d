// What transferred buffers hold, beside a value's bytes.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <random>

#include <fairway/error.hpp>

#include "value/heap.hpp"
#include "wire/buffer_block.hpp"
#include "wire/value_bytes.hpp"

namespace fairway::test {
namespace {

using namespace std::string_literals;
using wire::ValueError;

graph::Contents contents(std::string_view text) {
  const Bytes bytes = bytes_of(text);
  return {{bytes.begin(), bytes.end()}, 0, false};
}

template <class... Text>
std::vector<graph::Contents> contents_of(Text... texts) {
  std::vector<graph::Contents> all;
  (all.push_back(contents(texts)), ...);
  return all;
}

/// Like what can go to another process as it is.
struct OwnMemory : graph::Memory {
  explicit OwnMemory(std::string_view text) : text_(text) {}
  std::span<std::byte> bytes() const noexcept override { return std::as_writable_bytes(std::span(text_)); }
  bool is_object() const noexcept override { return true; }
  mutable std::string text_;
};

std::string block_of(const std::vector<graph::Contents>& buffers, std::string_view value, wire::Contained how = wire::Contained::copied) {
  std::vector<const graph::Contents*> pointers;
  for (const graph::Contents& buffer : buffers) pointers.push_back(&buffer);
  std::vector<std::byte> out(1 << 16, std::byte{'?'});
  wire::write_buffer_head(pointers, bytes_of(value), how, out.data());
  std::byte* end = out.data() + wire::buffer_head_size(pointers, bytes_of(value));
  for (const graph::Contents& buffer : buffers)
    if (wire::stands_inside(buffer, how)) end = wire::write_contents(buffer, end);
  return std::string(reinterpret_cast<const char*>(out.data()), static_cast<std::size_t>(end - out.data()));
}

std::string word(std::uint64_t number) { return std::string(reinterpret_cast<const char*>(&number), sizeof number); }
std::string padded(std::string text) { return text + std::string((16 - text.size() % 16) % 16, '\0'); }

/// The value's bytes, or "none".
std::string read_block(std::string_view payload, std::vector<graph::Contents>& out) {
  const auto value = wire::read_buffer_block(bytes_of(payload), out);
  return value ? std::string(reinterpret_cast<const char*>(value->data()), value->size()) : "none";
}

bool damaged(std::string_view payload) {
  std::vector<graph::Contents> buffers;
  return read_block(payload, buffers) == "none";
}

TEST(BufferBlock, has_a_table_the_value_and_the_bytes_at_even_places) {
  auto buffers = contents_of("abc", "");
  buffers[1].resizable = true;
  buffers[1].maximum = 9;
  const std::string table = word(3) + word(~std::uint64_t{0}) + word(0) + word(9);
  EXPECT_EQ(block_of(buffers, "value"), word(2) + word(5) + table + padded("value") + padded("abc"));
}

TEST(BufferBlock, is_read_as_it_was_written) {
  auto buffers = contents_of("0123456789abcdef", "", std::string(1000, 'x'), "y");
  buffers[1].resizable = true;
  buffers[3].resizable = true;
  buffers[3].maximum = 1;
  for (const std::string value : {"", "value", "0123456789abcdef"}) {
    std::vector<graph::Contents> again;
    EXPECT_EQ(read_block(block_of(buffers, value), again), value);
    ASSERT_EQ(again.size(), buffers.size());
    for (std::size_t i = 0; i < again.size(); ++i) {
      EXPECT_TRUE(std::ranges::equal(again[i].bytes(), buffers[i].bytes()));
      EXPECT_EQ(again[i].resizable, buffers[i].resizable);
      EXPECT_EQ(again[i].maximum, buffers[i].maximum);
    }
  }
}

TEST(BufferBlock, says_of_what_goes_in_a_box_how_large_it_is) {
  auto buffers = contents_of("abc", "");
  buffers[1].memory = std::make_shared<OwnMemory>("0123456789");
  const std::string table = word(3) + word(~std::uint64_t{0}) + word(10) + word(~std::uint64_t{1});
  const std::string block = block_of(buffers, "value", wire::Contained::boxed);
  EXPECT_EQ(block, word(2) + word(5) + table + padded("value") + padded("abc"));
  EXPECT_EQ(wire::size_in_boxes(bytes_of(block)), 10u);
  std::vector<graph::Contents> again;
  EXPECT_EQ(read_block(block, again), "value");
  ASSERT_EQ(again.size(), 2u);
  EXPECT_FALSE(again[0].missing());
  EXPECT_TRUE(again[1].missing());
  EXPECT_EQ(again[1].size_elsewhere, 10u);
  again[1].memory = std::make_shared<OwnMemory>("9876543210");
  EXPECT_FALSE(again[1].missing());

  const std::string copied = block_of(buffers, "value");
  EXPECT_EQ(copied.substr(copied.size() - 16), padded("0123456789"));
  EXPECT_EQ(wire::size_in_boxes(bytes_of(copied)), 0u);
}

TEST(BufferBlock, says_who_has_what_is_shared) {
  const auto own = std::make_shared<OwnMemory>("0123456789");
  const auto in_heap = std::make_shared<graph::HeapMemory>(std::vector<std::byte>(3, std::byte{'x'}));
  std::vector<graph::Contents> buffers;
  buffers.push_back({{}, 0, false, own, {}, graph::Sharing::frozen});
  buffers.push_back({{}, 0, false, in_heap, {}, graph::Sharing::frozen});
  buffers.push_back({{}, 0, false, own, {}, graph::Sharing::writable});
  const std::string block = block_of(buffers, "value", wire::Contained::boxed);
  const std::string table = word(10) + word(~std::uint64_t{3}) + word(3) + word(~std::uint64_t{2}) + word(10) + word(~std::uint64_t{4});
  EXPECT_EQ(block, word(3) + word(5) + table + padded("value") + padded("xxx"));
  EXPECT_EQ(wire::size_in_boxes(bytes_of(block)), 10u) << "what all can write is not on its way";
  std::vector<graph::Contents> again;
  EXPECT_EQ(read_block(block, again), "value");
  ASSERT_EQ(again.size(), 3u);
  EXPECT_TRUE(again[0].missing() && again[0].sharing == graph::Sharing::frozen);
  EXPECT_TRUE(!again[1].missing() && again[1].sharing == graph::Sharing::frozen && again[1].bytes().size() == 3);
  EXPECT_TRUE(again[2].missing() && again[2].sharing == graph::Sharing::writable);

  again.clear();
  EXPECT_EQ(read_block(block_of(buffers, "value"), again), "none") << "without boxes nobody can share it";
  buffers.pop_back();
  again.clear();
  EXPECT_EQ(read_block(block_of(buffers, "value"), again), "value");
  EXPECT_EQ(again[0].bytes().size(), 10u);
  EXPECT_EQ(again[0].sharing, graph::Sharing::frozen);
}

TEST(BufferBlock, says_under_which_number_what_is_lent_may_go_back) {
  const auto own = std::make_shared<OwnMemory>("0123456789");
  std::vector<graph::Contents> buffers(4);
  for (const std::size_t i : {0, 2, 3}) buffers[i].memory = own;
  buffers[0].lent_as = 77;
  buffers[3].lent_as = 78;
  const std::string boxed = word(10) + word(~std::uint64_t{1}), lent = word(10) + word(~std::uint64_t{6});
  const std::string table = lent + word(0) + word(~std::uint64_t{0}) + boxed + lent;
  const std::string block = block_of(buffers, "value", wire::Contained::boxed);
  EXPECT_EQ(block, word(4) + word(5) + table + word(77) + word(78) + padded("value"));
  EXPECT_EQ(wire::size_in_boxes(bytes_of(block)), 30u);
  std::vector<graph::Contents> again;
  EXPECT_EQ(read_block(block, again), "value");
  ASSERT_EQ(again.size(), 4u);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(again[i].lent_as, buffers[i].lent_as) << i;
  EXPECT_TRUE(again[3].missing());

  buffers[3].lent_as = 0;
  EXPECT_EQ(block_of(buffers, "", wire::Contained::boxed), word(4) + word(0) + lent + word(0) + word(~std::uint64_t{0}) + boxed + boxed + word(77) + word(0));
  EXPECT_TRUE(damaged(word(1) + word(0) + lent)) << "no number";
  EXPECT_TRUE(damaged(word(1) + word(0) + lent + word(77))) << "no padding";
}

TEST(BufferBlock, that_nobody_wrote_is_refused) {
  const std::uint64_t fixed = ~std::uint64_t{0};
  const std::string line(16, 'x');
  EXPECT_FALSE(damaged(word(1) + word(2) + word(3) + word(fixed) + line + line));
  EXPECT_TRUE(damaged(""));
  EXPECT_TRUE(damaged(word(1)));
  EXPECT_TRUE(damaged(word(0) + word(0))) << "none, and yet a table";
  EXPECT_TRUE(damaged(word(1) + word(0))) << "no table";
  EXPECT_TRUE(damaged(word(2) + word(0) + word(0) + word(fixed))) << "half a table";
  EXPECT_TRUE(damaged(word(fixed) + word(0) + word(0) + word(fixed)));
  EXPECT_TRUE(damaged(word(std::uint64_t{1} << 60) + word(0) + word(0) + word(fixed)));
  EXPECT_TRUE(damaged(word(1) + word(2) + word(0) + word(fixed))) << "no value";
  EXPECT_TRUE(damaged(word(1) + word(fixed) + word(0) + word(fixed) + line));
  EXPECT_TRUE(damaged(word(1) + word(fixed - 15) + word(0) + word(fixed) + line));
  EXPECT_TRUE(damaged(word(1) + word(2) + word(1) + word(fixed) + line)) << "no bytes";
  EXPECT_TRUE(damaged(word(1) + word(2) + word(3) + word(fixed) + line + "abc")) << "no padding";
  EXPECT_TRUE(damaged(word(1) + word(2) + word(fixed) + word(fixed) + line + line));
  EXPECT_TRUE(damaged(word(1) + word(2) + word(fixed - 15) + word(fixed) + line + line));
  EXPECT_TRUE(damaged(word(1) + word(2) + word(3) + word(2) + line + line)) << "more than its maximum";
  EXPECT_TRUE(damaged(word(1) + word(2) + word(3) + word(fixed) + line + line + line)) << "bytes left over";
  EXPECT_TRUE(damaged(word(1) + word(2) + word(3) + word(~std::uint64_t{5}) + line)) << "to be written by all, and not to be had";
  EXPECT_FALSE(damaged(word(1) + word(2) + word(0) + word(~std::uint64_t{5}) + line));
  EXPECT_TRUE(damaged(word(1) + word(2) + word(3) + word(~std::uint64_t{2}) + line)) << "no bytes";
  EXPECT_TRUE(damaged(word(2) + word(2) + word(16) + word(fixed) + word(1) + word(fixed) + line + line)) << "one for two";
}

TEST(BufferBlock, any_changed_byte_takes_no_more_than_there_is) {
  const std::string block = block_of(contents_of(std::string(100, 'a'), std::string(50, 'b'), "c"), "value");
  std::mt19937 random(7);
  int read = 0;
  for (int round = 0; round < 100'000; ++round) {
    std::string changed = block;
    for (auto changes = 1 + random() % 3; changes != 0; --changes) changed[random() % 80] = static_cast<char>(random());
    if (random() % 4 == 0) changed.resize(random() % changed.size());
    std::vector<graph::Contents> buffers;
    std::size_t sum = 0;
    const std::string value = read_block(changed, buffers);
    for (const graph::Contents& buffer : buffers) sum += buffer.bytes().size();
    ASSERT_LE(sum, changed.size());
    if (value == "none") continue;
    ++read;
    ASSERT_LE(sum + value.size(), changed.size());
  }
  EXPECT_GT(read, 100);
}

// The value's side ----------------------------------------------------------------------------------------------

ValueError read_with(std::string_view body, std::vector<graph::Contents>& buffers, Value& out) {
  return wire::read_value(bytes_of("\xff\x0f"s + std::string(body)), {}, buffers, out);
}

TEST(TransferredBuffer, is_a_t_and_its_number_among_those_that_leave) {
  const Value one = Value::array_buffer(bytes_of("one"));
  const Value two = Value::array_buffer(bytes_of("two"));
  const Value unused = Value::array_buffer(bytes_of("unused"));
  const auto node = [](const Value& value) { return &graph::as<graph::BufferNode>(value.cell()); };
  graph::BufferNode* const listed[] = {node(one), node(unused), node(two)};
  std::vector<std::byte> out;
  const Value value = Value::array({Value::typed_array(ElementType::uint8, two, 1), one, two, unused.size()});
  const auto leaving = wire::write_value(value, {}, listed, out);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(out.data()), out.size()), "\xff\x0f" "A\4t\0VB\1\2\0t\1^\1I\x0c$\0\4"s);
  EXPECT_EQ(leaving, (std::vector{node(two), node(one)}));
  EXPECT_FALSE(one.detached()) << "that is for who posts it";
}

TEST(TransferredBuffer, moves_into_the_value_that_refers_to_it) {
  auto buffers = contents_of("zero", "one");
  const void* const memory = buffers[1].bytes().data();
  Value value;
  ASSERT_EQ(read_with("A\3t\1VB\1\2\0t\1^\1$\0\3"s, buffers, value), ValueError::none);
  EXPECT_EQ(value[0].bytes().data(), static_cast<const std::byte*>(memory) + 1);
  EXPECT_TRUE(value[1].is_same(value[2]));
  EXPECT_TRUE(value[0].buffer().is_same(value[1])) << "the same number, the same buffer";
  EXPECT_EQ(buffers[0].bytes().size(), 4u);
  EXPECT_TRUE(buffers[1].bytes().empty());
}

TEST(TransferredBuffer, stays_when_the_bytes_are_none) {
  auto buffers = contents_of("zero", "one");
  buffers[0].resizable = true;
  buffers[0].maximum = 10;
  Value value;
  EXPECT_EQ(read_with("t\2", buffers, value), ValueError::transferred);
  EXPECT_EQ(read_with("A\2t\0t\1$\0\3"s, buffers, value), ValueError::count);
  EXPECT_EQ(read_with("t\1Vb\0\4\0"s, buffers, value), ValueError::bounds);
  EXPECT_EQ(read_with("t\0Vb\0\4\0"s, buffers, value), ValueError::flags);
  EXPECT_EQ(buffers[0].bytes().size(), 4u);
  EXPECT_EQ(buffers[0].maximum, 10u);
  EXPECT_EQ(buffers[1].bytes().size(), 3u);
  EXPECT_TRUE(value.is_undefined());
  EXPECT_EQ(read_with("t\0Vb\0\4\3"s, buffers, value), ValueError::none);
  EXPECT_TRUE(value.length_tracking());
}

graph::Contents frozen(std::string_view text) {
  return {{}, 0, false, std::make_shared<graph::HeapMemory>(contents(text).in_heap), {}, graph::Sharing::frozen};
}

TEST(SharedBufferBeside, is_a_u_listed_or_not_and_stays) {
  const Value buffer = graph::make_buffer(frozen("abc"));
  std::vector<std::byte> out;
  const Value value = Value::array({buffer, Value::data_view(buffer, 1), buffer});
  const auto beside = wire::write_value(value, {}, {}, out);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(out.data()), out.size()), "\xff\x0f" "A\3u\0^\1V?\1\2\0^\1$\0\3"s);
  EXPECT_EQ(beside, std::vector{&graph::as<graph::BufferNode>(buffer.cell())});
  std::vector<graph::Contents> buffers;
  buffers.push_back(beside[0]->leave());
  EXPECT_FALSE(buffer.detached());
  Value again;
  ASSERT_EQ(wire::read_value(out, {}, buffers, again), ValueError::none);
  EXPECT_EQ(again, value);
  EXPECT_EQ(again[0].type(), ValueType::shared_buffer);
  EXPECT_THROW(wire::write_value(value, {}, out), DOMException) << "where nothing can stand beside it";
}

TEST(SharedBufferBeside, is_no_t_and_what_is_moved_is_no_u) {
  auto buffers = contents_of("one");
  buffers.push_back(frozen("two"));
  Value value;
  EXPECT_EQ(read_with("u\0"s, buffers, value), ValueError::transferred);
  EXPECT_EQ(read_with("t\1"s, buffers, value), ValueError::transferred);
  EXPECT_EQ(read_with("u\2"s, buffers, value), ValueError::transferred);
  EXPECT_EQ(read_with("u\1Vb\0\4\0"s, buffers, value), ValueError::bounds);
  EXPECT_EQ(buffers[1].bytes().size(), 3u) << "it goes back";
  EXPECT_EQ(read_with("A\2u\1u\1$\0\2"s, buffers, value), ValueError::none);
  EXPECT_TRUE(value[0].is_same(value[1]));
}

TEST(TransferredBuffer, is_there_for_the_second_look_at_version_13) {
  auto buffers = contents_of("ab");
  Value value;
  ASSERT_EQ(wire::read_value(bytes_of("\xff\x0dt\0Vb\0\2\0"s), {}, buffers, value), ValueError::none);
  EXPECT_EQ(value.size(), 2u);
}

}  // namespace
}  // namespace fairway::test
