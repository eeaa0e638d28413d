#include "inspector/live.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <initializer_list>

#include "tools/samples.hpp"

namespace fairway::test {
namespace {

using namespace fairway::inspector;

/// A second apart: the player has posted 500 messages of 1000 bytes on ch-17, all but 20 are read; ch-300 stands still.
struct Town {
  Snapshot before = snapshot(), now = snapshot();
  Town() {
    before.taken_ns = test::now - second;
    now.broker.process = before.broker.process = ProcessState::running;
    for (ChannelSnapshot& channel : before.channels) channel.taken_ns = test::now - second;
    HalfSnapshot& writer = now.channels[0].port[0].half;
    HalfSnapshot& reader = now.channels[0].port[1].half;
    writer.written.messages += 500;
    writer.written.bytes += 500'000;
    writer.written.backlog_bytes = 1024;
    writer.memory = 3 << 20;
    reader.read.messages = 1380;
    reader.read.bytes = 489'000;
    reader.read.wakes += 40;
  }
  Live live() const {
    Live seen = inspector::live(before, now, "2026-01-02T03:04:05Z");
    sort(seen, Order::rate);
    return seen;
  }
};

std::string text_of(const std::vector<Line>& lines) {
  std::string text;
  for (const Line& line : lines) {
    for (const Cell& cell : line) text += cell.text;
    text += '\n';
  }
  return text;
}

TEST(Live, RatesAreOfTheTimeBetweenTheSamples) {
  const Live seen = Town().live();
  ASSERT_EQ(seen.rows.size(), 6u);
  const LiveRow& first = seen.rows[0];
  EXPECT_EQ(first.channel.value, 17u);
  EXPECT_EQ(first.flow.writer, 1);
  EXPECT_EQ(first.from, "player");
  EXPECT_EQ(first.to, "sink");
  EXPECT_TRUE(first.flow.rates_known);
  EXPECT_DOUBLE_EQ(first.flow.posted_per_second, 500);
  EXPECT_DOUBLE_EQ(first.flow.bytes_per_second, 500'000);
  EXPECT_DOUBLE_EQ(first.flow.wakes_per_second, 40);
  EXPECT_EQ(first.flow.waiting->messages, 20u);
  EXPECT_EQ(first.memory, (3u << 20) + 1024u);
  EXPECT_EQ(first.state.text, "flows");
}

TEST(Live, WhatCannotBeReadAtOneOfTheSamplesHasNoRate) {
  Town town;
  town.before.channels[0].port[0].half = {};
  town.before.channels[0].port[0].half.state = HalfSnapshot::State::gone;
  const Live seen = town.live();
  for (const LiveRow& row : seen.rows) EXPECT_EQ(row.flow.posted_per_second, 0) << to_string(row.channel);
  EXPECT_FALSE(std::ranges::find(seen.rows, ChannelId{17}, &LiveRow::channel)->flow.rates_known);
}

TEST(Live, ANewChannelCountsFromItsCreation) {
  Town town;
  town.before.channels.erase(town.before.channels.begin());
  EXPECT_DOUBLE_EQ(town.live().rows[0].flow.posted_per_second, 1400);
}

TEST(Live, AnotherBrokersChannelOfTheSameNumberIsNotTheSame) {
  Town town;
  town.before.broker.pid = 4;
  EXPECT_DOUBLE_EQ(town.live().rows[0].flow.posted_per_second, 1400);
}

TEST(Live, ANewOwnerCountsItsWakesAnew) {
  Town town;
  town.now.channels[0].port[1].info.epoch += 1;
  EXPECT_DOUBLE_EQ(town.live().rows[0].flow.wakes_per_second, 43);
}

TEST(Live, IsSortedByRateDepthOrMemory) {
  Town town;
  town.now.channels[1].port[1].half.memory = 5 << 20;
  Live seen = town.live();
  EXPECT_EQ(seen.rows[0].channel.value, 17u);
  sort(seen, Order::depth);
  EXPECT_EQ(seen.rows[0].channel.value, 301u);
  sort(seen, Order::memory);
  EXPECT_EQ(seen.rows[0].channel.value, 300u);
  EXPECT_EQ(seen.rows[0].flow.writer, 2);
}

TEST(Live, SaysWhatOneShouldKnowFirst) {
  Town town;
  const auto state = [&] { return town.live().rows[0].state.text; };
  town.now.channels[0].port[1].owner->process = ProcessState::stopped;
  EXPECT_EQ(state(), "to stopped");
  town.now.channels[0].port[0].owner->process = ProcessState::ended;
  EXPECT_EQ(state(), "from ended");
  town.now.channels[0].port[1].info.state = shm::PortState::transit;
  EXPECT_EQ(state(), "transit");
  town.now.channels[0].port[0].info.state = shm::PortState::closed;
  EXPECT_EQ(state(), "closed");
  town.now.channels[0].port[0].info.state = shm::PortState::memory;
  EXPECT_EQ(state(), "memory");
}

TEST(Live, LinesForALogAreAsInTheGoldenFile) {
  const std::string text = live_text(Town().live(), 4, Colour::off);
  EXPECT_EQ(text, golden("top.txt", text));
}

TEST(Live, JsonIsAsInTheGoldenFile) {
  const std::string text = live_json(Town().live(), 0);
  EXPECT_EQ(text, golden("top.json", text));
}

TEST(Screen, IsAsInTheGoldenFile) {
  const std::string text = text_of(screen(Town().live(), {}, {12, 132}));
  EXPECT_EQ(text, golden("top_screen.txt", text));
}

TEST(Screen, OfEightyColumnsIsAsInTheGoldenFile) {
  Town town;
  town.now.channels[0].port[0].owner->info.name = "a-name-that-is-long";
  const std::string text = text_of(screen(town.live(), {Order::memory, 0}, {8, 80}));
  EXPECT_EQ(text, golden("top_narrow.txt", text));
}

TEST(Screen, FillsEverySizeAndNoLineIsLongerThanItIsWide) {
  const Live seen = Town().live();
  for (std::size_t lines = 0; lines < 14; ++lines)
    for (const std::size_t columns : std::initializer_list<std::size_t>{0, 1, 20, 79, 80, 200}) {
      const std::vector<Line> drawn = screen(seen, {Order::rate, 3}, {lines, columns});
      ASSERT_EQ(drawn.size(), lines);
      for (const Line& line : drawn) {
        std::size_t length = 0;
        for (const Cell& cell : line) length += width(cell.text);
        EXPECT_LE(length, columns);
      }
    }
}

TEST(Screen, TheFooterShowsTheKeysAndTheRows) {
  const Live seen = Town().live();
  EXPECT_EQ(screen(seen, {}, {9, 100}).back()[0].text, "q quit   sort by r rate, d depth, m memory   j k arrows scroll   1-4 of 6");
  EXPECT_EQ(screen(seen, {}, {2, 100}).back()[0].text, "q quit   sort by r rate, d depth, m memory   j k arrows scroll");
}

TEST(Keys, ScrollAndNeverLeaveTheRows) {
  const Live seen = Town().live();
  const ScreenSize size{8, 100};  // three rows of six
  View view;
  const auto after = [&](Key key) { return (view = press(view, key, seen, size)).first; };
  EXPECT_EQ(after(Key::up), 0u);
  EXPECT_EQ(after(Key::down), 1u);
  EXPECT_EQ(after(Key::page_down), 3u);
  EXPECT_EQ(after(Key::down), 3u);
  EXPECT_EQ(after(Key::up), 2u);
  EXPECT_EQ(after(Key::end), 3u);
  EXPECT_EQ(after(Key::page_up), 0u);
  after(Key::end);
  EXPECT_EQ(after(Key::home), 0u);
  after(Key::end);
  EXPECT_EQ(after(Key::by_memory), 0u);
  EXPECT_EQ(view.order, Order::memory);
  EXPECT_EQ(press({Order::depth, 9}, Key::other, {}, {24, 80}).first, 0u);
}

TEST(Drawing, CutsCharactersAndNotBytes) {
  EXPECT_EQ(cut("größe", 3), "grö");
  EXPECT_EQ(cut("größe", 9), "größe");
  EXPECT_EQ(cut("größe", 0), "");
}

}  // namespace
}  // namespace fairway::test
