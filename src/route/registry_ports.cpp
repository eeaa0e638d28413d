#include <utility>

#include "base/check.hpp"
#include "base/hook.hpp"
#include "route/registry.hpp"

namespace fairway::route {

Registry::PortEntry* Registry::find_port(PortId id) {
  const auto channel = channels_.find(id.channel());
  return channel == channels_.end() ? nullptr : &channel->second.port[id.side() - 1];
}

Registry::Named<Registry::PortEntry> Registry::owned_port(ContextId from, PortId id) {
  PortEntry* const entry = find_port(id);
  if (entry == nullptr) return {nullptr, was_channel(id.channel()) ? nullptr : "a port that does not exist"};
  if (entry->life == Life::closed && entry->owner == from) return {nullptr, nullptr};
  if (entry->owner != from && enforced(Check::owner)) return {nullptr, "a port that is not its own"};
  if (entry->life == Life::waiting) return {nullptr, "a port that waits for a name"};
  return {entry, nullptr};
}

bool Registry::was_channel(ChannelId id) const {
  if (id.value == 0 || id.value >= next_channel_) return false;
  const auto after = tables_.upper_bound(id);
  if (after == tables_.begin()) return true;
  const auto table = std::prev(after);
  const std::uint64_t row = id.value - table->first.value;
  return row >= shm::channels_per_table || table->second.used.test(row);  // a table that is gone was used up
}

Registry::Named<Registry::PortEntry> Registry::movable_port(ContextId from, PortId id) {
  const auto [entry, wrong] = owned_port(from, id);
  if (wrong != nullptr) return {nullptr, wrong};
  if (entry != nullptr && channels_.at(id.channel()).box) return {nullptr, "moved a box by name"};
  if (entry == nullptr || ((entry->ended || entry->opened) && enforced(Check::unused)))
    return {nullptr, "moved a port by name that was closed or used"};
  return {entry, nullptr};
}

void Registry::publish_row(PortId id, Actions& actions) {
  const PortEntry& entry = port(id);
  shm::PortInfo info{shm::PortState::transit, entry.epoch, entry.owner, entry.next_generation};
  if (entry.life == Life::owned) info.state = shm::PortState::owned;
  if (entry.life == Life::closed) {
    const bool never_there = id.side() == 1 && channels_.at(id.channel()).box;
    info.state = never_there ? shm::PortState::memory : shm::PortState::closed;
  }
  actions.push_back(UpdatePort{id, info});
}

Registry::Named<Registry::ChannelEntry> Registry::begin_channel(ContextId from, ChannelId id, Actions& actions) {
  const auto after = tables_.upper_bound(id);
  if (after == tables_.begin()) return {nullptr, "a channel number that it was not given"};
  const auto table = std::prev(after);
  if (table->second.creator != from || id.value >= table->first.value + shm::channels_per_table)
    return {nullptr, "a channel number that it was not given"};
  if (table->second.used.test(id.value - table->first.value)) return {nullptr, "a channel number twice"};
  table->second.used.set(id.value - table->first.value);
  ++table->second.channels;
  ChannelEntry& channel = channels_[id];
  for (const int side : {1, 2})
    if (const auto claimants = unborn_.extract(PortId::of(id, side))) channel.port[side - 1].claimants = claimants.mapped();
  if (--contexts_.at(from).ids_unused == shm::channels_per_table / 2) give_ids(from, actions);
  return {&channel, nullptr};
}

Registry::Wrong Registry::on(ContextId from, const wire::Create& m, Actions& actions) {
  ContextEntry& context = contexts_.at(from);
  // Sharing one is refused at the limit itself; that answer may be on its way for a few.
  if (context.ports.size() > limits_.ports_per_context + 64) return "more channels than its limit";
  const auto [channel, wrong] = begin_channel(from, m.channel, actions);
  if (channel == nullptr) return wrong;
  for (const int side : {1, 2}) {
    channel->port[side - 1].owner = from;
    context.ports.insert(PortId::of(m.channel, side));
    publish_row(PortId::of(m.channel, side), actions);
  }
  return nullptr;
}

// To a name -------------------------------------------------------------------------------------------------

Registry::Wrong Registry::on(ContextId from, const wire::Connect& m, Actions& actions) {
  const auto [entry, wrong] = movable_port(from, m.port);
  if (entry == nullptr) return wrong;
  if (requests_.contains({from, m.request})) return "asked twice under one number";
  depart(m.port, 0, entry->read, actions);
  answer_claims(m.port, actions);
  const std::string name(m.name.view());
  if (const auto found = names_.find(name); found != names_.end()) {
    connect(from, found->second, m, actions);
  } else if (m.patient != 0) {
    entry->life = Life::waiting;
    entry->owner = from;
    contexts_.at(from).ports.insert(m.port);
    wait(from, m);
    publish_row(m.port, actions);
  } else {
    answer(from, m, Errc::unknown_name, "no context has the name '" + name + "'", actions);
  }
  return nullptr;
}

void Registry::connect(ContextId from, ContextId to, const wire::Connect& m, Actions& actions) {
  if (from == to) return answer(from, m, Errc::denied, "a context cannot connect to itself through the broker", actions);
  if (full(to) || contexts_.at(from).ports.size() > limits_.ports_per_context)
    return answer(from, m, Errc::quota, "the broker's limit ports_per_context is reached", actions);
  arrive(m.port, to, wire::Granted::Origin::connect, actions);
  FAIRWAY_HOOK(broker_connected);
  actions.push_back(Send{from, wire::Reply{m.request, 0, {}}});
}

void Registry::answer(ContextId to, const wire::Connect& m, Errc code, std::string_view detail, Actions& actions) {
  actions.push_back(Send{to, wire::Reply{m.request, static_cast<std::uint64_t>(code), wire::Detail::of(detail)}});
  close_port(m.port, 0, CloseReason::dropped, actions);
}

Registry::Wrong Registry::on(ContextId from, const wire::CancelConnect& m, Actions& actions) {
  const auto found = requests_.find({from, m.request});
  if (found != requests_.end())  // else answered in the meantime
    close_port(found->second, 0, CloseReason::dropped, actions);
  return nullptr;
}

void Registry::wait(ContextId from, const wire::Connect& m) {
  waiters_[m.port] = waiting_.emplace(m.name.view(), std::pair(from, m));
  requests_[{from, m.request}] = m.port;
}

void Registry::forget_waiter(PortId id) {
  const auto waiter = waiters_.extract(id);
  const auto& [from, message] = waiter.mapped()->second;
  requests_.erase({from, message.request});
  waiting_.erase(waiter.mapped());
}

// To a child ------------------------------------------------------------------------------------------------

Registry::Wrong Registry::on(ContextId from, const wire::Invite& m, Actions& actions) {
  const auto [entry, wrong] = movable_port(from, m.port);
  if (entry == nullptr) return wrong;
  if (m.secret == wire::Secret{} || invitations_.contains(m.secret)) return "an invitation twice";
  depart(m.port, 0, entry->read, actions);
  answer_claims(m.port, actions);
  entry->life = Life::invited;
  invitations_[m.secret] = {m.port, from};
  invited_[m.port] = m.secret;
  return nullptr;
}

Registry::Wrong Registry::on(ContextId, const wire::Revoke& m, Actions& actions) {
  const auto found = invitations_.find(m.secret);
  if (found != invitations_.end())  // else accepted in the meantime
    close_port(found->second.port, wire::unknown_final, CloseReason::peer_lost, actions);
  return nullptr;
}

void Registry::forget_invitation(PortId id) { invitations_.erase(invited_.extract(id).mapped()); }

}  // namespace fairway::route
