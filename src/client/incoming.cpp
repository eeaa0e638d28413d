#include "client/incoming.hpp"

#include <utility>

#include "wire/messages.hpp"

namespace fairway::client {

void Incoming::install(Generation index, sys::Mapping memory, shm::Shape shape, std::uint64_t previous_final) {
  const auto bytes = memory.bytes();
  if (control_ == nullptr) control_ = &reinterpret_cast<const shm::HalfSegment*>(bytes.data())->control;
  shm::RingReader reader(bytes.subspan(shm::data_offset), shape);
  if (!generations_.empty()) generations_.back().final = previous_final;
  generations_.push_back({index, std::move(memory), reader});
  newest_ = index;
}

void Incoming::close(std::uint64_t final) noexcept {
  if (closed_) return;
  closed_ = true;
  if (generations_.empty()) return;
  Part& newest = generations_.back();
  // Read once: a writer that is not dead after all cannot go on for ever.
  newest.final = final == wire::unknown_final ? newest.reader.find_end() : final;
}

Incoming::Look Incoming::look(shm::Record& record) noexcept {
  if (generations_.empty()) return closed_ ? Look::end : Look::empty;
  Part& part = generations_.front();
  switch (part.reader.peek(record, part.final)) {
    case shm::Look::empty: return part.final == std::numeric_limits<std::uint64_t>::max() ? Look::empty : Look::damaged;
    case shm::Look::record: return Look::record;
    case shm::Look::damaged: return Look::damaged;
    case shm::Look::end: break;
  }
  if (generations_.size() == 1) return closed_ ? Look::end : Look::empty;
  finished_ = part.index;
  const std::uint8_t sequence = part.reader.sequence();
  if (!first_) first_ = std::move(part.memory);
  generations_.pop_front();
  generations_.front().reader.set_sequence(sequence);
  return Look::advanced;
}

shm::Position Incoming::position() const noexcept {
  if (generations_.empty()) return {};
  return {generations_.front().index, generations_.front().reader.position()};
}

}  // namespace fairway::client
