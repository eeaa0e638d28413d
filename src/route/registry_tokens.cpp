#include <algorithm>
#include <utility>

#include "base/check.hpp"
#include "route/registry.hpp"
#include "route/rules.hpp"

namespace fairway::route {

bool Registry::full(ContextId context) const { return contexts_.at(context).ports.size() >= limits_.ports_per_context; }

Registry::Wrong Registry::on(ContextId from, const wire::Claim& m, Actions& actions) {
  const auto [reader, wrong] = owned_port(from, m.carrier);
  if (wrong != nullptr) return wrong;
  // What stands in a record is its writer's word: that it names nothing is no fault of the one who read it.
  PortEntry* const entry = find_port(m.port);
  if (reader == nullptr || m.port.channel() == m.carrier.channel()) {
    refuse(m.port, m.epoch, m.carrier, from, actions);
    return nullptr;
  }
  const GenerationEntry* const generation = find_generation(port(m.carrier.opposite()), m.generation);
  if (entry == nullptr) {
    // The Create is on its way too, on the connection of whoever wrote the record.
    const ContextId creator = creator_of_unborn(m.port.channel());
    const bool unborn = creator && generation != nullptr && m.epoch == 1 && creator == generation->writer;
    if (!unborn || !holds(Rule::claims_wait)) {
      refuse(m.port, m.epoch, m.carrier, from, actions);
      return nullptr;
    }
    if (!reader->awaits.insert(m.port).second) return "claimed a token twice";
    unborn_[m.port].push_back({m.carrier, m.epoch});
    return nullptr;
  }
  const bool on_that_stream = entry->carrier == m.carrier.opposite() || !enforced(Check::carrier);
  if (entry->life == Life::transit && on_that_stream && entry->token == m.epoch) {
    grant(m.port, m.carrier, actions);
    return nullptr;
  }
  const bool to_come = entry->life == Life::owned && entry->epoch + 1 == m.epoch && generation != nullptr &&
                       (generation->writer == entry->owner || !enforced(Check::claim_waits_for_writer));
  if (!to_come || !holds(Rule::claims_wait)) {
    refuse(m.port, m.epoch, m.carrier, from, actions);
    return nullptr;
  }
  if (!reader->awaits.insert(m.port).second) return "claimed a token twice";
  entry->claimants.push_back({m.carrier, m.epoch});
  return nullptr;
}

Registry::Wrong Registry::on(ContextId from, const wire::Unclaim& m, Actions& actions) {
  const auto [reader, wrong] = owned_port(from, m.carrier);
  if (wrong != nullptr) return wrong;
  PortEntry* const entry = find_port(m.port);
  if (entry == nullptr) {
    if (reader != nullptr && reader->awaits.erase(m.port) != 0) forget_unborn(m.port, m.carrier);
    return nullptr;
  }
  if (reader != nullptr && entry->epoch + 1 == m.epoch && reader->awaits.erase(m.port) != 0) {
    std::erase_if(entry->claimants, [&m](const Claimant& claimant) { return claimant.port == m.carrier; });
    return nullptr;
  }
  const bool granted = entry->life == Life::owned && entry->owner == from && entry->carrier &&
                       entry->carrier == m.carrier.opposite() && entry->token == m.epoch;
  if (!granted || !holds(Rule::unclaim_returns)) return nullptr;  // refused, and the two crossed
  if (entry->opened || entry->ended) return "returned a port that it uses";
  depart(m.port, 0, entry->read, actions);
  const PortEntry* const far = find_port(m.carrier);
  if (reader == nullptr || far == nullptr || far->ended) {
    close_port(m.port, 0, CloseReason::dropped, actions);
    return nullptr;
  }
  send_on(m.port, m.carrier.opposite(), m.epoch, from);
  tell_moved(m.port, actions);
  close_if_circular(m.port, actions);
  return nullptr;
}

void Registry::grant(PortId id, PortId claimant, Actions& actions) {
  const ContextId to = port(claimant).owner;
  const bool can_take = !channels_.at(id.channel()).box || (contexts_.at(to).agreement.features & wire::feature::boxes) != 0;
  if (!full(to) && can_take) return arrive(id, to, wire::Granted::Origin::token, actions);
  refuse(id, port(id).token, claimant, to, actions);
  close_port(id, 0, CloseReason::broker_refused, actions);
}

void Registry::refuse(PortId id, Epoch token, PortId claimant, ContextId to, Actions& actions) {
  actions.push_back(Send{to, wire::Refused{id, claimant, token, 0}});
}

/// The port has left its owner: who waited for it on another stream, or for another move, was lied to.
void Registry::answer_claims(PortId id, Actions& actions) {
  PortEntry& entry = port(id);
  PortId reader;
  for (const auto& [claimant, token] : std::exchange(entry.claimants, {})) {
    PortEntry& waiting = port(claimant);
    waiting.awaits.erase(id);
    const bool on_that_stream = entry.carrier == claimant.opposite() || !enforced(Check::carrier);
    if (entry.life == Life::transit && on_that_stream && entry.token == token) {
      reader = claimant;
    } else if (holds(Rule::claims_end)) {
      refuse(id, token, claimant, waiting.owner, actions);
    }
  }
  if (reader) grant(id, reader, actions);
}

void Registry::drop_claims_of(PortId claimant) {
  for (const PortId awaited : std::exchange(port(claimant).awaits, {})) {
    if (PortEntry* const entry = find_port(awaited)) {
      std::erase_if(entry->claimants, [claimant](const Claimant& waiting) { return waiting.port == claimant; });
    } else {
      forget_unborn(awaited, claimant);
    }
  }
}

ContextId Registry::creator_of_unborn(ChannelId id) const {
  const auto after = tables_.upper_bound(id);
  if (after == tables_.begin()) return {};
  const auto& [first, table] = *std::prev(after);
  const std::uint64_t row = id.value - first.value;
  return row < shm::channels_per_table && !table.used.test(row) ? table.creator : ContextId{};
}

void Registry::forget_unborn(PortId id, PortId claimant) {
  const auto found = unborn_.find(id);
  if (found == unborn_.end()) return;
  std::erase_if(found->second, [claimant](const Claimant& waiting) { return waiting.port == claimant; });
  if (found->second.empty()) unborn_.erase(found);
}

/// Their creator is gone: they will never be.
void Registry::refuse_unborn(ContextId creator, Actions& actions) {
  for (auto entry = unborn_.begin(); entry != unborn_.end();) {
    if (creator_of_unborn(entry->first.channel()) != creator) {
      ++entry;
      continue;
    }
    for (const auto& [claimant, token] : entry->second) {
      PortEntry& waiting = port(claimant);
      waiting.awaits.erase(entry->first);
      refuse(entry->first, token, claimant, waiting.owner, actions);
    }
    entry = unborn_.erase(entry);
  }
}

}  // namespace fairway::route
