#include "shm/byte_ring.hpp"

#include <atomic>

#include "base/assert.hpp"

namespace fairway::shm {

namespace {

std::atomic_ref<std::uint64_t> header_at(std::byte* address) noexcept {
  return std::atomic_ref<std::uint64_t>(*reinterpret_cast<std::uint64_t*>(address));
}

}  // namespace

RingWriter::RingWriter(std::span<std::byte> data, Shape shape) noexcept : data_(data), shape_(shape) {
  FAIRWAY_ASSERT(reinterpret_cast<std::uintptr_t>(data.data()) % header_size == 0);
  FAIRWAY_ASSERT(data.size() % header_size == 0);
  FAIRWAY_ASSERT(shape == Shape::linear || std::has_single_bit(data.size()));
}

bool RingWriter::can_hold(std::uint64_t length) const noexcept {
  if (length > RecordHeader::max_length) return false;
  if (shape_ == Shape::linear) return position_ + record_size(length) <= data_.size();
  return record_size(length) <= data_.size() / 2;
}

std::byte* RingWriter::reserve(std::uint64_t length, std::uint64_t head) noexcept {
  if (length > RecordHeader::max_length) return nullptr;
  const std::uint64_t size = record_size(length);
  const std::uint64_t at = offset(position_);
  if (shape_ == Shape::linear) {
    if (size > data_.size() - position_) return nullptr;
    padding_ = 0;
    return data_.data() + at + header_size;
  }
  const std::uint64_t to_wrap = data_.size() - at;
  const std::uint64_t padding = size > to_wrap ? to_wrap : 0;
  if (head > position_) return nullptr;
  const std::uint64_t used = position_ - head;
  if (used + padding + size + header_size > data_.size()) return nullptr;  // the next header is cleared too
  padding_ = padding;
  return data_.data() + (padding != 0 ? 0 : at) + header_size;
}

void RingWriter::commit(RecordType type, std::uint8_t flags, std::uint64_t length) noexcept {
  const std::uint64_t record = position_ + padding_;
  const std::uint64_t next = record + record_size(length);
  // relaxed: ordered before the release below (invariant 2).
  if (shape_ == Shape::ring || next < data_.size())
    header_at(data_.data() + offset(next)).store(0, std::memory_order_relaxed);

  const std::uint64_t word = RecordHeader{type, flags, sequence_, length}.pack();
  if (padding_ != 0) {
    // relaxed: becomes visible with the padding record in front of it.
    header_at(data_.data() + offset(record)).store(word, std::memory_order_relaxed);
    const std::uint64_t pad = RecordHeader{RecordType::padding, 0, sequence_, padding_ - header_size}.pack();
    // release: pairs with the acquire in RingReader::load_header.
    header_at(data_.data() + offset(position_)).store(pad, std::memory_order_release);
  } else {
    // release: pairs with the acquire in RingReader::load_header.
    header_at(data_.data() + offset(record)).store(word, std::memory_order_release);
  }
  position_ = next;
  padding_ = 0;
  ++sequence_;
}

std::uint64_t RingReader::load_header(std::uint64_t position) const noexcept {
  const std::uint64_t at = offset(position);
  if (at + header_size > data_.size()) return 0;
  // acquire: pairs with the release in RingWriter::commit. Only loads: the memory is mapped read-only.
  return header_at(const_cast<std::byte*>(data_.data()) + at).load(std::memory_order_acquire);
}

bool RingReader::readable() const noexcept { return load_header(position_) != 0; }

bool RingReader::plausible(const RecordHeader& header, std::uint64_t position, std::uint8_t sequence) const noexcept {
  const std::uint64_t room = data_.size() - offset(position);
  return header.type != RecordType::none && static_cast<std::uint8_t>(header.type) <= last_record_type &&
         header.sequence == sequence && record_size(header.length) <= room;
}

Look RingReader::peek(Record& record, std::uint64_t limit) noexcept {
  for (int padded = 0;; ++padded) {
    if (position_ >= limit) return position_ == limit ? Look::end : Look::damaged;
    const std::uint64_t word = load_header(position_);
    if (word == 0) return Look::empty;
    const RecordHeader header = RecordHeader::unpack(word);
    if (!plausible(header, position_, sequence_)) return Look::damaged;
    const std::uint64_t next = position_ + record_size(header.length);
    if (next > limit) return Look::damaged;
    if (header.type == RecordType::padding) {
      if (padded != 0 || shape_ == Shape::linear || offset(next) != 0) return Look::damaged;
      position_ = next;
      continue;
    }
    record = {header, data_.subspan(offset(position_) + header_size, header.length)};
    return Look::record;
  }
}

std::uint64_t RingReader::find_end() const noexcept {
  std::uint64_t position = position_;
  std::uint8_t sequence = sequence_;
  while (position - position_ < data_.size()) {
    const std::uint64_t word = load_header(position);
    if (word == 0) break;
    const RecordHeader header = RecordHeader::unpack(word);
    if (position == position_) sequence = header.sequence;  // a generation that is not begun yet goes on with any
    if (!plausible(header, position, sequence)) break;
    if (position + record_size(header.length) - position_ > data_.size()) break;
    position += record_size(header.length);
    if (header.type != RecordType::padding) ++sequence;
  }
  return position;
}

}  // namespace fairway::shm
