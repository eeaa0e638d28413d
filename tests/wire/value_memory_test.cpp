// No memory, at each allocation in turn: a reader says so, a writer throws, and nothing is left behind or harmed.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

#include <fairway/error.hpp>

#include "wire/value_bytes.hpp"

namespace {
std::size_t allowed = ~std::size_t{0};
std::ptrdiff_t blocks = 0;

void* allocate(std::size_t size) noexcept {
  if (allowed == 0) return nullptr;
  --allowed;
  ++blocks;
  return std::malloc(size);
}
}  // namespace

// Not inlined: the compiler would see malloc's memory go to delete, and warn.
[[gnu::noinline]] void* operator new(std::size_t size) {
  if (void* const memory = allocate(size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  if (memory != nullptr) --blocks;
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { operator delete(memory); }

namespace fairway::test {
namespace {

constexpr std::size_t all = ~std::size_t{0};

Value everything() {
  Value object = Value::object({{"list", Value::array({1, "a string that is longer than a short one", Value::bigint("123456789012345678901234")})}});
  for (int i = 0; i < 20; ++i) object.set("key " + std::to_string(i), i);
  object.set("7", Value::map({{object, Value::set({1, 2, u"\x20ac"})}}));
  object.set("view", Value::typed_array(ElementType::uint16, Value::array_buffer(4, 8)));
  Value error = Value::error("TypeError", "m");
  error.set("cause", Value::array({Value::date(1), Value::regexp("a", "g"), Value::boxed("x")}));
  object.set("error", error);
  Value sparse = Value::array();
  sparse.set(1'000'000, 1);
  object.set("sparse", sparse);
  return object;
}

TEST(NoMemoryForAValue, at_any_allocation_of_the_reader_is_an_error) {
  const Value original = everything();
  const std::string bytes = written(original);
  for (std::size_t count = 0;; ++count) {
    Value value;
    const std::ptrdiff_t before = blocks;
    allowed = count;
    const wire::ValueError error = wire::read_value(bytes_of(bytes), {}, value);
    allowed = all;
    if (error == wire::ValueError::none) {
      EXPECT_GT(count, 50u);
      EXPECT_EQ(value, original);
      break;
    }
    ASSERT_EQ(error, wire::ValueError::memory);
    ASSERT_EQ(blocks, before) << "at allocation " << count;
  }
}

TEST(NoMemoryForAValue, at_any_allocation_of_the_reader_the_buffers_stay_where_they_were) {
  const Value view = Value::typed_array(ElementType::uint8, Value::array_buffer(bytes_of("some bytes")));
  const Value buffer = view.buffer();
  const Value original = Value::array({view, everything(), view});
  graph::BufferNode* const listed[] = {&graph::as<graph::BufferNode>(buffer.cell())};
  std::vector<std::byte> bytes;
  ASSERT_EQ(wire::write_value(original, {}, listed, bytes).size(), 1u);
  std::vector<graph::Contents> contents(1);
  contents[0].in_heap.assign(10, std::byte{'x'});
  const void* const memory = contents[0].bytes().data();
  wire::ValueError error = wire::ValueError::memory;
  for (std::size_t count = 0; error != wire::ValueError::none; ++count) {
    Value value;
    allowed = count;
    error = wire::read_value(bytes, {}, contents, value);
    allowed = all;
    if (error == wire::ValueError::none) {
      EXPECT_EQ(value[0].bytes().data(), memory);
    } else {
      ASSERT_EQ(error, wire::ValueError::memory);
      ASSERT_EQ(contents[0].bytes().data(), memory) << "at allocation " << count;
    }
  }
}

TEST(NoMemoryForAValue, at_any_allocation_of_the_writer_is_a_range_error) {
  const Value original = everything();
  for (std::size_t count = 0;; ++count) {
    std::vector<std::byte> out;
    std::string name = "none";
    allowed = count;
    try {
      wire::write_value(original, {}, out);
    } catch (const std::bad_alloc&) {  // of the exception's own text
      allowed = all;
      name = "no memory at all";
    } catch (const DOMException& error) {
      allowed = all;
      name = error.name();
    }
    allowed = all;
    if (name == "none") {
      EXPECT_GT(count, 5u);
      break;
    }
    ASSERT_TRUE(name == "RangeError" || name == "no memory at all") << name;
  }
}

TEST(NoMemoryForAValue, at_any_allocation_of_a_change_leaves_a_value_that_works) {
  for (std::size_t count = 0; count < 60; ++count) {
    Value object = Value::object();
    int there = 0;
    allowed = count;
    try {
      for (; there < 12; ++there) object.set("key number " + std::to_string(there), there);
    } catch (const std::bad_alloc&) {
    }
    allowed = all;
    for (int i = 0; i < there; ++i) ASSERT_EQ(object["key number " + std::to_string(i)].get<int>(), i) << count;
    object.set("key number 11", "new");
    ASSERT_EQ(object["key number 11"].get<std::string>(), "new");
  }
}

}  // namespace
}  // namespace fairway::test
