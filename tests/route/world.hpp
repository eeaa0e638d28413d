#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "route/registry.hpp"
#include "shm/layout.hpp"

namespace fairway::route::test {

using Lines = std::vector<std::string>;

/// An action as a line: "1 <- Granted ch-1.2 epoch 1 connect", "allocate 3: 12288", "disconnect 1: why".
std::string to_text(const Action& action);

/// A Registry, and the part of the broker's server that does what it says. Every action is checked against a ledger
/// of what there is; the first one that does not fit is kept in `broken`.
class World {
 public:
  explicit World(Limits limits = {}) : registry_(limits) {}
  /// The second broker of its directory; what the first gave out is below `first`.
  World(const Registry::Numbers& first, Limits limits) : registry_(limits, {}, 2, first) {}

  /// What the server does when something runs out.
  bool no_memory = false;
  bool no_links = false;

  ContextId join(const std::string& name = {}, wire::Secret invitation = {}, std::uint32_t uid = 1000);
  ContextId join(const wire::Hello& hello, const Registry::Peer& peer);
  wire::Refusal refusal;  ///< of the last join that gave no id
  /// Handles the message, and what comes of it; the actions as lines.
  Lines send(ContextId from, const wire::ClientMessage& message);
  Lines show(ContextId from, const wire::Shown& message, const std::optional<Registry::Memory>& memory);
  /// A Box whose memory is, or is not, what it has to be. `send` says that it is, unless there is `no_memory`.
  Lines box(ContextId from, const wire::Box& message, bool there);
  Lines leave(ContextId context);

  /// Messages to a context that were not taken yet.
  std::deque<wire::BrokerMessage>& inbox(ContextId context) { return inboxes_[context]; }
  /// The first message of that kind, out of the inbox.
  template <class Message>
  Message take(ContextId context);
  /// All that lies in the inbox, out of it.
  Lines take_all(ContextId context);

  // Short forms of what a test sets up; they throw when the registry does not play along.
  SegmentId lease(ContextId context, std::uint64_t size = shm::small_segment);
  /// A new channel of this context; its first port.
  PortId create(ContextId context);
  void bind(ContextId context, PortId port, Generation generation = 0, std::uint64_t previous_final = 0);
  /// A channel between two contexts, the second of which has a name. The first's port.
  PortId connect(ContextId from, const std::string& name);

  Registry& registry() { return registry_; }
  bool alive(ContextId context) const { return live_.contains(context); }
  /// Why the registry wanted the context disconnected; it has left then.
  std::optional<std::string> disconnected(ContextId context) const;
  std::size_t tables() const { return tables_.size(); }
  std::uint64_t live_memory() const;
  /// What the ledger found wrong first; empty: nothing.
  const std::string& broken() const { return broken_; }
  shm::PortInfo row(PortId port) const;

 private:
  struct Segment {
    ContextId owner;
    std::uint64_t size = 0;
    bool sealed = false;
    bool boxed = false;
    std::string name;
  };
  struct LinkEnds {
    ContextId a, b;
  };

  Lines execute(Actions actions, ContextId cause);
  void perform(const Send& action, Actions& more);
  void perform(const Allocate& action, Actions& more);
  void perform(const Seal& action, Actions& more);
  void perform(const Publish& action, Actions& more);
  void perform(const Drop& action, Actions& more);
  void perform(const MakeLink& action, Actions& more);
  void perform(const KeepLink& action, Actions& more);
  void perform(const DropLink& action, Actions& more);
  void perform(const MakeTable& action, Actions& more);
  void perform(const DropTable& action, Actions& more);
  void perform(const UpdatePort& action, Actions& more);
  void perform(const UpdateMemory& action, Actions& more);
  void perform(const Disconnect& action, Actions& more);
  void check(bool condition, const std::string& what);

  Registry registry_;
  std::set<ContextId> live_;
  std::map<ContextId, std::string> disconnected_;
  std::map<ContextId, std::deque<wire::BrokerMessage>> inboxes_;
  std::map<ContextId, std::deque<std::pair<std::uint64_t, std::uint64_t>>> ids_;
  std::map<SegmentId, Segment> segments_;
  std::set<SegmentId> segments_ever_;
  std::map<LinkId, LinkEnds> links_;
  std::set<ChannelId> tables_;
  std::map<PortId, shm::PortInfo> rows_;
  ContextId cause_;
  std::uint64_t next_request_ = 1;
  std::uint64_t steps_ = 0;
  std::string broken_;
};

template <class Message>
Message World::take(ContextId context) {
  auto& box = inboxes_[context];
  for (auto entry = box.begin(); entry != box.end(); ++entry) {
    if (!std::holds_alternative<Message>(*entry)) continue;
    const Message message = std::get<Message>(*entry);
    box.erase(entry);
    return message;
  }
  throw std::runtime_error("context " + std::to_string(context.value) + " got no such message");
}

}  // namespace fairway::route::test
