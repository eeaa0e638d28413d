/// A writer and a reader in two threads on a plain array. The payload is ordinary memory under the release and the
/// acquire of its header, and of the head that frees it: this is what ThreadSanitizer sees.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <span>
#include <thread>
#include <vector>

#include "shm/byte_ring.hpp"

namespace fairway::shm {
namespace {

constexpr std::uint64_t none = ~std::uint64_t{0};

/// The sizes and contents of the n-th record, the same for both sides.
class Script {
 public:
  explicit Script(std::uint64_t seed, std::size_t largest) : random_(seed), largest_(largest), text_(largest + 256) {
    for (std::size_t i = 0; i < text_.size(); ++i) text_[i] = static_cast<unsigned char>(i * 131 + i / 256);
  }
  std::size_t next_size() {
    const std::uint64_t word = random_();
    if (word % 64 == 0) return (word >> 8) % (largest_ + 1);
    return std::min<std::size_t>(largest_, word % 2 == 0 ? (word >> 8) % 65 : (word >> 8) % 17);
  }
  const unsigned char* contents(std::uint64_t n) const { return &text_[n % 256]; }

 private:
  std::mt19937_64 random_;
  std::size_t largest_;
  std::vector<unsigned char> text_;
};

void stream(std::size_t capacity, std::uint64_t records, std::uint64_t seed) {
  const auto words = std::make_unique<std::uint64_t[]>(capacity / 8);
  const std::span data(reinterpret_cast<std::byte*>(words.get()), capacity);
  alignas(128) std::atomic<std::uint64_t> head = 0;

  std::thread producer([&] {
    Script script(seed, capacity / 2 - header_size);
    RingWriter writer(data, Shape::ring);
    for (std::uint64_t n = 0; n < records; ++n) {
      const std::size_t size = script.next_size();
      std::byte* place = nullptr;
      // acquire: pairs with the release below; what is behind the head is not read any more.
      while ((place = writer.reserve(size, head.load(std::memory_order_acquire))) == nullptr) std::this_thread::yield();
      if (size != 0) std::memcpy(place, script.contents(n), size);
      writer.commit(n % 2 != 0 ? RecordType::bytes : RecordType::string, static_cast<std::uint8_t>(n % 7), size);
    }
  });

  Script script(seed, capacity / 2 - header_size);
  RingReader reader(data, Shape::ring);
  std::uint64_t damaged_at = none;
  for (std::uint64_t n = 0; n < records && damaged_at == none; ++n) {
    const std::size_t size = script.next_size();
    Record record;
    Look look = Look::empty;
    while ((look = reader.peek(record, none)) == Look::empty) std::this_thread::yield();
    const bool good = look == Look::record && record.payload.size() == size && record.header.flags == n % 7 &&
                      record.header.type == (n % 2 != 0 ? RecordType::bytes : RecordType::string) &&
                      (size == 0 || std::memcmp(record.payload.data(), script.contents(n), size) == 0);
    if (!good) damaged_at = n;
    if (look != Look::record) break;
    reader.pop(record);
    head.store(reader.position(), std::memory_order_release);
  }
  head.store(reader.position(), std::memory_order_release);
  if (damaged_at != none) {
    // The producer must come to its end: everything it still writes is taken unseen.
    std::printf("record %llu is damaged\n", static_cast<unsigned long long>(damaged_at));
    std::abort();
  }
  producer.join();
  EXPECT_FALSE(reader.readable());
  EXPECT_EQ(reader.find_end(), reader.position());
}

TEST(ByteRingThreads, AMillionRecordsOfMixedSizesArriveUnchanged) { stream(8192, 1'000'000, 1); }

TEST(ByteRingThreads, ASmallRingThatIsAlwaysFullKeepsEveryRecord) { stream(128, 100'000, 2); }

TEST(ByteRingThreads, ALargeRingKeepsEveryRecord) { stream(1 << 20, 100'000, 3); }

TEST(ByteRingThreads, WhoeverLooksForTheEndMeanwhileFindsARecordsEnd) {
  std::vector<std::uint64_t> words(128);
  const std::span data(reinterpret_cast<std::byte*>(words.data()), words.size() * 8);
  std::atomic<bool> over = false;
  std::thread producer([&] {
    RingWriter writer(data, Shape::linear);
    while (writer.reserve(8, 0) != nullptr) {
      std::memcpy(data.data() + writer.position() + header_size, "12345678", 8);
      writer.commit(RecordType::bytes, 0, 8);
    }
    over = true;
  });
  const RingReader reader(data, Shape::linear);
  std::uint64_t last = 0;
  while (!over) {
    const std::uint64_t end = reader.find_end();
    ASSERT_EQ(end % 16, 0u);
    ASSERT_GE(end, last);
    last = end;
  }
  producer.join();
  EXPECT_EQ(reader.find_end(), 1024u);
}

}  // namespace
}  // namespace fairway::shm
