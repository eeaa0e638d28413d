/// A reader over memory that no RingWriter wrote: it says `damaged` and never looks outside. The memory ends where an
/// inaccessible page begins, so that looking outside is a crash.
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "shm/byte_ring.hpp"
#include "shm/ring_memory.hpp"

namespace fairway::shm {
namespace {

using test::GuardedMemory;
using test::no_limit;
using test::read;
using test::write;

Look look_at(const GuardedMemory& memory, Shape shape = Shape::ring) {
  RingReader reader(memory.bytes(), shape);
  Record record;
  return reader.peek(record, no_limit);
}

TEST(HostileRing, AnUnknownTypeIsDamage) {
  GuardedMemory memory(64);
  for (unsigned type = last_record_type + 1; type <= 0xff; ++type) {
    memory.set_header(0, {static_cast<RecordType>(type), 0, 0, 8});
    ASSERT_EQ(look_at(memory), Look::damaged) << type;
  }
}

TEST(HostileRing, ATypeOfNoneWithAnythingBesideItIsDamage) {
  GuardedMemory memory(64);
  memory.set_header(0, {RecordType::none, 1, 0, 0});
  EXPECT_EQ(look_at(memory), Look::damaged);
  memory.set_header(0, {RecordType::none, 0, 0, 8});
  EXPECT_EQ(look_at(memory), Look::damaged);
}

TEST(HostileRing, AWrongSequenceIsDamage) {
  GuardedMemory memory(64);
  for (unsigned sequence = 1; sequence <= 0xff; ++sequence) {
    memory.set_header(0, {RecordType::bytes, 0, static_cast<std::uint8_t>(sequence), 8});
    ASSERT_EQ(look_at(memory), Look::damaged) << sequence;
  }
}

TEST(HostileRing, ARecordThatIsRepeatedIsDamage) {
  GuardedMemory memory(64);
  memory.set_header(0, {RecordType::bytes, 0, 0, 0});
  memory.set_header(8, {RecordType::bytes, 0, 0, 0});
  RingReader reader(memory.bytes(), Shape::ring);
  read(reader);
  Record record;
  EXPECT_EQ(reader.peek(record, no_limit), Look::damaged);
}

TEST(HostileRing, NoWriterHasComeFurtherThanTheSegmentHolds) {
  GuardedMemory memory(64);
  memory.set_header(0, {RecordType::bytes, 0, 0, 8});
  RingReader reader(memory.bytes(), Shape::ring);
  EXPECT_TRUE(reader.reachable(64));
  EXPECT_FALSE(reader.reachable(72));
  read(reader);
  EXPECT_TRUE(reader.reachable(0)) << "passed is another matter";
  EXPECT_TRUE(reader.reachable(80));
  EXPECT_FALSE(reader.reachable(88));
  EXPECT_FALSE(reader.reachable(no_limit));
}

TEST(HostileRing, ALengthBehindTheEndIsDamageAtEveryOffset) {
  for (const Shape shape : {Shape::ring, Shape::linear}) {
    for (std::uint64_t offset = 0; offset < 64; offset += 8) {
      GuardedMemory memory(64);
      RingReader reader(memory.bytes(), shape);
      for (std::uint64_t at = 0; at < offset; at += 8) {
        memory.set_header(at, {RecordType::bytes, 0, static_cast<std::uint8_t>(at / 8), 0});
        read(reader);
      }
      Record record;
      const std::uint64_t room = 64 - offset - 8;
      for (const std::uint64_t length : {room + 1, room + 8, std::uint64_t{64}, std::uint64_t{1} << 32, RecordHeader::max_length}) {
        memory.set_header(offset, {RecordType::bytes, 0, reader.sequence(), length});
        ASSERT_EQ(reader.peek(record, no_limit), Look::damaged) << "offset " << offset << ", length " << length;
      }
      memory.set_header(offset, {RecordType::bytes, 0, reader.sequence(), room});
      ASSERT_EQ(reader.peek(record, no_limit), Look::record);
      EXPECT_EQ(record.payload.data() + record.payload.size(), memory.bytes().data() + 64);
    }
  }
}

TEST(HostileRing, PaddingThatDoesNotEndAtTheWrapIsDamage) {
  GuardedMemory memory(64);
  for (std::uint64_t length = 0; length < 56; length += 8) {
    memory.set_header(0, {RecordType::padding, 0, 0, length});
    ASSERT_EQ(look_at(memory), Look::damaged) << length;
  }
}

TEST(HostileRing, PaddingBehindPaddingIsDamageAndNoEndlessLoop) {
  GuardedMemory memory(64);
  memory.set_header(0, {RecordType::padding, 0, 0, 56});
  EXPECT_EQ(look_at(memory), Look::damaged);
}

TEST(HostileRing, PaddingInALinearSegmentIsDamage) {
  GuardedMemory memory(64);
  memory.set_header(0, {RecordType::padding, 0, 0, 56});
  EXPECT_EQ(look_at(memory, Shape::linear), Look::damaged);
}

TEST(HostileRing, PaddingWithNothingBehindItIsNoRecord) {
  GuardedMemory memory(64);
  RingReader reader(memory.bytes(), Shape::ring);
  memory.set_header(0, {RecordType::bytes, 0, 0, 0});
  read(reader);
  memory.set_word(0, 0);
  memory.set_header(8, {RecordType::padding, 0, 1, 48});
  Record record;
  EXPECT_EQ(reader.peek(record, no_limit), Look::empty);
  EXPECT_EQ(reader.peek(record, 64), Look::end);
}

TEST(HostileRing, TheEndIsFoundWithinOneRound) {
  GuardedMemory memory(2048);  // every header fits its neighbours, for ever
  for (std::uint64_t at = 0; at < 2048; at += 8) memory.set_header(at, {RecordType::bytes, 0, static_cast<std::uint8_t>(at / 8), 0});
  EXPECT_LE(RingReader(memory.bytes(), Shape::ring).find_end(), 2048u);
}

TEST(HostileRing, NoMoreThanTheCapacityIsEverUnread) {
  GuardedMemory memory(64);
  RingReader reader(memory.bytes(), Shape::ring);
  memory.set_header(0, {RecordType::bytes, 0, 0, 0});
  read(reader);
  memory.set_header(8, {RecordType::bytes, 0, 1, 48});
  memory.set_header(0, {RecordType::bytes, 0, 2, 56});  // over the record in front of it
  EXPECT_LE(reader.find_end() - reader.position(), 64u);
}

TEST(HostileRing, TheEndOfADamagedRingIsBeforeTheDamage) {
  GuardedMemory memory(128);
  RingWriter writer(memory.bytes(), Shape::ring);
  ASSERT_TRUE(write(writer, 0, "one"));
  ASSERT_TRUE(write(writer, 0, "two"));
  memory.set_header(32, {RecordType::bytes, 0, 9, 8});
  EXPECT_EQ(RingReader(memory.bytes(), Shape::ring).find_end(), 32u);
  memory.set_header(32, {RecordType::bytes, 0, 2, 1000});
  EXPECT_EQ(RingReader(memory.bytes(), Shape::ring).find_end(), 32u);
}

TEST(HostileRing, AHeadThatTheWriterNeverReachedGivesNoRoom) {
  for (std::uint64_t length = 0; length <= 56; length += 8) {
    GuardedMemory memory(64);
    RingWriter writer(memory.bytes(), Shape::ring);
    ASSERT_TRUE(write(writer, 0, "12345678"));
    for (std::uint64_t head = 24; head <= 160; head += 8)
      ASSERT_EQ(writer.reserve(length, head), nullptr) << "length " << length << ", head " << head;
  }
}

/// Walks as a reader does, and finds every payload inside the memory.
void walk(const GuardedMemory& memory, Shape shape, std::uint64_t limit, std::mt19937_64& random) {
  RingReader reader(memory.bytes(), shape);
  reader.set_sequence(static_cast<std::uint8_t>(random()));
  for (int i = 0; i < 1000; ++i) {
    Record record;
    if (reader.peek(record, limit) != Look::record) break;
    const std::byte* const first = memory.bytes().data();
    ASSERT_GE(record.payload.data(), first);
    ASSERT_LE(record.payload.data() + record.payload.size(), first + memory.bytes().size());
    reader.pop(record);
    ASSERT_LE(reader.position(), limit);
  }
  ASSERT_GE(reader.find_end(), reader.position());
}

TEST(HostileRing, RandomMemoryNeverLeadsOutside) {
  std::mt19937_64 random(20240501);
  for (int round = 0; round < 20000; ++round) {
    const Shape shape = random() % 2 != 0 ? Shape::ring : Shape::linear;
    GuardedMemory memory(shape == Shape::ring ? std::size_t{8} << random() % 6 : 8 * (1 + random() % 40));
    for (std::uint64_t at = 0; at < memory.bytes().size(); at += 8) {
      const auto word = random();
      // Mostly plausible, or the walk ends at the first header.
      RecordHeader header{static_cast<RecordType>(word % 8), 0, static_cast<std::uint8_t>(word >> 8 & 3), word >> 16 & 63};
      if (word % 13 == 0) header = RecordHeader::unpack(random());
      memory.set_header(at, header);
    }
    walk(memory, shape, random() % 3 != 0 ? no_limit : random() % 512, random);
  }
}

}  // namespace
}  // namespace fairway::shm
