#include "route/registry.hpp"

#include <utility>

#include "base/assert.hpp"
#include "shm/layout.hpp"

namespace fairway::route {

namespace {

wire::Refusal refuse(Errc code, std::string_view detail) {
  return {static_cast<std::uint64_t>(code), wire::Detail::of(detail)};
}

}  // namespace

ContextId Registry::join(const wire::Hello& hello, const Peer& peer, std::uint32_t row, Actions& actions,
                         wire::Refusal& refusal) {
  if (hello.protocol != wire::protocol_version || hello.layout != shm::layout_version) {
    refusal = refuse(Errc::version, "this broker speaks protocol " + std::to_string(wire::protocol_version) + ", layout " +
                                        std::to_string(shm::layout_version) + "; the context protocol " +
                                        std::to_string(hello.protocol) + ", layout " + std::to_string(hello.layout));
    return {};
  }
  const std::string name(hello.name.view());
  if (!name.empty() && names_.contains(name)) {
    refusal = refuse(Errc::name_taken, "the name '" + name + "' is taken by pid " +
                                           std::to_string(contexts_.at(names_.at(name)).peer.pid));
    return {};
  }
  PortId invited;
  if (hello.invitation != wire::Secret{}) {
    const auto found = invitations_.find(hello.invitation);
    if (found == invitations_.end()) {
      refusal = refuse(Errc::denied, "the invitation of the parent is used up, or the parent is gone");
      return {};
    }
    invited = found->second.port;
    invitations_.erase(found);
  }

  const ContextId id{next_context_++};
  ContextEntry& context = contexts_[id];
  context.peer = peer;
  context.name = name;
  if (!name.empty()) names_[name] = id;
  actions.push_back(Send{id, wire::Welcome{0, id, row}, ContextsAttachment{}});
  give_ids(id, actions);
  if (invited) give_port(invited, id, wire::Granted::Origin::parent, actions);
  const auto [first, last] = waiting_.equal_range(name);
  std::vector<std::pair<ContextId, wire::Connect>> waiting;
  for (auto entry = first; entry != last; ++entry) waiting.push_back(entry->second);
  waiting_.erase(first, last);
  for (const auto& [from, message] : waiting) {
    port(message.port).life = Life::owned;
    connect(from, id, message, actions);
  }
  return id;
}

void Registry::handle(ContextId from, const wire::ClientMessage& message, Actions& actions) {
  FAIRWAY_ASSERT(contexts_.contains(from));
  try {
    std::visit([&](const auto& body) { on(from, body, actions); }, message);
  } catch (const Violation& violation) {
    actions.push_back(Disconnect{from, violation.why});
  }
}

void Registry::leave(ContextId id, Actions& actions) {
  const auto found = contexts_.find(id);
  if (found == contexts_.end()) return;
  // The name is free before anybody learns of the death.
  if (!found->second.name.empty()) names_.erase(found->second.name);
  std::vector<PortId> uninvited;  // nobody is left to revoke them
  for (const auto& [secret, invitation] : invitations_)
    if (invitation.from == id) uninvited.push_back(invitation.port);
  for (const PortId invited : uninvited) close_port(invited, wire::unknown_final, CloseReason::peer_lost, actions);
  std::erase_if(waiting_, [id](const auto& entry) { return entry.second.first == id; });
  while (!found->second.ports.empty())
    close_port(*found->second.ports.begin(), wire::unknown_final, CloseReason::peer_lost, actions);
  while (!found->second.links.empty()) drop_link(*found->second.links.begin(), actions);
  // What its ports had written is still being read; everything else goes.
  const std::set<SegmentId> segments = found->second.segments;
  for (const SegmentId segment : segments) {
    SegmentEntry& entry = segments_.at(segment);
    if (entry.state == SegmentState::bound) {
      entry.owner = {};
    } else {
      drop_segment(segment, actions);
    }
  }
  for (auto table = tables_.begin(); table != tables_.end();) {
    const auto next = std::next(table);
    if (table->second.creator == id) {
      table->second.creator = {};
      if (table->second.channels == 0) {
        actions.push_back(DropTable{table->first});
        tables_.erase(table);
      }
    }
    table = next;
  }
  contexts_.erase(id);
}

void Registry::on(ContextId, const wire::Hello&, Actions&) { throw Violation{"a second Hello"}; }

void Registry::on(ContextId, const wire::Credit&, Actions&) {}  // the server's business

// Segments --------------------------------------------------------------------------------------------------

void Registry::on(ContextId from, const wire::LeaseRequest& m, Actions& actions) {
  if (m.size < shm::small_segment || m.size % shm::page != 0 || m.size >= std::uint64_t{1} << shm::Position::offset_bits)
    throw Violation{"a lease of an impossible size"};
  const ContextEntry& context = contexts_.at(from);
  const std::uint64_t user = memory_by_user_[context.peer.uid];
  const char* exceeded = nullptr;
  if (context.memory + m.size > limits_.memory_per_context) exceeded = "memory_per_context";
  if (user + m.size > limits_.memory_per_user) exceeded = "memory_per_user";
  if (exceeded != nullptr) {
    actions.push_back(
        Send{from, wire::LeaseRefused{m.size, wire::Detail::of(std::string("the broker's limit ") + exceeded + " is reached")}});
    return;
  }
  const SegmentId id{next_segment_++};
  segments_[id] = {from, context.peer.uid, m.size, SegmentState::allocating};
  contexts_.at(from).segments.insert(id);
  memory_by_user_[context.peer.uid] += m.size;
  charge(from, static_cast<std::int64_t>(m.size), actions);
  actions.push_back(Allocate{id, m.size});
}

void Registry::allocated(SegmentId id, Actions& actions) {
  SegmentEntry& segment = segments_.at(id);
  segment.state = SegmentState::leased;
  actions.push_back(Send{segment.owner, wire::Lease{id, segment.size},
                         SegmentAttachment{id, SegmentAttachment::Access::writable}});
}

void Registry::allocation_failed(SegmentId id, std::string_view why, Actions& actions) {
  const SegmentEntry segment = segments_.at(id);
  drop_segment(id, actions);
  actions.push_back(Send{segment.owner, wire::LeaseRefused{segment.size, wire::Detail::of(why)}});
}

void Registry::sealing_failed(SegmentId id, Actions& actions) {
  actions.push_back(Disconnect{segments_.at(id).owner, "a lease came back with holes or of another size"});
}

Registry::SegmentEntry& Registry::own_segment(ContextId from, SegmentId id, SegmentState state) {
  const auto found = segments_.find(id);
  if (found == segments_.end() || found->second.owner != from) throw Violation{"a segment that is not its own"};
  if (found->second.state != state) throw Violation{"a segment in the wrong state"};
  return found->second;
}

void Registry::on(ContextId from, const wire::LeaseMapped& m, Actions& actions) {
  own_segment(from, m.segment, SegmentState::leased).state = SegmentState::mapped;
  actions.push_back(Seal{m.segment});
}

void Registry::on(ContextId from, const wire::LeaseReturned& m, Actions& actions) {
  const auto found = segments_.find(m.segment);
  if (found == segments_.end() || found->second.owner != from) throw Violation{"returned a segment that is not its own"};
  if (found->second.state != SegmentState::leased && found->second.state != SegmentState::mapped)
    throw Violation{"returned a segment that is no lease"};
  drop_segment(m.segment, actions);
}

void Registry::drop_segment(SegmentId id, Actions& actions) {
  const auto found = segments_.find(id);
  const SegmentEntry segment = found->second;
  segments_.erase(found);
  if (const auto owner = contexts_.find(segment.owner); owner != contexts_.end()) {
    owner->second.segments.erase(id);
    charge(segment.owner, -static_cast<std::int64_t>(segment.size), actions);
  }
  memory_by_user_[segment.uid] -= segment.size;
  actions.push_back(Drop{id});
}

void Registry::charge(ContextId id, std::int64_t bytes, Actions& actions) {
  ContextEntry& context = contexts_.at(id);
  context.memory += static_cast<std::uint64_t>(bytes);
  actions.push_back(UpdateMemory{id, context.memory});
}

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
    ContextEntry& other = contexts_.at(peer);
    contexts_.at(to).links.insert(id);
    actions.push_back(Send{to, wire::Link{id, peer, other.peer.pid, wire::Name::of(other.name)}, LinkAttachment{id}});
  }
  return id;
}

void Registry::on(ContextId from, const wire::LinkBind& m, Actions& actions) {
  SegmentEntry& segment = own_segment(from, m.segment, SegmentState::mapped);
  const auto found = links_.find(m.link);
  if (found == links_.end()) {  // dropped while this message was on its way
    if (m.link.value == 0 || m.link.value >= next_link_) throw Violation{"bound a link that never was"};
    drop_segment(m.segment, actions);
    return;
  }
  LinkEntry& link = found->second;
  if (link.side[0] != from && link.side[1] != from) throw Violation{"bound a link between others"};
  const int side = link.side[0] == from ? 0 : 1;
  if (link.half[side]) throw Violation{"bound its half of a link twice"};
  segment.state = SegmentState::bound;
  link.half[side] = m.segment;
  actions.push_back(Publish{m.segment, "link-" + std::to_string(m.link.value) + "." + std::to_string(side + 1)});
  actions.push_back(
      Send{link.side[1 - side], wire::LinkInstall{m.link}, SegmentAttachment{m.segment, SegmentAttachment::Access::readable}});
}

void Registry::on(ContextId from, const wire::RefetchLink& m, Actions& actions) {
  const auto found = links_.find(m.link);
  if (found == links_.end()) return;
  const LinkEntry& link = found->second;
  if (link.side[0] != from && link.side[1] != from) throw Violation{"asked for a link between others"};
  const SegmentId half = link.half[link.side[0] == from ? 1 : 0];
  if (half) actions.push_back(Send{from, wire::LinkInstall{m.link}, SegmentAttachment{half, SegmentAttachment::Access::readable}});
}

void Registry::drop_link(LinkId id, Actions& actions) {
  const LinkEntry link = links_.at(id);
  links_.erase(id);
  link_by_pair_.erase({link.side[0], link.side[1]});
  for (const SegmentId half : link.half)
    if (half) drop_segment(half, actions);
  for (const ContextId side : link.side) {
    contexts_.at(side).links.erase(id);
    actions.push_back(Send{side, wire::LinkDrop{id}});
  }
  actions.push_back(DropLink{id});
}

void Registry::link_failed(LinkId id, Actions& actions) {
  std::vector<ChannelId> lost;
  for (const auto& [channel, entry] : channels_)
    if (entry.link == id) lost.push_back(channel);
  for (const ChannelId channel : lost) {
    const PortId first = PortId::of(channel, 1);
    const ContextId owner = port(first).owner;
    close_port(first, 0, CloseReason::broker_refused, actions);
    actions.push_back(Send{owner, wire::PortClosed{first, 0, CloseReason::broker_refused}});
  }
}

}  // namespace fairway::route
