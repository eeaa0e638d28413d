#include "route/world.hpp"

#include <variant>

#include "route/invariants.hpp"

namespace fairway::route::test {

namespace {

std::string text(std::uint64_t value) { return value == wire::unknown_final ? "unknown" : std::to_string(value); }
std::string text(ContextId id) { return std::to_string(id.value); }
std::string text(SegmentId id) { return std::to_string(id.value); }
std::string text(LinkId id) { return std::to_string(id.value); }
std::string text(PortId id) { return to_string(id); }
std::string text(CloseReason reason) { return std::string(fairway::to_string(reason)); }

struct MessageText {
  std::string operator()(const wire::Welcome& m) const { return "Welcome " + text(m.context) + " row " + text(m.row); }
  std::string operator()(const wire::Refusal& m) const { return "Refusal " + text(m.code); }
  std::string operator()(const wire::Lease& m) const { return "Lease " + text(m.segment) + ": " + text(m.size); }
  std::string operator()(const wire::LeaseRefused& m) const { return "LeaseRefused " + text(m.size) + ": " + std::string(m.detail.view()); }
  std::string operator()(const wire::Ids& m) const { return "Ids " + text(m.first.value) + "+" + text(m.count); }
  std::string operator()(const wire::Link& m) const { return "Link " + text(m.link) + " to " + text(m.peer) + " '" + std::string(m.name.view()) + "'"; }
  std::string operator()(const wire::LinkInstall& m) const { return "LinkInstall " + text(m.link); }
  std::string operator()(const wire::LinkDrop& m) const { return "LinkDrop " + text(m.link) + (m.peer_gone != 0 ? " peer gone" : ""); }
  std::string operator()(const wire::Paired& m) const { return "Paired " + text(m.port) + " link " + text(m.link) + " epoch " + text(m.peer_epoch); }
  std::string operator()(const wire::Install& m) const {
    const std::string before = m.previous == m.generation ? "first" : "after g" + text(m.previous) + " at " + text(m.previous_final);
    return "Install " + text(m.port) + " g" + text(m.generation) + " " + before + (m.linear != 0 ? " linear" : "") +
           (m.first != 0 ? " opens " + text(m.epoch) + "-" + text(m.reader_epoch) : "");
  }
  std::string operator()(const wire::Reply& m) const { return "Reply " + text(m.request) + ": " + text(m.code); }
  std::string operator()(const wire::Granted& m) const {
    std::string line = "Granted " + text(m.port) + " epoch " + text(m.epoch);
    if (m.origin == wire::Granted::Origin::parent) return line + " parent";
    if (m.origin == wire::Granted::Origin::connect) return line + " connect";
    const auto read = shm::Position::unpack(m.read);
    return line + " token " + text(m.token) + " on " + text(m.carrier) + " read g" + text(read.generation) + " " + text(read.offset) +
           " next g" + text(m.generation) + " peer " + text(m.peer_epoch);
  }
  std::string operator()(const wire::PortClosed& m) const {
    return "PortClosed " + text(m.port) + " at g" + text(m.generation) + " " + text(m.final) + " " + text(m.reason);
  }
  std::string operator()(const wire::Refused& m) const {
    return "Refused " + text(m.port) + " token " + text(m.epoch) + " on " + text(m.carrier);
  }
  std::string operator()(const wire::Reasserted& m) const {
    if (m.outcome == wire::Reasserted::Outcome::kept) return "Reasserted " + text(m.port);
    if (m.outcome == wire::Reasserted::Outcome::alone) return "Reasserted " + text(m.port) + " alone";
    return "Reasserted " + text(m.port) + " over " + text(m.reason);
  }
  std::string operator()(const wire::Boxed& m) const { return "Boxed " + text(m.port) + " " + text(m.size) + (m.again != 0 ? " again" : ""); }
  std::string operator()(const wire::Moved& m) const {
    return "Moved " + text(m.port) + " at g" + text(m.generation) + " " + text(m.final) + " epoch " + text(m.peer_epoch);
  }
};

const char* state_text(shm::PortState state) {
  switch (state) {
    case shm::PortState::none: return "none";
    case shm::PortState::owned: return "owned";
    case shm::PortState::transit: return "transit";
    case shm::PortState::closed: return "closed";
    case shm::PortState::memory: return "memory";
  }
  return "?";
}

struct ActionText {
  std::string operator()(const Send& a) const { return text(a.to) + " <- " + std::visit(MessageText{}, a.message); }
  std::string operator()(const Allocate& a) const { return "allocate " + text(a.segment) + ": " + text(a.size); }
  std::string operator()(const Seal& a) const { return "seal " + text(a.segment); }
  std::string operator()(const Publish& a) const { return "publish " + text(a.segment) + " as " + a.name; }
  std::string operator()(const Drop& a) const { return "drop " + text(a.segment); }
  std::string operator()(const MakeLink& a) const { return "link " + text(a.link) + ": " + text(a.a) + "-" + text(a.b); }
  std::string operator()(const KeepLink& a) const { return "keep link " + text(a.link) + ": " + text(a.a) + "-" + text(a.b); }
  std::string operator()(const DropLink& a) const { return "unlink " + text(a.link); }
  std::string operator()(const MakeTable& a) const { return "table " + text(a.first.value); }
  std::string operator()(const DropTable& a) const { return "drop table " + text(a.first.value); }
  std::string operator()(const UpdatePort& a) const {
    return text(a.port) + " " + state_text(a.info.state) + " by " + text(a.info.owner) + " epoch " + text(a.info.epoch);
  }
  std::string operator()(const UpdateMemory& a) const { return "memory " + text(a.context) + ": " + text(a.bytes); }
  std::string operator()(const Disconnect& a) const { return "disconnect " + text(a.context) + ": " + a.why; }
};

}  // namespace

std::string to_text(const Action& action) { return std::visit(ActionText{}, action); }

ContextId World::join(const std::string& name, wire::Secret invitation, std::uint32_t uid) {
  wire::Hello hello;
  hello.name = wire::Name::of(name);
  hello.invitation = invitation;
  return join(hello, {uid, 4242});
}

ContextId World::join(const wire::Hello& hello, const Registry::Peer& peer) {
  Actions actions;
  const ContextId id = registry_.join(hello, peer, 0, actions, refusal);
  if (id) live_.insert(id);
  execute(std::move(actions), id);
  return id;
}

Lines World::send(ContextId from, const wire::ClientMessage& message) {
  if (!live_.contains(from))
    throw std::runtime_error("context " + text(from) + " is gone: " + disconnected(from).value_or("it has left"));
  if (const auto* const carried = std::get_if<wire::Box>(&message)) return box(from, *carried, !no_memory);
  Actions actions;
  registry_.handle(from, message, actions);
  return execute(std::move(actions), from);
}

Lines World::show(ContextId from, const wire::Shown& message, const std::optional<Registry::Memory>& memory) {
  Actions actions;
  if (const SegmentId segment = registry_.show(from, message, memory, actions)) {
    check(segments_ever_.insert(segment).second, "a segment's number is used again");
    segments_[segment] = {from, message.size, true, false, {}};
  }
  return execute(std::move(actions), from);
}

Lines World::box(ContextId from, const wire::Box& message, bool there) {
  Actions actions;
  if (const SegmentId segment = registry_.box(from, message, there, actions)) {
    check(segments_ever_.insert(segment).second, "a segment's number is used again");
    segments_[segment] = {from, message.size, false, true, {}};
  }
  return execute(std::move(actions), from);
}

Lines World::leave(ContextId context) {
  live_.erase(context);
  Actions actions;
  registry_.leave(context, actions);
  return execute(std::move(actions), context);
}

Lines World::execute(Actions actions, ContextId cause) {
  Lines lines;
  cause_ = cause;
  std::deque<Action> pending(actions.begin(), actions.end());
  while (!pending.empty()) {
    const Action action = std::move(pending.front());
    pending.pop_front();
    lines.push_back(to_text(action));
    Actions more;
    std::visit([&](const auto& body) { perform(body, more); }, action);
    pending.insert(pending.end(), more.begin(), more.end());
  }
  check(registry_.segments() == segments_.size(), "the number of segments");
  check(registry_.links() == links_.size(), "the number of links");
  check(registry_.contexts() == live_.size(), "the number of contexts");
  // All of it is looked at: in a large world now and then.
  if (++steps_ % (1 + registry_.channels() / 64) == 0)
    if (const std::string what = broken_invariant(registry_); !what.empty()) check(false, what);
  return lines;
}

void World::check(bool condition, const std::string& what) {
  if (!condition && broken_.empty()) broken_ = what;
}

void World::perform(const Send& action, Actions&) {
  if (const auto* const segment = std::get_if<SegmentAttachment>(&action.attachment)) {
    const auto found = segments_.find(segment->segment);
    check(found != segments_.end(), "a segment is sent that is gone: " + to_text(action));
    if (found != segments_.end()) {
      const bool readable = segment->access == SegmentAttachment::Access::readable;
      check(found->second.sealed == readable, "writable when it should be sealed, or the reverse: " + to_text(action));
      const auto* const boxed = std::get_if<wire::Boxed>(&action.message);
      check(found->second.boxed == (boxed != nullptr), "a box is something else, or the reverse: " + to_text(action));
      const ContextId owner = boxed != nullptr ? row(boxed->port).owner : found->second.owner;
      check(readable || owner == action.to, "a writable segment for another context: " + to_text(action));
    }
  }
  if (const auto* const link = std::get_if<LinkAttachment>(&action.attachment)) {
    const auto found = links_.find(link->link);
    check(found == links_.end() || found->second.a == action.to || found->second.b == action.to, "a link between others is sent");
  }
  if (const auto* const granted = std::get_if<wire::Granted>(&action.message)) {
    const shm::PortInfo info = row(granted->port);
    check(info.state == shm::PortState::owned && info.owner == action.to && info.epoch == granted->epoch,
          "granted before the table says so: " + to_text(action));
  }
  if (const auto* const install = std::get_if<wire::Install>(&action.message))
    check(row(install->port).owner == action.to, "installed at a stranger: " + to_text(action));
  if (!live_.contains(action.to)) return;
  if (const auto* const ids = std::get_if<wire::Ids>(&action.message))
    ids_[action.to].emplace_back(ids->first.value, ids->first.value + ids->count);
  inboxes_[action.to].push_back(action.message);
}

void World::perform(const Allocate& action, Actions& more) {
  check(segments_ever_.insert(action.segment).second, "a segment's number is used again");
  if (no_memory) {
    segments_[action.segment] = {cause_, action.size, false, false, {}};
    registry_.allocation_failed(action.segment, "there is none", more);
    return;
  }
  segments_[action.segment] = {cause_, action.size, false, false, {}};
  registry_.allocated(action.segment, more);
}

void World::perform(const Seal& action, Actions&) {
  const auto found = segments_.find(action.segment);
  check(found != segments_.end() && !found->second.sealed, "sealed twice or too late");
  if (found != segments_.end()) found->second.sealed = true;
}

void World::perform(const Publish& action, Actions&) {
  const auto found = segments_.find(action.segment);
  check(found != segments_.end() && found->second.sealed && found->second.name.empty(), "published before it is sealed, or twice");
  for (const auto& [id, segment] : segments_) check(segment.name != action.name, "two segments have the name " + action.name);
  if (found != segments_.end()) found->second.name = action.name;
}

void World::perform(const Drop& action, Actions&) { check(segments_.erase(action.segment) == 1, "dropped twice: " + to_text(action)); }

void World::perform(const MakeLink& action, Actions& more) {
  check(action.a != action.b && live_.contains(action.a) && live_.contains(action.b), "a link to nobody");
  for (const auto& [id, ends] : links_)
    check(std::minmax(ends.a, ends.b) != std::minmax(action.a, action.b), "a second link between the same two");
  check(links_.emplace(action.link, LinkEnds{action.a, action.b}).second, "a link is made twice");
  if (no_links) registry_.link_failed(action.link, more);
}

void World::perform(const KeepLink& action, Actions&) {
  check(action.a != action.b && live_.contains(action.a) && live_.contains(action.b), "a link to nobody");
  check(links_.emplace(action.link, LinkEnds{action.a, action.b}).second, "a link is kept twice");
}

void World::perform(const DropLink& action, Actions&) { check(links_.erase(action.link) == 1, "a link is dropped twice"); }
void World::perform(const MakeTable& action, Actions&) { check(tables_.insert(action.first).second, "a table is made twice"); }
void World::perform(const DropTable& action, Actions&) { check(tables_.erase(action.first) == 1, "a table is dropped twice"); }

void World::perform(const UpdatePort& action, Actions&) {
  rows_[action.port] = action.info;
  if (action.info.state == shm::PortState::none) rows_.erase(action.port);
}

void World::perform(const UpdateMemory& action, Actions&) { check(action.bytes < std::uint64_t{1} << 48, "the account of a context is below 0"); }

void World::perform(const Disconnect& action, Actions& more) {
  disconnected_.emplace(action.context, action.why);
  live_.erase(action.context);
  registry_.leave(action.context, more);
}

Lines World::take_all(ContextId context) {
  Lines lines;
  for (const wire::BrokerMessage& message : std::exchange(inboxes_[context], {})) lines.push_back(std::visit(MessageText{}, message));
  return lines;
}

SegmentId World::lease(ContextId context, std::uint64_t size) {
  send(context, wire::LeaseRequest{size});
  const SegmentId segment = take<wire::Lease>(context).segment;
  send(context, wire::LeaseMapped{segment});
  return segment;
}

PortId World::create(ContextId context) {
  auto& ids = ids_[context];
  while (!ids.empty() && ids.front().first == ids.front().second) ids.pop_front();
  if (ids.empty()) throw std::runtime_error("no channel number left");
  const ChannelId channel{ids.front().first++};
  send(context, wire::Create{channel});
  return PortId::of(channel, 1);
}

void World::bind(ContextId context, PortId port, Generation generation, std::uint64_t previous_final) {
  send(context, wire::Bind{port, lease(context), previous_final, generation, 0, row(port.opposite()).epoch});
}

PortId World::connect(ContextId from, const std::string& name) {
  const PortId port = create(from);
  const std::uint64_t request = next_request_++;
  send(from, wire::Connect{request, port.opposite(), 0, wire::Name::of(name)});
  if (take<wire::Reply>(from).code != 0) throw std::runtime_error("refused");
  return port;
}

std::optional<std::string> World::disconnected(ContextId context) const {
  const auto found = disconnected_.find(context);
  if (found == disconnected_.end()) return std::nullopt;
  return found->second;
}

std::uint64_t World::live_memory() const {
  std::uint64_t bytes = 0;
  for (const auto& [id, segment] : segments_) bytes += segment.size;
  return bytes;
}

shm::PortInfo World::row(PortId port) const {
  const auto found = rows_.find(port);
  return found == rows_.end() ? shm::PortInfo{} : found->second;
}

}  // namespace fairway::route::test
