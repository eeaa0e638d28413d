#include <algorithm>
#include <utility>

#include "base/check.hpp"
#include "route/registry.hpp"
#include "route/rules.hpp"

namespace fairway::route {

Registry::Wrong Registry::on(ContextId from, const wire::Detach& m, Actions& actions) {
  if (m.port.channel() == m.carrier.channel()) return "sent a port over its own channel";
  const auto [carrier, no_carrier] = owned_port(from, m.carrier);
  if (no_carrier != nullptr) return no_carrier;
  const auto [entry, wrong] = owned_port(from, m.port);
  if (entry == nullptr) return wrong;  // closed: who claims the token is told so
  if (m.epoch != entry->epoch + 1 && enforced(Check::epoch)) return "detached a port of another epoch";
  if (m.final >= std::uint64_t{1} << shm::Position::offset_bits && enforced(Check::possible_final)) return "an impossible final position";
  const PortEntry& opposite = port(m.port.opposite());
  const auto read_to = shm::Position::unpack(m.read);
  const auto read_before = shm::Position::unpack(entry->read);
  if (m.read != entry->read && !older(read_to.generation, opposite.next_generation) && enforced(Check::read_is_written))
    return "has read what was never written";
  if (older(read_to.generation, read_before.generation) ||
      (read_to.generation == read_before.generation && read_to.offset < read_before.offset))
    return "has unread what was read";

  const bool ended = entry->ended;
  depart(m.port, m.final, m.read, actions);
  entry->counts = m.counts;
  if (ended || carrier == nullptr || (!is_read(m.carrier) && holds(Rule::far_end_closes))) {
    close_port(m.port, 0, CloseReason::dropped, actions);
    return nullptr;
  }
  if (contexts_.at(from).sent >= limits_.ports_per_context) {
    close_port(m.port, 0, CloseReason::broker_refused, actions);
    return nullptr;
  }
  send_on(m.port, m.carrier, m.epoch, from);
  if (opposite.owner != from) tell_moved(m.port, actions);
  answer_claims(m.port, actions);
  close_if_circular(m.port, actions);
  return nullptr;
}

bool Registry::is_read(PortId writer) {
  const PortEntry& reader = port(writer.opposite());
  return reader.life != Life::closed && !reader.ended;
}

/// The port has no owner any more: what that one wrote ends, what it had read is known, its pairing is over.
void Registry::depart(PortId id, std::uint64_t final, std::uint64_t read, Actions& actions) {
  ChannelEntry& channel = channels_.at(id.channel());
  PortEntry& entry = port(id);
  contexts_.at(entry.owner).ports.erase(id);
  drop_claims_of(id);
  entry.life = Life::transit;
  entry.owner = {};
  entry.carrier = {};
  ++entry.epoch;
  if (entry.opened && !entry.generations.empty()) entry.generations.back().final = final;
  entry.opened = false;
  entry.read = read;
  publish_row(id, actions);
  unlink_channel(channel, actions);
  end_pairing(channel, actions);
  drop_read(port(id.opposite()), read, actions);
  drop_empty(entry, actions);
  drop_empty(port(id.opposite()), actions);
}

void Registry::send_on(PortId id, PortId carrier, Epoch token, ContextId sender) {
  PortEntry& entry = port(id);
  entry.life = Life::transit;
  entry.carrier = carrier;
  entry.token = token;
  entry.sender = sender;
  ++contexts_.at(sender).sent;
  ++in_transit_;
  port(carrier).cargo.insert(id);
}

/// Keeps `carrier` and `token`: whoever is granted the port may hand it back.
void Registry::leave_carrier(PortId id) {
  PortEntry& entry = port(id);
  if (entry.life != Life::transit || !entry.carrier) return;
  if (PortEntry* const carrier = find_port(entry.carrier)) carrier->cargo.erase(id);
  if (const auto sender = contexts_.find(std::exchange(entry.sender, {})); sender != contexts_.end()) --sender->second.sent;
  --in_transit_;
}

void Registry::arrive(PortId id, ContextId to, wire::Granted::Origin origin, Actions& actions) {
  PortEntry& entry = port(id);
  const PortEntry& opposite = port(id.opposite());
  leave_carrier(id);
  entry.life = Life::owned;
  entry.owner = to;
  contexts_.at(to).ports.insert(id);
  publish_row(id, actions);
  wire::Granted granted{id, {}, entry.read, entry.epoch, 0, opposite.epoch, origin, entry.next_generation,
                        static_cast<std::uint16_t>(entry.generations.size()), 0, entry.counts};
  if (origin == wire::Granted::Origin::token) {
    granted.carrier = entry.carrier.opposite();
    granted.token = entry.token;
  }
  const bool box = static_cast<bool>(channels_.at(id.channel()).box);
  if (box) send_box(id, to, false, actions);
  actions.push_back(Send{to, granted});
  if (box) return;
  pair(id.channel(), actions);
  for (const GenerationEntry& generation : opposite.generations) install(id, generation, actions);
  const End end = stream_end(opposite);
  if (opposite.life == Life::closed) {
    actions.push_back(Send{to, wire::PortClosed{id, end.final, opposite.reason, end.generation, 0}});
  } else if (!opposite.opened && !opposite.generations.empty()) {
    actions.push_back(Send{to, wire::Moved{id, end.final, opposite.epoch, end.generation, 0}});
  }
}

void Registry::tell_moved(PortId moved, Actions& actions) {
  const PortEntry& entry = port(moved);
  const PortEntry& opposite = port(moved.opposite());
  if (opposite.life != Life::owned || opposite.ended) return;
  const End end = stream_end(entry);
  actions.push_back(Send{opposite.owner, wire::Moved{moved.opposite(), end.final, entry.epoch, end.generation, 0}});
}

void Registry::pair(ChannelId id, Actions& actions) {
  ChannelEntry& channel = channels_.at(id);
  const PortEntry& one = channel.port[0];
  const PortEntry& two = channel.port[1];
  if (one.life != Life::owned || two.life != Life::owned) return;
  if (one.owner != two.owner) {
    channel.link = link_between(one.owner, two.owner, actions);
    ++links_.at(channel.link).channels;
  }
  for (const int side : {1, 2}) {
    const PortId mine = PortId::of(id, side);
    actions.push_back(Send{port(mine).owner, wire::Paired{mine, channel.link, port(mine.opposite()).epoch}});
  }
}

void Registry::unlink_channel(ChannelEntry& channel, Actions& actions) {
  const LinkId id = std::exchange(channel.link, {});
  if (!id) return;
  --links_.at(id).channels;
  drop_unused_link(id, actions);
}

}  // namespace fairway::route
