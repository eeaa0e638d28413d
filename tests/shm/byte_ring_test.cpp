#include "shm/byte_ring.hpp"

#include <gtest/gtest.h>

#include <string>

#include "shm/ring_memory.hpp"

namespace fairway::shm {
namespace {

using test::GuardedMemory;
using test::no_limit;
using test::read;
using test::write;

constexpr std::uint8_t untouched = 0xee;
constexpr std::uint64_t untouched_word = 0xeeeeeeeeeeeeeeee;

TEST(ByteRing, AHeaderKeepsEachFieldInItsBits) {
  const RecordHeader header{RecordType::object, 0x5a, 0xc3, 0x12'3456'789a};
  EXPECT_EQ(header.pack(), 0xc35a'0412'3456'789a);
  const RecordHeader again = RecordHeader::unpack(header.pack());
  EXPECT_EQ(again.type, RecordType::object);
  EXPECT_EQ(again.flags, 0x5a);
  EXPECT_EQ(again.sequence, 0xc3);
  EXPECT_EQ(again.length, 0x12'3456'789au);
}

TEST(ByteRing, ARecordTakesItsHeaderAndItsPayloadRoundedToEight) {
  EXPECT_EQ(record_size(0), 8u);
  EXPECT_EQ(record_size(1), 16u);
  EXPECT_EQ(record_size(8), 16u);
  EXPECT_EQ(record_size(9), 24u);
  EXPECT_EQ(record_size(RecordHeader::max_length), (std::uint64_t{1} << 40) + 8);
}

TEST(ByteRing, ARecordIsAHeaderAPayloadAndAClearedNextHeader) {
  GuardedMemory memory(64);
  memory.fill(untouched);
  RingWriter writer(memory.bytes(), Shape::ring);
  writer.set_sequence(7);
  ASSERT_TRUE(write(writer, 0, "abcde", RecordType::string, record_has_tokens));
  EXPECT_EQ(memory.word(0), 0x0701'0300'0000'0005u);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(&memory.bytes()[8]), 5), "abcde");
  for (std::uint64_t at = 13; at < 16; ++at) EXPECT_EQ(memory.byte(at), untouched) << "the filling at " << at;
  EXPECT_EQ(memory.word(16), 0u);
  for (std::uint64_t at = 24; at < 64; at += 8) EXPECT_EQ(memory.word(at), untouched_word) << at;
  EXPECT_EQ(writer.position(), 16u);
  EXPECT_EQ(writer.sequence(), 8);
}

TEST(ByteRing, AnEmptyRecordIsOneHeader) {
  GuardedMemory memory(64);
  memory.fill(untouched);
  RingWriter writer(memory.bytes(), Shape::ring);
  ASSERT_TRUE(write(writer, 0, "", RecordType::close));
  EXPECT_EQ(memory.word(0), 0x0000'0600'0000'0000u);
  EXPECT_EQ(memory.word(8), 0u);
  EXPECT_EQ(memory.word(16), untouched_word);
}

TEST(ByteRing, NothingIsVisibleBeforeTheCommit) {
  GuardedMemory memory(64);
  RingWriter writer(memory.bytes(), Shape::ring);
  RingReader reader(memory.bytes(), Shape::ring);
  std::byte* const place = writer.reserve(8, 0);
  ASSERT_EQ(place, &memory.bytes()[8]);
  std::memcpy(place, "12345678", 8);
  Record record;
  EXPECT_EQ(reader.peek(record, no_limit), Look::empty);
  EXPECT_FALSE(reader.readable());
  EXPECT_EQ(reader.find_end(), 0u);
  EXPECT_EQ(writer.position(), 0u);
  EXPECT_EQ(memory.word(0), 0u);
  writer.commit(RecordType::bytes, 0, 8);
  EXPECT_TRUE(reader.readable());
  EXPECT_EQ(reader.peek(record, no_limit), Look::record);
}

TEST(ByteRing, AReservationThatIsMadeAgainLeavesNoTrace) {
  GuardedMemory memory(64);
  RingWriter writer(memory.bytes(), Shape::ring);
  ASSERT_TRUE(write(writer, 0, std::string(40, 'x')));
  // 16 bytes to the wrap: this one would need padding, the next does not.
  ASSERT_NE(writer.reserve(16, 48), nullptr);
  ASSERT_TRUE(write(writer, 48, "short"));
  EXPECT_EQ(RecordHeader::unpack(memory.word(48)).type, RecordType::bytes);
  EXPECT_EQ(writer.position(), 64u);
}

TEST(ByteRing, PeekingDoesNotConsume) {
  GuardedMemory memory(64);
  RingWriter writer(memory.bytes(), Shape::ring);
  RingReader reader(memory.bytes(), Shape::ring);
  ASSERT_TRUE(write(writer, 0, "one"));
  ASSERT_TRUE(write(writer, 0, "two"));
  Record first, again;
  ASSERT_EQ(reader.peek(first, no_limit), Look::record);
  ASSERT_EQ(reader.peek(again, no_limit), Look::record);
  EXPECT_EQ(first.payload.data(), again.payload.data());
  EXPECT_EQ(reader.position(), 0u);
  reader.pop(first);
  EXPECT_EQ(reader.position(), 16u);
  EXPECT_EQ(read(reader), "two");
}

TEST(ByteRing, TheSequenceCountsRecordsModulo256) {
  GuardedMemory memory(256);
  RingWriter writer(memory.bytes(), Shape::ring);
  RingReader reader(memory.bytes(), Shape::ring);
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(write(writer, reader.position(), std::to_string(i)));
    Record record;
    ASSERT_EQ(reader.peek(record, no_limit), Look::record) << i;
    ASSERT_EQ(record.header.sequence, i % 256);
    ASSERT_EQ(read(reader), std::to_string(i));
  }
  EXPECT_EQ(writer.sequence(), 1000 % 256);
  EXPECT_EQ(reader.sequence(), 1000 % 256);
}

TEST(ByteRing, TheSequenceGoesOnInTheNextGeneration) {
  GuardedMemory first(64), second(128);
  RingWriter writer(first.bytes(), Shape::ring);
  RingReader reader(first.bytes(), Shape::ring);
  writer.set_sequence(254);
  reader.set_sequence(254);
  for (const char* text : {"254", "255", "0"}) {
    ASSERT_TRUE(write(writer, reader.position(), text));
    ASSERT_EQ(read(reader), text);
  }
  RingWriter next(second.bytes(), Shape::ring);
  next.set_sequence(writer.sequence());
  ASSERT_TRUE(write(next, 0, "1"));
  RingReader stranger(second.bytes(), Shape::ring);
  Record record;
  EXPECT_EQ(stranger.peek(record, no_limit), Look::damaged) << "it begins at sequence 0";
  RingReader continued(second.bytes(), Shape::ring);
  continued.set_sequence(reader.sequence());
  EXPECT_EQ(read(continued), "1");
}

TEST(ByteRing, ALimitIsTheEndOfTheStream) {
  GuardedMemory memory(128);
  RingWriter writer(memory.bytes(), Shape::ring);
  RingReader reader(memory.bytes(), Shape::ring);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(write(writer, 0, "12345678"));
  Record record;
  EXPECT_EQ(reader.peek(record, 0), Look::end) << "nothing of it is to be read";
  EXPECT_EQ(reader.peek(record, 8), Look::damaged) << "inside a header's record";
  EXPECT_EQ(reader.peek(record, 15), Look::damaged);
  ASSERT_EQ(reader.peek(record, 16), Look::record);
  reader.pop(record);
  EXPECT_EQ(reader.peek(record, 16), Look::end) << "though two more are committed";
  EXPECT_EQ(reader.peek(record, 8), Look::damaged) << "behind what is consumed";
  ASSERT_EQ(reader.peek(record, 48), Look::record);
  reader.pop(record);
  ASSERT_EQ(reader.peek(record, 48), Look::record);
  reader.pop(record);
  EXPECT_EQ(reader.peek(record, 48), Look::end);
  EXPECT_EQ(reader.peek(record, 56), Look::empty) << "less was committed than was declared";
  EXPECT_EQ(reader.peek(record, no_limit), Look::empty);
}

TEST(ByteRing, TheEndIsBehindTheLastCommittedRecord) {
  GuardedMemory memory(128);
  RingWriter writer(memory.bytes(), Shape::ring);
  RingReader reader(memory.bytes(), Shape::ring);
  EXPECT_EQ(reader.find_end(), 0u);
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(write(writer, reader.position(), std::string(static_cast<std::size_t>(i % 5) * 9, 'x')));
    EXPECT_EQ(reader.find_end(), writer.position()) << i;
    if (i % 2 == 0) continue;
    read(reader);
    EXPECT_EQ(reader.find_end(), writer.position()) << i;
    read(reader);
  }
}

TEST(ByteRing, TheEndOfAFullRingIsOneHeaderShortOfItsCapacity) {
  GuardedMemory memory(2048);  // 256 records: the sequence numbers come around with the ring
  RingWriter writer(memory.bytes(), Shape::ring);
  const RingReader reader(memory.bytes(), Shape::ring);
  while (write(writer, 0, "")) {
  }
  EXPECT_EQ(writer.position(), 2040u);
  EXPECT_EQ(reader.find_end(), 2040u);
}

TEST(ByteRing, TheEndOfAGenerationThatIsNotBegunIsFoundWithoutItsSequence) {
  GuardedMemory memory(128);
  RingWriter writer(memory.bytes(), Shape::ring);
  writer.set_sequence(77);
  ASSERT_TRUE(write(writer, 0, "one"));
  ASSERT_TRUE(write(writer, 0, "two"));
  const RingReader reader(memory.bytes(), Shape::ring);
  EXPECT_EQ(reader.find_end(), 32u);
}

TEST(ByteRing, ALinearSegmentIsFilledExactly) {
  GuardedMemory memory(64);
  memory.fill(untouched);
  memory.set_word(0, 0);
  RingWriter writer(memory.bytes(), Shape::linear);
  RingReader reader(memory.bytes(), Shape::linear);
  EXPECT_TRUE(writer.can_hold(56));
  EXPECT_FALSE(writer.can_hold(57));
  ASSERT_TRUE(write(writer, 0, std::string(16, 'a')));
  EXPECT_EQ(memory.word(24), 0u) << "the next header is cleared";
  EXPECT_TRUE(writer.can_hold(32));
  EXPECT_FALSE(writer.can_hold(33));
  EXPECT_EQ(writer.reserve(33, 24), nullptr);
  ASSERT_TRUE(write(writer, 0, std::string(32, 'b')));
  EXPECT_EQ(writer.position(), 64u);
  EXPECT_FALSE(writer.can_hold(0));
  EXPECT_EQ(writer.reserve(0, 64), nullptr) << "it does not come around";
  EXPECT_EQ(reader.find_end(), 64u);
  EXPECT_EQ(read(reader), std::string(16, 'a'));
  EXPECT_EQ(read(reader, 64), std::string(32, 'b'));
  Record record;
  EXPECT_EQ(reader.peek(record, no_limit), Look::empty);
  EXPECT_FALSE(reader.readable());
  EXPECT_EQ(reader.peek(record, 64), Look::end);
}

TEST(ByteRing, ALengthThatNoHeaderCanHoldNeverFits) {
  GuardedMemory memory(64);
  for (const Shape shape : {Shape::ring, Shape::linear}) {
    RingWriter writer(memory.bytes(), shape);
    for (const std::uint64_t length : {RecordHeader::max_length, RecordHeader::max_length + 1, ~std::uint64_t{0} - 7, ~std::uint64_t{0}}) {
      EXPECT_FALSE(writer.can_hold(length)) << length;
      EXPECT_EQ(writer.reserve(length, 0), nullptr) << length;
    }
  }
}

TEST(ByteRing, AReaderOfNothingFindsNothing) {
  RingReader reader;
  Record record;
  EXPECT_FALSE(reader.readable());
  EXPECT_EQ(reader.peek(record, no_limit), Look::empty);
  EXPECT_EQ(reader.find_end(), 0u);
}

}  // namespace
}  // namespace fairway::shm
