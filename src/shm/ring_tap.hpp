#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "shm/byte_ring.hpp"

/// Reading along in a stream that somebody else consumes: nobody waits for who does, so records may be overwritten
/// before, or while, they are copied. What is handed out was written so; what is lost is counted.
namespace fairway::shm {

/// A record as it was written: `bytes` is the beginning of its payload.
struct TappedRecord {
  RecordHeader header;
  std::vector<std::byte> bytes;
};

/// One generation. Reads memory only; its writer and reader may be hostile.
///
/// A position is written once around the ring after position, so a record at p that was copied is intact if nothing
/// behind p + capacity had been claimed by then (RingWriter, invariant 5). Neither the record's header nor a number in it could tell:
/// a record of the same size and number may stand there one lap later, and a payload may look like a header.
class RingTap {
 public:
  RingTap() = default;
  /// Begins at the start of the generation. `claimed`: the writer's word for this ring.
  RingTap(std::span<const std::byte> data, Shape shape, const std::atomic<std::uint64_t>& claimed) noexcept
      : data_(data), mask_(offset_mask(data.size(), shape)), claimed_(&claimed), shape_(shape) {}

  enum class Found {
    empty,      ///< nothing committed yet
    record,
    overtaken,  ///< what stood here is overwritten: go on elsewhere
    damaged,    ///< not written by a RingWriter that claims
  };
  /// Copies the next record with at most so many bytes of its payload (`of_value` where that is more and it is a value: a part
  /// of one says little), and `of_table` more where a table of ports stands in front of that; steps over it.
  Found next(TappedRecord& record, std::uint64_t most, std::uint64_t of_table = 0, std::uint64_t of_value = 0);
  /// A hint: `next` would not say empty.
  bool readable() const noexcept { return load_word(position_) != 0; }

  /// Goes on at a record's beginning.
  void start_at(std::uint64_t position) noexcept {
    position_ = position;
    sequence_.reset();
  }
  std::uint64_t position() const noexcept { return position_; }

 private:
  std::uint64_t load_word(std::uint64_t position) const noexcept;
  void copy(std::uint64_t position, std::uint64_t size, std::vector<std::byte>& bytes) const;
  /// Whether what was read from that position on still stood there.
  bool intact(std::uint64_t position) const noexcept;
  bool claimed(std::uint64_t end) const noexcept;

  std::span<const std::byte> data_;
  std::uint64_t mask_ = 0;
  std::uint64_t position_ = 0;
  const std::atomic<std::uint64_t>* claimed_ = nullptr;
  std::optional<std::uint8_t> sequence_;  ///< of the next record; none: any
  Shape shape_ = Shape::ring;
};

/// The numbers of records, 1, 2, 3, … over all generations, from their sequence numbers modulo 256.
class RecordNumbers {
 public:
  /// So many records were before the next one, as far as is known.
  explicit RecordNumbers(std::uint64_t before = 0) noexcept : last_(before) {}

  /// The record that follows the last one.
  std::uint64_t next(std::uint8_t sequence) noexcept;
  /// Some are lost; about `before` records were before this one, no more than 127 off. Returns how many are lost.
  std::uint64_t skip(std::uint64_t before, std::uint8_t sequence) noexcept;
  /// Another writer goes on, whose sequence numbers begin anew.
  void other_writer() noexcept { shift_.reset(); }

  std::uint64_t last() const noexcept { return last_; }

 private:
  std::uint64_t last_;
  std::optional<std::uint8_t> shift_;  ///< number minus sequence, modulo 256
};

}  // namespace fairway::shm
