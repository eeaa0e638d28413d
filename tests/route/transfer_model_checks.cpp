#include <algorithm>
#include <utility>

#include "route/transfer_model.hpp"

/// What must hold in every state, and in those where all is quiet; and how a state is told from others.
namespace fairway::route {

/// The registry's state without the numbers that only count.
struct RegistryProbe {
  static void print(const Registry& registry, std::string& out) {
    const auto put = [&out](std::uint64_t value) { out.append(reinterpret_cast<const char*>(&value), sizeof value); };
    std::map<ChannelId, const Registry::ChannelEntry*> channels;
    for (const auto& [id, channel] : registry.channels_) channels[id] = &channel;
    for (const auto& [id, channel] : channels) {
      put(id.value);
      for (const Registry::PortEntry& port : channel->port) {
        put(static_cast<std::uint64_t>(port.life) | std::uint64_t{port.owner.value} << 8 | std::uint64_t{port.epoch} << 32);
        put(std::uint64_t{port.next_generation} | std::uint64_t{port.opened} << 16 | std::uint64_t{port.ended} << 17 | std::uint64_t{port.opened_for} << 32);
        put(port.read);
        if (port.life != Registry::Life::closed) put(port.carrier.value << 32 | port.token);
        for (const PortId carried : port.cargo) put(carried.value);
        for (const auto& claimant : port.claimants) put(claimant.port.value << 32 | claimant.token);
        for (const auto& g : port.generations) {
          put(std::uint64_t{g.index} | std::uint64_t{g.first} << 16 | std::uint64_t{g.pinned} << 17 | std::uint64_t{g.done} << 18 | std::uint64_t{g.peer_epoch} << 32);
          put(g.final);
        }
      }
    }
  }
};

namespace test {

void TransferModel::check() {
  std::map<PortId, int> holders;
  for (const Context& context : contexts_)
    for (const auto& [id, port] : context.ports)
      if (++holders[id] == 2) wrong("two contexts have " + to_string(id));
}

std::string TransferModel::unsettled() const {
  std::map<PortId, std::pair<const Context*, const Port*>> holders;
  for (const Context& context : contexts_) {
    for (const auto& [id, port] : context.ports) {
      holders[id] = {&context, &port};
      if (port.held || context.claims.waiting(id)) return "a claim on " + to_string(id) + " is never answered";
    }
  }
  for (const auto& [id, row] : rows_) {
    if (row.state == shm::PortState::transit) return to_string(id) + " is in transit for ever";
    const auto holder = holders.find(id);
    if (row.state == shm::PortState::owned && (holder == holders.end() || holder->second.first->id != row.owner)) return to_string(id) + " has an owner that does not know it";
    if (holder == holders.end() || row.state == shm::PortState::closed) continue;
    const auto opposite = rows_.find(id.opposite());
    const bool closed = opposite->second.state == shm::PortState::closed || opposite->second.state == shm::PortState::none;
    if (closed && !holder->second.second->ended) return to_string(id) + " is not told that the port opposite is closed";
    if (!closed && holder->second.second->ended) return to_string(id) + " is told of an end that is none";
    const auto memory = memory_.find(id.opposite());
    if (memory != memory_.end() && memory->second.posted != memory->second.delivered) return "what was posted to " + to_string(id) + " does not arrive";
    if (!closed && row.epoch < holder->second.second->pairing.mine()) return "an epoch from nowhere";
    if (!closed && holder->second.second->pairing.peer() != opposite->second.epoch) return to_string(id) + " has not heard of a move";
  }
  Registry copy = registry_;
  Actions actions;
  for (const Context& context : contexts_) copy.leave(context.id, actions);
  if (copy.channels() != 0 || copy.segments() != 0 || copy.links() != 0) return "all have left, and something remains";
  return {};
}

std::string TransferModel::fingerprint() const {
  std::string out;
  const auto put = [&out](std::uint64_t value) { out.append(reinterpret_cast<const char*>(&value), sizeof value); };
  RegistryProbe::print(registry_, out);
  put(static_cast<std::uint64_t>(budget_.posts | budget_.transfers << 8 | budget_.closes << 16 | budget_.deaths << 24));
  for (const Context& context : contexts_) {
    put(0xc0 | std::uint64_t{context.alive} << 8 | std::uint64_t{context.left} << 9);
    const int revocable = context.committing ? context.last_act : 0;
    put(context.committing.value << 32 | static_cast<std::uint64_t>(revocable) << 16 | static_cast<std::uint64_t>(context.record.token.has_value()) << 1 |
        static_cast<std::uint64_t>(context.late.has_value()));
    if (context.record.token) put(context.record.token->port.value << 32 | context.record.token->epoch);
    for (const wire::ClientMessage& message : context.out) {
      put(0x100 + message.index());
      std::visit(
          [&]<class Message>(const Message& m) {
            if constexpr (std::is_same_v<Message, wire::Bind> || std::is_same_v<Message, wire::Detach> || std::is_same_v<Message, wire::Claim> ||
                          std::is_same_v<Message, wire::Unclaim> || std::is_same_v<Message, wire::Close> || std::is_same_v<Message, wire::End> ||
                          std::is_same_v<Message, wire::Done>)
              out.append(reinterpret_cast<const char*>(&m), sizeof m);
          },
          message);
    }
    for (const wire::BrokerMessage& message : context.in) {
      put(0x200 + message.index());
      std::visit(
          [&]<class Message>(const Message& m) {
            if constexpr (std::is_same_v<Message, wire::Paired>) {
              put(m.port.value), put(m.peer_epoch);
            } else if constexpr (std::is_same_v<Message, wire::Granted> || std::is_same_v<Message, wire::Refused> || std::is_same_v<Message, wire::Moved> ||
                                 std::is_same_v<Message, wire::Install> || std::is_same_v<Message, wire::PortClosed>) {
              out.append(reinterpret_cast<const char*>(&m), sizeof m);
            }
          },
          message);
    }
    for (const auto& [id, port] : context.ports) {
      put(id.value | std::uint64_t{port.held} << 40 | std::uint64_t{port.open} << 41 | std::uint64_t{port.closed} << 42 | std::uint64_t{port.ended} << 43 |
          std::uint64_t{port.pairing.needs_generation()} << 44 | std::uint64_t{context.claims.waiting(id)} << 45 | std::uint64_t{context.claims.complete(id)} << 46);
      put(std::uint64_t{port.pairing.mine()} << 32 | port.pairing.peer());
      put(port.at.pack());
      put(port.next);
      for (const Part& part : port.parts) put(part.index), put(part.final);
    }
  }
  for (const auto& [id, memory] : memory_) {
    put(id.value << 32 | static_cast<std::uint64_t>(memory.posted) << 16 | static_cast<std::uint64_t>(memory.delivered));
    for (const auto& [index, records] : memory.generations) {
      put(0x300 + index);
      for (const Record& record : records) put(record.token ? record.token->port.value << 32 | record.token->epoch : ~static_cast<std::uint64_t>(record.data));
    }
  }
  return out;
}

std::string TransferModel::to_text(const Step& step) {
  const std::string who(1, static_cast<char>('a' + step.context));
  switch (step.kind) {
    case Step::Kind::broker_handles: return "the broker handles a message of " + who;
    case Step::Kind::context_handles: return who + " handles a message of the broker";
    case Step::Kind::end_of_file: return "the broker sees the end of " + who;
    case Step::Kind::commit: return who + " commits on " + to_string(step.port);
    case Step::Kind::read: return who + " reads " + to_string(step.port);
    case Step::Kind::post: return who + " posts on " + to_string(step.port);
    case Step::Kind::transfer: return who + " sends " + to_string(step.port) + " over " + to_string(step.carrier);
    case Step::Kind::close: return who + " closes " + to_string(step.port);
    case Step::Kind::die: return who + " dies, " + std::to_string(step.lost) + " messages short";
  }
  return {};
}

}  // namespace test
}  // namespace fairway::route
