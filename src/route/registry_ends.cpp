#include <utility>

#include "route/registry.hpp"
#include "route/rules.hpp"

namespace fairway::route {

Registry::Wrong Registry::on(ContextId from, const wire::Close& m, Actions& actions) {
  const auto [entry, wrong] = owned_port(from, m.port);
  if (entry != nullptr) close_port(m.port, m.final, m.reason, actions);
  if (entry == nullptr && wrong == nullptr) withdraw({m.port, from}, actions);
  return wrong;
}

Registry::Wrong Registry::on(ContextId from, const wire::End& m, Actions& actions) {
  const auto [entry, wrong] = owned_port(from, m.port);
  if (entry == nullptr && wrong == nullptr) withdraw({m.port, from}, actions);
  if (entry == nullptr) return wrong;
  entry->ended = true;
  drop_claims_of(m.port);
  PortEntry& writer = port(m.port.opposite());
  drop_stream(writer, actions);
  std::vector<PortId> left;
  if (holds(Rule::end_closes)) left.assign(writer.cargo.begin(), writer.cargo.end());
  forget_if_over(m.port.channel(), actions);
  for (const PortId id : left)
    if (find_port(id) != nullptr) close_port(id, 0, CloseReason::dropped, actions);
  return nullptr;
}

/// A port that closes takes with it the ports in the messages that nobody will read now, and those theirs.
void Registry::close_port(PortId id, std::uint64_t final, CloseReason reason, Actions& actions) {
  std::vector<Closing> work{{id, final, reason}};
  while (!work.empty()) {
    const Closing closing = work.back();
    work.pop_back();
    close_one(closing, work, actions);
  }
}

void Registry::close_one(const Closing& closing, std::vector<Closing>& next, Actions& actions) {
  const PortId id = closing.port;
  PortEntry* const found = find_port(id);
  if (found == nullptr || found->life == Life::closed) return;
  PortEntry& entry = *found;
  ChannelEntry& channel = channels_.at(id.channel());
  PortEntry& opposite = port(id.opposite());
  if (entry.life == Life::owned || entry.life == Life::waiting) contexts_.at(entry.owner).ports.erase(id);
  if (entry.life == Life::waiting) forget_waiter(id);
  if (entry.life == Life::invited) forget_invitation(id);
  leave_carrier(id);
  drop_claims_of(id);
  entry.life = Life::closed;
  entry.reason = closing.reason;
  // Whoever has not opened a generation cannot know where the one before ends.
  if ((entry.opened || !holds(Rule::old_end_counts)) && !entry.generations.empty()) entry.generations.back().final = closing.final;
  publish_row(id, actions);
  answer_claims(id, actions);
  if (holds(Rule::reader_closes))
    for (const PortId carried : opposite.cargo) next.push_back({carried, 0, CloseReason::dropped});
  drop_stream(opposite, actions);
  if (opposite.life == Life::owned && !opposite.ended) {
    const End end = stream_end(entry);
    actions.push_back(Send{opposite.owner, wire::PortClosed{id.opposite(), end.final, closing.reason, end.generation, 0}});
  }
  unlink_channel(channel, actions);
  forget_if_over(id.channel(), actions);
}

void Registry::forget_if_over(ChannelId id, Actions& actions) {
  ChannelEntry& channel = channels_.at(id);
  const auto over = [](const PortEntry& entry) { return entry.life == Life::closed || entry.ended; };
  if (!over(channel.port[0]) || !over(channel.port[1])) return;
  for (const int side : {1, 2}) {
    PortEntry& entry = channel.port[side - 1];
    drop_stream(entry, actions);
    actions.push_back(UpdatePort{PortId::of(id, side), {}});
    if (entry.life != Life::owned) continue;
    contexts_.at(entry.owner).ports.erase(PortId::of(id, side));  // it has read its end
    answer_claims(PortId::of(id, side), actions);
  }
  unlink_channel(channel, actions);
  if (channel.box) drop_segment(channel.box, actions);
  channels_.erase(id);
  release_table(id, actions);
}

}  // namespace fairway::route
