#pragma once

#include <cstdint>
#include <filesystem>
#include <map>

#include "inspector/segments.hpp"
#include "inspector/snapshot.hpp"

namespace fairway::inspector {

/// What the owners of ports count, as their halves say. Keeps what it has mapped for as long as it has a name and
/// is what counts: looking again costs nearly nothing, and goes on when the broker has died.
class Halves {
 public:
  explicit Halves(std::filesystem::path folder) : folder_(std::move(folder)) {}

  /// Looks which segments there are, and lets go of the others.
  void refresh();
  /// The names belong to another broker now.
  void forget() noexcept {
    known_.clear();
    kept_ = 0;
  }
  /// The counters of both ports, and the time. The rows have been copied before.
  void copy(ChannelSnapshot& channel);
  std::vector<SegmentSnapshot> segments(const ChannelSnapshot& channel) const;

 private:
  /// Most mappings that are kept: the kernel has a limit (vm.max_map_count).
  static constexpr std::size_t most_kept = 30'000;

  struct Half {
    sys::Mapping memory = {};
    bool present = true;  ///< its owner is the port's present one
    Generation generation = 0;
    std::uint32_t generations = 0;  ///< of the port when it was mapped, with the epoch
    Epoch epoch = 0;
  };
  struct Known {
    Generations names = {};
    std::map<Generation, std::uint64_t> sizes = {};
    Half half = {};
  };

  /// The half whose counters count, kept or in `here`; null: none can be read, and `half` says why.
  const Half* find(PortId port, const shm::PortInfo& info, HalfSnapshot& half, Half& here);
  Half open(PortId port, const shm::PortInfo& info, Known& known, HalfSnapshot& half) const;
  std::uint64_t memory_of(PortId port, Known& known) const;

  std::filesystem::path folder_;
  std::map<PortId, Known> known_;
  std::size_t kept_ = 0;
};

}  // namespace fairway::inspector
