#include "shm/ring_tap.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>

#include "shm/ring_memory.hpp"

namespace fairway::shm {
namespace {

using test::write;
using Found = RingTap::Found;

constexpr std::uint64_t all = ~std::uint64_t{0};

/// A ring of 128 bytes: records of 16 bytes have 8 places.
class Tap : public testing::Test {
 protected:
  std::string text(std::uint64_t most = all) {
    if (tap.next(record, most) != Found::record) return "no record";
    return {reinterpret_cast<const char*>(record.bytes.data()), record.bytes.size()};
  }
  /// Posts records of 16 bytes "0", "1", … that a reader takes at once.
  void post(int count) {
    for (int i = 0; i < count; ++i) ASSERT_TRUE(write(writer, writer.position(), std::to_string(posted++)));
  }

  test::GuardedMemory memory{128};
  std::atomic<std::uint64_t> claimed = 0;
  RingWriter writer{memory.bytes(), Shape::ring, &claimed};
  RingTap tap{memory.bytes(), Shape::ring, claimed};
  TappedRecord record;
  int posted = 0;
};

TEST_F(Tap, ReadsWhatIsCommittedAndThenNothing) {
  EXPECT_EQ(tap.next(record, all), Found::empty);
  EXPECT_FALSE(tap.readable());
  post(2);
  EXPECT_TRUE(tap.readable());
  EXPECT_EQ(text(), "0");
  EXPECT_EQ(record.header.sequence, 0u);
  EXPECT_EQ(text(), "1");
  EXPECT_EQ(tap.position(), 32u);
  EXPECT_EQ(tap.next(record, all), Found::empty);
}

TEST_F(Tap, CopiesMoreOfAValueIfThatIsAsked) {
  write(writer, 0, "a long message");
  write(writer, writer.position(), "a long value", RecordType::value);
  for (const std::string expected : {"a lo", "a long v"}) {
    ASSERT_EQ(tap.next(record, 4, 0, 8), Found::record);
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(record.bytes.data()), record.bytes.size()), expected);
  }
}

TEST_F(Tap, CopiesNoMoreOfAPayloadThanIsAsked) {
  write(writer, 0, "a long message");
  EXPECT_EQ(text(6), "a long");
  EXPECT_EQ(record.header.length, 14u);
  write(writer, 0, "none of it");
  EXPECT_EQ(text(0), "");
}

TEST_F(Tap, SeesNothingOfARecordThatIsNotCommitted) {
  std::byte* const place = writer.reserve(8, 0);
  std::memcpy(place, "12345678", 8);
  EXPECT_EQ(tap.next(record, all), Found::empty);
}

TEST_F(Tap, StepsOverThePaddingAtTheEndOfARing) {
  post(7);
  for (int i = 0; i < 7; ++i) EXPECT_EQ(text(), std::to_string(i));
  write(writer, writer.position(), "more than 8 bytes");
  EXPECT_EQ(text(), "more than 8 bytes");
  EXPECT_EQ(tap.position(), 128u + 32u);
}

TEST_F(Tap, SeesAllOfARingThatIsFullAndNotRead) {
  while (write(writer, 0, std::to_string(posted))) ++posted;
  ASSERT_EQ(posted, 7);
  for (int i = 0; i < posted; ++i) EXPECT_EQ(text(), std::to_string(i));
  EXPECT_EQ(tap.next(record, all), Found::empty);
}

TEST_F(Tap, IsOvertakenByAWriterThatHasClaimedItsPlace) {
  post(8);  // the next header is where the first record was
  EXPECT_EQ(tap.next(record, all), Found::overtaken);
}

TEST_F(Tap, IsOvertakenByARecordThatIsNotCommitted) {
  post(4);
  ASSERT_NE(writer.reserve(56, 64), nullptr);
  EXPECT_EQ(tap.next(record, all), Found::overtaken);
}

/// 256 records in a lap: header and number are the same once around.
TEST(RingTapLaps, IsOvertakenWhereARecordOfTheSameNumberStandsOneLapLater) {
  test::GuardedMemory memory(4096);
  std::atomic<std::uint64_t> claimed = 0;
  RingWriter writer(memory.bytes(), Shape::ring, &claimed);
  write(writer, 0, "older");
  const std::uint64_t header = memory.word(0);
  for (int i = 0; i < 256; ++i) write(writer, writer.position(), "newer");
  ASSERT_EQ(memory.word(0), header);
  TappedRecord record;
  RingTap tap(memory.bytes(), Shape::ring, claimed);
  EXPECT_EQ(tap.next(record, all), Found::overtaken);
  tap.start_at(4096);
  EXPECT_EQ(tap.next(record, all), Found::record);
  EXPECT_EQ(std::memcmp(record.bytes.data(), "newer", 5), 0);
}

TEST_F(Tap, GoesOnWhereAReaderIs) {
  post(20);
  tap.start_at(18 * 16);
  EXPECT_EQ(text(), "18");
  EXPECT_EQ(text(), "19");
  EXPECT_EQ(tap.next(record, all), Found::empty);
}

TEST_F(Tap, FindsNothingDamagedInASpillThatIsFull) {
  RingWriter spill(memory.bytes(), Shape::linear, &claimed);
  RingTap along(memory.bytes(), Shape::linear, claimed);
  while (write(spill, 0, "12345678")) EXPECT_EQ(along.next(record, all), Found::record);
  EXPECT_EQ(along.position(), 128u);
  EXPECT_EQ(along.next(record, all), Found::empty);
}

TEST_F(Tap, SaysWhatNoWriterWrites) {
  claimed = 128;
  const RecordHeader wrong[] = {{RecordType::bytes, 0, 0, 128}, {static_cast<RecordType>(9), 0, 0, 8}, {RecordType::bytes, 0, 0, RecordHeader::max_length},
                                {RecordType::padding, 0, 0, 8}};
  for (const RecordHeader& header : wrong) {
    memory.set_header(0, header);
    EXPECT_EQ(tap.next(record, all), Found::damaged);
  }
  memory.set_header(0, {RecordType::bytes, 0, 5, 8});
  memory.set_header(16, {RecordType::bytes, 0, 7, 8});  // 6 is due
  EXPECT_EQ(tap.next(record, all), Found::record);
  EXPECT_EQ(tap.next(record, all), Found::damaged);
}

/// The pages around the memory are nobody's.
TEST_F(Tap, StaysInsideOfARingOfWhateverBytes) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 20'000; ++round) {
    for (std::uint64_t at = 0; at < 128; at += 8) {
      const std::uint64_t word = random();
      // Mostly headers that could be.
      memory.set_word(at, word % 4 == 0 ? word : RecordHeader{static_cast<RecordType>(word % 8), 0, static_cast<std::uint8_t>(at / 8), word >> 8 & 0x7f}.pack());
    }
    claimed = random() % 2 == 0 ? random() : random() % 512;
    RingTap along(memory.bytes(), random() % 2 == 0 ? Shape::ring : Shape::linear, claimed);
    along.start_at(random() % 64 * 8);
    for (int i = 0; i < 20 && along.next(record, random() % 2 == 0 ? all : 16) == Found::record; ++i) ASSERT_LE(record.bytes.size(), 128u);
  }
}

TEST_F(Tap, BelievesNoWriterThatDoesNotClaim) {
  RingWriter silent(memory.bytes(), Shape::ring);
  write(silent, 0, "hello");
  EXPECT_EQ(tap.next(record, all), Found::damaged);
}

TEST(RecordNumbers, GoOnAcrossTheEndOfTheSequence) {
  RecordNumbers numbers(999);
  EXPECT_EQ(numbers.next(255), 1000u);
  EXPECT_EQ(numbers.next(0), 1001u);
}

TEST(RecordNumbers, TellHowManyAreLostFromANumberThatIsNearlyRight) {
  for (const std::uint64_t about : {1405u, 1500u, 1510u, 1532u}) {
    RecordNumbers numbers(1000);
    numbers.next(0);
    EXPECT_EQ(numbers.skip(about, static_cast<std::uint8_t>(1510 - 1001)), 508u) << about;
    EXPECT_EQ(numbers.next(static_cast<std::uint8_t>(1510 - 1001)), 1510u);
  }
}

TEST(RecordNumbers, BelieveTheNumberWhereAnotherWriterCountsAnew) {
  RecordNumbers numbers(10);
  numbers.next(200);
  numbers.other_writer();
  EXPECT_EQ(numbers.skip(20, 0), 9u);
  EXPECT_EQ(numbers.next(0), 21u);
}

TEST(RecordNumbers, LoseNothingWhereTheNumberIsBehind) {
  RecordNumbers numbers(10);
  numbers.next(0);
  EXPECT_EQ(numbers.skip(5, 1), 0u);
  EXPECT_EQ(numbers.next(1), 12u);
}

/// A writer, a reader and one who reads along. The payload is n, repeated; words are stored like those of the ring, so that
/// ThreadSanitizer sees no more than there is.
struct Passage {
  explicit Passage(std::size_t capacity) : words(std::make_unique<std::uint64_t[]>(capacity / 8)), data(reinterpret_cast<std::byte*>(words.get()), capacity) {}

  static std::uint64_t words_of(std::uint64_t n, std::uint64_t modulus) { return 1 + n * 0x9e3779b97f4a7c15 % modulus; }

  void produce(std::uint64_t records, std::uint64_t modulus) {
    RingWriter writer(data, Shape::ring, &claimed);
    for (std::uint64_t n = 1; n <= records; ++n) {
      const std::uint64_t size = words_of(n, modulus) * 8;
      std::byte* place = nullptr;
      while ((place = writer.reserve(size, head.load(std::memory_order_acquire))) == nullptr) std::this_thread::yield();
      for (std::uint64_t i = 0; i < size; i += 8) header_at(place + i).store(n, std::memory_order_relaxed);
      writer.commit(RecordType::bytes, 0, size);
    }
  }
  void consume(std::uint64_t records) {
    RingReader reader(data, Shape::ring);
    Record record;
    for (std::uint64_t n = 1; n <= records; ++n) {
      while (reader.peek(record, test::no_limit) != Look::record) std::this_thread::yield();
      reader.pop(record);
      read.store(n, std::memory_order_relaxed);
      head.store(reader.position(), std::memory_order_release);
    }
  }

  std::unique_ptr<std::uint64_t[]> words;
  std::span<std::byte> data;
  std::atomic<std::uint64_t> claimed = 0;
  std::atomic<std::uint64_t> head = 0;
  std::atomic<std::uint64_t> read = 0;
};

/// Whoever is `lame` stands still now and then, so that it is certainly overtaken.
void read_along(std::size_t capacity, std::uint64_t records, std::uint64_t modulus, bool lame) {
  Passage passage(capacity);
  std::thread producer([&] { passage.produce(records, modulus); });
  std::thread consumer;  // from the first record on that was seen: so one is, however late this thread gets its turn

  RingTap tap(passage.data, Shape::ring, passage.claimed);
  RecordNumbers numbers;
  TappedRecord record;
  std::uint64_t seen = 0;
  std::uint64_t missed = 0;
  std::uint64_t wrong = 0;
  std::uint64_t before = 0;
  bool lost = false;
  while (numbers.last() < records) {
    if (lame && numbers.last() % 64 == 1) {
      const std::uint64_t until = std::min(records, numbers.last() + capacity / 4);
      while (passage.read < until) std::this_thread::yield();
    }
    switch (tap.next(record, 1 << 20)) {
      case Found::empty:
        // Everything that was read has passed: the end may be among what is lost.
        if (lost && passage.read == records) {
          missed += records - numbers.last();
          numbers = RecordNumbers(records);
        }
        std::this_thread::yield();
        break;
      case Found::damaged: ++wrong; numbers = RecordNumbers(records); break;
      case Found::overtaken:
        lost = true;
        tap.start_at(passage.head.load(std::memory_order_acquire));
        before = passage.read.load(std::memory_order_relaxed);
        break;
      case Found::record:
        if (std::exchange(lost, false)) missed += numbers.skip(before, record.header.sequence);
        const std::uint64_t number = numbers.next(record.header.sequence);
        if (seen++ == 0) consumer = std::thread([&] { passage.consume(records); });
        if (record.bytes.size() != Passage::words_of(number, modulus) * 8) ++wrong;
        for (std::size_t i = 0; i < record.bytes.size(); i += 8)
          if (std::memcmp(record.bytes.data() + i, &number, 8) != 0) ++wrong;
        break;
    }
  }
  if (!consumer.joinable()) consumer = std::thread([&] { passage.consume(records); });
  consumer.join();
  producer.join();
  EXPECT_EQ(wrong, 0u);
  EXPECT_EQ(seen + missed, records);
  EXPECT_GT(seen, 0u);
  if (lame) {
    EXPECT_GT(missed, 0u);
  }
}

TEST(RingTapThreads, WhatIsSeenWasWrittenAndTheRestIsCounted) { read_along(8192, 400'000, 12, false); }

TEST(RingTapThreads, RecordsOfOneSizeThatStandInTheSamePlacesEachLapAreToldApart) { read_along(4096, 400'000, 1, true); }

TEST(RingTapThreads, WhoStandsStillIsOvertakenAndCounts) { read_along(8192, 100'000, 300, true); }

TEST(RingTapThreads, ASmallRingIsOvertakenAllTheTime) { read_along(128, 200'000, 7, false); }

}  // namespace
}  // namespace fairway::shm
