#include "inspector/diagnosis.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "tools/samples.hpp"

namespace fairway::test {
namespace {

using namespace fairway::inspector;

constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();

// Numbers ---------------------------------------------------------------------------------------------------

TEST(Waiting, IsWhatOneHasWrittenAndTheOtherHasNotRead) {
  const ChannelReport report = waiting_report(300);
  const auto at_sink = waiting_at(report.now, 2);
  ASSERT_TRUE(at_sink);
  EXPECT_EQ(at_sink->messages, 600u);
  EXPECT_EQ(at_sink->bytes, 6000u);
  EXPECT_EQ(waiting_at(report.now, 1)->messages, 0u);
}

TEST(Waiting, AReaderThatClaimsTooMuchHasReadAll) {
  ChannelReport report = waiting_report(most);
  EXPECT_EQ(waiting_at(report.now, 2)->messages, 0u);
  EXPECT_EQ(waiting_at(report.now, 2)->bytes, 0u);
}

TEST(Waiting, IsUnknownWhereAHalfCannotBeOpened) {
  ChannelReport report = waiting_report(0);
  report.now.port[1].half.state = HalfSnapshot::State::gone;
  EXPECT_FALSE(waiting_at(report.now, 1));
  EXPECT_FALSE(waiting_at(report.now, 2));
}

TEST(Waiting, APortWithoutAHalfHasReadNothing) {
  ChannelReport report = waiting_report(0);
  report.now.port[1].half = {};
  EXPECT_EQ(waiting_at(report.now, 2)->messages, 900u);
}

TEST(Flow, NothingReadBetweenTheSamplesIsStuck) {
  const ChannelReport report = waiting_report(300);
  const Flow flow = inspector::flow(report.before, report.now, 1);
  EXPECT_TRUE(flow.stuck);
  EXPECT_EQ(flow.oldest_at_least_ns, 100 * ms);
  EXPECT_EQ(flow.oldest_at_most_ns, 4 * second);
}

TEST(Flow, WhatWaitsWhereNothingWasEverReadIsAsOldAsTheFirstNotice) {
  const ChannelReport report = waiting_report(0);
  const Flow flow = inspector::flow(report.before, report.now, 1);
  EXPECT_EQ(flow.oldest_at_least_ns, 4 * second);
  EXPECT_EQ(flow.oldest_at_most_ns, 4 * second);
}

TEST(Flow, AReaderThatHasPassedTheFirstSampleHasNothingOlder) {
  ChannelReport report = waiting_report(900);
  report.now.port[0].half.written.messages = 2900;
  report.now.port[1].half.read.messages = 2850;
  const Flow flow = inspector::flow(report.before, report.now, 1);
  EXPECT_FALSE(flow.stuck);
  EXPECT_EQ(flow.oldest_at_least_ns, 0u);
  EXPECT_EQ(flow.oldest_at_most_ns, 100 * ms);
  EXPECT_DOUBLE_EQ(flow.posted_per_second, 20000);
  EXPECT_DOUBLE_EQ(flow.read_per_second, 19500);
}

TEST(Flow, TheAgeOfNothingIsUnknown) {
  const ChannelReport report = idle_report();
  const Flow flow = inspector::flow(report.before, report.now, 1);
  EXPECT_FALSE(flow.stuck);
  EXPECT_FALSE(flow.oldest_at_least_ns);
  EXPECT_FALSE(flow.oldest_at_most_ns);
}

TEST(Flow, ATimeInTheFutureIsNoTime) {
  ChannelReport report = waiting_report(0);
  both(report, [](ChannelSnapshot& channel) {
    channel.created_ns = channel.port[0].half.written.readable_since_ns = channel.port[1].half.read.last_read_ns = most;
    channel.port[0].half.written.full_since_ns = most;
  });
  const Flow flow = inspector::flow(report.before, report.now, 1);
  EXPECT_EQ(flow.oldest_at_least_ns, 100 * ms);
  EXPECT_FALSE(flow.oldest_at_most_ns);
  EXPECT_FALSE(flow.backpressure_for_ns);
}

TEST(Flow, BackpressureIncludesThePresentSpell) {
  ChannelReport report = waiting_report(0);
  report.now.port[0].half.written.backpressure_ns = 3 * second;
  report.now.port[0].half.written.full_since_ns = now - 2 * second;
  const Flow flow = inspector::flow(report.before, report.now, 1);
  EXPECT_EQ(flow.backpressure_ns, 5 * second);
  EXPECT_EQ(flow.backpressure_for_ns, 2 * second);
}

TEST(Flow, TheHighWaterMarkIsNeverBelowWhatWaits) {
  EXPECT_EQ(inspector::flow(waiting_report(0).before, waiting_report(0).now, 1).high_water, 9000u);
  EXPECT_EQ(inspector::flow(waiting_report(800).before, waiting_report(800).now, 1).high_water, 8000u);
}

TEST(Units, AreChosenForPeople) {
  EXPECT_EQ(duration_text(0), "0 ns");
  EXPECT_EQ(duration_text(999), "999 ns");
  EXPECT_EQ(duration_text(1'500), "1.5 us");
  EXPECT_EQ(duration_text(999'999), "999 us");
  EXPECT_EQ(duration_text(12'300'000), "12.3 ms");
  EXPECT_EQ(duration_text(999'999'999), "999 ms");
  EXPECT_EQ(duration_text(4'240'000'000), "4.2 s");
  EXPECT_EQ(duration_text(42 * second), "42 s");
  EXPECT_EQ(duration_text(180 * second), "3 min");
  EXPECT_EQ(duration_text(7'200 * second), "2 h");
  EXPECT_EQ(duration_text(5 * 86'400 * second), "5 d");
  EXPECT_EQ(duration_text(most), "213503 d");
  EXPECT_EQ(bytes_text(1023), "1023 B");
  EXPECT_EQ(bytes_text(1536), "1.5 KiB");
  EXPECT_EQ(bytes_text((1 << 20) - 1), "1.0 MiB");
  EXPECT_EQ(bytes_text(std::uint64_t{3} << 30), "3.0 GiB");
  EXPECT_EQ(bytes_text(most), "16.0 EiB");
}

// Sentences -------------------------------------------------------------------------------------------------

TEST(Diagnosis, NothingWasPosted) { EXPECT_EQ(diagnose(idle_report()), "idle: nothing was posted yet"); }

TEST(Diagnosis, EverythingIsRead) {
  EXPECT_EQ(diagnose(waiting_report(900)), "idle: everything that was posted is read");
}

TEST(Diagnosis, StartWasNeverCalled) {
  ChannelReport report = waiting_report(0);
  both(report, [](ChannelSnapshot& channel) { channel.port[1].half.read.started = false; });
  EXPECT_EQ(diagnose(report),
            "port 2 of ch-17 has 900 unread for 4.0 s: start() was never called; pid 4713 (sink) must call "
            "on_message(), receive() or start()");
}

TEST(Diagnosis, TheReaderHasNeverLooked) {
  ChannelReport report = waiting_report(0);
  both(report, [](ChannelSnapshot& channel) { channel.port[1].half = {}; });
  EXPECT_EQ(diagnose(report),
            "port 2 of ch-17 has 900 unread for 4.0 s: its owner, pid 4713 (sink), has not looked since the port came; "
            "it must call on_message(), receive() or start(), and run() or poll()");
  report.before.port[0].half.written.messages = 0;
  report.now.port[0].half.written.readable_since_ns = 0;
  EXPECT_EQ(diagnose(report),
            "port 2 of ch-17 has 900 unread, on their way: its owner, pid 4713 (sink), has not looked yet");
}

TEST(Diagnosis, TheReaderIsStopped) {
  ChannelReport report = waiting_report(300);
  both(report, [](ChannelSnapshot& channel) { channel.port[1].owner->process = ProcessState::stopped; });
  EXPECT_EQ(diagnose(report),
            "port 2 of ch-17 has 600 unread for up to 4.0 s: its owner, pid 4713 (sink), is stopped: "
            "kill -CONT 4713, or leave the debugger");
}

TEST(Diagnosis, TheReaderIsBusy) {
  EXPECT_EQ(diagnose(waiting_report(300)),
            "port 2 of ch-17 has 600 unread for up to 4.0 s: its owner, pid 4713 (sink), reads nothing now; it "
            "is busy in a callback, or must call run(), poll() or receive(): look at its stack (gdb -p 4713)");
}

TEST(Diagnosis, AWakeUpWasLost) {
  ChannelReport report = waiting_report(300);
  both(report, [](ChannelSnapshot& channel) { channel.port[1].half.read.last_read_ns = now - 2 * second; });
  EXPECT_EQ(
      diagnose(report),
      "port 2 of ch-17 has 600 unread for up to 2.0 s, and nobody woke its owner, pid 4713 (sink), which went to "
      "sleep 2.0 s ago: a lost wake-up, a bug of Fairway; report it with the output of fairway stat ch-17 --json");
}

TEST(Diagnosis, TheReaderIsTooSlow) {
  ChannelReport report = waiting_report(300);
  report.now.port[0].half.written.full_since_ns = now - 3 * second;
  report.now.port[0].half.written.messages = 1000;
  report.now.port[1].half.read.messages = 320;
  EXPECT_EQ(diagnose(report),
            "port 2 of ch-17 reads 200 messages/s and port 1 of ch-17 has held messages back for 3.0 s: the reader, "
            "pid 4713 (sink), is slower than the writer, which should use try_post() and on_drain()");
}

TEST(Diagnosis, TheReaderReadsAlong) {
  ChannelReport report = waiting_report(300);
  report.now.port[1].half.read.messages = 890;
  EXPECT_EQ(diagnose(report), "port 2 of ch-17 reads along, 10 unread now");
}

TEST(Diagnosis, TheRestIsInTheHeapOfAWriterThatWaitsForTheBroker) {
  ChannelReport report = waiting_report(300);
  both(report, [](ChannelSnapshot& channel) { channel.port[0].half.written.backlog_messages = 600; });
  report.broker.process = ProcessState::stopped;
  EXPECT_EQ(
      diagnose(report),
      "port 2 of ch-17 has 600 unread for up to 4.0 s, all in the heap of pid 4712 (player), which waits for memory: "
      "the broker (pid 4711) is stopped: kill -CONT 4711");
}

TEST(Diagnosis, TheRestIsInTheHeapOfAWriterThatDoesNotRun) {
  ChannelReport report = waiting_report(300);
  both(report, [](ChannelSnapshot& channel) { channel.port[0].half.written.backlog_messages = 600; });
  EXPECT_EQ(diagnose(report),
            "port 2 of ch-17 has 600 unread for up to 4.0 s, all in the heap of pid 4712 (player): it must call run(), "
            "poll() or receive() to move them; if it does, the broker refuses memory (see its log) or takes long to "
            "give so much");
  both(report, [](ChannelSnapshot& channel) { channel.port[0].owner->process = ProcessState::stopped; });
  EXPECT_EQ(diagnose(report),
            "port 2 of ch-17 has 600 unread for up to 4.0 s, all in the heap of pid 4712 (player), which is stopped: "
            "kill -CONT 4712");
}

TEST(Diagnosis, TheRestIsInTheHeapOfAWriterWhoseSegmentIsOnItsWay) {
  ChannelReport report = waiting_report(300);
  both(report, [](ChannelSnapshot& channel) {
    channel.port[0].half.written.backlog_messages = 600;
    channel.port[0].half.written.full_since_ns = now - 200 * ms;
  });
  EXPECT_EQ(diagnose(report),
            "port 2 of ch-17 has 600 unread for up to 4.0 s, all in the heap of pid 4712 (player), which waits for a "
            "larger segment: if that is often so, it should use try_post() and on_drain()");
}

TEST(Diagnosis, AnOwnerHasEndedUnnoticed) {
  ChannelReport report = waiting_report(900);
  report.now.port[1].owner->process = ProcessState::ended;
  report.broker.process = ProcessState::stopped;
  EXPECT_EQ(diagnose(report),
            "the owner of port 2 of ch-17, pid 4713 (sink), has ended and the port is not closed yet: "
            "the broker (pid 4711) is stopped: kill -CONT 4711");
}

TEST(Diagnosis, APortIsInTransit) {
  ChannelReport report = waiting_report(0);
  both(report, [](ChannelSnapshot& channel) {
    channel.port[1] = {};
    channel.port[1].info = {shm::PortState::transit, 1, {}, 0};
  });
  EXPECT_EQ(diagnose(report),
            "port 2 of ch-17 has 900 unread for 4.0 s and is in transit: nobody has taken it from its message or "
            "invitation yet");
  both(report, [](ChannelSnapshot& channel) { channel.port[0].half = {}; });
  EXPECT_EQ(diagnose(report), "port 2 is in transit: nobody has taken it from its message or invitation yet");
  report.now.port[1].past.since_ns = now - 3 * second;
  report.now.port[1].former = context(2, "sink", 4713);
  EXPECT_EQ(diagnose(report),
            "port 2 is in transit for 3.0 s, from pid 4713 (sink): nobody has taken it from its message or invitation yet");
}

TEST(Diagnosis, AMessageCarriesMemory) {
  ChannelReport report = waiting_report(0);
  both(report, [](ChannelSnapshot& channel) {
    channel.port[0].half = channel.port[1].half = {};
    channel.port[0].info.state = shm::PortState::memory;
  });
  EXPECT_EQ(diagnose(report),
            "memory that a message carries: port 2 stands for it, with pid 4713 (sink), whose message is not delivered yet");
  both(report, [](ChannelSnapshot& channel) {
    channel.port[1] = {};
    channel.port[1].info = {shm::PortState::transit, 1, {}, 0};
  });
  EXPECT_EQ(diagnose(report),
            "memory that a message carries: port 2 stands for it, in transit: nobody has taken it from its message or "
            "invitation yet");
}

TEST(Diagnosis, OneSideIsClosed) {
  ChannelReport report = waiting_report(900);
  both(report, [](ChannelSnapshot& channel) { channel.port[0].info.state = shm::PortState::closed; });
  EXPECT_EQ(diagnose(report),
            "port 1 is closed; port 2, of pid 4713 (sink), gets its close event when its owner looks");
  both(report, [](ChannelSnapshot& channel) { channel.port[1].info.state = shm::PortState::closed; });
  EXPECT_EQ(diagnose(report), "both ports are closed: the channel goes with its last reader");
}

TEST(Diagnosis, AClosedReaderReadsNoMore) {
  ChannelReport report = waiting_report(300);
  both(report, [](ChannelSnapshot& channel) { channel.port[1].info.state = shm::PortState::closed; });
  EXPECT_EQ(diagnose(report),
            "port 2 is closed; port 1, of pid 4712 (player), gets its close event when its owner looks");
}

TEST(Diagnosis, TheMemoryOfAPortIsDamaged) {
  ChannelReport report = waiting_report(0);
  report.now.port[1].half.state = HalfSnapshot::State::damaged;
  report.now.port[1].half.problem = "its header says that it is another segment";
  EXPECT_EQ(diagnose(report),
            "the memory of ch-17.2 cannot be trusted: its header says that it is another segment; end its owner, pid "
            "4713 (sink)");
}

TEST(Diagnosis, TheMemoryOfAPortIsGone) {
  ChannelReport report = waiting_report(0);
  both(report, [](ChannelSnapshot& channel) { channel.port[1].half.state = HalfSnapshot::State::gone; });
  EXPECT_EQ(diagnose(report), "nothing is known of what waits: a port has moved and its owner has not used it yet, or its memory cannot be "
            "opened; try again");
}

TEST(Diagnosis, AReaderClaimsTheImpossible) {
  ChannelReport report = waiting_report(5000);
  EXPECT_EQ(diagnose(report),
            "port 2 of ch-17 says that it has read 5000 messages of 900 written: the counters of pid 4713 (sink) or "
            "pid 4712 (player) are not to be trusted");
  // A message is visible just before it is counted.
  EXPECT_EQ(diagnose(waiting_report(901)), "idle: everything that was posted is read");
}

TEST(Diagnosis, TheWorseDirectionSpeaks) {
  ChannelReport report = waiting_report(890);
  report.now.port[1].half.read.messages = 895;  // player to sink is well
  both(report, [](ChannelSnapshot& channel) {
    channel.port[1].half.written.messages = 4;
    channel.port[1].half.written.readable_since_ns = now - 9 * second;
    channel.port[0].half.read.started = false;
  });
  EXPECT_EQ(
      diagnose(report),
      "port 1 of ch-17 has 4 unread for 9.0 s: start() was never called; pid 4712 (player) must call on_message(), "
      "receive() or start()");
}

TEST(Diagnosis, AnyNumbersMakeASentence) {
  ChannelReport report = waiting_report(0);
  both(report, [](ChannelSnapshot& channel) {
    for (PortSnapshot& port : channel.port) {
      port.half.written = {most, most, most, most, most, most, most, most, most, most, most};
      port.half.read = {most - 5, 0, most, most, true};
    }
  });
  EXPECT_FALSE(diagnose(report).empty());
}

}  // namespace
}  // namespace fairway::test
