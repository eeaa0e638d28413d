#include "shm/ready_ring.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <limits>
#include <thread>
#include <vector>

namespace fairway::shm {
namespace {

constexpr std::size_t slots = 8;

struct Ring {
  LinkSegment segment{};
  std::array<std::uint64_t, slots> entries{};
  ReadyWriter writer{segment, entries};
  ReadyReader reader{segment, entries};

  std::vector<std::uint64_t> take() {
    std::vector<std::uint64_t> taken;
    std::uint64_t entry = 0;
    reader.begin();
    while (reader.pop(entry)) taken.push_back(entry);
    return taken;
  }
};

TEST(ReadyRing, EntriesComeInOrderOnce) {
  Ring ring;
  EXPECT_FALSE(ring.reader.pending());
  for (const std::uint64_t entry : {7u, 9u, 7u}) ring.writer.push(entry, 0);
  EXPECT_EQ(ring.entries[0], 7u);
  EXPECT_EQ(ring.entries[1], 9u);
  EXPECT_EQ(ring.segment.ready_tail.load(), 3u);
  EXPECT_TRUE(ring.reader.pending());
  EXPECT_EQ(ring.take(), (std::vector<std::uint64_t>{7, 9, 7}));
  EXPECT_EQ(ring.reader.head(), 3u);
  EXPECT_FALSE(ring.reader.pending());
  EXPECT_EQ(ring.take(), std::vector<std::uint64_t>{});
  EXPECT_FALSE(ring.reader.overflowed());
}

TEST(ReadyRing, NothingIsTakenBeforeBegin) {
  Ring ring;
  ring.writer.push(1, 0);
  std::uint64_t entry = 0;
  EXPECT_FALSE(ring.reader.pop(entry));
  ring.reader.begin();
  ring.writer.push(2, 0);
  EXPECT_TRUE(ring.reader.pop(entry));
  EXPECT_FALSE(ring.reader.pop(entry)) << "what came after begin waits for the next one";
  EXPECT_TRUE(ring.reader.pending());
}

TEST(ReadyRing, ItGoesRoundAndRound) {
  Ring ring;
  std::uint64_t next = 1;
  for (int round = 0; round < 100; ++round) {
    std::vector<std::uint64_t> pushed;
    for (int i = 0; i <= round % static_cast<int>(slots); ++i) {
      ring.writer.push(next, ring.reader.head());
      pushed.push_back(next++);
    }
    ASSERT_EQ(ring.take(), pushed) << round;
  }
  EXPECT_FALSE(ring.reader.overflowed());
  EXPECT_FALSE(ring.reader.damaged());
}

TEST(ReadyRing, AFullRingBecomesAMarkAndKeepsItsEntries) {
  Ring ring;
  for (std::uint64_t entry = 1; entry <= slots; ++entry) ring.writer.push(entry, 0);
  EXPECT_FALSE(ring.reader.overflowed());
  ring.writer.push(99, 0);
  ring.writer.push(98, 0);
  EXPECT_EQ(ring.segment.ready_tail.load(), slots);
  EXPECT_EQ(ring.segment.ready_overflow.load(), 2u);
  EXPECT_TRUE(ring.reader.overflowed());
  EXPECT_FALSE(ring.reader.overflowed()) << "said once";
  EXPECT_EQ(ring.take(), (std::vector<std::uint64_t>{1, 2, 3, 4, 5, 6, 7, 8}));
  ring.writer.push(97, ring.reader.head());
  EXPECT_EQ(ring.take(), std::vector<std::uint64_t>{97});
}

TEST(ReadyRing, AnOverflowAloneIsPending) {
  Ring ring;
  for (std::uint64_t entry = 0; entry < slots; ++entry) ring.writer.push(entry, 0);
  ring.take();
  ring.writer.push(1, 0);  // the head is not told yet: full for the writer
  EXPECT_TRUE(ring.reader.pending());
  EXPECT_TRUE(ring.reader.overflowed());
  EXPECT_FALSE(ring.reader.pending());
}

TEST(ReadyRing, TheMarkIsSeenWhenItsCounterComesAround) {
  Ring ring;
  ring.segment.ready_overflow = std::numeric_limits<std::uint32_t>::max();
  EXPECT_TRUE(ring.reader.overflowed());
  for (std::uint64_t entry = 0; entry <= slots; ++entry) ring.writer.push(entry, 0);
  EXPECT_EQ(ring.segment.ready_overflow.load(), 0u);
  EXPECT_TRUE(ring.reader.overflowed());
}

TEST(ReadyRing, AHostileTailYieldsNothingAndIsRemembered) {
  for (const std::uint64_t tail : {std::uint64_t{slots + 1}, std::uint64_t{1} << 40, std::numeric_limits<std::uint64_t>::max()}) {
    Ring ring;
    ring.segment.ready_tail = tail;
    EXPECT_EQ(ring.take(), std::vector<std::uint64_t>{}) << tail;
    EXPECT_TRUE(ring.reader.damaged());
    EXPECT_EQ(ring.reader.head(), 0u);
  }
}

TEST(ReadyRing, ATailThatGoesBackIsDamage) {
  Ring ring;
  ring.writer.push(1, 0);
  ring.writer.push(2, 0);
  ring.take();
  ring.segment.ready_tail = 1;
  EXPECT_EQ(ring.take(), std::vector<std::uint64_t>{});
  EXPECT_TRUE(ring.reader.damaged());
}

TEST(ReadyRing, ARingfulOfGarbageIsTheMostThatATailCanClaim) {
  Ring ring;
  ring.segment.ready_tail = slots;
  EXPECT_EQ(ring.take().size(), slots);
  EXPECT_FALSE(ring.reader.damaged()) << "entries are hints";
}

TEST(ReadyRing, AHostileHeadBecomesAnOverflow) {
  Ring ring;
  for (const std::uint64_t consumed : {std::uint64_t{1}, std::uint64_t{1000}, std::uint64_t{1} << 63}) {
    const std::uint32_t before = ring.segment.ready_overflow;
    ring.writer.push(5, consumed);  // ahead of the tail
    EXPECT_EQ(ring.segment.ready_overflow.load(), before + 1) << consumed;
    EXPECT_EQ(ring.segment.ready_tail.load(), 0u);
  }
}

TEST(ReadyRing, EveryEntryOfAThreadArrivesOrIsCoveredByAMark) {
  Ring ring;
  std::atomic<std::uint64_t> head = 0;
  constexpr std::uint64_t last = 200'000;
  std::thread producer([&] {
    for (std::uint64_t entry = 1; entry <= last; ++entry) ring.writer.push(entry, head.load(std::memory_order_acquire));
  });
  std::uint64_t newest = 0;
  bool ordered = true;
  // The last one either comes or leaves a mark behind everything that was taken.
  for (bool over = false; !over;) {
    const bool marked = ring.reader.overflowed();
    const std::vector<std::uint64_t> taken = ring.take();
    head.store(ring.reader.head(), std::memory_order_release);
    for (const std::uint64_t entry : taken) {
      if (entry <= newest) ordered = false;
      newest = entry;
    }
    over = newest == last || (marked && ring.segment.ready_tail.load() + ring.segment.ready_overflow.load() == last && !ring.reader.pending());
    if (taken.empty()) std::this_thread::yield();
  }
  producer.join();
  EXPECT_TRUE(ordered);
  EXPECT_FALSE(ring.reader.damaged());
}

}  // namespace
}  // namespace fairway::shm
