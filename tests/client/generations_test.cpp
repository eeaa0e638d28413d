/// A stream over the place where generations are counted around: the writer's and the reader's side of it, on real memory.
#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <optional>
#include <vector>

#include "client/incoming.hpp"
#include "client/outgoing.hpp"
#include "sys/memory.hpp"

namespace fairway::client {
namespace {

const PortId port = PortId::of({1}, 1);
constexpr Epoch writer = 3, reader = 5;

struct Stream {
  Outgoing out;
  Incoming in;
  shm::ControlBlock head{};  ///< the reader's words

  explicit Stream(Generation first) {
    out.start_at(first, 0, 0);
    in.start_at({first, 0});
    publish();
  }
  void publish() { head.head.store(in.position().pack(), std::memory_order_release); }

  void begin_generation() {
    const sys::Fd fd = sys::create_memory("fairway:test", shm::small_segment);
    const Generation index = out.next_generation();
    const bool first = !out.open();
    const Incoming::Arrival arrival{index, shm::Shape::ring, static_cast<Generation>(first ? index : index - 1), out.tail(), writer};
    out.begin_generation(sys::Mapping(fd.get(), shm::small_segment, sys::Mapping::Access::write), port, writer, reader, shm::Shape::ring);
    in.install(arrival, sys::Mapping(fd.get(), shm::small_segment, sys::Mapping::Access::read), first);
  }
  void post(std::uint64_t value) {
    std::vector<std::byte> payload(sizeof value);
    std::memcpy(payload.data(), &value, sizeof value);
    ASSERT_EQ(out.push(shm::RecordType::bytes, 0, payload, &head), Outgoing::Push::committed);
  }
  /// Nothing: the stream is read to where it stands now.
  std::optional<std::uint64_t> read() {
    shm::Record record;
    for (;;) {
      switch (in.look(record)) {
        case Incoming::Look::record: break;
        case Incoming::Look::advanced: continue;
        case Incoming::Look::damaged: ADD_FAILURE() << "damaged"; return std::nullopt;
        default: return std::nullopt;
      }
      std::uint64_t value = 0;
      std::memcpy(&value, record.payload.data(), sizeof value);
      in.pop(record);
      publish();
      return value;
    }
  }
};

TEST(Generations, AStreamGoesOnWhereTheyAreCountedAround) {
  Stream stream(65533);
  std::uint64_t posted = 0;
  std::uint64_t expected = 0;
  for (int generation = 0; generation < 6; ++generation) {
    stream.begin_generation();
    for (int i = 0; i < 3; ++i) stream.post(posted++);
    while (const auto value = stream.read()) EXPECT_EQ(*value, expected++);
    EXPECT_EQ(expected, posted);
  }
  EXPECT_FALSE(stream.out.damaged());
  EXPECT_EQ(stream.out.next_generation(), 3);
}

TEST(Generations, AReaderThatLagsBehindReadsThemInOrder) {
  Stream stream(65534);
  std::uint64_t posted = 0;
  for (int generation = 0; generation < 5; ++generation) {
    stream.begin_generation();
    stream.post(posted++);
  }
  stream.in.ends_at({2, stream.out.tail()});
  for (std::uint64_t expected = 0; expected < posted; ++expected) EXPECT_EQ(stream.read(), expected);
  EXPECT_EQ(stream.read(), std::nullopt);
  EXPECT_EQ(stream.in.position().generation, 2);
  EXPECT_FALSE(stream.out.damaged());
}

TEST(Generations, AHeadBeforeTheyAreCountedAroundIsNotOneAhead) {
  Stream stream(65535);
  stream.begin_generation();
  for (int i = 0; i < 2; ++i) stream.post(0);
  stream.begin_generation();
  const std::vector<std::byte> large(shm::first_capacity / 2);
  EXPECT_EQ(stream.out.push(shm::RecordType::bytes, 0, large, &stream.head), Outgoing::Push::committed);
  EXPECT_EQ(stream.out.push(shm::RecordType::bytes, 0, large, &stream.head), Outgoing::Push::queued) << "nothing of it is read";
  EXPECT_FALSE(stream.out.damaged());
  stream.head.head.store(shm::Position{1, 8}.pack());
  EXPECT_FALSE(stream.out.has_room(&stream.head));
  EXPECT_TRUE(stream.out.damaged()) << "a generation that is not there";
}

}  // namespace
}  // namespace fairway::client
