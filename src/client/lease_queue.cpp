#include "client/lease_queue.hpp"

namespace fairway::client {

void LeaseQueue::wait(Endpoint& endpoint, std::uint64_t size, Turn turn) {
  if (const auto found = places_.find(&endpoint); found != places_.end()) {
    if (found->second.size == size && found->second.turn <= turn) return;
    forget(endpoint);
  }
  const Place place{size, turn, ++numbers_};
  order_.emplace(place, &endpoint);
  try {
    places_.emplace(&endpoint, place);
  } catch (...) {
    order_.erase(place);
    throw;
  }
}

void LeaseQueue::forget(Endpoint& endpoint) noexcept {
  const auto found = places_.find(&endpoint);
  if (found == places_.end()) return;
  order_.erase(found->second);
  places_.erase(found);
}

Endpoint* LeaseQueue::take(std::uint64_t size) noexcept {
  const auto first = order_.lower_bound({size, Turn::at_once, 0});
  if (first == order_.end() || first->first.size != size) return nullptr;
  Endpoint* const endpoint = first->second;
  forget(*endpoint);
  return endpoint;
}

std::uint64_t LeaseQueue::size_after(std::uint64_t size) const noexcept {
  const auto next = order_.lower_bound({size + 1, Turn::at_once, 0});
  return next == order_.end() ? 0 : next->first.size;
}

}  // namespace fairway::client
