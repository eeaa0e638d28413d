#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <memory>
#include <optional>

#include "base/ids.hpp"
#include "shm/byte_ring.hpp"
#include "shm/layout.hpp"
#include "sys/memory.hpp"

namespace fairway::client {

/// The stream that a port reads: the generations that the other side's owners have written, in order. Everything in them
/// may be hostile; sizes and finals come from the broker.
class Incoming {
 public:
  enum class Look {
    empty,
    record,
    advanced,  ///< a generation is read to its end: `finished` tells which; look again
    end,       ///< the stream is closed and read to its end
    damaged,
  };
  /// Where one owner's part of the stream ends; later generations of that owner are empty.
  struct End {
    Generation generation = 0;
    std::uint64_t final = 0;  ///< wire::unknown_final: where it is known to end, or where the writer stopped
  };
  struct Arrival {
    Generation generation = 0;
    shm::Shape shape = shm::Shape::ring;
    Generation previous = 0;           ///< what to read before it; itself: nothing
    std::uint64_t previous_final = 0;  ///< where that ends, as in End
    Epoch writer = 0;                  ///< which owner wrote it: each counts records from 0
  };

  /// Goes on where another owner of the port stopped.
  void start_at(shm::Position position) noexcept { start_ = position; }
  /// The next generation. With `control` its words are the ones of the pairing.
  void install(const Arrival& arrival, sys::Mapping memory, bool control);
  /// The other side's owner let go, and another one may go on.
  void ends_at(End end) noexcept;
  /// No more generations come. Without `end` the newest ends where its writer stopped.
  void close(std::optional<End> end) noexcept;
  /// The words of the pairing are over; those of the next come with an install.
  void forget_control() noexcept;

  Look look(shm::Record& record) noexcept;
  void pop(const shm::Record& record) noexcept { generations_.front().reader.pop(record); }
  /// A cheap hint that `look` would find something.
  bool readable() const noexcept {
    if (generations_.empty() || generations_.size() > 1 || closed_) return !generations_.empty() || closed_;
    const Part& part = generations_.front();
    // Where an owner's part ends is the broker's word; what stands there, or behind it, is not believed.
    return part.final == open_end ? part.reader.readable() : part.reader.position() != part.final;
  }
  /// Where a generation ends; wire::unknown_final: it goes on, or is not here.
  std::uint64_t final_of(Generation generation) const noexcept;
  bool closed() const noexcept { return closed_; }
  bool empty() const noexcept { return generations_.empty(); }
  Generation finished() const noexcept { return finished_; }
  shm::Position position() const noexcept;
  /// Whether the other side writes a generation that is not installed here. Only right when all installs have come.
  bool misses_generation() const noexcept {
    return control_ != nullptr && control_->statistics.generation.load(std::memory_order_relaxed) != newest_;
  }

  /// The other side's words of the pairing, null until its first generation.
  const shm::ControlBlock* control() const noexcept { return control_; }

 private:
  static constexpr std::uint64_t open_end = std::numeric_limits<std::uint64_t>::max();

  struct Part {
    Generation index;
    Epoch writer;
    std::shared_ptr<sys::Mapping> memory;
    shm::RingReader reader;
    std::uint64_t final = open_end;

    void end_at(std::uint64_t declared) noexcept;
  };

  std::shared_ptr<sys::Mapping> control_memory_;
  const shm::ControlBlock* control_ = nullptr;
  std::deque<Part> generations_;
  shm::Position start_;
  bool started_ = false;  ///< a generation has come
  Generation finished_ = 0;
  Generation newest_ = 0;
  bool closed_ = false;
};

}  // namespace fairway::client
