#include <algorithm>
#include <bit>
#include <utility>

#include "base/hook.hpp"
#include "route/registry.hpp"

namespace fairway::route {

Registry::PortEntry* Registry::owned_port(ContextId from, PortId id) {
  const auto channel = channels_.find(id.channel());
  if (channel == channels_.end()) {
    if (was_channel(id.channel())) return nullptr;
    throw Violation{"a port that does not exist"};
  }
  PortEntry& entry = channel->second.port[id.side() - 1];
  if (entry.owner != from) throw Violation{"a port that is not its own"};
  if (entry.life == Life::waiting) throw Violation{"a port that waits for a name"};
  return entry.life == Life::owned ? &entry : nullptr;
}

bool Registry::was_channel(ChannelId id) const {
  if (id.value == 0 || id.value >= next_channel_) return false;
  const auto table = std::prev(tables_.upper_bound(id));
  if (tables_.empty() || tables_.upper_bound(id) == tables_.begin()) return true;
  const std::uint64_t row = id.value - table->first.value;
  return row >= shm::channels_per_table || table->second.used.test(row);  // a table that is gone was used up
}

/// A port moves once: from a fresh channel of its creator.
Registry::PortEntry& Registry::movable_port(ContextId from, PortId id) {
  PortEntry* const entry = owned_port(from, id);
  if (entry == nullptr || entry->epoch != 0 || entry->ended || entry->next_generation != 0)
    throw Violation{"moved a port that was closed, written to or moved before"};
  const PortEntry& opposite = port(id.opposite());
  if (opposite.epoch != 0 || opposite.owner != from) throw Violation{"moved both ports of a channel"};
  return *entry;
}

void Registry::publish_row(PortId id, Actions& actions) {
  const PortEntry& entry = port(id);
  shm::PortInfo info{shm::PortState::closed, entry.epoch, entry.owner, entry.next_generation};
  if (entry.life == Life::owned || entry.life == Life::waiting) info.state = shm::PortState::owned;
  if (entry.life == Life::invited) info.state = shm::PortState::transit;
  actions.push_back(UpdatePort{id, info});
}

void Registry::on(ContextId from, const wire::Create& m, Actions& actions) {
  const auto after = tables_.upper_bound(m.channel);
  if (after == tables_.begin()) throw Violation{"a channel number that it was not given"};
  const auto table = std::prev(after);
  if (table->second.creator != from || m.channel.value >= table->first.value + shm::channels_per_table)
    throw Violation{"a channel number that it was not given"};
  if (table->second.used.test(m.channel.value - table->first.value)) throw Violation{"a channel number twice"};
  ContextEntry& context = contexts_.at(from);
  // Sharing one is refused at the limit itself; that answer may be on its way for a few.
  if (context.ports.size() > limits_.ports_per_context + 64) throw Violation{"more channels than its limit"};
  --context.ids_unused;
  table->second.used.set(m.channel.value - table->first.value);
  ++table->second.channels;
  ChannelEntry& channel = channels_[m.channel];
  for (const int side : {1, 2}) {
    channel.port[side - 1].owner = from;
    context.ports.insert(PortId::of(m.channel, side));
    publish_row(PortId::of(m.channel, side), actions);
  }
  if (context.ids_unused == shm::channels_per_table / 2) give_ids(from, actions);
}

void Registry::on(ContextId from, const wire::Bind& m, Actions& actions) {
  SegmentEntry& segment = own_segment(from, m.segment, SegmentState::mapped);
  PortEntry* const owned = owned_port(from, m.port);
  if (owned == nullptr) return drop_segment(m.segment, actions);
  PortEntry& entry = *owned;
  if (m.generation != entry.next_generation) throw Violation{"a generation out of order"};
  if (!entry.generations.empty() && m.previous_final >= std::uint64_t{1} << shm::Position::offset_bits)
    throw Violation{"an impossible final position"};
  const std::uint64_t capacity = segment.size - shm::data_offset;
  if (m.linear == 0 && !std::has_single_bit(capacity)) throw Violation{"a ring whose size is no power of two"};
  segment.state = SegmentState::bound;
  ++entry.next_generation;
  const bool first = entry.generations.empty() && m.generation == 0;
  const GenerationEntry generation{m.generation, m.segment, segment.size, m.previous_final, m.linear != 0, first};
  entry.generations.push_back(generation);
  std::string name = to_string(m.port);
  if (!first) name += ".g" + std::to_string(m.generation);
  actions.push_back(Publish{m.segment, name});
  publish_row(m.port, actions);
  install(m.port.opposite(), generation, actions);
}

void Registry::install(PortId reader, const GenerationEntry& g, Actions& actions) {
  const PortEntry& entry = port(reader);
  if (entry.life != Life::owned || entry.ended) return;
  actions.push_back(Send{entry.owner,
                         wire::Install{reader, g.size, g.previous_final, port(reader.opposite()).epoch, g.index,
                                       static_cast<std::uint16_t>(g.linear)},
                         SegmentAttachment{g.segment, SegmentAttachment::Access::readable}});
}

// Moves -----------------------------------------------------------------------------------------------------

void Registry::on(ContextId from, const wire::Connect& m, Actions& actions) {
  PortEntry& entry = movable_port(from, m.port);
  const std::string name(m.name.view());
  const auto found = names_.find(name);
  if (found != names_.end()) return connect(from, found->second, m, actions);
  if (m.patient != 0) {
    entry.life = Life::waiting;
    waiting_.emplace(name, std::pair(from, m));
    return;
  }
  answer(from, m, Errc::unknown_name, "no context has the name '" + name + "'", actions);
}

void Registry::connect(ContextId from, ContextId to, const wire::Connect& m, Actions& actions) {
  if (from == to) return answer(from, m, Errc::denied, "a context cannot connect to itself through the broker", actions);
  if (contexts_.at(to).ports.size() >= limits_.ports_per_context || contexts_.at(from).ports.size() - 1 > limits_.ports_per_context)  // the other end of this channel stays
    return answer(from, m, Errc::quota, "the broker's limit ports_per_context is reached", actions);
  give_port(m.port, to, wire::Granted::Origin::connect, actions);
  FAIRWAY_HOOK(broker_connected);
  actions.push_back(Send{from, wire::Reply{m.request, 0, {}}});
}

void Registry::answer(ContextId to, const wire::Connect& m, Errc code, std::string_view detail, Actions& actions) {
  actions.push_back(Send{to, wire::Reply{m.request, static_cast<std::uint64_t>(code), wire::Detail::of(detail)}});
  close_port(m.port, 0, CloseReason::dropped, actions);
}

void Registry::on(ContextId from, const wire::CancelConnect& m, Actions& actions) {
  for (auto entry = waiting_.begin(); entry != waiting_.end(); ++entry) {
    const auto [waiter, message] = entry->second;
    if (waiter != from || message.request != m.request) continue;
    waiting_.erase(entry);
    return close_port(message.port, 0, CloseReason::dropped, actions);
  }
}

void Registry::on(ContextId from, const wire::Invite& m, Actions& actions) {
  PortEntry& entry = movable_port(from, m.port);
  if (m.secret == wire::Secret{} || invitations_.contains(m.secret)) throw Violation{"an invitation twice"};
  invitations_[m.secret] = {m.port, from};
  contexts_.at(from).ports.erase(m.port);
  entry.life = Life::invited;
  entry.owner = {};
  ++entry.epoch;
  publish_row(m.port, actions);
}

void Registry::on(ContextId, const wire::Revoke& m, Actions& actions) {
  const auto found = invitations_.find(m.secret);
  if (found == invitations_.end()) return;  // accepted in the meantime
  close_port(found->second.port, wire::unknown_final, CloseReason::peer_lost, actions);
}

void Registry::give_port(PortId id, ContextId to, wire::Granted::Origin origin, Actions& actions) {
  PortEntry& entry = port(id);
  if (entry.life == Life::owned) {
    contexts_.at(entry.owner).ports.erase(id);
    ++entry.epoch;
  }
  entry.life = Life::owned;
  entry.owner = to;
  contexts_.at(to).ports.insert(id);
  publish_row(id, actions);
  actions.push_back(Send{to, wire::Granted{id, entry.epoch, origin}});
  pair(id.channel(), actions);
  const PortEntry& writer = port(id.opposite());
  for (const GenerationEntry& generation : writer.generations) install(id, generation, actions);
  if (writer.life == Life::closed) actions.push_back(Send{to, wire::PortClosed{id, writer.final, writer.reason}});
}

void Registry::pair(ChannelId id, Actions& actions) {
  ChannelEntry& channel = channels_.at(id);
  const PortEntry& one = channel.port[0];
  const PortEntry& two = channel.port[1];
  if (one.life != Life::owned || two.life != Life::owned || one.owner == two.owner) return;
  channel.link = link_between(one.owner, two.owner, actions);
  ++links_.at(channel.link).channels;
  for (const int side : {1, 2}) {
    const PortId mine = PortId::of(id, side);
    actions.push_back(Send{port(mine).owner, wire::Paired{mine, channel.link, port(mine.opposite()).epoch}});
  }
}

void Registry::unlink_channel(ChannelEntry& channel, Actions& actions) {
  const LinkId id = std::exchange(channel.link, {});
  if (id && --links_.at(id).channels == 0) drop_link(id, actions);
}

void Registry::on(ContextId from, const wire::Kick& m, Actions& actions) {
  if (owned_port(from, m.port) == nullptr) return;
  const PortEntry& opposite = port(m.port.opposite());
  if (opposite.life == Life::owned) actions.push_back(Send{opposite.owner, wire::Kicked{m.port.opposite()}});
}

// Ends ------------------------------------------------------------------------------------------------------

void Registry::on(ContextId from, const wire::Close& m, Actions& actions) {
  if (owned_port(from, m.port) == nullptr) return;
  close_port(m.port, m.final, m.reason, actions);
}

void Registry::close_port(PortId id, std::uint64_t final, CloseReason reason, Actions& actions) {
  ChannelEntry& channel = channels_.at(id.channel());
  PortEntry& entry = port(id);
  if (entry.life == Life::closed) return;
  if (entry.life == Life::owned || entry.life == Life::waiting) {
    contexts_.at(entry.owner).ports.erase(id);
    std::erase_if(waiting_, [id](const auto& port_entry) { return port_entry.second.second.port == id; });
  } else {
    std::erase_if(invitations_, [id](const auto& invitation) { return invitation.second.port == id; });
  }
  entry.life = Life::closed;
  entry.final = final;
  entry.reason = reason;
  publish_row(id, actions);
  PortEntry& opposite = port(id.opposite());
  drop_stream(opposite, actions);  // nobody is left to read it
  if (opposite.life == Life::owned && !opposite.ended)
    actions.push_back(Send{opposite.owner, wire::PortClosed{id.opposite(), final, reason}});
  unlink_channel(channel, actions);
  forget_if_over(id.channel(), actions);
}

void Registry::on(ContextId from, const wire::End& m, Actions& actions) {
  PortEntry* const entry = owned_port(from, m.port);
  if (entry == nullptr) return;
  entry->ended = true;
  drop_stream(port(m.port.opposite()), actions);
  forget_if_over(m.port.channel(), actions);
}

void Registry::on(ContextId from, const wire::Done& m, Actions& actions) {
  if (owned_port(from, m.port) == nullptr) return;
  auto& generations = port(m.port.opposite()).generations;
  const auto found = std::ranges::find(generations, m.generation, &GenerationEntry::index);
  if (found == generations.end()) return;  // the stream was dropped in the meantime
  if (found + 1 == generations.end()) throw Violation{"done with the newest generation"};
  if (found->first) return;  // keeps the control block of the pairing
  const SegmentId segment = found->segment;
  generations.erase(found);
  drop_segment(segment, actions);
}

void Registry::on(ContextId from, const wire::Refetch& m, Actions& actions) {
  if (owned_port(from, m.port) == nullptr) return;
  for (const GenerationEntry& generation : port(m.port.opposite()).generations)
    if (generation.index == m.generation) install(m.port, generation, actions);
}

void Registry::drop_stream(PortEntry& writer, Actions& actions) {
  for (const GenerationEntry& generation : writer.generations)
    if (segments_.contains(generation.segment)) drop_segment(generation.segment, actions);
  writer.generations.clear();
}

void Registry::forget_if_over(ChannelId id, Actions& actions) {
  ChannelEntry& channel = channels_.at(id);
  const auto over = [](const PortEntry& entry) { return entry.life == Life::closed || entry.ended; };
  if (!over(channel.port[0]) || !over(channel.port[1])) return;
  for (const int side : {1, 2}) {
    PortEntry& entry = channel.port[side - 1];
    drop_stream(entry, actions);
    if (entry.life == Life::owned) contexts_.at(entry.owner).ports.erase(PortId::of(id, side));  // it has read its end
    actions.push_back(UpdatePort{PortId::of(id, side), {}});
  }
  unlink_channel(channel, actions);
  channels_.erase(id);
  release_table(id, actions);
}

}  // namespace fairway::route
