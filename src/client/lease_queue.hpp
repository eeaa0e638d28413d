#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <unordered_map>

namespace fairway::client {

class Endpoint;

/// Endpoints that wait for a lease, by its size: first come, first served. Before those that wait for a turn of the loop come
/// those whose caller stands waiting.
class LeaseQueue {
 public:
  enum class Turn : bool { at_once, of_the_loop };

  /// It waits for that size from now on, and for no other. Who waits for it already keeps its place, or gets a better one.
  void wait(Endpoint& endpoint, std::uint64_t size, Turn turn);
  void forget(Endpoint& endpoint) noexcept;
  /// Whose turn it is, which waits no longer; null: nobody waits for that size.
  Endpoint* take(std::uint64_t size) noexcept;

  bool waits(const Endpoint& endpoint) const noexcept { return places_.contains(&endpoint); }
  /// Whether anybody waits for that size.
  bool has(std::uint64_t size) const noexcept { return size_after(size - 1) == size; }
  std::size_t size() const noexcept { return places_.size(); }
  /// The next larger size that somebody waits for; 0: none.
  std::uint64_t size_after(std::uint64_t size) const noexcept;

 private:
  struct Place {
    std::uint64_t size;
    Turn turn;
    std::uint64_t number;
    friend auto operator<=>(const Place&, const Place&) = default;
  };

  std::map<Place, Endpoint*> order_;
  std::unordered_map<const Endpoint*, Place> places_;
  std::uint64_t numbers_ = 0;
};

}  // namespace fairway::client
