#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

/// The stream of records in one segment. Single producer, single consumer, wait-free on both sides.
///
/// Invariants
/// 1. Positions count bytes from 0, never wrap and are multiples of 8. A ring (power-of-two capacity) keeps
///    position p at p mod capacity; a linear segment keeps it at p and ends at its capacity.
/// 2. The 8 bytes at the writer's position are 0 whenever the writer is outside `commit`: a header of 0 means
///    "nothing committed here", and that is all a reader needs to know.
/// 3. A record is contiguous. Where it would cross the end of a ring, a padding record fills the rest.
/// 4. The writer never writes into [reader's position, writer's position).
/// 5. A ring's writer with a claim word never writes at or behind the position that stands in it: who reads along
///    without being waited for (ring_tap.hpp) learns from it what may have been overwritten.
namespace fairway::shm {

enum class RecordType : std::uint8_t {
  none = 0,
  padding = 1,
  bytes = 2,
  string = 3,
  object = 4,
  value = 5,
  close = 6,       ///< the last record of a stream
  relinquish = 7,  ///< no message: what was lent under these numbers will not come back
};
inline constexpr std::uint8_t last_record_type = 7;

/// `flags` bit: a table of transferred ports stands in front of the payload.
inline constexpr std::uint8_t record_has_tokens = 1;
/// `flags` bit, of a value: what its transferred buffers hold is with it (wire/buffer_block).
inline constexpr std::uint8_t record_has_buffers = 2;

///  63        56 55     48 47     40 39                                  0
/// +------------+---------+---------+-------------------------------------+
/// |  sequence  |  flags  |  type   |  length of the payload in bytes     |
/// +------------+---------+---------+-------------------------------------+
struct RecordHeader {
  static constexpr std::uint64_t max_length = (std::uint64_t{1} << 40) - 1;

  RecordType type = RecordType::none;
  std::uint8_t flags = 0;
  std::uint8_t sequence = 0;  ///< counts records modulo 256: a stale or repeated one shows
  std::uint64_t length = 0;

  std::uint64_t pack() const noexcept {
    return length | std::uint64_t{static_cast<std::uint8_t>(type)} << 40 | std::uint64_t{flags} << 48 |
           std::uint64_t{sequence} << 56;
  }
  static RecordHeader unpack(std::uint64_t word) noexcept {
    return {static_cast<RecordType>(word >> 40 & 0xff), static_cast<std::uint8_t>(word >> 48 & 0xff),
            static_cast<std::uint8_t>(word >> 56), word & max_length};
  }
};

inline constexpr std::uint64_t header_size = sizeof(std::uint64_t);

/// Bytes that a record with such a payload takes in a segment.
constexpr std::uint64_t record_size(std::uint64_t length) noexcept { return header_size + ((length + 7) & ~std::uint64_t{7}); }

enum class Shape : std::uint8_t { ring, linear };

constexpr std::uint64_t offset_mask(std::uint64_t capacity, Shape shape) noexcept {
  return shape == Shape::ring ? capacity - 1 : ~std::uint64_t{0};
}

inline std::atomic_ref<std::uint64_t> header_at(std::byte* address) noexcept {
  return std::atomic_ref<std::uint64_t>(*reinterpret_cast<std::uint64_t*>(address));
}

class RingWriter {
 public:
  RingWriter() = default;
  /// `data` is zeroed and 8-byte aligned; for a ring its size is a power of two.
  RingWriter(std::span<std::byte> data, Shape shape, std::atomic<std::uint64_t>* claimed = nullptr) noexcept;

  /// Where the next record's payload goes, or null if it does not fit behind what the reader has not read:
  /// `head` is the reader's position. Nothing is visible until `commit`.
  std::byte* reserve(std::uint64_t length, std::uint64_t head) noexcept;
  /// Makes what was reserved visible; `length` is what `reserve` was told.
  void commit(RecordType type, std::uint8_t flags, std::uint64_t length) noexcept;

  std::uint64_t position() const noexcept { return position_; }
  std::uint64_t capacity() const noexcept { return data_.size(); }
  Shape shape() const noexcept { return shape_; }
  /// Whether a record of that length can ever fit, whatever the reader does.
  bool can_hold(std::uint64_t length) const noexcept;
  /// The sequence number goes on across generations.
  std::uint8_t sequence() const noexcept { return sequence_; }
  void set_sequence(std::uint8_t sequence) noexcept { sequence_ = sequence; }

 private:
  std::uint64_t offset(std::uint64_t position) const noexcept { return position & mask_; }
  void claim(std::uint64_t end, std::uint64_t head) noexcept;

  /// How far in front of the writer cache lines are fetched.
  static constexpr std::uint64_t write_ahead = 1024;

  std::span<std::byte> data_;
  std::uint64_t mask_ = 0;
  std::uint64_t position_ = 0;
  std::uint64_t padding_ = 0;  ///< between `reserve` and `commit`
  std::uint64_t claimed_ = ~std::uint64_t{0};  ///< what the claim word says; without one there is nothing to claim
  std::atomic<std::uint64_t>* claim_word_ = nullptr;
  Shape shape_ = Shape::ring;
  std::uint8_t sequence_ = 0;
};

inline std::byte* RingWriter::reserve(std::uint64_t length, std::uint64_t head) noexcept {
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
  const std::uint64_t taken = padding + size + header_size;  // the next header is cleared too
  if (used + taken > data_.size()) return nullptr;
  if (position_ + taken > claimed_) [[unlikely]] claim(position_ + taken, head);
  padding_ = padding;
  return data_.data() + (padding != 0 ? 0 : at) + header_size;
}

inline void RingWriter::commit(RecordType type, std::uint8_t flags, std::uint64_t length) noexcept {
  const std::uint64_t record = position_ + padding_;
  const std::uint64_t next = record + record_size(length);
  // relaxed: ordered before the release below (invariant 2).
  if (shape_ == Shape::ring || next < data_.size())
    header_at(data_.data() + offset(next)).store(0, std::memory_order_relaxed);

  // The reader had these lines last: fetched ahead, they do not hold up the stores of the next records.
  if (shape_ == Shape::ring) __builtin_prefetch(data_.data() + offset(next + write_ahead), 1);

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

/// What a reader finds. The payload points into shared memory: a hostile writer may change it at any time.
struct Record {
  RecordHeader header;
  std::span<const std::byte> payload;
};

enum class Look : std::uint8_t {
  empty,    ///< nothing committed yet
  record,
  end,      ///< the limit is reached
  damaged,  ///< not written by a RingWriter
};

class RingReader {
 public:
  RingReader() = default;
  RingReader(std::span<const std::byte> data, Shape shape) noexcept
      : data_(data), mask_(offset_mask(data.size(), shape)), shape_(shape) {}

  /// Looks at the next record without consuming it; steps over padding. Nothing at or behind `limit` is read.
  Look peek(Record& record, std::uint64_t limit) noexcept;
  /// Consumes what `peek` returned.
  void pop(const Record& record) noexcept {
    position_ += record_size(record.header.length);
    ++sequence_;
  }
  /// Whether `peek` would find something. One load; a hint, as the writer may be hostile.
  bool readable() const noexcept;

  /// Goes on where another reader stopped: whatever sequence number stands there.
  void start_at(std::uint64_t position) noexcept {
    position_ = position;
    any_sequence_ = true;
  }
  std::uint64_t position() const noexcept { return position_; }
  /// The position behind the last committed record, found by walking at most once around.
  std::uint64_t find_end() const noexcept;
  std::uint8_t sequence() const noexcept { return sequence_; }
  void set_sequence(std::uint8_t sequence) noexcept { sequence_ = sequence; }
  /// Whether a RingWriter can have come so far: no more than the segment holds is unread.
  bool reachable(std::uint64_t final) const noexcept { return final <= position_ || final - position_ <= data_.size(); }
  /// Before the first record that is looked at after `start_at`.
  bool any_sequence() const noexcept { return any_sequence_; }

 private:
  std::uint64_t offset(std::uint64_t position) const noexcept { return position & mask_; }
  /// 0 also where a linear segment has no room for a header.
  std::uint64_t load_header(std::uint64_t position) const noexcept;
  bool plausible(const RecordHeader& header, std::uint64_t position, std::uint8_t sequence) const noexcept;

  std::span<const std::byte> data_;
  std::uint64_t mask_ = 0;
  std::uint64_t position_ = 0;
  Shape shape_ = Shape::ring;
  std::uint8_t sequence_ = 0;
  bool any_sequence_ = false;
};

}  // namespace fairway::shm
