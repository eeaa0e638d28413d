#include "route/invariants.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace fairway::route {

struct RegistryProbe {
  explicit RegistryProbe(const Registry& of) : registry(of) {}

  std::string first_broken() {
    for (const auto& [id, channel] : registry.channels_)
      for (const int side : {1, 2}) port(PortId::of(id, side), channel);
    contexts();
    segments();
    links();
    waiting();
    return broken;
  }

 private:
  using Life = Registry::Life;

  void check(bool condition, const std::string& what) {
    if (!condition && broken.empty()) broken = what;
  }
  bool there(ContextId id) const { return registry.contexts_.contains(id); }
  const Registry::PortEntry* find(PortId id) const {
    const auto channel = registry.channels_.find(id.channel());
    return channel == registry.channels_.end() ? nullptr : &channel->second.port[id.side() - 1];
  }

  void port(PortId id, const Registry::ChannelEntry& channel) {
    const Registry::PortEntry& entry = channel.port[id.side() - 1];
    const std::string name = to_string(id);
    const bool held = entry.life == Life::owned || entry.life == Life::waiting;
    if (held) {
      const auto owner = registry.contexts_.find(entry.owner);
      check(owner != registry.contexts_.end(), name + " is owned by a context that is gone");
      check(owner == registry.contexts_.end() || owner->second.ports.contains(id), "its owner does not know " + name);
    }
    if (entry.life == Life::transit) transit(id, entry);
    check(!entry.ended || entry.life == Life::owned || entry.life == Life::closed, name + " is read to its end by nobody");
    for (const PortId cargo : entry.cargo) {
      const Registry::PortEntry* const carried = find(cargo);
      check(carried != nullptr && carried->life == Life::transit && carried->carrier == id, name + " carries what is not in transit on it");
    }
    for (const PortId awaited : entry.awaits) {
      const Registry::PortEntry* const to_come = find(awaited);
      const auto unborn = registry.unborn_.find(awaited);
      const auto& claimants = to_come != nullptr ? to_come->claimants : unborn == registry.unborn_.end() ? none : unborn->second;
      check(std::ranges::count(claimants, id, &Registry::Claimant::port) == 1, name + " waits for what does not know of it");
    }
    claimants(id, entry.claimants);
    check(entry.claimants.empty() || entry.life == Life::owned, "claims wait for " + name + ", which has left its owner");
    for (const auto& generation : entry.generations) check(segments_used.insert(generation.segment).second, "a segment is two generations");
  }
  void transit(PortId id, const Registry::PortEntry& entry) {
    const Registry::PortEntry* const carrier = find(entry.carrier);
    check(carrier != nullptr && carrier->cargo.contains(id), to_string(id) + " is in transit on a stream that does not carry it");
    const Registry::PortEntry* const reader = carrier == nullptr ? nullptr : find(entry.carrier.opposite());
    check(reader != nullptr && reader->life != Life::closed && !reader->ended, to_string(id) + " is on a stream that nobody reads");
    ++in_transit;
    ++sent[entry.sender];
  }
  void claimants(PortId of, const std::vector<Registry::Claimant>& all) {
    for (const auto& claimant : all) {
      const Registry::PortEntry* const reader = find(claimant.port);
      check(reader != nullptr && reader->awaits.contains(of), "a claim waits for " + to_string(of) + " whose reader is gone");
    }
  }

  void contexts() {
    for (const auto& [id, context] : registry.contexts_) {
      for (const PortId owned : context.ports) {
        const Registry::PortEntry* const entry = find(owned);
        check(entry != nullptr && entry->owner == id && (entry->life == Life::owned || entry->life == Life::waiting),
              "a context has " + to_string(owned) + ", which has not");
      }
      std::uint64_t memory = 0;
      for (const SegmentId segment : context.segments) {
        const auto found = registry.segments_.find(segment);
        check(found != registry.segments_.end() && found->second.owner == id, "a context has a segment that is not its own");
        if (found != registry.segments_.end()) memory += found->second.size;
      }
      check(memory == context.memory, "a context's account of its memory");
      check(context.sent == sent[id], "a context's account of what it has sent");
      for (const LinkId link : context.links) check(registry.links_.contains(link), "a context has a link that is gone");
      if (!context.name.empty()) check(registry.names_.contains(context.name) && registry.names_.at(context.name) == id, "a name is lost");
    }
    check(registry.in_transit_ == in_transit, "the number of ports in transit");
    for (const auto& [name, id] : registry.names_) check(there(id), "the name " + name + " of nobody");
  }
  void segments() {
    std::map<std::uint32_t, std::uint64_t> by_user;
    for (const auto& [id, link] : registry.links_)
      for (const SegmentId half : link.half)
        if (half) check(segments_used.insert(half).second, "a segment is used twice");
    for (const auto& [id, channel] : registry.channels_) {
      if (!channel.box) continue;
      check(segments_used.insert(channel.box).second, "a box is something else, too");
      check(channel.port[0].life == Life::closed && channel.port[1].life != Life::closed, "a box that nobody can have");
    }
    for (const auto& [id, segment] : registry.segments_) {
      by_user[segment.uid] += segment.size;
      const bool bound = segment.state == Registry::SegmentState::bound || segment.state == Registry::SegmentState::boxed;
      check(bound == segments_used.contains(id), "a segment is bound, and nothing is made of it, or the reverse");
      check(segment.owner ? there(segment.owner) : bound, "a segment is kept for a context that is gone");
    }
    for (const SegmentId id : segments_used) check(registry.segments_.contains(id), "a generation without its segment");
    for (const auto& [uid, memory] : registry.memory_by_user_) check(memory == by_user[uid], "a user's account of memory");
  }
  void links() {
    std::map<LinkId, std::size_t> channels;
    for (const auto& [id, channel] : registry.channels_) {
      const auto& [one, two] = channel.port;
      const bool both = one.life == Life::owned && two.life == Life::owned && one.owner != two.owner;
      check(!channel.link || both, to_string(id) + " is linked, and not between two");
      if (channel.link) ++channels[channel.link];
    }
    for (const auto& [id, link] : registry.links_) {
      check(there(link.side[0]) && there(link.side[1]), "a link with somebody who is gone");
      check(link.channels == channels[id] && (link.channels != 0 || registry.awaited(id)), "a link's number of channels");
    }
  }
  void waiting() {
    for (const auto& [name, entry] : registry.waiting_) {
      const Registry::PortEntry* const port = find(entry.second.port);
      check(there(entry.first) && port != nullptr && port->life == Life::waiting && port->owner == entry.first, "waits for a name, and is not there");
    }
    for (const auto& [secret, invitation] : registry.invitations_) {
      const Registry::PortEntry* const port = find(invitation.port);
      check(there(invitation.from) && port != nullptr && port->life == Life::invited, "an invitation to a port that does not wait for it");
    }
    for (const auto& [id, all] : registry.unborn_) {
      check(find(id) == nullptr && !all.empty(), "claims wait for the birth of " + to_string(id));
      claimants(id, all);
    }
    for (const auto& [first, table] : registry.tables_)
      check(table.creator ? there(table.creator) : table.channels != 0, "a table is kept for a context that is gone");
  }

  const Registry& registry;
  const std::vector<Registry::Claimant> none;
  std::set<SegmentId> segments_used;
  std::map<ContextId, std::size_t> sent;
  std::size_t in_transit = 0;
  std::string broken;
};

namespace test {

std::string broken_invariant(const Registry& registry) { return RegistryProbe(registry).first_broken(); }

}  // namespace test

}  // namespace fairway::route
