/// The ring at its wrap: padding in every remainder, and the full ring at every offset.
#include <gtest/gtest.h>

#include <string>

#include "shm/byte_ring.hpp"
#include "shm/ring_memory.hpp"

namespace fairway::shm {
namespace {

using test::GuardedMemory;
using test::no_limit;
using test::read;
using test::write;

constexpr std::uint64_t capacity = 128;

/// An empty ring whose two sides stand at `offset` in its second round; every other byte is garbage.
struct Standing {
  explicit Standing(std::uint64_t offset) : writer(memory.bytes(), Shape::ring), reader(memory.bytes(), Shape::ring) {
    while (writer.position() < capacity + offset) {
      if (!write(writer, reader.position(), "")) throw std::runtime_error("no room in an empty ring");
      read(reader);
    }
    memory.fill(0xee);
    memory.set_word(offset, 0);
  }

  GuardedMemory memory{capacity};
  RingWriter writer;
  RingReader reader;
};

TEST(ByteRingWrap, ARecordThatDoesNotFitBeforeTheWrapIsPaddedInEveryRemainder) {
  for (std::uint64_t remainder = 8; remainder < capacity / 2; remainder += 8) {
    Standing at(capacity - remainder);
    const std::uint64_t start = at.writer.position();
    const std::uint8_t sequence = at.writer.sequence();
    const std::string payload(remainder, 'p');  // with its header 8 bytes too long
    ASSERT_TRUE(write(at.writer, start, payload, RecordType::object, 1)) << remainder;
    EXPECT_EQ(at.memory.word(capacity - remainder), (RecordHeader{RecordType::padding, 0, sequence, remainder - 8}.pack()));
    EXPECT_EQ(at.memory.word(0), (RecordHeader{RecordType::object, 1, sequence, remainder}.pack()));
    EXPECT_EQ(at.memory.word(8 + remainder), 0u) << "the next header";
    for (std::uint64_t byte = capacity - remainder + 8; byte < capacity; ++byte) ASSERT_EQ(at.memory.byte(byte), 0xee);
    EXPECT_EQ(at.writer.position(), start + remainder + 8 + remainder);
    EXPECT_EQ(at.reader.find_end(), at.writer.position());

    Record record;
    ASSERT_EQ(at.reader.peek(record, no_limit), Look::record);
    EXPECT_EQ(at.reader.position(), start + remainder) << "it steps over padding";
    EXPECT_EQ(read(at.reader), payload);
    EXPECT_EQ(at.reader.position(), at.writer.position());
    EXPECT_EQ(at.reader.sequence(), at.writer.sequence());
  }
}

TEST(ByteRingWrap, ARecordThatEndsAtTheWrapNeedsNoPadding) {
  for (std::uint64_t remainder = 8; remainder < capacity - 8; remainder += 8) {
    Standing at(capacity - remainder);
    const std::string payload(remainder - 8, 'p');
    ASSERT_TRUE(write(at.writer, at.reader.position(), payload)) << remainder;
    EXPECT_EQ(at.writer.position() % capacity, 0u);
    EXPECT_EQ(at.memory.word(0), 0u) << "the next header is at the start";
    EXPECT_EQ(at.memory.word(8), 0xeeeeeeeeeeeeeeeeu);
    EXPECT_EQ(read(at.reader), payload);
    EXPECT_FALSE(at.reader.readable());
  }
}

TEST(ByteRingWrap, PaddingIsInvisibleUntilItsRecordIsCommitted) {
  Standing at(capacity - 16);
  ASSERT_NE(at.writer.reserve(24, at.reader.position()), nullptr);
  Record record;
  EXPECT_EQ(at.reader.peek(record, no_limit), Look::empty);
  EXPECT_EQ(at.memory.word(capacity - 16), 0u);
  EXPECT_EQ(at.memory.word(0), 0xeeeeeeeeeeeeeeeeu);
}

TEST(ByteRingWrap, ALimitMayStandAtTheWrapBehindPadding) {
  Standing at(capacity - 16);
  const std::uint64_t start = at.reader.position();
  ASSERT_TRUE(write(at.writer, start, std::string(24, 'p')));
  Record record;
  EXPECT_EQ(at.reader.peek(record, start + 8), Look::damaged) << "inside the padding";
  EXPECT_EQ(at.reader.peek(record, start + 16), Look::end) << "between the padding and its record";
  EXPECT_EQ(at.reader.peek(record, start + 24), Look::damaged) << "inside the record";
  EXPECT_EQ(at.reader.peek(record, start + 48), Look::record);
}

TEST(ByteRingWrap, AFullRingHoldsAllButOneHeaderAtEveryOffset) {
  for (std::uint64_t offset = 0; offset < capacity; offset += 8) {
    Standing at(offset);
    const std::uint64_t start = at.reader.position();
    std::size_t count = 0;
    while (write(at.writer, start, "")) ++count;
    EXPECT_EQ(count, capacity / 8 - 1) << offset;
    EXPECT_EQ(at.writer.position() - start, capacity - 8);
    EXPECT_EQ(at.memory.word(at.writer.position() % capacity), 0u) << "the header behind the last record";
    for (int more = 0; more < 40; ++more) {
      read(at.reader);
      EXPECT_EQ(at.writer.reserve(1, at.reader.position()), nullptr) << "8 bytes are free, 16 are needed";
      ASSERT_TRUE(write(at.writer, at.reader.position(), ""));
      EXPECT_EQ(at.writer.reserve(0, at.reader.position()), nullptr);
    }
    while (count-- != 0) read(at.reader);
    EXPECT_FALSE(at.reader.readable());
  }
}

TEST(ByteRingWrap, TheWriterNeverTouchesWhatIsUnread) {
  for (std::uint64_t offset = 0; offset < capacity; offset += 8) {
    for (std::uint64_t unread = 8; unread < capacity; unread += 8) {
      for (std::uint64_t length = 0; length <= capacity / 2; length += 8) {
        Standing at(offset);
        const std::uint64_t head = at.writer.position() - unread;
        for (std::uint64_t position = head; position < at.writer.position(); position += 8)
          at.memory.set_word(position % capacity, 0x1111111111111111);
        if (!write(at.writer, head, std::string(length, 'p'))) continue;
        for (std::uint64_t position = head; position < head + unread; position += 8)
          ASSERT_EQ(at.memory.word(position % capacity), 0x1111111111111111u)
              << "offset " << offset << ", unread " << unread << ", length " << length << ", at " << position;
        ASSERT_LE(at.writer.position() - head, capacity - 8);
      }
    }
  }
}

TEST(ByteRingWrap, WhatCanBeHeldFitsIntoAnEmptyRingAtEveryOffset) {
  for (std::uint64_t length = 0; length <= capacity; ++length) {
    bool always = true;
    for (std::uint64_t offset = 0; offset < capacity; offset += 8) {
      Standing at(offset);
      if (at.writer.reserve(length, at.writer.position()) == nullptr) always = false;
    }
    EXPECT_EQ(Standing(0).writer.can_hold(length), always) << length;
  }
}

}  // namespace
}  // namespace fairway::shm
