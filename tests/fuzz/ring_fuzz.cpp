/// The byte ring, both ways: a reader over memory that the input fills, and a writer and a reader that the input
/// drives, beside a model of what must come out.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <deque>
#include <span>
#include <vector>

#include "fuzz/input.hpp"
#include "shm/byte_ring.hpp"
#include "shm/ring_memory.hpp"

namespace {

using namespace fairway::shm;
using fairway::fuzz::Input;
using fairway::fuzz::take;

void require(bool condition) { fairway::fuzz::require(condition, "the ring"); }

/// Whatever stands there: every payload lies inside, every walk ends.
void read_anything(Input input) {
  const std::uint8_t kind = take(input);
  const Shape shape = (kind & 1) != 0 ? Shape::linear : Shape::ring;
  const std::size_t capacity = shape == Shape::ring ? std::size_t{8} << (kind >> 1) % 8 : 8 * (1 + static_cast<std::size_t>(kind >> 1));
  const std::uint8_t sequence = take(input);
  const std::uint8_t limit = take(input);
  const std::uint64_t end = limit == 0 ? test::no_limit : 8 * std::uint64_t{limit};
  test::GuardedMemory memory(capacity);
  std::ranges::copy(std::as_bytes(input.first(std::min(input.size(), capacity))), memory.bytes().begin());

  RingReader reader(memory.bytes(), shape);
  reader.set_sequence(sequence);
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t before = reader.position();
    const std::uint64_t found = reader.find_end();
    require(found >= before && found - before <= capacity);
    Record record;
    const Look look = reader.peek(record, end);
    require(reader.position() >= before && (look != Look::end || reader.position() == end));
    if (look != Look::record) break;
    require(record.payload.data() >= memory.bytes().data());
    require(record.payload.data() + record.payload.size() <= memory.bytes().data() + capacity);
    require(record.header.length == record.payload.size());
    volatile std::uint8_t sum = 0;
    for (const std::byte byte : record.payload) sum = static_cast<std::uint8_t>(sum + std::to_integer<std::uint8_t>(byte));
    reader.pop(record);
    require(reader.position() <= end);
  }
}

/// What goes in comes out, in order and unchanged, and the writer never loses more room than it should.
void write_and_read(Input input) {
  const std::uint8_t kind = take(input);
  const Shape shape = (kind & 1) != 0 ? Shape::linear : Shape::ring;
  const std::size_t capacity = shape == Shape::ring ? std::size_t{16} << (kind >> 1) % 7 : 8 * (1 + static_cast<std::size_t>(kind >> 1));
  test::GuardedMemory memory(capacity);
  RingWriter writer(memory.bytes(), shape);
  RingReader reader(memory.bytes(), shape);
  const std::uint8_t sequence = take(input);
  writer.set_sequence(sequence);
  reader.set_sequence(sequence);
  struct Expected {
    RecordHeader header;
    std::uint8_t fill;
  };
  std::deque<Expected> model;

  const auto read_one = [&] {
    Record record;
    const Look look = reader.peek(record, test::no_limit);
    require((look == Look::record) == !model.empty());
    require(look == Look::record || look == Look::empty);
    if (model.empty()) return;
    const Expected& expected = model.front();
    require(record.header.pack() == expected.header.pack());
    for (const std::byte byte : record.payload) require(std::to_integer<std::uint8_t>(byte) == expected.fill);
    reader.pop(record);
    model.pop_front();
  };

  while (!input.empty()) {
    const std::uint8_t operation = take(input);
    if (operation % 4 == 0) {
      read_one();
      continue;
    }
    const std::uint64_t length = operation % 4 == 3 ? std::uint64_t{take(input)} * 8 + operation % 8 : operation / 4u;
    const std::uint64_t before = writer.position();
    std::byte* const place = writer.reserve(length, reader.position());
    if (place == nullptr) {
      require(!(model.empty() && writer.can_hold(length)));
      continue;
    }
    const auto fill = static_cast<std::uint8_t>(operation ^ length);
    if (length != 0) std::memset(place, fill, length);
    const RecordHeader header{operation % 8 < 4 ? RecordType::bytes : RecordType::object, operation, writer.sequence(), length};
    writer.commit(header.type, header.flags, length);
    model.push_back({header, fill});
    require(writer.position() >= before + record_size(length));
    require(writer.position() - reader.position() <= (shape == Shape::ring ? capacity - header_size : capacity));
    require(reader.find_end() == writer.position());
  }
  while (!model.empty()) read_one();
  read_one();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  if (take(input) % 2 == 0) {
    read_anything(input);
  } else {
    write_and_read(input);
  }
  return 0;
}
