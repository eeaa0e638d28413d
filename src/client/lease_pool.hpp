#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>

#include "base/ids.hpp"
#include "client/broker_link.hpp"
#include "client/held_stream.hpp"
#include "sys/memory.hpp"

namespace fairway::client {

/// Segments that the broker has given to this context and that nothing uses yet: mapped, their pages allocated.
/// A few small ones are kept ahead, so that a first post waits for nothing.
class LeasePool {
 public:
  struct Lease {
    SegmentId segment;
    sys::Mapping memory;
    KeptMemory kept;
  };

  LeasePool(BrokerLink& broker, const MemoryKeeper& keeper) : broker_(broker), keeper_(keeper) {}

  /// Asks for small leases up to the number that is kept ahead.
  void stock_up();
  /// A segment of exactly that size; none: it has been asked for, `add` will see it. Somebody waits for what is done with
  /// it: `stock_up` comes after that.
  std::optional<Lease> take(std::uint64_t size);
  /// Sees to it that one of that size comes, if there is to be one.
  void ask(std::uint64_t size);
  /// Puts one back that was not used after all.
  void put_back(Lease lease);
  /// A lease arrived. False: it could not be used and was returned.
  bool add(const wire::Lease& message, sys::Fd memory);
  void refused(const wire::LeaseRefused& message);
  /// The broker that gave them, and was asked for more, is gone.
  void forget() {
    leases_.clear();
    requested_.clear();
    refused_.clear();
  }

  /// Nothing is kept for the next broker.
  void let_go_of_descriptors() noexcept {
    for (auto& [size, lease] : leases_) lease.kept = nullptr;
  }

  /// Asks again for what was refused: the cause may have passed.
  void retry_refused();
  bool has(std::uint64_t size) const { return leases_.contains(size); }
  std::uint64_t refusals() const noexcept { return refusals_; }
  bool has_refused() const noexcept { return !refused_.empty(); }

 private:
  void request(std::uint64_t size);

  BrokerLink& broker_;
  const MemoryKeeper& keeper_;
  std::multimap<std::uint64_t, Lease> leases_;       ///< by size
  std::map<std::uint64_t, std::size_t> requested_;   ///< how many of each size are under way
  std::map<std::uint64_t, std::size_t> refused_;
  std::uint64_t refusals_ = 0;
  std::size_t keep_ = 4;
};

}  // namespace fairway::client
