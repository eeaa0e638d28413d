#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "base/ids.hpp"
#include "sys/fd.hpp"

namespace fairway::client {

/// A descriptor that is kept to be shown to the next broker; null: it is not.
using KeptMemory = std::shared_ptr<const sys::Fd>;

/// What a context keeps for the next broker: all that the process can spare; with too many ports nothing.
class MemoryKeeper {
 public:
  KeptMemory keep(sys::Fd memory) const;
  /// The context has so many ports in shared memory. True: from here on it keeps nothing, and what it kept has to go.
  [[nodiscard]] bool stops_with(std::size_t ports) noexcept;

 private:
  bool keeps_ = true;
};

/// What a context can show the next broker of one stream, if this one dies: the generations that may not be read yet, and
/// the one with the words of the pairing.
class HeldStream {
 public:
  struct Held {
    Generation index = 0;
    Epoch epoch = 0;       ///< of the port that wrote it
    Epoch peer_epoch = 0;  ///< of the port opposite, as its writer knew it
    std::uint64_t size = 0;
    std::uint64_t final = 0;
    bool linear = false;
    bool first = false;
    KeptMemory memory;
  };

  void add(Held generation) { generations_.push_back(std::move(generation)); }
  void end_newest(std::uint64_t final) noexcept {
    if (!generations_.empty()) generations_.back().final = final;
  }
  /// Those before `index` are read. Of the pairing of these epochs the words are still needed.
  void forget_before(Generation index, Epoch epoch, Epoch peer_epoch);
  const std::vector<Held>& generations() const noexcept { return generations_; }
  /// Gives up every descriptor.
  void let_go() noexcept;
  /// Whether every descriptor is kept.
  bool whole() const noexcept;

 private:
  std::vector<Held> generations_;
};

}  // namespace fairway::client
