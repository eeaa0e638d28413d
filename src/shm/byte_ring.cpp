#include "shm/byte_ring.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"
#include "base/check.hpp"

namespace fairway::shm {

RingWriter::RingWriter(std::span<std::byte> data, Shape shape, std::atomic<std::uint64_t>* claimed) noexcept
    : data_(data), mask_(offset_mask(data.size(), shape)), claim_word_(claimed), shape_(shape) {
  if (claimed != nullptr && shape == Shape::ring) claimed_ = 0;
  FAIRWAY_ASSERT(reinterpret_cast<std::uintptr_t>(data.data()) % header_size == 0);
  FAIRWAY_ASSERT(data.size() % header_size == 0);
  FAIRWAY_ASSERT(shape == Shape::linear || std::has_single_bit(data.size()));
}

bool RingWriter::can_hold(std::uint64_t length) const noexcept {
  if (length > RecordHeader::max_length) return false;
  if (shape_ == Shape::linear) return position_ + record_size(length) <= data_.size();
  return record_size(length) <= data_.size() / 2;
}

/// A sixteenth of the ring at a time, so that most records find their place claimed; never what is still to be read.
void RingWriter::claim(std::uint64_t end, std::uint64_t head) noexcept {
  claimed_ = std::min(end + data_.size() / 16, head + data_.size());
  claim_word_->store(claimed_, std::memory_order_relaxed);
  // release fence: pairs with the acquire fence in RingTap::intact; who sees what is written now sees that it was claimed.
  std::atomic_thread_fence(std::memory_order_release);
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
  if (!enforced(Check::possible_record)) return true;
  return header.type != RecordType::none && static_cast<std::uint8_t>(header.type) <= last_record_type &&
         header.sequence == sequence && record_size(header.length) <= room;
}

Look RingReader::peek(Record& record, std::uint64_t limit) noexcept {
  if (!enforced(Check::stops_at_final) && readable()) limit = ~std::uint64_t{0};
  for (int padded = 0;; ++padded) {
    if (position_ >= limit) return position_ == limit || !enforced(Check::final_not_passed) ? Look::end : Look::damaged;
    const std::uint64_t word = load_header(position_);
    if (word == 0) return Look::empty;
    const RecordHeader header = RecordHeader::unpack(word);
    if (std::exchange(any_sequence_, false)) sequence_ = header.sequence;
    if (!plausible(header, position_, sequence_)) return Look::damaged;
    const std::uint64_t next = position_ + record_size(header.length);
    if (next > limit && enforced(Check::whole_records)) return Look::damaged;
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
