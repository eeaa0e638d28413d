/// Where every field stands. A change here is a change of what two processes have agreed on: it needs a new
/// layout_version, and LAYOUT.md.
#include "shm/layout.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

namespace fairway::shm {
namespace {

TEST(Layout, TheVersionIsOne) { EXPECT_EQ(layout_version, 1u); }

TEST(Layout, TheMagicReadsFairway1InMemory) {
  char text[9] = {};
  std::memcpy(text, &magic, sizeof magic);
  EXPECT_EQ(std::string(text), "FAIRWAY1");
}

TEST(Layout, AllSegmentsBeginWithTheSameHeader) {
  EXPECT_EQ(sizeof(SegmentHeader), 128u);
  EXPECT_EQ(offsetof(SegmentHeader, magic), 0u);
  EXPECT_EQ(offsetof(SegmentHeader, layout_version), 8u);
  EXPECT_EQ(offsetof(SegmentHeader, kind), 12u);
  EXPECT_EQ(offsetof(SegmentHeader, subject), 16u);
  EXPECT_EQ(offsetof(SegmentHeader, epoch), 24u);
  EXPECT_EQ(offsetof(SegmentHeader, generation), 28u);
  EXPECT_EQ(offsetof(SegmentHeader, linear), 30u);
  EXPECT_EQ(offsetof(SegmentHeader, capacity), 32u);
  EXPECT_EQ(offsetof(SegmentHeader, peer_epoch), 40u);
  EXPECT_EQ(offsetof(SegmentHeader, first), 44u);
  EXPECT_EQ(offsetof(SegmentHeader, reserved), 48u);
  EXPECT_EQ(static_cast<std::uint32_t>(SegmentKind::half), 1u);
  EXPECT_EQ(static_cast<std::uint32_t>(SegmentKind::link), 2u);
  EXPECT_EQ(static_cast<std::uint32_t>(SegmentKind::contexts), 3u);
  EXPECT_EQ(static_cast<std::uint32_t>(SegmentKind::channels), 4u);
}

TEST(Layout, AHalfHasItsWordsOnLinesOfTheirOwn) {
  constexpr std::size_t control = offsetof(HalfSegment, control);
  EXPECT_EQ(control, 128u);
  EXPECT_EQ(control + offsetof(ControlBlock, head), 128u);
  EXPECT_EQ(control + offsetof(ControlBlock, arm), 256u);
  EXPECT_EQ(control + offsetof(ControlBlock, want), 260u);
  EXPECT_EQ(control + offsetof(ControlBlock, want_position), 264u);
  EXPECT_EQ(control + offsetof(ControlBlock, left), 272u);
  EXPECT_EQ(control + offsetof(ControlBlock, statistics), 384u);
  EXPECT_EQ(sizeof(HalfSegment), 768u);
  EXPECT_EQ(alignof(HalfSegment), 128u);
}

TEST(Layout, TheStatisticsHaveTheirOrder) {
  std::size_t at = 0;
#define FAIRWAY_EXPECT_NEXT(field)                        \
  EXPECT_EQ(offsetof(Statistics, field), at) << #field; \
  at += 8
  FAIRWAY_EXPECT_NEXT(messages_posted);
  FAIRWAY_EXPECT_NEXT(bytes_posted);
  FAIRWAY_EXPECT_NEXT(largest);
  FAIRWAY_EXPECT_NEXT(high_water);
  FAIRWAY_EXPECT_NEXT(backlog_messages);
  FAIRWAY_EXPECT_NEXT(backlog_bytes);
  FAIRWAY_EXPECT_NEXT(doorbells);
  FAIRWAY_EXPECT_NEXT(readable_since_ns);
  FAIRWAY_EXPECT_NEXT(backpressure_ns);
  FAIRWAY_EXPECT_NEXT(full_since_ns);
  FAIRWAY_EXPECT_NEXT(generation);
  FAIRWAY_EXPECT_NEXT(messages_read);
  FAIRWAY_EXPECT_NEXT(bytes_read);
  FAIRWAY_EXPECT_NEXT(last_read_ns);
  FAIRWAY_EXPECT_NEXT(started);
  FAIRWAY_EXPECT_NEXT(arms);
  FAIRWAY_EXPECT_NEXT(wakes);
  FAIRWAY_EXPECT_NEXT(spins);
  FAIRWAY_EXPECT_NEXT(claimed);
  EXPECT_EQ(offsetof(Statistics, fault), at);
  EXPECT_EQ(sizeof(FaultCount), 16u);
  at += sizeof(FaultCount) * 7;  // one for each Fault: a new kind takes of what is reserved
  FAIRWAY_EXPECT_NEXT(reserved);
#undef FAIRWAY_EXPECT_NEXT
  EXPECT_EQ(sizeof(Statistics), 384u);
}

TEST(Layout, ALinkHasItsWordsOnLinesOfTheirOwn) {
  EXPECT_EQ(offsetof(LinkSegment, sleep), 128u);
  EXPECT_EQ(offsetof(LinkSegment, cpu), 132u);
  EXPECT_EQ(offsetof(LinkSegment, membarrier), 136u);
  EXPECT_EQ(offsetof(LinkSegment, ready_head), 256u);
  EXPECT_EQ(offsetof(LinkSegment, ready_tail), 384u);
  EXPECT_EQ(offsetof(LinkSegment, ready_overflow), 392u);
  EXPECT_EQ(sizeof(LinkSegment), 512u);
}

TEST(Layout, SmallSegmentsServeBothHalvesAndLinks) {
  EXPECT_EQ(line, 128u);
  EXPECT_EQ(page, 4096u);
  EXPECT_EQ(data_offset, 4096u);
  EXPECT_EQ(ready_slots, 1024u);
  EXPECT_EQ(small_segment, 12288u);
  EXPECT_EQ(first_capacity, 8192u);
}

TEST(Layout, ARowOfContextsHasItsNoticesOnALineOfTheirOwn) {
  EXPECT_EQ(offsetof(ContextRow, version), 0u);
  EXPECT_EQ(offsetof(ContextRow, id), 4u);
  EXPECT_EQ(offsetof(ContextRow, pid), 8u);
  EXPECT_EQ(offsetof(ContextRow, uid), 12u);
  EXPECT_EQ(offsetof(ContextRow, joined_ns), 16u);
  EXPECT_EQ(offsetof(ContextRow, memory), 24u);
  EXPECT_EQ(offsetof(ContextRow, name), 32u);
  EXPECT_EQ(offsetof(ContextRow, command), 96u);
  EXPECT_EQ(offsetof(ContextRow, notices), 128u);
  EXPECT_EQ(sizeof(ContextRow), 256u);
  EXPECT_EQ(contexts_per_table, 64u);
  EXPECT_EQ(contexts_table_size, 20480u);
}

TEST(Layout, ARowOfChannelsHoldsBothPorts) {
  EXPECT_EQ(offsetof(PortRow, state), 0u);
  EXPECT_EQ(offsetof(PortRow, epoch), 4u);
  EXPECT_EQ(offsetof(PortRow, owner), 8u);
  EXPECT_EQ(offsetof(PortRow, generations), 12u);
  EXPECT_EQ(sizeof(PortRow), 16u);
  EXPECT_EQ(offsetof(ChannelRow, id), 0u);
  EXPECT_EQ(offsetof(ChannelRow, created_ns), 8u);
  EXPECT_EQ(offsetof(ChannelRow, port), 16u);
  EXPECT_EQ(offsetof(PortPast, former), 0u);
  EXPECT_EQ(offsetof(PortPast, since_ms), 4u);
  EXPECT_EQ(offsetof(ChannelRow, past), 48u);
  EXPECT_EQ(sizeof(ChannelRow), 64u);
  EXPECT_EQ(channels_per_table, 256u);
  EXPECT_EQ(channels_table_size, 20480u);
  EXPECT_EQ(static_cast<std::uint32_t>(PortState::owned), 1u);
  EXPECT_EQ(static_cast<std::uint32_t>(PortState::transit), 2u);
  EXPECT_EQ(static_cast<std::uint32_t>(PortState::closed), 3u);
  EXPECT_EQ(static_cast<std::uint32_t>(PortState::memory), 4u);
}

TEST(Layout, APositionIsAGenerationAndFortyEightBits) {
  const Position position{0xabcd, 0x1234'5678'9abc};
  EXPECT_EQ(position.pack(), 0xabcd'1234'5678'9abcu);
  EXPECT_EQ(Position::unpack(position.pack()), position);
  EXPECT_LT((Position{1, 0xffff'ffff'ffff}), (Position{2, 0}));
  EXPECT_EQ((Position{0xffff, 0xffff'ffff'ffff}).pack(), ~std::uint64_t{0});
}

TEST(Layout, ACounterAddsWithoutAReadModifyWrite) {
  std::atomic<std::uint64_t> counter = 40;
  add(counter, 2);
  EXPECT_EQ(counter.load(), 42u);
}

}  // namespace
}  // namespace fairway::shm
