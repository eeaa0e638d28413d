#include "route/registry.hpp"
#include "route/rules.hpp"

/// A port in transit can be claimed by whoever reads its carrier. If that reader is in transit itself, its own reader
/// comes first, and so on; each has one carrier, so the way either ends at a port that is not in transit, or comes back to
/// where it began: then nobody will ever claim any of them.
namespace fairway::route {

namespace {

/// What one message may cost the broker.
constexpr std::size_t followed = 256;

}  // namespace

void Registry::close_if_circular(PortId id, Actions& actions) {
  if (!holds(Rule::rings_close)) return;
  PortId at = id;
  for (std::size_t step = 0; step < followed; ++step) {
    const PortEntry* const entry = find_port(at);
    if (entry == nullptr || entry->life != Life::transit) return;
    at = entry->carrier.opposite();
    if (at == id) return close_port(id, 0, CloseReason::dropped, actions);
  }
  if (++unchecked_ > in_transit_ / followed) sweep(actions);
}

/// Marks from the ports that somebody has; the rest in transit closes.
void Registry::sweep(Actions& actions) {
  unchecked_ = 0;
  std::vector<PortId> marked;
  std::set<PortId> lost;
  for (const auto& [id, channel] : channels_) {
    for (const int side : {1, 2}) {
      const Life life = channel.port[side - 1].life;
      if (life == Life::transit) lost.insert(PortId::of(id, side));
      if (life == Life::owned || life == Life::waiting || life == Life::invited) marked.push_back(PortId::of(id, side));
    }
  }
  while (!marked.empty()) {
    const PortId reader = marked.back();
    marked.pop_back();
    for (const PortId carried : port(reader.opposite()).cargo)
      if (lost.erase(carried) != 0) marked.push_back(carried);
  }
  for (const PortId id : lost)
    if (find_port(id) != nullptr) close_port(id, 0, CloseReason::dropped, actions);
}

}  // namespace fairway::route
