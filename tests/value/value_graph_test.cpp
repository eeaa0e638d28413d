// Graphs: what is equal, how they look, what they cost.
#include <gtest/gtest.h>

#include <malloc.h>

#include <limits>
#include <sstream>

#include <fairway/value.hpp>

#include "support/sanitized.hpp"

namespace fairway {
namespace {

using namespace std::string_literals;
using test::sanitized;

std::string shown(const Value& value) {
  std::ostringstream out;
  out << value;
  return out.str();
}

Value nested(int depth) {
  Value outer = Value::array();
  for (int i = 1; i < depth; ++i) outer = Value::array({outer});
  return outer;
}

/// Bytes that malloc has handed out and not got back.
std::size_t in_use() { return ::mallinfo2().uordblks + ::mallinfo2().hblkhd; }

TEST(ValueEquality, numbers_are_compared_as_same_value) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(Value(nan), Value(nan));
  EXPECT_FALSE(Value(0.0) == Value(-0.0));
  EXPECT_FALSE(Value(1) == Value::bigint(1));
  EXPECT_FALSE(Value(1) == Value::boxed(1));
  EXPECT_FALSE(Value() == Value(nullptr));
}

TEST(ValueEquality, the_order_of_properties_does_not_matter_that_of_entries_does) {
  EXPECT_EQ(Value::object({{"a", 1}, {"b", 2}}), Value::object({{"b", 2}, {"a", 1}}));
  EXPECT_FALSE(Value::object({{"a", 1}}) == Value::object({{"a", 1}, {"b", Value()}}));
  EXPECT_FALSE(Value::map({{1, 2}, {3, 4}}) == Value::map({{3, 4}, {1, 2}}));
  EXPECT_FALSE(Value::set({1, 2}) == Value::set({2, 1}));
  EXPECT_EQ(Value::set({Value::object()}), Value::set({Value::object()}));
}

TEST(ValueEquality, a_hole_is_not_undefined) {
  Value holes = Value::array();
  holes.set_length(1);
  EXPECT_FALSE(holes == Value::array({Value()}));
  EXPECT_FALSE(holes == Value::array());
}

TEST(ValueEquality, what_is_shared_here_has_to_be_shared_there) {
  const Value x = Value::object();
  EXPECT_EQ(Value::array({x, x}), [] { const Value y = Value::object(); return Value::array({y, y}); }());
  EXPECT_FALSE(Value::array({x, x}) == Value::array({Value::object(), Value::object()}));
  EXPECT_FALSE(Value::array({Value::object(), Value::object()}) == Value::array({x, x}));
}

TEST(ValueEquality, cycles_are_compared) {
  const auto ring = [](int length) {
    Value first = Value::object();
    Value last = first;
    for (int i = 1; i < length; ++i) {
      Value next = Value::object();
      last.set("next", next);
      last = next;
    }
    last.set("next", first);
    return first;
  };
  EXPECT_EQ(ring(3), ring(3));
  EXPECT_FALSE(ring(2) == ring(4));
  const Value one = ring(3);
  EXPECT_EQ(one, one);
  EXPECT_FALSE(one == one["next"] && one.is_same(one["next"]));
}

TEST(ValueEquality, buffers_and_their_views_are_compared_with_their_sharing) {
  const auto two_views = [](bool of_one) {
    const Value buffer = Value::array_buffer(std::as_bytes(std::span("abcd")));
    const Value other = of_one ? buffer : Value::array_buffer(std::as_bytes(std::span("abcd")));
    return Value::array({Value::typed_array(ElementType::int8, buffer, 1), Value::data_view(other)});
  };
  EXPECT_EQ(two_views(true), two_views(true));
  EXPECT_FALSE(two_views(true) == two_views(false));
  EXPECT_FALSE(Value::array_buffer(4, 8) == Value::array_buffer(4, 9));
}

TEST(ValuePrinting, looks_like_javascript) {
  EXPECT_EQ(shown(Value::object({{"kind", "frame"}, {"a b", -0.0}, {"list", Value::array({1, nullptr, Value(), true})}})),
            "{ kind: 'frame', 'a b': -0, list: [ 1, null, undefined, true ] }");
  EXPECT_EQ(shown(Value::object()), "{}");
  EXPECT_EQ(shown(Value::array()), "[]");
  Value holes = Value::array({1});
  holes.set(3, 2);
  holes.set_length(5);
  holes.set("x", "it's\n");
  EXPECT_EQ(shown(holes), "[ 1, <2 empty items>, 2, <1 empty item>, x: 'it\\'s\\n' ]");
  EXPECT_EQ(shown(Value::map({{"a", 1}, {Value::object(), Value::set({2})}})), "Map(2) { 'a' => 1, {} => Set(1) { 2 } }");
  EXPECT_EQ(shown(Value::date(0)), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(shown(Value::date(-1)), "1969-12-31T23:59:59.999Z");
  EXPECT_EQ(shown(Value::date(951782400000)), "2000-02-29T00:00:00.000Z");
  EXPECT_EQ(shown(Value::date(8.64e15)), "+275760-09-13T00:00:00.000Z");
  EXPECT_EQ(shown(Value::date(-8.64e15)), "-271821-04-20T00:00:00.000Z");
  EXPECT_EQ(shown(Value::date(std::numeric_limits<double>::infinity())), "Invalid Date");
  EXPECT_EQ(shown(Value::regexp("a/b", "gi")), "/a/b/gi");
  EXPECT_EQ(shown(Value::boxed(Value::bigint(-3))), "[BigInt: -3n]");
  EXPECT_EQ(shown(Value::array_buffer(std::as_bytes(std::span("\1\xff", 2)))), "ArrayBuffer { <01 ff>, byteLength: 2 }");
  const float floats[] = {0.5f, 3};
  EXPECT_EQ(shown(Value::typed_array(std::span(floats))), "Float32Array(2) [ 0.5, 3 ]");
  Value error = Value::error("TypeError", "no");
  error.set("cause", 1);
  EXPECT_EQ(shown(error), "[TypeError: 'no'] { cause: 1 }");
  EXPECT_EQ(shown(Value(std::u16string(1, char16_t{0xd812}))), "'\\uD812'");
}

TEST(ValuePrinting, numbers_are_written_as_javascript_does) {
  const std::pair<double, const char*> samples[] = {{0.1, "0.1"},     {1e21, "1e+21"},   {123456789012345680000.0, "123456789012345680000"},
                                                    {1e-6, "0.000001"}, {1e-7, "1e-7"},    {-1.5e300, "-1.5e+300"},
                                                    {5e-324, "5e-324"}, {100, "100"},      {123.456, "123.456"}};
  for (const auto& [number, text] : samples) EXPECT_EQ(shown(number), text);
}

TEST(ValuePrinting, what_a_terminal_may_obey_is_escaped) {
  EXPECT_EQ(inspect(Value("a\x1b[2J\x7f\xc2\x80\xc2\x9b\xc2\xa0z")), "'a\\x1B[2J\\x7F\\x80\\x9B\xc2\xa0z'");
  EXPECT_EQ(inspect(Value::regexp("\xc2\x9b")), "/\\x9B/");
  EXPECT_EQ(inspect(Value::object({{"\xc2\x9b", 1}})), "{ '\\x9B': 1 }");
  EXPECT_EQ(inspect(Value::error("Error", "\x1b")), "[Error: '\\x1B']");
}

TEST(ValuePrinting, what_was_shown_before_is_referred_to) {
  Value object = Value::object({{"a", Value::array()}});
  object.set("self", object);
  object.set("again", object["a"]);
  EXPECT_EQ(shown(object), "<ref *1> { a: <ref *2> [], self: [ref *1], again: [ref *2] }");
  EXPECT_EQ(inspect(Value::object({{"a", Value::array({1, 2})}}), InspectStyle::indented), "{\n  a: [\n    1,\n    2\n  ]\n}");
}

TEST(ValueGraph, a_million_nested_arrays_overflow_nothing) {
  const Value one = nested(1'000'000);
  const Value other = nested(1'000'000);
  EXPECT_EQ(one, other);
  EXPECT_GT(shown(one).size(), 2'000'000u);
}

TEST(ValueGraph, cycles_are_freed_with_their_last_handle) {
  if (sanitized) GTEST_SKIP() << "counts what malloc hands out; LeakSanitizer sees leaks";
  const auto round = [] {
    Value object = Value::object({{"text", std::string(1000, 'x')}});
    Value map = Value::map({{object, object}});
    object.set("map", map);
    map.set_entry(map, Value::array({object, map}));
  };
  for (int i = 0; i < 100; ++i) round();
  const std::size_t before = in_use();
  for (int i = 0; i < 10'000; ++i) round();
  EXPECT_LT(in_use(), before + 100'000);
}

TEST(ValueGraph, a_container_whose_parts_are_replaced_for_ever_does_not_grow) {
  if (sanitized) GTEST_SKIP() << "counts what malloc hands out";
  Value state = Value::object({{"history", Value::array()}});
  for (int i = 0; i < 1000; ++i) state["history"].push_back(Value::object({{"i", i}}));
  const auto replace = [&](int i) {
    Value frame = Value::object({{"n", i}, {"pixels", Value::array_buffer(std::vector<std::byte>(4096))}, {"name", std::string(500, 'n')}});
    frame.set("state", state);
    state.set("frame", frame);
    state.set("text", std::string(10'000, 't'));
  };
  for (int i = 0; i < 1000; ++i) replace(i);
  const std::size_t before = in_use();
  for (int i = 0; i < 20'000; ++i) replace(i);
  EXPECT_LT(in_use(), before + (4 << 20));
  EXPECT_EQ(state["frame"]["n"].get<int>(), 19'999);
  EXPECT_EQ(state["history"].size(), 1000u);
  EXPECT_EQ(state["history"][999]["i"].get<int>(), 999);
}

TEST(ValueGraph, a_part_keeps_what_it_leads_to_when_the_rest_has_no_handle) {
  Value part;
  {
    Value whole = Value::object({{"part", Value::object({{"deep", Value::array({1, 2, 3})}})}});
    whole["part"].set("parent", whole);
    part = whole["part"];
  }
  for (int i = 0; i < 10'000; ++i) part.set("x", Value::array({i}));
  EXPECT_EQ(part["deep"][2].get<int>(), 3);
  EXPECT_TRUE(part["parent"]["part"].is_same(part));
}

}  // namespace
}  // namespace fairway
