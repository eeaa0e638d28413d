#include "client/incoming.hpp"

#include <utility>

#include "base/check.hpp"
#include "wire/messages.hpp"

namespace fairway::client {

namespace {

/// Generations wrap.
bool later(Generation one, Generation other) noexcept { return static_cast<std::int16_t>(one - other) > 0; }

}  // namespace

/// An end that lies too far off would let its writer go on in the ring for ever. No record ends one byte from here. One that
/// nobody knows is where the writer stopped, read once: one that is not dead after all cannot go on for ever either.
void Incoming::Part::end_at(std::uint64_t declared) noexcept {
  if (declared == wire::unknown_final) {
    if (final != open_end) return;
    declared = reader.find_end();
  }
  final = reader.reachable(declared) || !enforced(Check::final_within_ring) ? declared : reader.position() + 1;
}

void Incoming::install(const Arrival& arrival, sys::Mapping memory, bool control) {
  for (Part& part : generations_) {
    if (part.index == arrival.previous) part.end_at(arrival.previous_final);
    // What is not announced between the two is empty.
    if (part.final == open_end || later(part.index, arrival.previous)) {
      if (part.index != arrival.previous) part.final = 0;
    }
  }
  auto shared = std::make_shared<sys::Mapping>(std::move(memory));
  const auto bytes = shared->bytes();
  shm::RingReader reader(bytes.subspan(shm::data_offset), arrival.shape);
  if (!std::exchange(started_, true)) reader.start_at(start_.generation == arrival.generation ? start_.offset : 0);
  generations_.push_back({arrival.generation, arrival.writer, shared, reader});
  newest_ = arrival.generation;
  if (!control) return;
  control_memory_ = std::move(shared);
  control_ = &reinterpret_cast<const shm::HalfSegment*>(bytes.data())->control;
}

void Incoming::ends_at(End end) noexcept {
  for (Part& part : generations_) {
    if (later(part.index, end.generation)) part.final = 0;
    if (part.index == end.generation) part.end_at(end.final);
  }
}

void Incoming::close(std::optional<End> end) noexcept {
  if (closed_) return;
  closed_ = true;
  if (!end && !generations_.empty()) end = End{generations_.back().index, wire::unknown_final};
  if (end) ends_at(*end);
  for (Part& part : generations_)
    if (part.final == open_end) part.final = 0;
}

void Incoming::forget_control() noexcept {
  control_ = nullptr;
  control_memory_.reset();
}

Incoming::Look Incoming::look(shm::Record& record) noexcept {
  if (generations_.empty()) return closed_ ? Look::end : Look::empty;
  Part& part = generations_.front();
  switch (part.reader.peek(record, part.final)) {
    case shm::Look::empty: return part.final == open_end || !enforced(Check::final_is_reached) ? Look::empty : Look::damaged;
    case shm::Look::record: return Look::record;
    case shm::Look::damaged: return Look::damaged;
    case shm::Look::end: break;
  }
  if (generations_.size() == 1) return closed_ ? Look::end : Look::empty;
  finished_ = part.index;
  const shm::RingReader before = part.reader;
  const Epoch writer = part.writer;
  generations_.pop_front();
  Part& next = generations_.front();
  if (next.writer == writer) {
    if (before.any_sequence()) next.reader.start_at(0);
    next.reader.set_sequence(before.sequence());
  }
  return Look::advanced;
}

std::uint64_t Incoming::final_of(Generation generation) const noexcept {
  for (const Part& part : generations_)
    if (part.index == generation && part.final != open_end) return part.final;
  return wire::unknown_final;
}

shm::Position Incoming::position() const noexcept {
  if (generations_.empty()) return start_;
  return {generations_.front().index, generations_.front().reader.position()};
}

}  // namespace fairway::client
