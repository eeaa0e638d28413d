#include "route/registry.hpp"

#include <utility>

#include "base/assert.hpp"
#include "shm/layout.hpp"

namespace fairway::route {

namespace {

wire::Refusal refusal_of(Errc code, std::string_view detail) {
  return {static_cast<std::uint64_t>(code), wire::Detail::of(detail)};
}

}  // namespace

std::optional<wire::Refusal> Registry::refusal_of_versions(const wire::Versions& theirs) const {
  if (wire::agree(versions_, theirs)) return std::nullopt;
  return refusal_of(Errc::version, "this broker speaks " + to_string(versions_) + "; the context " + to_string(theirs) +
                                       ": use libraries of versions that know each other");
}

ContextId Registry::join(const wire::Hello& hello, const Peer& peer, std::uint32_t row, Actions& actions,
                         wire::Refusal& refusal) {
  if (const auto stranger = refusal_of_versions(wire::Versions::of(hello))) {
    refusal = *stranger;
    return {};
  }
  if (const auto stranger = refusal_of_return(hello)) {
    refusal = *stranger;
    return {};
  }
  const std::string name(hello.name.view());
  if (!name.empty() && names_.contains(name)) {
    refusal = refusal_of(Errc::name_taken, "the name '" + name + "' is taken by pid " +
                                           std::to_string(contexts_.at(names_.at(name)).peer.pid));
    return {};
  }
  PortId invited;
  if (hello.invitation != wire::Secret{}) {
    const auto found = invitations_.find(hello.invitation);
    if (found == invitations_.end()) {
      refusal = refusal_of(Errc::denied, "the invitation of the parent is used up, or the parent is gone");
      return {};
    }
    invited = found->second.port;
    forget_invitation(invited);
  }

  const ContextId id{next_context_++};
  ContextEntry& context = contexts_[id];
  context.peer = peer;
  context.name = name;
  context.agreement = *wire::agree(versions_, wire::Versions::of(hello));
  if (!name.empty()) names_[name] = id;
  context.identity = hello.identity ? hello.identity : id;
  context.returning = hello.identity && returned_.try_emplace({hello.identity, peer.pid}, id).second;
  const auto [protocol, layout, features] = context.agreement;
  actions.push_back(Send{id, wire::Welcome{features, id, row, protocol, layout, life_}, ContextsAttachment{}});
  give_ids(id, actions);
  if (invited) arrive(invited, id, wire::Granted::Origin::parent, actions);
  const auto [first, last] = waiting_.equal_range(name);
  std::vector<std::pair<ContextId, wire::Connect>> waiting;
  for (auto entry = first; entry != last; ++entry) waiting.push_back(entry->second);
  for (const auto& [from, message] : waiting) {
    forget_waiter(message.port);
    contexts_.at(from).ports.erase(message.port);
    port(message.port).life = Life::transit;
    port(message.port).owner = {};
    connect(from, id, message, actions);
  }
  return id;
}

void Registry::handle(ContextId from, const wire::ClientMessage& message, Actions& actions) {
  FAIRWAY_ASSERT(contexts_.contains(from));
  const Wrong wrong = std::visit([&](const auto& body) { return on(from, body, actions); }, message);
  if (wrong != nullptr) actions.push_back(Disconnect{from, wrong});
}

void Registry::leave(ContextId id, Actions& actions) {
  const auto found = contexts_.find(id);
  if (found == contexts_.end()) return;
  found->second.leaving = true;
  // The name is free before anybody learns of the death.
  if (!found->second.name.empty()) names_.erase(found->second.name);
  std::vector<PortId> uninvited;  // nobody is left to revoke them
  for (const auto& [secret, invitation] : invitations_)
    if (invitation.from == id) uninvited.push_back(invitation.port);
  for (const PortId invited : uninvited) close_port(invited, wire::unknown_final, CloseReason::peer_lost, actions);
  forget_returned(id, actions);
  while (!found->second.ports.empty())
    close_port(*found->second.ports.begin(), wire::unknown_final, CloseReason::peer_lost, actions);
  refuse_unborn(id, actions);
  while (!found->second.links.empty()) drop_link(*found->second.links.begin(), actions);
  // What its ports had written is still being read; everything else goes.
  const std::set<SegmentId> segments = found->second.segments;
  for (const SegmentId segment : segments) {
    SegmentEntry& entry = segments_.at(segment);
    if (entry.state == SegmentState::bound || entry.state == SegmentState::boxed) {
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
  if (unchecked_ != 0) sweep(actions);
}

Registry::Wrong Registry::on(ContextId, const wire::Hello&, Actions&) { return "a second Hello"; }

Registry::Wrong Registry::on(ContextId, const wire::Credit&, Actions&) { return nullptr; }  // the server's business

// Segments --------------------------------------------------------------------------------------------------

Registry::Wrong Registry::on(ContextId from, const wire::LeaseRequest& m, Actions& actions) {
  if (m.size < shm::small_segment || m.size % shm::page != 0 || m.size >= std::uint64_t{1} << shm::Position::offset_bits)
    return "a lease of an impossible size";
  if (const char* const limit = limit_reached(contexts_.at(from), m.size)) {
    actions.push_back(Send{from, wire::LeaseRefused{m.size, wire::Detail::of(std::string("the broker's limit ") + limit + " is reached")}});
    return nullptr;
  }
  actions.push_back(Allocate{add_segment(from, m.size, SegmentState::allocating, actions), m.size});
  return nullptr;
}

const char* Registry::limit_reached(const ContextEntry& context, std::uint64_t size) const {
  const auto user = memory_by_user_.find(context.peer.uid);
  const std::uint64_t of_user = user == memory_by_user_.end() ? 0 : user->second;
  if (size > limits_.memory_per_user || of_user > limits_.memory_per_user - size) return "memory_per_user";
  if (size > limits_.memory_per_context || context.memory > limits_.memory_per_context - size) return "memory_per_context";
  return nullptr;
}

SegmentId Registry::add_segment(ContextId owner, std::uint64_t size, SegmentState state, Actions& actions) {
  const SegmentId id{next_segment_++};
  ContextEntry& context = contexts_.at(owner);
  segments_[id] = {owner, context.peer.uid, size, state};
  context.segments.insert(id);
  memory_by_user_[context.peer.uid] += size;
  charge(owner, static_cast<std::int64_t>(size), actions);
  return id;
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

Registry::Named<Registry::SegmentEntry> Registry::own_segment(ContextId from, SegmentId id, SegmentState state) {
  const auto found = segments_.find(id);
  if (found == segments_.end() || found->second.owner != from) return {nullptr, "a segment that is not its own"};
  if (found->second.state != state) return {nullptr, "a segment in the wrong state"};
  return {&found->second, nullptr};
}

Registry::Wrong Registry::on(ContextId from, const wire::LeaseMapped& m, Actions& actions) {
  const auto [segment, wrong] = own_segment(from, m.segment, SegmentState::leased);
  if (segment == nullptr) return wrong;
  segment->state = SegmentState::mapped;
  actions.push_back(Seal{m.segment});
  return nullptr;
}

Registry::Wrong Registry::on(ContextId from, const wire::LeaseReturned& m, Actions& actions) {
  const auto found = segments_.find(m.segment);
  if (found == segments_.end() || found->second.owner != from) return "returned a segment that is not its own";
  if (found->second.state != SegmentState::leased && found->second.state != SegmentState::mapped)
    return "returned a segment that is no lease";
  drop_segment(m.segment, actions);
  return nullptr;
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

}  // namespace fairway::route
