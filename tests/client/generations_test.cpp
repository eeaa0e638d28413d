/// A stream over the place where generations are counted around: the writer's and the reader's side of it, on real memory.
#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <optional>
#include <vector>

#include "client/incoming.hpp"
#include "client/outgoing.hpp"
#include "sys/memory.hpp"
#include "wire/messages.hpp"

namespace fairway::client {
namespace {

const PortId port = PortId::of({1}, 1);
constexpr Epoch reader = 5;

struct Stream {
  Outgoing out;
  Incoming in;
  Epoch writer = 3;
  shm::ControlBlock head{};  ///< the reader's words

  explicit Stream(Generation first) {
    out.start_at(first, 0, 0);
    in.start_at({first, 0});
    publish();
  }
  void publish() { head.head.store(in.position().pack(), std::memory_order_release); }

  /// `former_end`: where the owner before has stopped, by the broker's word.
  void begin_generation(std::optional<std::uint64_t> former_end = std::nullopt) {
    const sys::Fd fd = sys::create_memory("fairway:test", shm::small_segment);
    const Generation index = out.next_generation();
    const bool first = !out.open();
    const Incoming::Arrival arrival{index, shm::Shape::ring, static_cast<Generation>(first && !former_end ? index : index - 1),
                                    former_end.value_or(out.tail()), writer};
    out.begin_generation(sys::Mapping(fd.get(), shm::small_segment, sys::Mapping::Access::write), port, writer, reader, shm::Shape::ring);
    in.install(arrival, sys::Mapping(fd.get(), shm::small_segment, sys::Mapping::Access::read), first);
  }
  /// Another owner goes on.
  void hand_over(std::uint64_t former_end) {
    const Generation next = out.next_generation();
    out = Outgoing();
    out.start_at(next, 0, 0);
    ++writer;
    begin_generation(former_end);
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

// A broker that dies right after it has granted a port knows no more where its former owner stopped: the word of that was the
// last one on its way to who reads.
TEST(Generations, AnEndThatNoBrokerKnowsIsWhereTheFormerOwnerStopped) {
  Stream stream(0);
  stream.begin_generation();
  for (std::uint64_t value = 0; value < 3; ++value) stream.post(value);
  EXPECT_EQ(stream.read(), 0u);
  stream.hand_over(wire::unknown_final);
  stream.post(3);
  for (std::uint64_t expected = 1; expected < 4; ++expected) EXPECT_EQ(stream.read(), expected);
  EXPECT_EQ(stream.read(), std::nullopt);
}

TEST(Generations, AnEndThatWasKnownOnceStays) {
  Stream stream(0);
  stream.begin_generation();
  stream.post(0);
  const std::uint64_t end = stream.out.tail();
  stream.in.ends_at({0, end});
  stream.post(1);  // it had let go
  stream.hand_over(wire::unknown_final);
  stream.post(2);
  EXPECT_EQ(stream.read(), 0u);
  EXPECT_EQ(stream.read(), 2u);
}

}  // namespace
}  // namespace fairway::client
