#include "inspector/life.hpp"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "tools/samples.hpp"

namespace fairway::test {
namespace {

using namespace fairway::inspector;
using Kind = LifeEvent::Kind;

constexpr std::int64_t offset = 1'767'323'045'000'000'000 - static_cast<std::int64_t>(now);  // `now` is 2026-01-02T03:04:05Z

ProcessState ended(std::int64_t) { return ProcessState::ended; }

/// player and sink with ch-17, looked at a second ago.
Snapshot start() {
  Snapshot snapshot;
  snapshot.broker = {"/run/user/1000/fairway", 4711, "fairwayd", ProcessState::running};
  snapshot.taken_ns = now - second;
  snapshot.contexts = {context(1, "player", 4712), context(2, "sink", 4713)};
  snapshot.channels = {idle_report().now};
  return snapshot;
}

/// What is new at `after`, a second later.
std::vector<LifeEvent> between(const Snapshot& before, Snapshot after) {
  Life life(ended);
  life.look(before);
  after.taken_ns = now;
  return life.look(after);
}

void move(Snapshot& snapshot, shm::PortState state, Epoch epoch, std::uint32_t owner, std::uint32_t former) {
  PortSnapshot& port = snapshot.channels[0].port[1];
  port.info = {state, epoch, {owner}, 1};
  port.owner.reset();
  port.former.reset();
  for (const ContextSnapshot& context : snapshot.contexts) {
    if (context.info.id.value == owner) port.owner = context;
    if (context.info.id.value == former) port.former = context;
  }
  port.past = {{former}, now - 300 * ms};
}

TEST(Life, TheFirstLookTellsWhatIsThere) {
  Life life(ended);
  const std::vector<LifeEvent> events = life.look(start());
  ASSERT_EQ(events.size(), 4u);
  EXPECT_EQ(events[0].kind, Kind::context_found);
  EXPECT_EQ(events[2].kind, Kind::channel_found);
  EXPECT_EQ(events[2].owners[1].name, "sink");
  EXPECT_EQ(events[3].kind, Kind::broker_found);
  EXPECT_TRUE(life.look(start()).empty()) << "nothing has changed";
}

TEST(Life, AContextJoinsAndOneDies) {
  Snapshot after = start();
  after.contexts[1] = context(3, "late", 4714);
  after.contexts[1].info.joined_ns = now - 500 * ms;
  const std::vector<LifeEvent> events = between(start(), after);
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].kind, Kind::context_joined);
  EXPECT_EQ(events[0].who.name, "late");
  EXPECT_EQ(events[0].at_ns, now - 500 * ms);
  EXPECT_EQ(events[0].after_ns, events[0].at_ns) << "the table says when";
  EXPECT_EQ(events[1].kind, Kind::context_gone);
  EXPECT_EQ(events[1].who.name, "sink");
  EXPECT_EQ(events[1].process, ProcessState::ended);
  EXPECT_EQ(events[1].after_ns, now - second) << "some time between the looks";
}

TEST(Life, ContextsThatCameAndWentAreCountedByTheirNumbers) {
  Snapshot after = start();
  after.contexts.push_back(context(6, "late", 4714));
  const std::vector<LifeEvent> events = between(start(), after);
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[1].kind, Kind::contexts_unseen);
  EXPECT_EQ(events[1].unseen, 3u);
}

TEST(Life, AProcessIsStoppedAndEndsWhileTheBrokerStandsStill) {
  Snapshot after = start();
  after.broker.process = after.contexts[0].process = ProcessState::stopped;
  const std::vector<LifeEvent> events = between(start(), after);
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].kind, Kind::broker_changed);
  EXPECT_EQ(events[1].kind, Kind::context_changed);
  EXPECT_EQ(events[1].process, ProcessState::stopped);
}

TEST(Life, APortLeavesAndArrives) {
  Snapshot transit = start();
  move(transit, shm::PortState::transit, 2, 0, 2);
  const std::vector<LifeEvent> left = between(start(), transit);
  ASSERT_EQ(left.size(), 1u);
  EXPECT_EQ(left[0].kind, Kind::port_left);
  EXPECT_EQ(left[0].who.name, "sink");
  EXPECT_EQ(left[0].at_ns, now - 300 * ms);
  EXPECT_EQ(left[0].unseen, 0u);

  Snapshot owned = start();
  move(owned, shm::PortState::owned, 2, 1, 2);
  const std::vector<LifeEvent> arrived = between(transit, owned);
  ASSERT_EQ(arrived.size(), 1u);
  EXPECT_EQ(arrived[0].kind, Kind::port_arrived);
  EXPECT_EQ(arrived[0].who.name, "player");
  EXPECT_EQ(arrived[0].from.name, "sink");
  EXPECT_EQ(arrived[0].unseen, 0u);
}

TEST(Life, MovesBetweenTwoLooksAreCountedByTheEpoch) {
  Snapshot after = start();
  move(after, shm::PortState::owned, 5, 1, 9);
  const std::vector<LifeEvent> events = between(start(), after);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].unseen, 3u);
  EXPECT_EQ(events[0].from.id.value, 9u);
  EXPECT_EQ(event_text(events[0], offset),
            " 2026-01-02T03:04:04.700Z  ch-17.2 moved to player (context 1, pid 4712) from context 9, which has gone, epoch 5; "
            "3 changes of its owner before went unseen\n");
  move(after, shm::PortState::owned, 3, 1, 9);
  EXPECT_TRUE(event_text(between(start(), after).at(0), offset).ends_with("; 1 change of its owner before went unseen\n"));
}

TEST(Life, APortClosesAndItsChannelGoes) {
  Snapshot closed = start();
  move(closed, shm::PortState::closed, 1, 2, 1);
  const std::vector<LifeEvent> events = between(start(), closed);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].kind, Kind::port_closed);
  EXPECT_EQ(events[0].who.name, "sink");
  Snapshot gone = start();
  gone.channels.clear();
  EXPECT_EQ(between(closed, gone).at(0).kind, Kind::channel_gone);
}

TEST(Life, AChannelOfTheSameNumberAndAnotherAgeIsAnotherOne) {
  Snapshot after = start();
  after.channels[0].created_ns = now - 100 * ms;
  const std::vector<LifeEvent> events = between(start(), after);
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].kind, Kind::channel_made);
  EXPECT_EQ(events[1].kind, Kind::channel_gone);
}

TEST(Life, AnotherBrokerCountsAnew) {
  Snapshot after = start();
  after.broker.pid = 9000;
  after.contexts = {context(1, "player", 4712)};
  after.contexts[0].info.joined_ns = now - 100 * ms;
  after.channels.clear();
  const std::vector<LifeEvent> events = between(start(), after);
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].kind, Kind::context_joined);
  EXPECT_EQ(events[1].kind, Kind::broker_changed);
}

/// A whole life: looks a second apart, the last at `now`.
std::vector<LifeEvent> whole_life() {
  std::vector<Snapshot> looks(5, start());
  looks[0].channels.clear();
  looks[1].channels[0].created_ns = now - 3500 * ms;
  for (std::size_t i = 2; i < 5; ++i) looks[i].channels = looks[1].channels;
  move(looks[2], shm::PortState::transit, 2, 0, 2);
  looks[2].channels[0].port[1].past.since_ns = now - 2300 * ms;
  looks[3].contexts.push_back(context(5, "late", 4714));
  looks[3].contexts.back().info.joined_ns = now - 1800 * ms;
  move(looks[3], shm::PortState::owned, 2, 5, 2);
  looks[3].channels[0].port[1].past.since_ns = now - 1200 * ms;
  looks[4].contexts = {context(1, "player", 4712)};
  looks[4].channels.clear();
  Life life(ended);
  std::vector<LifeEvent> events;
  for (std::size_t i = 0; i < 5; ++i) {
    looks[i].taken_ns = now - (4 - i) * second;
    for (LifeEvent& event : life.look(looks[i])) events.push_back(std::move(event));
  }
  return events;
}

TEST(Life, TextAndJsonAreAsInTheGoldenFiles) {
  std::string text;
  std::string json;
  for (const LifeEvent& event : whole_life()) {
    text += event_text(event, offset);
    json += event_json(event, offset);
  }
  EXPECT_EQ(text, golden("trace.txt", text));
  EXPECT_EQ(json, golden("trace.json", json));
}

TEST(Life, SlicesAreAsInTheGoldenFileAndEndWhatTheyBegin) {
  ChromeTrace slices;
  std::string text = slices.begin();
  for (const LifeEvent& event : whole_life()) text += slices.add(event);
  text += slices.end(now);
  EXPECT_EQ(text, golden("trace_chrome.json", text));
  int open = 0;
  const boost::json::value events = boost::json::parse(text);
  for (const boost::json::value& event : events.as_array()) {
    open += event.at("ph").as_string() == "B";
    open -= event.at("ph").as_string() == "E";
  }
  EXPECT_EQ(open, 0);
}

TEST(Life, SlicesWithoutAnEventAreAnEmptyArray) {
  ChromeTrace slices;
  EXPECT_EQ(boost::json::parse(slices.begin() + slices.end(now)).as_array().size(), 0u);
}

}  // namespace
}  // namespace fairway::test
