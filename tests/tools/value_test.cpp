/// `fairway value`: bytes and JSON, both ways.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tools/run.hpp"

namespace fairway::test {
namespace {

using namespace std::string_literals;

std::string through(const std::string& json) {
  const Outcome encoded = inspect_with(json, {"value", "encode"});
  EXPECT_EQ(encoded.code, 0) << encoded.err;
  const Outcome shown = inspect_with(encoded.out, {"value", "dump", "--json"});
  EXPECT_EQ(shown.code, 0) << shown.err;
  return shown.out;
}

TEST(ValueCommand, json_is_encoded_and_comes_back_the_same) {
  const char* const samples[] = {
      "null",
      "[true,1,-2.5E0,\"text\",{\"$undefined\":true}]",
      "[{\"$number\":\"NaN\"},{\"$number\":\"-0\"},{\"$number\":\"Infinity\"},{\"$bigint\":\"-123456789012345678901234567890\"}]",
      "{\"b\":1,\"a\":{\"nested\":[]}}",
      "{\"$string\":[97,55296]}",
      "{\"$object\":[[\"$x\",1],[{\"$string\":[55296]},2]]}",
      "{\"$map\":[[1,{\"$set\":[\"a\",null]}],[{},2]]}",
      "{\"$array\":{\"length\":4294967295,\"elements\":[[1,\"x\"],[4294967294,2]],\"properties\":[[\"k\",true]]}}",
      "[{\"$date\":0},{\"$date\":{\"$number\":\"NaN\"}},{\"$regexp\":[\"a+\",\"gi\"]},{\"$boxed\":{\"$bigint\":\"3\"}}]",
      "{\"$error\":{\"name\":\"TypeError\",\"message\":\"m\",\"cause\":{\"$undefined\":true}}}",
      "[{\"$id\":1,\"$is\":{\"$buffer\":\"00ff10aa\",\"max\":8}},{\"$view\":{\"type\":\"Uint16Array\",\"buffer\":{\"$ref\":1},\"offset\":2,\"length\":null}},"
      "{\"$view\":{\"type\":\"DataView\",\"buffer\":{\"$ref\":1},\"offset\":1,\"length\":2}}]",
      "{\"$id\":1,\"$is\":{\"self\":{\"$ref\":1},\"map\":{\"$id\":2,\"$is\":{\"$map\":[[{\"$ref\":1},{\"$ref\":2}]]}}}}",
      "[{\"$port\":300},{\"$port\":0}]",
  };
  for (const char* const json : samples) EXPECT_EQ(through(json), json + "\n"s);
}

TEST(ValueCommand, dump_shows_values_as_people_read_them) {
  const Outcome shown = inspect_with("\xff\x0fo\"\4kind\"\5frame\"\1nI\6{\2"s, {"value", "dump"});
  EXPECT_EQ(shown.out, "{\n  kind: 'frame',\n  n: 3\n}\n");
}

TEST(ValueCommand, a_stream_is_line_by_line_on_one_side_and_counted_on_the_other) {
  const Outcome encoded = inspect_with("1\n\"x\"\n", {"value", "encode", "--stream"});
  EXPECT_EQ(encoded.out, "\4\0\0\0\xff\x0fI\2\5\0\0\0\xff\x0f\"\1x"s);
  EXPECT_EQ(inspect_with(encoded.out, {"value", "dump", "--json", "--stream"}).out, "1\n\"x\"\n");
  EXPECT_EQ(inspect_with(encoded.out, {"value", "roundtrip", "--stream"}).out, encoded.out);
}

TEST(ValueCommand, what_is_wrong_is_said_in_one_line) {
  const auto complains = [](const std::string& input, const std::vector<std::string>& arguments) {
    const Outcome outcome = inspect_with(input, arguments);
    EXPECT_EQ(outcome.code, 2);
    EXPECT_EQ(outcome.out, "");
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1);
    return outcome.err;
  };
  EXPECT_NE(complains("\xff\x0f^\0"s, {"value", "dump"}).find("a reference leads nowhere"), std::string::npos);
  EXPECT_NE(complains("{", {"value", "encode"}).find("no JSON"), std::string::npos);
  EXPECT_NE(complains("{\"$nothing\":1}", {"value", "encode"}).find("$nothing is no tag"), std::string::npos);
  EXPECT_NE(complains("{\"$map\":1}", {"value", "encode"}).find("$map"), std::string::npos);
  EXPECT_NE(complains("{\"$ref\":1}", {"value", "encode"}).find("$ref"), std::string::npos);
  EXPECT_NE(complains("{\"$bigint\":\"x\"}", {"value", "encode"}).find("SyntaxError"), std::string::npos);
  EXPECT_NE(complains("", {"value"}).find("fairway value --help"), std::string::npos);
  EXPECT_NE(complains("", {"value", "dump", "/nothing/there"}).find("cannot open"), std::string::npos);
}

}  // namespace
}  // namespace fairway::test
