// After html/infrastructure/safe-passing-of-structured-data/structured-clone-battery-of-tests.js; SEMANTICS 21 to 26.
// Left out: Blob, File, FileList and ImageData, which only a page has; functions and symbols, which C++ has no form of.
#include <cmath>
#include <limits>

#include "conformance/transports.hpp"

namespace fairway::test {
namespace {

class Battery : public OverTransports {
 protected:
  /// What the other side got, as it sends it back.
  Value there_and_back(const Value& value) {
    a.port().post_message(value);
    b.bounce();
    const auto event = a.next();
    if (!event) throw std::runtime_error("nothing came back");
    return event->data();
  }
  void expect_same(const Value& value) {
    const Value back = there_and_back(value);
    EXPECT_EQ(back, value) << back;
    EXPECT_EQ(inspect(back), inspect(value));  // the order of properties, too
    EXPECT_EQ(structured_clone(value), value);
  }
  /// Alone, in an array and in an object, as the battery does.
  void expect_same_everywhere(const std::vector<Value>& values) {
    Value array = Value::array();
    Value object = Value::object();
    for (const Value& value : values) {
      expect_same(value);
      array.push_back(value);
      object.set("p" + std::to_string(array.size()), value);
    }
    expect_same(array);
    expect_same(object);
  }
};

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();
const Value odd_strings[] = {"", "this is a sample string", std::string(1, '\0'), u"\xd800", u"\xdc00", u"\xd83d\xde00", "\xe2\x82\xac"};
constexpr double odd_numbers[] = {0.2, 0, -0.0, nan, infinity, -infinity, 9007199254740992.0, -9007199254740992.0, 9007199254740994.0};

TEST_P(Battery, primitives) {
  expect_same_everywhere({{}, nullptr, true, false, odd_strings[0], odd_strings[1], odd_strings[2], odd_strings[3], odd_strings[4], odd_strings[5],
                          odd_strings[6], odd_numbers[0], odd_numbers[1], odd_numbers[2], odd_numbers[3], odd_numbers[4], odd_numbers[5],
                          odd_numbers[6], odd_numbers[7], odd_numbers[8]});
}

TEST_P(Battery, bigints) {
  expect_same_everywhere({Value::bigint(0), Value::bigint(-0), Value::bigint("-9007199254740994"), Value::bigint("9007199254740994"),
                          Value::bigint("-" + std::string(400, '9')), Value::boxed(Value::bigint("-9007199254740994"))});
}

TEST_P(Battery, boxed_primitives) {
  std::vector<Value> boxes = {Value::boxed(true), Value::boxed(false)};
  for (const Value& string : odd_strings) boxes.push_back(Value::boxed(string));
  for (const double number : odd_numbers) boxes.push_back(Value::boxed(number));
  expect_same_everywhere(boxes);
}

TEST_P(Battery, dates) { expect_same_everywhere({Value::date(0), Value::date(-0.0), Value::date(8.64e15), Value::date(-8.64e15), Value::date(nan)}); }

TEST_P(Battery, regular_expressions) {
  expect_same_everywhere({Value::regexp("foo"), Value::regexp("bar", "gi"), Value::regexp("baz", "sy"), Value::regexp("a\\nb", "u"),
                          Value::regexp("", "dgimsvy"), Value::regexp(u"\x20ac\xd800")});
}

TEST_P(Battery, buffers_and_views) {
  const double floats[] = {1, nan};
  const std::int64_t bigs[] = {-1, std::numeric_limits<std::int64_t>::min()};
  expect_same_everywhere({Value::array_buffer(Bytes()), Value::array_buffer(std::vector(300, std::byte{9})), Value::array_buffer(3, 1000),
                          Value::typed_array(std::span(floats)), Value::typed_array(std::span(bigs)),
                          Value::typed_array(ElementType::uint8_clamped, Value::array_buffer(5, 9), 1), Value::data_view(Value::array_buffer(5, 9), 1, 2)});
}

TEST_P(Battery, views_of_one_buffer_share_its_clone) {
  const Value buffer = Value::array_buffer(std::vector(16, std::byte{1}));
  Value back = there_and_back(Value::array({Value::typed_array(ElementType::uint8, buffer), Value::typed_array(ElementType::uint32, buffer, 4, 2), buffer}));
  Value bytes = back[0];
  bytes.set(4, 255);
  EXPECT_EQ(back[1][0].get<std::uint32_t>(), 0x010101ffu);
  EXPECT_TRUE(back[1].buffer().is_same(back[2]));
  EXPECT_EQ(std::as_const(buffer).bytes()[4], std::byte{1});
}

TEST_P(Battery, a_view_that_follows_its_buffer_still_does) {
  const Value back = there_and_back(Value::typed_array(ElementType::uint16, Value::array_buffer(4, 8), 2));
  EXPECT_EQ(back.size(), 1u);
  back.buffer().resize(8);
  EXPECT_EQ(back.size(), 3u);
}

TEST_P(Battery, arrays_and_objects) {
  Value sparse = Value::array();
  sparse.set(5, "x");
  sparse.set_length(10);
  Value with_index = Value::array({"foo", "bar"});
  with_index.set("index", "property");
  Value far = Value::array();
  far.set(4'294'967'294u, 1);
  expect_same_everywhere({Value::array(), sparse, with_index, far, Value::object(), Value::object({{"foo", true}, {"bar", false}, {"2", 1}, {"1", 2}}),
                          Value::object({{"foo", "bar"}, {"baz", Value::array({Value::object()})}})});
}

TEST_P(Battery, maps_and_sets) {
  expect_same_everywhere({Value::map(), Value::map({{1, 2}, {Value::object(), Value::array()}, {nan, -0.0}}), Value::set(),
                          Value::set({1, "1", nullptr, Value::map()})});
}

TEST_P(Battery, errors) {
  std::vector<Value> errors;
  for (const char* const name : {"Error", "EvalError", "RangeError", "ReferenceError", "SyntaxError", "TypeError", "URIError"}) {
    errors.push_back(Value::error(name, "some message"));
    errors.back().set("stack", "at some place");
  }
  Value caused = Value::error("Error", "outer");
  caused.set("cause", errors[1]);
  errors.push_back(caused);
  expect_same_everywhere(errors);
}

TEST_P(Battery, identity_and_cycles) {
  Value object = Value::object({{"list", Value::array()}});
  object.set("me", object);
  object["list"].push_back(object);
  Value map = Value::map({{object, object}});
  map.set_entry(map, Value::set({map, object["list"]}));
  Value error = Value::error("Error", "own");
  error.set("cause", Value::array({error, map}));
  expect_same_everywhere({object, map, error});
  const Value back = there_and_back(object);
  EXPECT_TRUE(back["list"][0].is_same(back));
}

TEST_P(Battery, a_deep_and_a_large_value) {
  Value deep = Value::object();
  for (int i = 0; i < 100'000; ++i) deep = Value::object({{"inner", deep}});
  const Value back = there_and_back(deep);
  EXPECT_EQ(back, deep);
  const Value large = Value::array_buffer(std::vector(3 << 20, std::byte{5}));
  EXPECT_EQ(there_and_back(large), large);
}

TEST_P(Battery, what_cannot_be_cloned_throws_and_nothing_is_sent) {
  Value detached = Value::array_buffer(Bytes());
  detached.detach();
  Value buffer = Value::array_buffer(4, 4);
  const Value view = Value::typed_array(ElementType::uint8, buffer, 2, 2);
  buffer.resize(3);
  for (const Value& value : {detached, view}) {
    EXPECT_EQ(error_of([&] { a.port().post_message(Value::array({value})); }), "DataCloneError");
    EXPECT_EQ(error_of([&] { structured_clone(value); }), "DataCloneError");
  }
  a.post("next");
  EXPECT_EQ(b.receive(), "next");
}

TEST_P(Battery, what_is_sent_is_as_it_was_at_the_post) {
  Value object = Value::object({{"n", 1}});
  a.port().post_message(object);
  object.set("n", 2);
  b.bounce();
  EXPECT_EQ(a.next()->data()["n"].get<int>(), 1);
}

TEST_P(Battery, a_string_event_has_it_as_data) {
  a.post("text");
  b.bounce();
  const auto event = a.next();
  ASSERT_TRUE(event);
  EXPECT_EQ(event->kind(), MessageEvent::Kind::value);
  EXPECT_EQ(event->data(), Value("text"));
}

FAIRWAY_OVER_TRANSPORTS(Battery);

}  // namespace
}  // namespace fairway::test
