// Values as bytes, exactly as Node 20 writes them and as it reads them: tests/value/oracle asks Node itself.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include <fairway/error.hpp>

#include "value/node.hpp"
#include "wire/value_bytes.hpp"

namespace fairway::test {
namespace {

using namespace std::string_literals;
using wire::ValueError;

struct Sample {
  const char* name;
  Value value;
  std::string body;
};
void PrintTo(const Sample& sample, std::ostream* out) { *out << sample.name; }

Value with(Value container, std::string_view key, const Value& value) {
  container.set(key, value);
  return container;
}

Value view_of_four(ElementType type, std::size_t offset, std::optional<std::size_t> length) {
  return Value::typed_array(type, Value::array_buffer(bytes_of("\1\2\3\4")), offset, length);
}

const std::vector<Sample>& samples() {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  static const std::vector<Sample> all = {
      {"undefined", {}, "_"},
      {"null", nullptr, "0"},
      {"true", true, "T"},
      {"false", false, "F"},
      {"zero", 0, "I\0"s},
      {"minus_one", -1, "I\1"},
      {"three_hundred", 300, "I\xd8\x04"},
      {"least_int32", -2147483648.0, "I\xff\xff\xff\xff\x0f"},
      {"beyond_int32", 2147483648.0, "N\0\0\0\0\0\0\xe0\x41"s},
      {"minus_zero", -0.0, "N\0\0\0\0\0\0\0\x80"s},
      {"half", 0.5, "N\0\0\0\0\0\0\xe0\x3f"s},
      {"nan", nan, "N\0\0\0\0\0\0\xf8\x7f"s},
      {"bigint_zero", Value::bigint(0), "Z\0"s},
      {"bigint_negative", Value::bigint("-0x400000000000000000"), "Z!\0\0\0\0\0\0\0\0@\0\0\0\0\0\0\0"s},
      {"ascii", "ab", "\"\2ab"},
      {"latin1", "a\xc3\xa9", "\"\2a\xe9"},
      {"two_bytes", "a\xe2\x82\xac", "c\4a\0\xac\x20"s},
      {"lone_surrogate", Value(u"\xd800"), "c\2\x00\xd8"s},
      {"empty_string", "", "\"\0"s},
      {"padding", Value::array({"a", "\xe2\x82\xac"}), "A\2\"\1a\0c\2\xac\x20$\0\2"s},
      {"object", Value::object({{"b", 1}, {"2", 3}, {"", 0}}), "oI\4I\6\"\1bI\2\"\0I\0{\3"s},
      {"far_key", Value::object({{"3000000000", 1}}), "oN\0\0\0\xc0\x0bZ\xe6\x41I\2{\1"s},
      {"dense_array", with(Value::array({1, 2}), "x", 1), "A\2I\2I\4\"\1xI\2$\1\2"},
      {"sparse_array", with(Value::array({1}), "2", 3), "a\3I\0I\2I\4I\6@\2\3"s},
      {"map", Value::map({{1, 2}}), ";I\2I\4:\2"},
      {"set", Value::set({1}), "'I\2,\1"},
      {"date", Value::date(nan), "D\0\0\0\0\0\0\xf8\x7f"s},
      {"boxed", Value::array({Value::boxed(1), Value::boxed(true), Value::boxed("q"), Value::boxed(Value::bigint(1))}),
       "A\4n\0\0\0\0\0\0\xf0?ys\"\1qz\x10\1\0\0\0\0\0\0\0$\0\4"s},
      {"regexp", Value::regexp("a", "dgimsuy"), "R\"\1a\xbf\1"},
      {"error", with(with(Value::error("RangeError", "boo"), "stack", "st"), "cause", 1), "rRm\"\3boos\"\2stcI\2."},
      {"array_buffer", Value::array_buffer(bytes_of("abc")), "B\3abc"},
      {"resizable", Value::array_buffer(2, 200), "~\2\xc8\1\0\0"s},
      {"view", view_of_four(ElementType::uint16, 2, 1), "B\4\1\2\3\4VW\2\2\0"s},
      {"data_view", Value::data_view(Value::array_buffer(bytes_of("abc")), 1), "B\3abcV?\1\2\0"s},
      {"tracking_view", Value::typed_array(ElementType::uint8, Value::array_buffer(2, 4)), "~\2\4\0\0VB\0\2\3"s},
      {"view_of_resizable", Value::typed_array(ElementType::uint8, Value::array_buffer(2, 4), 0, 1), "~\2\4\0\0VB\0\1\2"s},
  };
  return all;
}

class ValueBytes : public testing::TestWithParam<Sample> {};

TEST_P(ValueBytes, are_those_of_node) { EXPECT_EQ(written(GetParam().value), "\xff\x0f" + GetParam().body); }

TEST_P(ValueBytes, are_read_as_what_they_were) {
  Value value = "something else";
  EXPECT_EQ(read(GetParam().body, value), ValueError::none);
  EXPECT_EQ(value, GetParam().value) << value;
}

TEST_P(ValueBytes, cut_off_anywhere_are_no_value) {
  const std::string& body = GetParam().body;
  for (std::size_t size = 0; size < body.size(); ++size) {
    if (error_of(body.substr(0, size)) != ValueError::none) continue;
    EXPECT_TRUE(body.find('V') == size) << size;  // a view cut off behind its buffer is that buffer
  }
  EXPECT_EQ(error_of(body + "_"), ValueError::left_over);
}

INSTANTIATE_TEST_SUITE_P(, ValueBytes, testing::ValuesIn(samples()), [](const auto& sample) { return std::string(sample.param.name); });

TEST(ValueBytesOfGraphs, what_was_written_is_referred_to_by_its_number) {
  Value object = Value::object();
  object.set("self", object);
  const Value list = Value::array({object, object});
  EXPECT_EQ(written(list), "\xff\x0f" "A\2o\"\4self^\1{\1^\1$\0\2"s);
  Value again;
  ASSERT_EQ(read("A\2o\"\4self^\1{\1^\1$\0\2"s, again), ValueError::none);
  EXPECT_EQ(again, list);
  EXPECT_TRUE(again[0].is_same(again[1]));
  EXPECT_TRUE(again[0]["self"].is_same(again[0]));
}

TEST(ValueBytesOfGraphs, a_buffer_comes_before_its_first_view) {
  const Value buffer = Value::array_buffer(bytes_of("abcd"));
  const Value view = Value::typed_array(ElementType::int8, buffer, 1, 2);
  EXPECT_EQ(written(Value::array({view, buffer, view, Value::data_view(buffer)})),
            "\xff\x0f" "A\4B\4abcdVb\1\2\0^\1^\2^\1V?\0\4\0$\0\4"s);
}

TEST(ValueBytesOfGraphs, an_error_can_be_its_own_cause) {
  Value error = Value::error("Error", "m");
  error.set("cause", error);
  EXPECT_EQ(written(error), "\xff\x0f" "rm\"\1mc^\0."s);
  Value again;
  ASSERT_EQ(read("rm\"\1mc^\0."s, again), ValueError::none);
  EXPECT_TRUE(again["cause"].is_same(again));
}

TEST(ValueBytesOfGraphs, v8_wrote_the_cause_before_the_stack_once) {
  Value error;
  ASSERT_EQ(read("rTm\"\1mcI\2s\"\1s.", error), ValueError::none);
  EXPECT_EQ(error.error_name(), "TypeError");
  EXPECT_EQ(error["stack"].get<std::string>(), "s");
  EXPECT_EQ(error["cause"].get<int>(), 1);
}

TEST(ValueBytesOfGraphs, an_error_of_another_name_arrives_as_error) {
  Value again;
  ASSERT_EQ(wire::read_value(bytes_of(written(Value::error("MyError", "m"))), {}, again), ValueError::none);
  EXPECT_EQ(again.error_name(), "Error");
}

TEST(ValueBytesOfPorts, are_a_host_object_with_the_place_in_the_list) {
  const std::string bytes = "\xff\x0f" "A\3\\\1\\\0^\1$\0\3"s;
  const std::vector<std::shared_ptr<void>> list = {std::make_shared<int>(), std::make_shared<int>()};
  Value value;
  ASSERT_EQ(wire::read_value(bytes_of(bytes), list, value), ValueError::none);
  EXPECT_EQ(value[0].port_index(), 1u);
  EXPECT_EQ(value[1].port_index(), 0u);
  EXPECT_TRUE(value[2].is_same(value[0]));
  EXPECT_EQ(error_of("\\\2", 2), ValueError::transferred);
  EXPECT_EQ(error_of("\\\0"s, 0), ValueError::transferred);

  const void* const transfer[] = {list[1].get(), list[0].get()};
  EXPECT_EQ(written(value, transfer), "\xff\x0f" "A\3\\\0\\\1^\1$\0\3"s);
  EXPECT_THROW(written(value), DOMException);
  EXPECT_THROW(written(value, std::span(transfer).first(1)), DOMException);
}

TEST(ValueVersions, thirteen_to_fifteen_are_read) {
  Value value;
  for (const char version : {char{14}, char{15}}) {
    EXPECT_EQ(read("B\2abVb\0\2\0"s, value, 0, version), ValueError::none);
    EXPECT_EQ(error_of("B\2abVb\0\2"s, 0, version), ValueError::cut_off);
  }
  EXPECT_EQ(read("B\2abVb\0\2"s, value, 0, 13), ValueError::none);
  EXPECT_EQ(value.size(), 2u);
  EXPECT_EQ(error_of("_", 0, 12), ValueError::version);
  EXPECT_EQ(error_of("_", 0, 16), ValueError::version);
  EXPECT_EQ(wire::read_value(bytes_of("_"), {}, value), ValueError::version);
  EXPECT_EQ(wire::read_value({}, {}, value), ValueError::version);
}

TEST(ValueVersions, some_writers_of_thirteen_wrote_flags_behind_views) {
  Value value;
  EXPECT_EQ(read("A\1B\2abVb\0\2\0$\0\1"s, value, 0, 13), ValueError::none);
  EXPECT_EQ(value[0].size(), 2u);
}

TEST(ValueReading, takes_what_writers_of_old_wrote) {
  Value value;
  EXPECT_EQ(read("\0?\7U\xac\x02"s, value), ValueError::none);
  EXPECT_EQ(value.get<int>(), 300);
  EXPECT_EQ(read("S\3a\xc3\xa9", value), ValueError::none);
  EXPECT_EQ(value.get<std::string>(), "a\xc3\xa9");
  EXPECT_EQ(read("oU\5_\"\1""7_N\0\0\0\0\0\0\xf8?_{\3"s, value), ValueError::none);
  EXPECT_EQ(value, Value::object({{"5", Value()}, {"7", Value()}, {"1.5", Value()}}));
  EXPECT_EQ(read("A\2-I\2$\0\2"s, value), ValueError::none);
  EXPECT_FALSE(value.has(0));
  EXPECT_EQ(value[1].get<int>(), 1);
  EXPECT_EQ(read("Z\6\1\2\3", value), ValueError::none);
  EXPECT_EQ(value, Value::bigint(0x030201));
}

TEST(ValueWriting, refuses_what_cannot_be_cloned) {
  Value buffer = Value::array_buffer(4, 8);
  const Value view = Value::typed_array(ElementType::int8, buffer, 0, 4);
  const auto refuses = [](const Value& value) {
    try {
      written(Value::array({1, value}));
    } catch (const DOMException& error) {
      return error.name() == "DataCloneError";
    }
    return false;
  };
  EXPECT_FALSE(refuses(view));
  buffer.resize(3);
  EXPECT_TRUE(refuses(view));
  buffer.detach();
  EXPECT_TRUE(refuses(buffer));
  EXPECT_TRUE(refuses(view));
  EXPECT_TRUE(refuses(Value::array_buffer(0, std::size_t{1} << 32)));
}

TEST(ValueNesting, of_a_million_arrays_overflows_nothing) {
  constexpr int depth = 1'000'000;
  Value outer = Value::array();
  for (int i = 1; i < depth; ++i) outer = Value::array({outer});
  const std::string bytes = written(outer);
  Value again;
  ASSERT_EQ(wire::read_value(bytes_of(bytes), {}, again), ValueError::none);
  EXPECT_EQ(again, outer);
}

}  // namespace
}  // namespace fairway::test
