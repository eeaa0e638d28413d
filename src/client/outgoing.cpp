#include "client/outgoing.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "base/check.hpp"
#include "base/hook.hpp"
#include "sys/process.hpp"

namespace fairway::client {

namespace {

constexpr std::uint64_t round_to_page(std::uint64_t size) { return (size + shm::page - 1) / shm::page * shm::page; }

}  // namespace

Outgoing::Push Outgoing::push(shm::RecordType type, std::uint8_t flags, Bytes payload, const shm::ControlBlock* reader) {
  if (backlog_.empty() && control_ != nullptr && write(type, flags, payload, reader)) {
    if (type != shm::RecordType::close) count_posted(payload.size());
    return Push::committed;
  }
  queue({type, flags, {payload.begin(), payload.end()}});
  return Push::queued;
}

void Outgoing::push(Record record, std::span<graph::BufferNode* const> buffers, wire::Contained how) {
  record.contents.reserve(record.contents.size() + buffers.size());
  queue(std::move(record));
  for (graph::BufferNode* const buffer : buffers)
    if (wire::stands_inside(*buffer, how)) backlog_.back().contents.push_back(buffer->leave());
}

void Outgoing::release() noexcept {
  const auto held = std::ranges::find(backlog_, true, &Record::held);
  if (held != backlog_.end()) held->held = false;
}

void Outgoing::queue(Record record) {
  const std::uint64_t weight = record.weight();
  const std::uint64_t size = shm::record_size(record.length);
  const bool counts = record.type != shm::RecordType::close;
  backlog_.push_back(std::move(record));
  backlog_bytes_ += weight;
  backlog_size_ += size;
  FAIRWAY_HOOK(backlog_queued);
  if (counts) count_posted(weight);
  count_backlog();
}

bool Outgoing::flush(const shm::ControlBlock* reader) {
  if (control_ == nullptr) return false;
  bool committed = false;
  while (!backlog_.empty() && !backlog_.front().held && write(backlog_.front(), reader)) {
    backlog_bytes_ -= backlog_.front().weight();
    backlog_size_ -= shm::record_size(backlog_.front().length);
    backlog_.pop_front();
    committed = true;
  }
  if (committed) {
    FAIRWAY_HOOK(backlog_flushed);
    count_backlog();
  }
  return committed;
}

template <class Fill>
bool Outgoing::write(shm::RecordType type, std::uint8_t flags, std::uint64_t length, const shm::ControlBlock* reader, Fill&& fill) noexcept {
  std::byte* place = writer_.reserve(length, head_);
  if (place == nullptr) [[unlikely]] {
    place = reserve_what_is_read(length, reader);
    if (place == nullptr) return false;
  }
  FAIRWAY_HOOK(commit_before);
  fill(place);
  FAIRWAY_HOOK(commit_payload_copied);
  writer_.commit(type, flags, length);
  FAIRWAY_HOOK(commit_after);
  return true;
}

bool Outgoing::write(shm::RecordType type, std::uint8_t flags, Bytes payload, const shm::ControlBlock* reader) noexcept {
  return write(type, flags, payload.size(), reader, [payload](std::byte* place) {
    if (!payload.empty()) std::memcpy(place, payload.data(), payload.size());
  });
}

bool Outgoing::write(const Record& record, const shm::ControlBlock* reader) noexcept {
  return write(record.type, record.flags, record.length, reader, [&record](std::byte* place) {
    if (!record.bytes.empty()) std::memcpy(place, record.bytes.data(), record.bytes.size());
    place += record.bytes.size();
    for (const graph::Contents& buffer : record.contents) place = wire::write_contents(buffer, place);
  });
}

std::byte* Outgoing::reserve_what_is_read(std::uint64_t length, const shm::ControlBlock* reader) noexcept {
  refresh_head(reader);
  return writer_.reserve(length, head_);
}

bool Outgoing::has_room(const shm::ControlBlock* reader) noexcept {
  if (control_ == nullptr || backlog_.empty() || backlog_.front().held) return false;
  const std::uint64_t length = backlog_.front().length;
  return writer_.reserve(length, head_) != nullptr || reserve_what_is_read(length, reader) != nullptr;
}

bool Outgoing::stuck() noexcept {
  if (backlog_.empty() || backlog_.front().held) return false;
  return control_ == nullptr || writer_.reserve(backlog_.front().length, writer_.position()) == nullptr;
}

void Outgoing::say_left(bool left) noexcept {
  // release: pairs with the acquire in Endpoint::misses_generation of the other side.
  if (control_ != nullptr) control_->left.store(left ? 1 : 0, std::memory_order_release);
}

void Outgoing::refresh_head(const shm::ControlBlock* reader) noexcept {
  if (reader == nullptr) return;
  // acquire: pairs with the release in Endpoint::publish_head; what is behind it may be overwritten.
  const auto seen = shm::Position::unpack(reader->head.load(std::memory_order_acquire));
  const auto current = static_cast<Generation>(next_ - 1);
  const auto behind = static_cast<std::int16_t>(current - seen.generation);  // generations wrap
  if ((behind < 0 || (seen.generation == current && (seen.offset > writer_.position() || seen.offset < head_))) &&
      enforced(Check::possible_head)) {
    damaged_ = true;
    return;
  }
  reader_generation_ = seen.generation;
  if (seen.generation == current) head_ = seen.offset;
  const std::uint64_t unread = count_unread(reader);
  auto& high_water = control_->statistics.high_water;
  if (unread > high_water.load(std::memory_order_relaxed)) high_water.store(unread, std::memory_order_relaxed);
}

std::uint64_t Outgoing::wanted_segment(bool closing) const noexcept {
  if (control_ == nullptr) return shm::small_segment;
  if (backlog_.empty()) return 0;
  if (backlog_.front().held) return 0;
  if (closing) return std::max<std::uint64_t>(shm::small_segment, round_to_page(shm::data_offset + backlog_size_));
  const auto unread = static_cast<Generation>(next_ - 1 - reader_generation_);
  if (unread >= most_unread) return 0;
  // Steep steps: a stream that outgrows its first ring gets a large one soon, and a reader that stands still costs
  // few generations.
  const std::uint64_t first = shm::record_size(backlog_.front().length);
  const bool fits_ring = first <= largest_ring / 2;
  const bool ring = writer_.shape() == shm::Shape::ring;
  std::uint64_t capacity = writer_.capacity() * 4;
  if (ring && capacity < largest_ring * 4 && fits_ring)
    capacity = std::min(largest_ring, std::bit_ceil(std::max({writer_.capacity() * 8, first * 2, backlog_size_ * 2})));
  if (!ring && unread == 0) capacity = largest_ring;  // the reader has caught up
  return shm::data_offset + std::max(std::min(capacity, largest_spill), round_to_page(first));
}

bool Outgoing::useful(std::uint64_t segment_size) const noexcept {
  if (control_ == nullptr) return true;
  return !backlog_.empty() && shm::record_size(backlog_.front().length) <= segment_size - shm::data_offset;
}

shm::Shape Outgoing::shape_for(std::uint64_t segment_size, bool closing) const noexcept {
  const std::uint64_t capacity = segment_size - shm::data_offset;
  if (control_ == nullptr) return shm::Shape::ring;
  if (closing || capacity > largest_ring || !std::has_single_bit(capacity)) return shm::Shape::linear;
  return shm::record_size(backlog_.front().length) <= capacity / 2 ? shm::Shape::ring : shm::Shape::linear;
}

void Outgoing::begin_generation(sys::Mapping memory, PortId port, Epoch epoch, Epoch peer_epoch, shm::Shape shape) {
  const bool first = control_ == nullptr;
  if (first) current_ = {};
  sys::Mapping& place = first ? first_ : current_;
  const sys::Mapping former = std::exchange(place, std::move(memory));
  const auto bytes = place.bytes();
  auto* const segment = reinterpret_cast<shm::HalfSegment*>(bytes.data());
  segment->header = {shm::magic, shm::layout_version, shm::SegmentKind::half, port.value, epoch, next_,
                     static_cast<std::uint16_t>(shape == shm::Shape::linear), bytes.size() - shm::data_offset, peer_epoch,
                     static_cast<std::uint32_t>(first), {}};
  if (first) {
    control_ = &segment->control;
    if (former) shm::carry_on(reinterpret_cast<const shm::HalfSegment*>(former.bytes().data())->control.statistics, control_->statistics);
    ever_open_ = true;
    control_->statistics.messages_posted.store(posted_messages_, std::memory_order_relaxed);
    control_->statistics.bytes_posted.store(posted_bytes_, std::memory_order_relaxed);
    control_->statistics.largest.store(largest_, std::memory_order_relaxed);
    count_backlog();
  }
  const std::uint8_t sequence = writer_.sequence();
  writer_ = shm::RingWriter(bytes.subspan(shm::data_offset), shape, &segment->control.statistics.claimed);
  writer_.set_sequence(sequence);
  head_ = 0;
  written_before_ = posted_bytes_ - backlog_bytes_;
  control_->statistics.generation.store(next_, std::memory_order_relaxed);
  ++next_;
}

std::uint64_t Outgoing::unread_bytes(const shm::ControlBlock* reader) noexcept {
  if (control_ != nullptr && !in_newest_generation()) refresh_head(reader);
  return count_unread(reader);
}

std::uint64_t Outgoing::count_unread(const shm::ControlBlock* reader) noexcept {
  // What the reader says is believed as far as it is possible: the backlog is certainly unread, and so is a generation that
  // its head has not come to.
  const std::uint64_t claimed = reader == nullptr ? read_bytes_ : reader->statistics.bytes_read.load(std::memory_order_relaxed);
  const std::uint64_t written = posted_bytes_ - backlog_bytes_;
  const bool believed = in_newest_generation() || !enforced(Check::counted_by_generation);
  read_bytes_ = std::min(claimed, believed ? written : std::min(written, written_before_));
  return posted_bytes_ - read_bytes_;
}

void Outgoing::drop_backlog() noexcept {
  posted_messages_ -= backlog_.size();
  posted_bytes_ -= backlog_bytes_;
  read_bytes_ = std::min(read_bytes_, posted_bytes_);
  backlog_.clear();
  backlog_bytes_ = backlog_size_ = 0;
}

void Outgoing::want(std::uint64_t unread) noexcept {
  if (control_ == nullptr) return;
  if (!backlog_.empty()) {
    // Half a ring at a time. A linear generation gets no room by being read: then the next one is what helps.
    const std::uint64_t taken = shm::record_size(backlog_.front().length) + shm::header_size;
    const bool ring = writer_.shape() == shm::Shape::ring && taken <= writer_.capacity();
    unread = ring ? std::min(writer_.capacity() / 2, writer_.capacity() - taken) : writer_.position();
  }
  // The reader measures positions, the caller bytes: the record headers make the answer come a little late at most.
  const std::uint64_t in_ring = std::min(unread, writer_.position());
  const shm::Position position{static_cast<Generation>(next_ - 1), writer_.position() - in_ring};
  control_->want_position.store(position.pack(), std::memory_order_relaxed);
  // release: pairs with the acquire in Endpoint::answer_want of the other side.
  control_->want.store(control_->want.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  FAIRWAY_HOOK(want_published);
}

void Outgoing::count_posted(std::uint64_t bytes) noexcept {
  ++posted_messages_;
  posted_bytes_ += bytes;
  const bool larger = bytes > largest_;
  if (larger) largest_ = bytes;
  if (control_ == nullptr) return;
  shm::Statistics& statistics = control_->statistics;
  statistics.messages_posted.store(posted_messages_, std::memory_order_relaxed);
  statistics.bytes_posted.store(posted_bytes_, std::memory_order_relaxed);
  if (larger) statistics.largest.store(largest_, std::memory_order_relaxed);
}

void Outgoing::count_backlog() noexcept {
  if (control_ == nullptr) return;
  shm::Statistics& statistics = control_->statistics;
  statistics.backlog_messages.store(backlog_.size(), std::memory_order_relaxed);
  statistics.backlog_bytes.store(backlog_bytes_, std::memory_order_relaxed);
  const std::uint64_t since = statistics.full_since_ns.load(std::memory_order_relaxed);
  if (!backlog_.empty() && since == 0) statistics.full_since_ns.store(sys::now_ns(), std::memory_order_relaxed);
  if (backlog_.empty() && since != 0) {
    shm::add(statistics.backpressure_ns, sys::now_ns() - since);
    statistics.full_since_ns.store(0, std::memory_order_relaxed);
  }
}

}  // namespace fairway::client
