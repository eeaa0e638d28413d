#include "shm/ring_tap.hpp"

#include <algorithm>
#include <cstring>

namespace fairway::shm {

/// 0 also where a linear segment has no room for a header.
std::uint64_t RingTap::load_word(std::uint64_t position) const noexcept {
  const std::uint64_t at = position & mask_;
  if (at + header_size > data_.size()) return 0;
  // acquire: pairs with the release in RingWriter::commit. Only loads: the memory is mapped read-only.
  return header_at(const_cast<std::byte*>(data_.data()) + at).load(std::memory_order_acquire);
}

/// Word by word: the writer may be there at the same time.
void RingTap::copy(std::uint64_t position, std::uint64_t size, std::vector<std::byte>& bytes) const {
  bytes.resize((size + 7) / 8 * 8);
  std::byte* const from = const_cast<std::byte*>(data_.data()) + (position & mask_);
  for (std::size_t i = 0; i < bytes.size(); i += 8) {
    const std::uint64_t word = header_at(from + i).load(std::memory_order_relaxed);
    std::memcpy(bytes.data() + i, &word, sizeof word);
  }
  bytes.resize(size);
}

bool RingTap::intact(std::uint64_t position) const noexcept {
  if (shape_ == Shape::linear) return true;
  // acquire fence: pairs with the release fence in RingWriter::claim.
  std::atomic_thread_fence(std::memory_order_acquire);
  const std::uint64_t claimed = claimed_->load(std::memory_order_relaxed);
  return claimed <= position || claimed - position <= data_.size();
}

bool RingTap::claimed(std::uint64_t end) const noexcept {
  return shape_ == Shape::linear || claimed_->load(std::memory_order_relaxed) >= end;
}

RingTap::Found RingTap::next(TappedRecord& record, std::uint64_t most, std::uint64_t of_table, std::uint64_t of_value) {
  for (int padded = 0;; ++padded) {
    const std::uint64_t word = load_word(position_);
    if (word == 0) return intact(position_) ? Found::empty : Found::overtaken;
    const RecordHeader header = RecordHeader::unpack(word);
    const std::uint64_t end = position_ + record_size(header.length);
    const bool padding = header.type == RecordType::padding;
    bool good = static_cast<std::uint8_t>(header.type) <= last_record_type && header.type != RecordType::none &&
                header.sequence == sequence_.value_or(header.sequence) &&
                record_size(header.length) <= data_.size() - (position_ & mask_);
    if (padding) good = good && padded == 0 && shape_ == Shape::ring && (end & mask_) == 0;
    const std::uint64_t payload = header.type == RecordType::value ? std::max(most, of_value) : most;
    const std::uint64_t wanted = payload + ((header.flags & record_has_tokens) != 0 ? of_table : 0);
    if (good && !padding) copy(position_ + header_size, std::min(header.length, wanted), record.bytes);
    if (!intact(position_)) return Found::overtaken;
    if (!good || !claimed(end)) return Found::damaged;
    position_ = end;
    if (padding) continue;
    sequence_ = static_cast<std::uint8_t>(header.sequence + 1);
    record.header = header;
    return Found::record;
  }
}

std::uint64_t RecordNumbers::next(std::uint8_t sequence) noexcept {
  ++last_;
  shift_ = static_cast<std::uint8_t>(last_ - sequence);
  return last_;
}

std::uint64_t RecordNumbers::skip(std::uint64_t before, std::uint8_t sequence) noexcept {
  std::uint64_t number = before + 1;
  if (shift_) {
    const auto ahead = static_cast<std::int8_t>(static_cast<std::uint8_t>(sequence + *shift_ - number));
    number += static_cast<std::uint64_t>(static_cast<std::int64_t>(ahead));
  }
  const std::uint64_t lost = number > last_ + 1 ? number - last_ - 1 : 0;
  last_ += lost;
  return lost;
}

}  // namespace fairway::shm
