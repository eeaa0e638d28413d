#include "inspector/text.hpp"

#include <gtest/gtest.h>

#include "inspector/json.hpp"
#include "inspector/tree.hpp"
#include "tools/samples.hpp"

namespace fairway::test {
namespace {

using namespace fairway::inspector;

TEST(Text, OfAListIsAsInTheGoldenFile) {
  const std::string text = list_text(snapshot(), Colour::off);
  EXPECT_EQ(text, golden("list.txt", text));
}

TEST(Text, OfATreeIsAsInTheGoldenFile) {
  const std::string text = tree_text(snapshot(), Colour::off);
  EXPECT_EQ(text, golden("tree.txt", text));
  const std::string json = tree_json(snapshot());
  EXPECT_EQ(json, golden("tree.json", json));
}

TEST(Text, OfAChannelIsAsInTheGoldenFile) {
  ChannelReport report = waiting_report(300);
  report.segments.insert(report.segments.begin() + 1, {"ch-17.1.g1", 1, 1, 20480, false});
  report.now.port[0].half.written.full_since_ns = now - 2 * second;
  const std::string text = report_text(report, Colour::off);
  EXPECT_EQ(text, golden("report.txt", text));
}

TEST(Text, OfAnUnknownHalfIsAsInTheGoldenFile) {
  ChannelReport report = waiting_report(300);
  report.broker = {"/tmp/broker", 0, "", ProcessState::unknown};
  both(report, [](ChannelSnapshot& channel) {
    channel.port[1].info.state = shm::PortState::closed;
    channel.port[1].owner.reset();
    channel.port[1].half = {};
    channel.port[1].half.state = HalfSnapshot::State::gone;
  });
  report.segments = {{"ch-17.1", 1, 0, 12288, false, "its header says that it is another segment"}};
  const std::string text = report_text(report, Colour::off);
  EXPECT_EQ(text, golden("report_gone.txt", text));
}

TEST(Text, OfAPortInTransitIsAsInTheGoldenFile) {
  const std::string text = report_text(moving_report(), Colour::off);
  EXPECT_EQ(text, golden("report_moving.txt", text));
}

TEST(Text, OfErrorsIsAsInTheGoldenFile) {
  ChannelReport report = waiting_report(300);
  report.now.port[0].half.faults = {{shm::Fault::quota_exceeded, 3, now - 2 * second}, {shm::Fault::data_clone, 1, now - 90 * second}};
  report.now.port[1].half.faults = {{shm::Fault::damaged_record, 1, now - 50 * ms}};
  const std::string text = report_text(report, Colour::off);
  EXPECT_EQ(text, golden("report_errors.txt", text));
  const std::string json = report_json(report);
  EXPECT_EQ(json, golden("report_errors.json", json));
}

TEST(Text, HasColoursOnlyWhenAsked) {
  EXPECT_EQ(list_text(snapshot(), Colour::off).find('\x1b'), std::string::npos);
  EXPECT_EQ(report_text(waiting_report(1), Colour::off).find('\x1b'), std::string::npos);
  const std::string coloured = list_text(snapshot(), Colour::on);
  EXPECT_NE(coloured.find("\x1b[31mstopped\x1b[0m"), std::string::npos);
  EXPECT_NE(coloured.find("\x1b[31mended\x1b[0m"), std::string::npos);
}

}  // namespace
}  // namespace fairway::test
