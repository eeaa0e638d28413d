// What values are, how they are made and read.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <sstream>

#include <fairway/error.hpp>
#include <fairway/value.hpp>

namespace fairway {
namespace {

using Type = Value::Type;
using namespace std::string_literals;

std::string error_of(const auto& action) {
  try {
    action();
  } catch (const DOMException& error) {
    return std::string(error.name());
  }
  return "none";
}

// What [] gives is a copy of the handle, or of a primitive: to assign to it would be lost.
static_assert(!std::is_assignable_v<decltype(std::declval<Value&>()["key"]), int>);
static_assert(!std::is_assignable_v<decltype(std::declval<Value&>()[0]), Value>);
static_assert(!std::is_constructible_v<Value, int*>);  // not a boolean

TEST(Value, is_undefined_at_first_and_takes_any_primitive) {
  EXPECT_TRUE(Value().is_undefined());
  EXPECT_TRUE(Value(nullptr).is_null());
  EXPECT_EQ(Value(true).type(), Type::boolean);
  EXPECT_EQ(Value(7).type(), Type::number);
  EXPECT_EQ(Value(2.5f).get<double>(), 2.5);
  EXPECT_EQ(Value("text").type(), Type::string);
  EXPECT_EQ(Value("text"s).get<std::string>(), "text");
  EXPECT_EQ(Value(std::string_view("text")).get<std::string>(), "text");
  EXPECT_EQ(Value(u"text").get<std::string>(), "text");
}

TEST(Value, an_integer_comes_back_only_into_what_holds_it) {
  EXPECT_EQ(Value(300).get<int>(), 300);
  EXPECT_EQ(Value(-1).get<std::int8_t>(), -1);
  EXPECT_EQ(Value(300).get_if<std::uint8_t>(), std::nullopt);
  EXPECT_EQ(Value(-1).get_if<unsigned>(), std::nullopt);
  EXPECT_EQ(Value(1.5).get_if<int>(), std::nullopt);
  EXPECT_EQ(Value(std::numeric_limits<double>::quiet_NaN()).get_if<int>(), std::nullopt);
  EXPECT_EQ(Value(1e300).get_if<std::int64_t>(), std::nullopt);
  EXPECT_EQ(Value(0x1p63).get_if<std::int64_t>(), std::nullopt);
  EXPECT_EQ(Value(0x1p63).get<std::uint64_t>(), std::uint64_t{1} << 63);
  EXPECT_EQ(error_of([] { Value(300).get<std::uint8_t>(); }), "RangeError");
  EXPECT_EQ(error_of([] { Value("300").get<int>(); }), "TypeError");
  EXPECT_EQ(error_of([] { Value(1).get<std::string>(); }), "TypeError");
  EXPECT_EQ(error_of([] { Value(1).get<bool>(); }), "TypeError");
}

TEST(Value, an_integer_that_no_double_holds_is_refused) {
  EXPECT_EQ(Value(std::int64_t{1} << 53).get<std::int64_t>(), std::int64_t{1} << 53);
  EXPECT_EQ(error_of([] { Value((std::int64_t{1} << 53) + 1); }), "RangeError");
  EXPECT_EQ(error_of([] { return Value(std::numeric_limits<std::int64_t>::min()); }), "RangeError");
  EXPECT_EQ(error_of([] { return Value(std::numeric_limits<std::uint64_t>::max()); }), "RangeError");
}

TEST(Value, bigints_of_any_size_go_in_and_out_as_text) {
  const std::string many(300, '7');
  for (const std::string& digits : {"0"s, "1"s, "-1"s, "9223372036854775808"s, "-18446744073709551616"s, many, "-" + many,
                                    "10000000000000000000000000000000000000000"s})
    EXPECT_EQ(Value::bigint(digits).bigint_digits(), digits);
  EXPECT_EQ(Value::bigint("0x1FffffffffffffffF").bigint_digits(16), "0x1ffffffffffffffff");
  EXPECT_EQ(Value::bigint("-0x10").bigint_digits(), "-16");
  EXPECT_EQ(Value::bigint("-0").bigint_negative(), false);
  EXPECT_EQ(Value::bigint(std::numeric_limits<std::int64_t>::min()).bigint_digits(), "-9223372036854775808");
  EXPECT_EQ(Value::bigint(std::numeric_limits<std::int64_t>::min()).get<std::int64_t>(), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(Value::bigint("9223372036854775808").get_if<std::int64_t>(), std::nullopt);
  EXPECT_EQ(Value::bigint("9223372036854775808").get<std::uint64_t>(), std::uint64_t{1} << 63);
  const std::uint64_t words[] = {1, 2, 0};
  EXPECT_EQ(Value::bigint(true, words).bigint_digits(16), "-0x20000000000000001");
  for (const char* wrong : {"", "-", "0x", "1x", "--1", "+1", "0x-1", "1 ", "12345678901234567890123-1"})
    EXPECT_EQ(error_of([&] { Value::bigint(wrong); }), "SyntaxError") << wrong;
}

TEST(Value, strings_keep_their_code_units) {
  const std::u16string odd = {u'a', 0xd800, 0, u'\u20ac', 0xdc00, 0xd83d, 0xde00};
  const Value value{std::u16string_view(odd)};
  EXPECT_EQ(value.get<std::u16string>(), odd);
  EXPECT_EQ(value.get<std::string>(), "a\xef\xbf\xbd\0\xe2\x82\xac\xef\xbf\xbd\xf0\x9f\x98\x80"s);
  EXPECT_FALSE(value == Value(value.get<std::string>()));
  EXPECT_EQ(value, Value(std::u16string_view(odd)));
}

TEST(Value, ill_formed_utf8_is_replaced_as_the_encoding_standard_says) {
  const std::string r = "\xef\xbf\xbd";
  EXPECT_EQ(Value("a\xff" "b").get<std::string>(), "a" + r + "b");
  EXPECT_EQ(Value("\xed\xa0\x80").get<std::string>(), r + r + r);  // a surrogate has no UTF-8
  EXPECT_EQ(Value("\xe2\x82").get<std::string>(), r);              // cut off: one maximal part
  EXPECT_EQ(Value("\xf0\x9f\x98z").get<std::string>(), r + "z");
  EXPECT_EQ(Value("\xc0\x80").get<std::string>(), r + r);
  EXPECT_EQ(Value("\xf4\x90\x80\x80").get<std::string>(), r + r + r + r);
  EXPECT_EQ(Value("\xf4\x8f\xbf\xbf\xed\x9f\xbf").get<std::string>(), "\xf4\x8f\xbf\xbf\xed\x9f\xbf");
}

TEST(Value, an_object_reads_as_it_was_written) {
  Value frame = Value::object({{"kind", "frame"}, {"n", 3}, {"tags", Value::array({"a", 2, nullptr})}});
  EXPECT_EQ(frame["kind"].get<std::string>(), "frame");
  EXPECT_EQ(frame["n"].get<int>(), 3);
  EXPECT_EQ(frame["tags"][1].get<int>(), 2);
  EXPECT_TRUE(frame["missing"].is_undefined());
  EXPECT_TRUE(frame["missing"]["more"].is_undefined());
  EXPECT_TRUE(frame.has("n"));
  EXPECT_TRUE(frame.remove("n"));
  EXPECT_FALSE(frame.remove("n"));
  EXPECT_FALSE(frame.has("n"));
  EXPECT_EQ(frame.size(), 2u);
}

TEST(Value, properties_come_in_the_order_of_javascript) {
  Value object = Value::object({{"b", 1}, {"10", 2}, {"a", 3}, {"9", 4}, {"01", 5}, {"4294967295", 6}, {"4294967294", 7}, {"", 8}});
  object.set("b", 9);
  std::string order;
  for (const auto& [key, value] : object.properties()) order += key + "=" + std::to_string(value.get<int>()) + " ";
  EXPECT_EQ(order, "9=4 10=2 4294967294=7 b=9 a=3 01=5 4294967295=6 =8 ");
  EXPECT_EQ(object[10].get<int>(), 2);
  EXPECT_EQ(object["9"].get<int>(), 4);
  for (int i = 0; i < 100; ++i) object.set("k" + std::to_string(i), i);
  EXPECT_EQ(object["k77"].get<int>(), 77);
  EXPECT_TRUE(object.remove("k50"));
  EXPECT_EQ(object["k99"].get<int>(), 99);
  EXPECT_FALSE(object.has("k50"));
}

TEST(Value, arrays_have_holes_and_a_length_and_other_properties) {
  Value array = Value::array({1, 2});
  array.set(5, "five");
  array.set(4'000'000'000u, "far");
  array.set("name", "list");
  EXPECT_EQ(array.size(), 4'000'000'001u);
  EXPECT_FALSE(array.has(3));
  EXPECT_TRUE(array[3].is_undefined());
  EXPECT_EQ(array["5"].get<std::string>(), "five");
  EXPECT_EQ(array["name"].get<std::string>(), "list");
  EXPECT_EQ(array["length"].get<double>(), 4'000'000'001.0);
  array.set_length(3);
  EXPECT_EQ(array.size(), 3u);
  EXPECT_FALSE(array.has(5));
  EXPECT_FALSE(array.has(4'000'000'000u));
  EXPECT_TRUE(array.remove(0));
  EXPECT_FALSE(array.has(0));
  EXPECT_EQ(array.elements().size(), 3u);
  EXPECT_EQ(error_of([&] { array.set(4'294'967'295u, 1); }), "RangeError");
  EXPECT_EQ(error_of([&] { array.set(-1, 1); }), "RangeError");
  EXPECT_EQ(error_of([&] { array.set("length", 1); }), "TypeError");
}

TEST(Value, a_key_without_utf8_is_reached_as_a_value) {
  const Value key(std::u16string_view(u"k\xd800"));
  Value object = Value::object();
  object.set_property(key, 1);
  object.set("k\xef\xbf\xbd", 2);
  EXPECT_EQ(object.size(), 2u);
  EXPECT_EQ(object.property(key).get<int>(), 1);
  EXPECT_EQ(object.keys()[0], key);
  EXPECT_EQ(object.properties()[0].first, "k\xef\xbf\xbd");
  object.set_property("7", 3);
  EXPECT_EQ(object[7].get<int>(), 3);
  EXPECT_EQ(error_of([&] { object.set_property(7, 1); }), "TypeError");
}

TEST(Value, the_elements_of_a_sparse_array_are_found_by_their_indices) {
  Value array = Value::array({"a"});
  array.set(3, "b");
  array.set(4'000'000'000u, "c");
  EXPECT_EQ(array.indices(), (std::vector<std::uint32_t>{0, 3, 4'000'000'000u}));
}

TEST(Value, an_array_that_is_filled_from_behind_is_the_same_as_one_from_the_front) {
  Value one = Value::array();
  Value other = Value::array();
  for (int i = 0; i < 500; ++i) {
    one.push_back(i);
    other.set(499 - i, 499 - i);
  }
  EXPECT_EQ(one, other);
  other.remove(7);
  EXPECT_FALSE(one == other);
}

TEST(Value, maps_and_sets_take_any_key_and_keep_their_order) {
  const Value key = Value::object();
  Value map = Value::map({{"a", 1}, {key, 2}, {std::numeric_limits<double>::quiet_NaN(), 3}, {-0.0, 4}, {Value::bigint(5), 6}});
  EXPECT_EQ(map.size(), 5u);
  EXPECT_EQ(map.get_entry(key).get<int>(), 2);
  EXPECT_TRUE(map.get_entry(Value::object()).is_undefined());
  EXPECT_EQ(map.get_entry(std::numeric_limits<double>::quiet_NaN()).get<int>(), 3);
  EXPECT_EQ(map.get_entry(0).get<int>(), 4);
  EXPECT_EQ(map.get_entry(Value::bigint("5")).get<int>(), 6);
  EXPECT_FALSE(map.has_entry(5));
  map.set_entry("a", "again");
  EXPECT_EQ(map.entries()[0].second.get<std::string>(), "again");
  EXPECT_TRUE(map.remove_entry("a"));
  EXPECT_EQ(map.keys().size(), 4u);

  Value set = Value::set({1, 2, 2, "2"});
  set.add(1);
  EXPECT_EQ(set.size(), 3u);
  EXPECT_TRUE(set.has_entry("2"));
  for (int i = 0; i < 100; ++i) set.add(i);
  EXPECT_EQ(set.size(), 101u);
  EXPECT_TRUE(set.remove_entry(50));
  EXPECT_FALSE(set.has_entry(50));
  EXPECT_TRUE(set.has_entry(99));
}

TEST(Value, a_copy_of_a_handle_is_the_same_container) {
  Value one = Value::object();
  Value two = one;
  two.set("x", 1);
  EXPECT_EQ(one["x"].get<int>(), 1);
  EXPECT_TRUE(one.is_same(two));
  EXPECT_FALSE(one.is_same(Value::object({{"x", 1}})));
  EXPECT_EQ(one, Value::object({{"x", 1}}));
}

TEST(Value, boxes_dates_regular_expressions_and_errors) {
  EXPECT_EQ(Value::boxed(true).type(), Type::boolean_object);
  EXPECT_EQ(Value::boxed("q").get<std::string>(), "q");
  EXPECT_EQ(Value::boxed(Value::bigint(3)).get<int>(), 3);
  EXPECT_EQ(error_of([] { Value::boxed(nullptr); }), "TypeError");
  EXPECT_EQ(Value::date(1.9).get<double>(), 1.0);
  EXPECT_TRUE(std::isnan(Value::date(8.64e15 + 1).get<double>()));
  EXPECT_EQ(Value::date(-8.64e15).get<double>(), -8.64e15);
  EXPECT_EQ(Value::regexp("a+", "yg").regexp_flags(), "gy");
  for (const char* wrong : {"gg", "x", "uv", "l"}) EXPECT_EQ(error_of([&] { Value::regexp("a", wrong); }), "SyntaxError");
  Value error = Value::error("RangeError", "too much");
  error.set("cause", error);
  EXPECT_TRUE(error["cause"].is_same(error));
  EXPECT_EQ(error["message"].get<std::string>(), "too much");
  EXPECT_FALSE(error.has("stack"));
  EXPECT_EQ(error_of([&] { error.set("message", 1); }), "TypeError");
  EXPECT_EQ(error_of([&] { error.set("code", 1); }), "TypeError");
}

TEST(Value, views_show_the_bytes_of_their_buffer) {
  Value buffer = Value::array_buffer(std::as_bytes(std::span("\1\2\3\4\5\6\7", 8)));
  Value words = Value::typed_array(ElementType::uint16, buffer, 2, 2);
  EXPECT_EQ(words.size(), 2u);
  EXPECT_EQ(words[0].get<int>(), 0x0403);
  words.set(1, 0xabcd);
  EXPECT_EQ(buffer.bytes()[4], std::byte{0xcd});
  words.set(0, -1);
  EXPECT_EQ(words[0].get<int>(), 65535);
  EXPECT_TRUE(words.buffer().is_same(buffer));
  EXPECT_EQ(error_of([&] { words.set(2, 0); }), "RangeError");
  EXPECT_EQ(error_of([&] { words.set(0, "x"); }), "TypeError");
  EXPECT_EQ(error_of([&] { Value::typed_array(ElementType::uint16, buffer, 1); }), "RangeError");
  EXPECT_EQ(error_of([&] { Value::typed_array(ElementType::uint16, buffer, 4, 3); }), "RangeError");
  EXPECT_EQ(error_of([&] { Value::typed_array(ElementType::float64, buffer, 0, std::size_t{1} << 61); }), "RangeError");
  EXPECT_EQ(error_of([&] { Value::data_view(buffer, 9); }), "RangeError");
  const double numbers[] = {1.5, -2};
  EXPECT_EQ(Value::typed_array(std::span(numbers))[1].get<double>(), -2);
  Value clamped = Value::typed_array(ElementType::uint8_clamped, buffer);
  clamped.set(0, 300);
  clamped.set(1, 2.5);
  EXPECT_EQ(clamped[0].get<int>(), 255);
  EXPECT_EQ(clamped[1].get<int>(), 2);
  Value big = Value::typed_array(ElementType::bigint64, buffer);
  big.set(0, Value::bigint(-2));
  EXPECT_EQ(big[0], Value::bigint(-2));
}

TEST(Value, a_resizable_buffer_takes_its_views_along) {
  Value buffer = Value::array_buffer(4, 8);
  const Value tracking = Value::typed_array(ElementType::uint16, buffer, 2);
  const Value fixed = Value::typed_array(ElementType::uint8, buffer, 2, 2);
  buffer.resize(7);
  EXPECT_EQ(tracking.size(), 2u);
  EXPECT_TRUE(tracking.length_tracking());
  buffer.resize(3);
  EXPECT_EQ(tracking.size(), 0u);
  EXPECT_FALSE(tracking.out_of_bounds());
  EXPECT_TRUE(fixed.out_of_bounds());
  EXPECT_TRUE(fixed.bytes().empty());
  buffer.resize(1);
  EXPECT_TRUE(tracking.out_of_bounds());
  EXPECT_EQ(error_of([&] { buffer.resize(9); }), "RangeError");
  EXPECT_EQ(error_of([] { Value::array_buffer(Bytes()).resize(0); }), "TypeError");
  EXPECT_EQ(error_of([] { Value::array_buffer(9, 8); }), "RangeError");
}

TEST(Value, a_detached_buffer_is_empty_and_so_are_its_views) {
  Value buffer = Value::array_buffer(std::as_bytes(std::span("abc")));
  const Value view = Value::typed_array(ElementType::uint8, buffer);
  EXPECT_EQ(buffer.detach().size(), 4u);
  EXPECT_TRUE(buffer.detached());
  EXPECT_EQ(buffer.size(), 0u);
  EXPECT_EQ(view.size(), 0u);
  EXPECT_TRUE(view[0].is_undefined());
  EXPECT_EQ(error_of([&] { buffer.detach(); }), "TypeError");
  EXPECT_EQ(error_of([&] { Value::data_view(buffer); }), "TypeError");
}

TEST(Value, writing_where_nothing_can_be_written_says_so) {
  Value number = 3;
  EXPECT_EQ(error_of([&] { number.set("x", 1); }), "TypeError");
  EXPECT_EQ(error_of([&] { number.push_back(1); }), "TypeError");
  EXPECT_EQ(error_of([&] { number.size(); }), "TypeError");
  EXPECT_EQ(error_of([&] { Value::object().add(1); }), "TypeError");
}

}  // namespace
}  // namespace fairway
