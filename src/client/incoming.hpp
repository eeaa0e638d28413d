#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <optional>

#include "base/ids.hpp"
#include "shm/byte_ring.hpp"
#include "shm/layout.hpp"
#include "sys/memory.hpp"

namespace fairway::client {

/// The stream that a port reads: the generations that the other side has written, in order. Everything in them
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

  /// The next generation; `previous_final` is where the one before it ends.
  void install(Generation index, sys::Mapping memory, shm::Shape shape, std::uint64_t previous_final);
  /// No more generations come; the newest ends at `final`, or where its writer stopped.
  void close(std::uint64_t final) noexcept;

  Look look(shm::Record& record) noexcept;
  void pop(const shm::Record& record) noexcept { generations_.front().reader.pop(record); }
  /// A cheap hint that `look` would find something.
  bool readable() const noexcept {
    if (generations_.empty()) return closed_;
    return generations_.front().reader.readable() || generations_.size() > 1 || closed_;
  }
  bool closed() const noexcept { return closed_; }
  Generation finished() const noexcept { return finished_; }
  shm::Position position() const noexcept;
  /// Whether the other side writes a generation that is not installed here. Only right when all installs have come.
  bool misses_generation() const noexcept {
    return control_ != nullptr && control_->statistics.generation.load(std::memory_order_relaxed) != newest_;
  }

  /// The other side's words of the pairing, null until its first generation.
  const shm::ControlBlock* control() const noexcept { return control_; }

 private:
  struct Part {
    Generation index;
    sys::Mapping memory;
    shm::RingReader reader;
    std::uint64_t final = std::numeric_limits<std::uint64_t>::max();
  };

  sys::Mapping first_;  ///< holds the control block when its generation is done
  const shm::ControlBlock* control_ = nullptr;
  std::deque<Part> generations_;
  Generation finished_ = 0;
  Generation newest_ = 0;
  bool closed_ = false;
};

}  // namespace fairway::client
