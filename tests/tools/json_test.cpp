#include "inspector/json.hpp"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "tools/samples.hpp"

namespace fairway::test {
namespace {

using namespace fairway::inspector;

TEST(Json, OfAListIsAsInTheGoldenFile) {
  const std::string text = list_json(snapshot());
  EXPECT_EQ(text, golden("list.json", text));
}

TEST(Json, OfAChannelIsAsInTheGoldenFile) {
  ChannelReport report = waiting_report(300);
  report.segments.insert(report.segments.begin() + 1, {"ch-17.1.g1", 1, 1, 20480, false});
  const std::string text = report_json(report);
  EXPECT_EQ(text, golden("report.json", text));
}

TEST(Json, OfAPortInTransitIsAsInTheGoldenFile) {
  const std::string text = report_json(moving_report());
  EXPECT_EQ(text, golden("report_moving.json", text));
}

TEST(Json, KeepsEveryBitOfACounter) {
  ChannelReport report = waiting_report(0);
  report.now.port[0].half.written.bytes = 0xffff'ffff'ffff'fffe;
  const auto value = boost::json::parse(report_json(report));
  EXPECT_EQ(value.at_pointer("/channel/directions/0/bytes_posted").as_uint64(), 0xffff'ffff'ffff'fffe);
}

TEST(Json, SaysNullForWhatIsUnknown) {
  ChannelReport report = waiting_report(0);
  report.now.port[1].half.state = HalfSnapshot::State::gone;
  const auto value = boost::json::parse(report_json(report));
  EXPECT_TRUE(value.at_pointer("/channel/directions/0/unread_messages").is_null());
  EXPECT_TRUE(value.at_pointer("/channel/directions/0/messages_read").is_null());
  EXPECT_TRUE(value.at_pointer("/channel/directions/0/started").is_null());
  EXPECT_EQ(value.at_pointer("/channel/directions/0/messages_posted").as_int64(), 900);
}

}  // namespace
}  // namespace fairway::test
