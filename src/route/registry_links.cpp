#include <algorithm>
#include <utility>

#include "route/registry.hpp"

namespace fairway::route {

// Channel numbers and their tables --------------------------------------------------------------------------

void Registry::give_ids(ContextId to, Actions& actions) {
  ContextEntry& context = contexts_.at(to);
  const ChannelId first{next_channel_};
  next_channel_ += shm::channels_per_table;
  context.ids_unused += shm::channels_per_table;
  tables_[first] = {to, 0, {}};
  actions.push_back(MakeTable{first});
  actions.push_back(Send{to, wire::Ids{first, shm::channels_per_table}, ChannelsAttachment{first}});
}

void Registry::release_table(ChannelId channel, Actions& actions) {
  const auto table = std::prev(tables_.upper_bound(channel));
  if (--table->second.channels == 0 && (!table->second.creator || table->second.used.all())) {
    actions.push_back(DropTable{table->first});
    tables_.erase(table);
  }
}

// Links -----------------------------------------------------------------------------------------------------

LinkId Registry::link_between(ContextId a, ContextId b, Actions& actions) {
  const auto pair = std::minmax(a, b);
  if (const auto found = link_by_pair_.find(pair); found != link_by_pair_.end()) return found->second;
  const LinkId id{next_link_++};
  link_by_pair_[pair] = id;
  links_[id] = {{pair.first, pair.second}, {}, 0};
  actions.push_back(MakeLink{id, pair.first, pair.second});
  for (const auto& [to, peer] : {std::pair(a, b), std::pair(b, a)}) {
    const ContextEntry& other = contexts_.at(peer);
    ContextEntry& context = contexts_.at(to);
    context.links.insert(id);
    const std::uint64_t features = context.agreement.features & other.agreement.features;
    actions.push_back(Send{to, wire::Link{id, other.identity, other.peer.pid, wire::Name::of(other.name), features, other.agreement.layout, 0},
                           LinkAttachment{id}});
  }
  return id;
}

Registry::Wrong Registry::on(ContextId from, const wire::LinkBind& m, Actions& actions) {
  const auto [segment, wrong] = own_segment(from, m.segment, SegmentState::mapped);
  if (segment == nullptr) return wrong;
  const auto found = links_.find(m.link);
  if (found == links_.end()) {  // dropped while this message was on its way
    if (m.link.value == 0 || m.link.value >= next_link_) return "bound a link that never was";
    drop_segment(m.segment, actions);
    return nullptr;
  }
  LinkEntry& link = found->second;
  if (link.side[0] != from && link.side[1] != from) return "bound a link between others";
  const int side = link.side[0] == from ? 0 : 1;
  if (link.half[side]) return "bound its half of a link twice";
  segment->state = SegmentState::bound;
  link.half[side] = m.segment;
  actions.push_back(Publish{m.segment, "link-" + std::to_string(m.link.value) + "." + std::to_string(side + 1)});
  actions.push_back(
      Send{link.side[1 - side], wire::LinkInstall{m.link}, SegmentAttachment{m.segment, SegmentAttachment::Access::readable}});
  return nullptr;
}

Registry::Wrong Registry::on(ContextId from, const wire::RefetchLink& m, Actions& actions) {
  const auto found = links_.find(m.link);
  if (found == links_.end()) return nullptr;
  const LinkEntry& link = found->second;
  if (link.side[0] != from && link.side[1] != from) return "asked for a link between others";
  const SegmentId half = link.half[link.side[0] == from ? 1 : 0];
  if (half) actions.push_back(Send{from, wire::LinkInstall{m.link}, SegmentAttachment{half, SegmentAttachment::Access::readable}});
  return nullptr;
}

void Registry::drop_link(LinkId id, Actions& actions) {
  const LinkEntry link = links_.at(id);
  links_.erase(id);
  if (const auto by_pair = link_by_pair_.find({link.side[0], link.side[1]}); by_pair != link_by_pair_.end() && by_pair->second == id)
    link_by_pair_.erase(by_pair);
  for (const SegmentId half : link.half)
    if (half) drop_segment(half, actions);
  for (const int i : {0, 1}) {
    contexts_.at(link.side[i]).links.erase(id);
    actions.push_back(Send{link.side[i], wire::LinkDrop{id, contexts_.at(link.side[1 - i]).leaving ? 1u : 0u}});
  }
  actions.push_back(DropLink{id});
}

void Registry::drop_unused_link(LinkId id, Actions& actions) {
  const auto link = links_.find(id);
  if (link != links_.end() && link->second.channels == 0 && !awaited(id)) drop_link(id, actions);
}

bool Registry::awaited(LinkId id) const {
  const auto& sides = links_.at(id).side;
  return std::ranges::any_of(reasserting_, [&](const auto& entry) {
    return entry.second.said.link == id && std::ranges::find(sides, entry.first.second) != std::end(sides);
  });
}

void Registry::link_failed(LinkId id, Actions& actions) {
  std::vector<ChannelId> lost;
  for (const auto& [channel, entry] : channels_)
    if (entry.link == id) lost.push_back(channel);
  for (const ChannelId channel : lost) {
    const PortId first = PortId::of(channel, 1);
    const PortEntry* const entry = find_port(first);
    if (entry == nullptr) continue;
    const ContextId owner = entry->owner;
    close_port(first, wire::unknown_final, CloseReason::broker_refused, actions);
    actions.push_back(Send{owner, wire::PortClosed{first, 0, CloseReason::broker_refused, 0, 0}});
  }
}

}  // namespace fairway::route
