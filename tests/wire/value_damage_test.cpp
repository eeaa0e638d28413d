// Bytes that no honest writer makes.
#include <gtest/gtest.h>

#include <malloc.h>

#include <random>

#include "support/sanitized.hpp"
#include "wire/value_bytes.hpp"

namespace fairway::test {
namespace {

using namespace std::string_literals;
using wire::ValueError;

TEST(DamagedValue, says_what_is_wrong) {
  const std::pair<std::string, ValueError> samples[] = {
      {"", ValueError::cut_off},
      {"\0\0\0"s, ValueError::cut_off},
      {"-", ValueError::tag},
      {"?", ValueError::cut_off},
      {"p\0"s, ValueError::tag},
      {"w\0"s, ValueError::tag},
      {"t\0"s, ValueError::transferred},
      {"u\0"s, ValueError::transferred},
      {"^\0"s, ValueError::reference},
      {"A\2^\0^\1$\0\2"s, ValueError::reference},
      {"I\xff\xff\xff\xff\xff", ValueError::count},
      {"U\xff\xff\xff\xff\x1f", ValueError::count},
      {"\"\5ab", ValueError::cut_off},
      {"c\3abc", ValueError::string},
      {"Z\xff\xff\xff\xff\x0f", ValueError::count},
      {"Z\x10\1", ValueError::cut_off},
      {"o{\1", ValueError::count},
      {"o\"\1a_\"\1a_{\2", ValueError::key},
      {"oI\2_\"\1""1_{\2", ValueError::key},
      {"oT_{\1", ValueError::key},
      {"oo{\0_{\1"s, ValueError::key},
      {"o\"\1a{\1", ValueError::tag},
      {"A\1_$\0\2"s, ValueError::count},
      {"A\1_$\1\1", ValueError::count},
      {"A\1_\"\6length_$\1\1", ValueError::key},
      {"A\1_I\0_$\1\1"s, ValueError::key},
      {"a\2I\4_@\1\2", ValueError::key},
      {"a\2_@\1\2", ValueError::key},
      {";_:\1", ValueError::tag},
      {";__:\1", ValueError::count},
      {"'_,\2", ValueError::count},
      {"s_", ValueError::string},
      {"R\"\1a\x40", ValueError::flags},
      {"R\"\1a\x90\2", ValueError::flags},
      {"R\"\1a\x80\4", ValueError::flags},
      {"R_\0"s, ValueError::string},
      {"rm_.", ValueError::string},
      {"rm\"\1am\"\1b.", ValueError::tag},
      {"rx", ValueError::tag},
      {"B\2a", ValueError::cut_off},
      {"~\3\2abc", ValueError::bounds},
      {"B\2abVb\3\0\0"s, ValueError::bounds},
      {"B\2abVb\1\2\0"s, ValueError::bounds},
      {"B\4abcdVw\1\2\0"s, ValueError::bounds},
      {"B\4abcdVw\0\3\0"s, ValueError::bounds},
      {"B\2abVh\0\2\0"s, ValueError::tag},
      {"B\2abVb\0\2\1"s, ValueError::flags},
      {"B\2abVb\0\2\2"s, ValueError::flags},
      {"~\2\4abVb\0\2\0"s, ValueError::flags},
      {"~\2\4abVb\0\2\7"s, ValueError::flags},
      {"V", ValueError::tag},
      {"_V", ValueError::left_over},
      {"\\\0"s, ValueError::transferred},
  };
  for (const auto& [body, error] : samples) EXPECT_EQ(to_string(error_of(body)), to_string(error)) << testing::PrintToString(body);
}

TEST(DamagedValue, announced_elements_take_no_memory) {
  EXPECT_EQ(error_of("A\xff\xff\xff\xff\x0f"), ValueError::cut_off);
  // Each array fits the bytes alone; together they do not.
  std::string nested;
  for (int i = 0; i < 1000; ++i) nested += "A\xff\x07";
  nested.resize(4000, '_');
  EXPECT_EQ(error_of(nested), ValueError::cut_off);
}

TEST(DamagedValue, a_sparse_length_costs_nothing) {
  Value value;
  ASSERT_EQ(read("a\xff\xff\xff\xff\x0f" "N\0\0\xc0\xff\xff\xff\xef\x41_@\1\xff\xff\xff\xff\x0f"s, value), ValueError::none);
  EXPECT_EQ(value.size(), 0xffffffffu);
  EXPECT_TRUE(value.has(0xfffffffeu));
}

TEST(DamagedValue, indices_far_apart_take_memory_as_their_number) {
  if (sanitized) GTEST_SKIP() << "counts what malloc hands out";
  const auto varint = [](std::uint32_t number) {
    std::string out;
    for (; number >= 0x80; number >>= 7) out += static_cast<char>(number | 0x80);
    return out + static_cast<char>(number);
  };
  std::string body = "a\xff\xff\xff\xff\x0f";
  std::uint32_t count = 0;
  for (std::uint64_t index = 1; index < 0xfffffff0; index += index / 9 + 9, ++count) body += "U" + varint(static_cast<std::uint32_t>(index)) + "_";
  body += "@" + varint(count) + "\xff\xff\xff\xff\x0f";
  const std::size_t before = ::mallinfo2().uordblks + ::mallinfo2().hblkhd;
  Value value;
  ASSERT_EQ(read(body, value), ValueError::none);
  EXPECT_LT(::mallinfo2().uordblks + ::mallinfo2().hblkhd, before + 256 * body.size());
}

TEST(DamagedValue, any_changed_byte_is_a_value_or_an_error) {
  Value object = Value::object({{"list", Value::array({1, 2.5, "x", nullptr})}, {"date", Value::date(1)}});
  object.set("self", object);
  object.set("map", Value::map({{object, Value::set({1, "a\xe2\x82\xac"})}}));
  object.set("view", Value::typed_array(ElementType::uint16, Value::array_buffer(4, 8)));
  object.set("error", Value::error("TypeError", "m"));
  object.set("big", Value::boxed(Value::bigint("123456789012345678901234567890")));
  const std::string bytes = written(object);
  std::mt19937 random(5);
  int values = 0;
  for (int round = 0; round < 200'000; ++round) {
    std::string damaged = bytes;
    for (auto changes = 1 + random() % 3; changes != 0; --changes) damaged[random() % damaged.size()] = static_cast<char>(random());
    Value value;
    if (wire::read_value(bytes_of(damaged), {}, value) != ValueError::none) continue;
    ++values;
    ASSERT_EQ(value, value);
  }
  EXPECT_GT(values, 100);
}

}  // namespace
}  // namespace fairway::test
