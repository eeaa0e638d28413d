#include "inspector/stream_tap.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstring>
#include <utility>

#include "route/token_table.hpp"

namespace fairway::inspector {

namespace {

/// A table of ports that is longer is not shown.
constexpr std::uint64_t largest_table = route::token_table_size(1024);

/// A value is read whole or not at all.
constexpr std::uint64_t most_of_value = 1 << 16;

constexpr std::uint64_t most_skipped = 1 << 20;

/// Generations wrap.
bool later(Generation one, Generation other) noexcept { return static_cast<std::int16_t>(one - other) > 0; }

std::uint64_t wall_clock_ns() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(since).count());
}

const shm::HalfSegment& half(const sys::Mapping& memory) { return *reinterpret_cast<const shm::HalfSegment*>(memory.bytes().data()); }

}  // namespace

StreamTap::StreamTap(std::filesystem::path folder, PortId from, const shm::ChannelRow& row, std::uint64_t most)
    : folder_(std::move(folder)), from_(from), row_(row), most_(most) {}

void StreamTap::skip_present() {
  // A writer that is quicker than this is not waited for.
  for (std::uint64_t skipped = 0; skipped < most_skipped && next(); ++skipped) {
  }
}

std::optional<Passing> StreamTap::next() {
  if (over_) return std::nullopt;
  if (std::exchange(held_, false)) return take();
  // Before the look: what was posted before a close is seen before it.
  const bool ended = row_.id.load(std::memory_order_acquire) != from_.channel().value || info(from_).state == shm::PortState::closed;
  bool moved = false;
  for (;;) {
    if (!ring_ && (std::exchange(moved, true) || !find_place())) break;
    switch (ring_->tap.next(record_, std::min(most_, shm::RecordHeader::max_length), largest_table, most_of_value)) {
      case shm::RingTap::Found::record: return take();
      case shm::RingTap::Found::damaged: return end(Passing::What::damaged);
      case shm::RingTap::Found::empty:
        if (advance()) continue;
        return ended ? end_of_row() : std::nullopt;
      case shm::RingTap::Found::overtaken:
        lost_ = true;
        if (std::exchange(moved, true) || !find_place()) return std::nullopt;
    }
  }
  return ended ? end_of_row() : std::nullopt;
}

/// What was read and never seen here is missed.
std::optional<Passing> StreamTap::end_of_row() {
  const std::uint64_t read = reader_memory_ ? half(reader_memory_).control.statistics.messages_read.load(std::memory_order_relaxed) : 0;
  if (!begun_ || read <= numbers_.last()) return end(Passing::What::closed);
  Passing missed = event(Passing::What::missed);
  missed.number = read - numbers_.last();
  numbers_ = shm::RecordNumbers(read);
  return missed;
}

std::optional<Passing> StreamTap::take() {
  if (std::exchange(lost_, false)) {
    Passing missed = event(Passing::What::missed);
    missed.number = numbers_.skip(before_, record_.header.sequence);
    held_ = missed.number != 0;
    if (held_) return missed;
  }
  if (record_.header.type == shm::RecordType::close) return end(Passing::What::closed);
  Passing passing = event(Passing::What::message);
  passing.number = numbers_.next(record_.header.sequence);
  passing.kind = record_.header.type;
  passing.size = record_.header.length;
  std::span<const std::byte> bytes = record_.bytes;
  if ((record_.header.flags & shm::record_has_tokens) != 0) {
    std::uint64_t count = 0;
    if (bytes.size() >= sizeof count) std::memcpy(&count, bytes.data(), sizeof count);
    if (const auto tokens = route::read_token_table(bytes))
      for (const route::Token& token : *tokens) passing.ports.push_back(token.port);
    const std::uint64_t table = count <= passing.size / 16 ? std::min(route::token_table_size(count), passing.size) : 0;
    passing.size -= table;
    bytes = bytes.subspan(std::min<std::uint64_t>(table, bytes.size()));
  }
  // A value whose end is not there shows its beginning, like everything else.
  const bool whole = passing.kind == shm::RecordType::value && bytes.size() == passing.size;
  if (!whole) bytes = bytes.first(std::min<std::uint64_t>(bytes.size(), most_));
  passing.has_buffers = (record_.header.flags & shm::record_has_buffers) != 0;
  passing.bytes.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return passing;
}

Passing StreamTap::event(Passing::What what) const {
  Passing passing;
  passing.what = what;
  passing.from = from_;
  passing.time_ns = wall_clock_ns();
  return passing;
}

std::optional<Passing> StreamTap::end(Passing::What what) {
  over_ = true;
  return event(what);
}

// Where to read -----------------------------------------------------------------------------------------------

std::optional<StreamTap::Ring> StreamTap::open(Generation generation) const {
  Ring ring{open_segment(folder_ / segment_name(from_, generation), shm::SegmentKind::half, from_.value, 0, 0)};
  const shm::SegmentHeader& header = ring.segment.header;
  if (ring.segment.result != Opened::Result::ok || header.generation != generation) return std::nullopt;
  const auto data = ring.segment.memory.bytes().subspan(shm::data_offset);
  const shm::Shape shape = header.linear != 0 ? shm::Shape::linear : shm::Shape::ring;
  if (data.size() % shm::header_size != 0 || (shape == shm::Shape::ring && !std::has_single_bit(data.size()))) return std::nullopt;
  ring.tap = shm::RingTap(data, shape, half(ring.segment.memory).control.statistics.claimed);
  return ring;
}

const shm::ControlBlock* StreamTap::reader() {
  const PortId port = from_.opposite();
  const shm::PortInfo now = info(port);
  if (now != reader_info_ || !reader_memory_) {
    reader_info_ = now;
    reader_memory_ = {};
    Generations generations = published(folder_)[port];
    newest_first(generations, now.generations);
    for (const Generation generation : generations) {
      Opened opened = open_generation(folder_, port, generation);
      if (opened.result != Opened::Result::ok || opened.header.first == 0) continue;
      reader_memory_ = std::move(opened.memory);
      break;
    }
  }
  return reader_memory_ ? &half(reader_memory_).control : nullptr;
}

bool StreamTap::find_place() {
  const shm::ControlBlock* const words = reader();
  if (words == nullptr) return find_first_place();
  // acquire: pairs with the release in Endpoint::publish_head; the count was stored before.
  const auto head = shm::Position::unpack(words->head.load(std::memory_order_acquire));
  const std::uint64_t before = words->statistics.messages_read.load(std::memory_order_relaxed);
  if (head.offset % shm::header_size != 0) return false;
  const bool here = ring_ && ring_->segment.header.generation == head.generation;
  if (here && head.offset <= ring_->tap.position()) return false;
  if (ring_ && !here && !later(head.generation, ring_->segment.header.generation)) return false;
  if (here) {
    lost_ = true;
    before_ = before;
    ring_->tap.start_at(head.offset);
    return true;
  }
  std::optional<Ring> ring = open(head.generation);
  if (!ring) return !ring_ && find_first_place();
  go_to(*std::move(ring), head.offset, before);
  return true;
}

/// Where nobody has read yet, nothing is overwritten.
bool StreamTap::find_first_place() {
  if (ring_) return false;
  Generations generations = published(folder_)[from_];
  newest_first(generations, info(from_).generations);
  if (generations.empty()) return false;
  std::optional<Ring> ring = open(generations.back());
  if (!ring) return false;
  go_to(*std::move(ring), 0, 0);
  return true;
}

void StreamTap::go_to(Ring ring, std::uint64_t position, std::uint64_t before) {
  if (ring_ && ring_->segment.header.epoch != ring.segment.header.epoch) numbers_.other_writer();
  ring_ = std::move(ring);
  ring_->tap.start_at(position);
  before_ = before;
  lost_ = std::exchange(begun_, true);
  if (!lost_) numbers_ = shm::RecordNumbers(before);
}

bool StreamTap::advance() {
  const Generation present = ring_->segment.header.generation;
  if (static_cast<Generation>(info(from_).generations - 1) == present) return false;
  std::optional<Ring> ring = open(static_cast<Generation>(present + 1));
  if (!ring) return find_place();  // dropped already, or not opened yet
  // acquire fence: the header of the next generation was written after the last record of this one.
  std::atomic_thread_fence(std::memory_order_acquire);
  if (ring_->tap.readable()) return true;
  if (ring_->segment.header.epoch != ring->segment.header.epoch) numbers_.other_writer();
  ring_ = std::move(ring);
  return true;
}

}  // namespace fairway::inspector
