#include "route/transfer_model.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "shm/layout.hpp"

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

namespace {

std::string name_of(PortId port) { return fairway::to_string(port); }

}  // namespace

TransferModel::TransferModel(int contexts, const std::vector<Channel>& channels, Budget budget, std::uint32_t left_out)
    : registry_(Limits{}), budget_(budget), left_out_(left_out) {
  for (int i = 0; i < contexts; ++i) {
    wire::Hello hello;
    hello.name = wire::Name::of(std::string(1, static_cast<char>('a' + i)));
    Actions actions;
    wire::Refusal refusal;
    Context context;
    context.id = registry_.join(hello, {1000, 1}, 0, actions, refusal);
    contexts_.push_back(context);
    perform(std::move(actions));
  }
  std::uint64_t number = 1;
  for (const Channel& channel : channels) {
    Context& one = contexts_[static_cast<std::size_t>(channel.one)];
    const ChannelId id{static_cast<std::uint64_t>(channel.one) * shm::channels_per_table + number++};
    const PortId mine = PortId::of(id, 1);
    handle(one, wire::Create{id});
    one.ports[mine].pairing = Pairing(0, 1);
    const char other[] = {static_cast<char>('a' + channel.two), 0};
    handle(one, wire::Connect{1, mine.opposite(), 0, wire::Name::of(other)});
    Context& two = contexts_[static_cast<std::size_t>(channel.two)];
    two.ports[mine.opposite()].pairing = Pairing(1, 0);
  }
  for (Context& context : contexts_) context.in.clear();
}

// The broker ------------------------------------------------------------------------------------------------

void TransferModel::perform(Actions actions) {
  for (std::size_t i = 0; i < actions.size(); ++i) {
    if (const auto* const allocate = std::get_if<Allocate>(&actions[i])) {
      Actions more;
      registry_.allocated(allocate->segment, more);
    } else if (const auto* const update = std::get_if<UpdatePort>(&actions[i])) {
      rows_[update->port] = update->info;
    } else if (const auto* const disconnect = std::get_if<Disconnect>(&actions[i])) {
      wrong("an honest context is disconnected: " + disconnect->why);
    } else if (const auto* const sent = std::get_if<Send>(&actions[i])) {
      const auto to = std::ranges::find(contexts_, sent->to, &Context::id);
      if (to == contexts_.end() || !to->alive) continue;
      if (const auto* const refused = std::get_if<wire::Refused>(&sent->message)) {
        const shm::PortState state = rows_[refused->port].state;
        if (state != shm::PortState::closed && state != shm::PortState::none) wrong("a token of a port that lives is refused");
      }
      if (const auto* const moved = std::get_if<wire::Moved>(&sent->message)) {
        std::erase_if(to->in, [moved](const wire::BrokerMessage& message) {
          const auto* const old = std::get_if<wire::Moved>(&message);
          const auto* const paired = std::get_if<wire::Paired>(&message);
          return (old != nullptr && old->port == moved->port) || (paired != nullptr && paired->port == moved->port);
        });
      }
      std::visit(
          [&to](const auto& message) {
            using Message = std::remove_cvref_t<decltype(message)>;
            if constexpr (std::is_same_v<Message, wire::Granted> || std::is_same_v<Message, wire::Refused> ||
                          std::is_same_v<Message, wire::Moved> || std::is_same_v<Message, wire::Paired> ||
                          std::is_same_v<Message, wire::Install> || std::is_same_v<Message, wire::PortClosed>)
              to->in.push_back(message);
          },
          sent->message);
    }
  }
}

void TransferModel::handle(Context& context, const wire::ClientMessage& message) {
  Actions actions;
  if (auto bind = std::get_if<wire::Bind>(&message)) {
    wire::Bind real = *bind;
    registry_.handle(context.id, wire::LeaseRequest{shm::small_segment}, actions);
    for (const Action& action : actions)
      if (const auto* const allocate = std::get_if<Allocate>(&action)) real.segment = allocate->segment;
    perform(std::exchange(actions, {}));
    registry_.handle(context.id, wire::LeaseMapped{real.segment}, actions);
    registry_.handle(context.id, real, actions);
  } else {
    registry_.handle(context.id, message, actions);
  }
  perform(std::move(actions));
}

// A context -------------------------------------------------------------------------------------------------

void TransferModel::send(Context& context, const wire::ClientMessage& message) {
  context.out.push_back(message);
  ++context.last_act;
}

void TransferModel::ends_at(Port& port, PortId id, Generation generation, std::uint64_t final) {
  const Memory& memory = memory_[id.opposite()];
  for (Part& part : port.parts) {
    if (part.index > generation) part.final = 0;
    if (part.index == generation) {
      const auto found = memory.generations.find(generation);
      part.final = final != wire::unknown_final ? final : found == memory.generations.end() ? 0 : found->second.size();
    }
  }
}

void TransferModel::on(Context& context, const wire::Granted& m) {
  if (!context.claims.on(m)) return;
  if (context.ports.contains(m.port)) return wrong("granted a port that is here");
  Port& port = context.ports[m.port];
  port.pairing = Pairing(m.epoch, m.peer_epoch);
  port.held = true;
  port.next = m.generation;
  port.at = shm::Position::unpack(m.read);
}

void TransferModel::on(Context& context, const wire::Refused& m) {
  context.claims.on(m);
}

void TransferModel::on(Context& context, const wire::Moved& m) {
  const auto port = context.ports.find(m.port);
  if (port == context.ports.end()) return;
  port->second.pairing.saw(m.peer_epoch);
  ends_at(port->second, m.port, m.generation, m.final);
}

void TransferModel::on(Context& context, const wire::Paired& m) {
  const auto port = context.ports.find(m.port);
  if (port != context.ports.end()) port->second.pairing.saw(m.peer_epoch);
}

void TransferModel::on(Context& context, const wire::Install& m) {
  const auto found = context.ports.find(m.port);
  if (found == context.ports.end() || found->second.ended) return;
  Port& port = found->second;
  if (!port.parts.empty() && port.parts.back().index >= m.generation) return wrong("generations out of order");
  for (Part& part : port.parts) {
    if (part.index == m.previous) part.final = m.previous_final;
    if (part.index > m.previous && m.previous != m.generation) part.final = 0;
  }
  if (m.previous == m.generation)
    for (Part& part : port.parts)
      if (part.final == wire::unknown_final) part.final = 0;
  port.parts.push_back({m.generation, wire::unknown_final});
  port.pairing.saw(m.epoch);
}

void TransferModel::on(Context& context, const wire::PortClosed& m) {
  const auto port = context.ports.find(m.port);
  if (port == context.ports.end()) return;
  port->second.closed = true;
  ends_at(port->second, m.port, m.generation, m.final);
}

bool TransferModel::at_end_of_part(const Port& port) const {
  return port.parts.empty() || port.parts.front().index != port.at.generation || port.parts.front().final == port.at.offset;
}

bool TransferModel::readable(const Context& context, PortId id, const Port& port) const {
  if (port.held || port.ended) return false;
  if (context.claims.waiting(id)) return context.claims.complete(id);
  if (at_end_of_part(port)) return port.parts.size() > 1 || port.closed || (port.parts.size() == 1 && port.parts.front().index != port.at.generation);
  const auto memory = memory_.find(id.opposite());
  if (memory == memory_.end()) return false;
  const auto records = memory->second.generations.find(port.at.generation);
  return records != memory->second.generations.end() && port.at.offset < records->second.size() &&
         port.at.offset < port.parts.front().final;
}

/// Reading and writing need a generation of one's own.
void TransferModel::ready(Context& context, PortId id, Port& port) {
  port.pairing.saw(rows_[id.opposite()].epoch);
  if (!port.pairing.needs_generation()) return;
  auto& generations = memory_[id].generations;
  const auto previous = port.open ? generations[static_cast<Generation>(port.next - 1)].size() : 0;
  send(context, wire::Bind{id, {}, previous, port.next, 0, port.pairing.peer()});
  generations[port.next++];
  port.open = true;
  port.pairing.opened();
}

void TransferModel::read(Context& context, PortId id) {
  Port& port = context.ports.at(id);
  Memory& memory = memory_[id.opposite()];
  if (context.claims.waiting(id)) {
    for (const Claims::Outcome& outcome : context.claims.deliver(id))
      if (outcome.granted) {
        const auto granted = context.ports.find(outcome.token.port);
        if (granted == context.ports.end()) return wrong("delivered a port that is not here: " + name_of(outcome.token.port));
        granted->second.held = false;
      }
    ++port.at.offset;
    return;
  }
  if (at_end_of_part(port)) {
    if (!port.parts.empty() && port.parts.front().index != port.at.generation) {
      port.at = {port.parts.front().index, 0};
    } else if (port.parts.size() > 1) {
      send(context, wire::Done{id, port.at.generation, {}});
      port.parts.erase(port.parts.begin());
      port.at = {port.parts.front().index, 0};
    } else {
      port.ended = true;
      send(context, wire::End{id});
    }
    return;
  }
  if (!port.open) ready(context, id, port);
  const Record record = memory.generations.at(port.at.generation).at(port.at.offset);
  if (record.token) {
    const std::vector<Token> tokens{*record.token};
    for (const wire::Claim& claim : context.claims.reach(id, port.at.generation, tokens)) send(context, claim);
    if (!has(Habit::waits_for_grants)) {
      context.claims.abandon(id);
      ++port.at.offset;
      Port& early = context.ports[record.token->port];
      early.pairing = Pairing(record.token->epoch, 0);
    }
    return;
  }
  if (record.data != memory.delivered) return wrong("lost, twice or out of order");
  ++memory.delivered;
  ++port.at.offset;
}

void TransferModel::post(Context& context, PortId id) {
  Port& port = context.ports.at(id);
  ready(context, id, port);
  context.committing = id;
  context.record = {memory_[id].posted++, std::nullopt};
}

void TransferModel::transfer(Context& context, PortId id, PortId carrier) {
  Port& port = context.ports.at(id);
  for (const wire::Unclaim& unclaim : context.claims.abandon(id)) {
    if (has(Habit::unclaims)) send(context, unclaim);
    context.ports.erase(unclaim.port);
  }
  ready(context, carrier, context.ports.at(carrier));
  const std::uint64_t final = port.open ? memory_[id].generations[static_cast<Generation>(port.next - 1)].size() : 0;
  const Token token{id, port.pairing.mine() + 1};
  const wire::Detach detach{id, carrier, final, port.at.pack(), token.epoch, 0, {}};
  context.committing = carrier;
  context.record = {0, token};
  if (has(Habit::detaches_first)) {
    send(context, detach);
  } else {
    context.late = detach;
  }
  const PortId opposite = id.opposite();
  context.ports.erase(id);
  // Whoever owns both ends is not told.
  if (const auto twin = context.ports.find(opposite); twin != context.ports.end()) {
    twin->second.pairing.saw(token.epoch);
    if (!twin->second.parts.empty()) twin->second.parts.back().final = final;
  }
}

void TransferModel::close(Context& context, PortId id) {
  Port& port = context.ports.at(id);
  for (const wire::Unclaim& unclaim : context.claims.abandon(id)) {
    if (has(Habit::unclaims)) send(context, unclaim);
    context.ports.erase(unclaim.port);
  }
  const std::uint64_t final = port.open ? memory_[id].generations[static_cast<Generation>(port.next - 1)].size() : 0;
  if (!port.ended) send(context, wire::Close{id, final, CloseReason::closed, 0});
  context.ports.erase(id);
}

// Steps -----------------------------------------------------------------------------------------------------

std::vector<TransferModel::Step> TransferModel::steps() const {
  using Kind = Step::Kind;
  std::vector<Step> steps;
  for (std::size_t i = 0; i < contexts_.size(); ++i) {
    const Context& context = contexts_[i];
    const int who = static_cast<int>(i);
    if (context.left) continue;
    if (!context.out.empty()) steps.push_back({Kind::broker_handles, who, {}, {}, 0});
    if (!context.alive) {
      if (context.out.empty() || !has(Habit::broker_drains)) steps.push_back({Kind::end_of_file, who, {}, {}, 0});
      continue;
    }
    if (budget_.deaths > 0) {
      const int most = context.committing ? std::min(context.last_act, static_cast<int>(context.out.size())) : 0;
      for (int lost = 0; lost <= most; ++lost) steps.push_back({Kind::die, who, {}, {}, lost});
    }
    if (context.committing || context.late) {  // it does nothing else in between
      steps.push_back({Kind::commit, who, context.committing, {}, 0});
      continue;
    }
    if (!context.in.empty()) steps.push_back({Kind::context_handles, who, {}, {}, 0});
    for (const auto& [id, port] : context.ports) {
      if (port.held) continue;
      if (readable(context, id, port)) steps.push_back({Kind::read, who, id, {}, 0});
      if (budget_.posts > 0 && !port.closed && !port.ended) steps.push_back({Kind::post, who, id, {}, 0});
      if (budget_.closes > 0) steps.push_back({Kind::close, who, id, {}, 0});
      if (budget_.transfers == 0) continue;
      for (const auto& [carrier, over] : context.ports)
        if (!over.held && !over.closed && !over.ended && carrier.channel() != id.channel())
          steps.push_back({Kind::transfer, who, id, carrier, 0});
    }
  }
  return steps;
}

bool TransferModel::quiet() const {
  return std::ranges::all_of(steps(), [](const Step& step) { return step.kind >= Step::Kind::post; });
}

void TransferModel::take(const Step& step) {
  using Kind = Step::Kind;
  Context& context = contexts_[static_cast<std::size_t>(step.context)];
  if (step.kind >= Kind::read) context.last_act = 0;
  switch (step.kind) {
    case Kind::broker_handles: {
      const wire::ClientMessage message = context.out.front();
      context.out.pop_front();
      handle(context, message);
      break;
    }
    case Kind::context_handles: {
      const wire::BrokerMessage message = context.in.front();
      context.in.pop_front();
      std::visit(
          [&]<class Message>(const Message& m) {
            if constexpr (requires { on(context, m); }) on(context, m);
          },
          message);
      break;
    }
    case Kind::end_of_file: {
      context.out.clear();
      context.left = true;
      for (const auto& [id, memory] : memory_)
        for (const auto& [index, records] : memory.generations)
          for (const Record& record : records) {
            if (!record.token) continue;
            const shm::PortInfo& row = rows_[record.token->port];
            if (row.owner == context.id && row.state == shm::PortState::owned && row.epoch < record.token->epoch)
              wrong("a port dies with its sender after its message is committed");
          }
      Actions actions;
      registry_.leave(context.id, actions);
      perform(std::move(actions));
      break;
    }
    case Kind::commit: {
      if (!context.committing) {
        send(context, *std::exchange(context.late, std::nullopt));
        break;
      }
      const PortId id = std::exchange(context.committing, {});
      auto& generations = memory_[id].generations;
      generations.at(static_cast<Generation>(context.ports.at(id).next - 1)).push_back(std::exchange(context.record, {}));
      break;
    }
    case Kind::read: read(context, step.port); break;
    case Kind::post:
      --budget_.posts;
      post(context, step.port);
      break;
    case Kind::transfer:
      --budget_.transfers;
      transfer(context, step.port, step.carrier);
      break;
    case Kind::close:
      --budget_.closes;
      close(context, step.port);
      break;
    case Kind::die:
      --budget_.deaths;
      context.alive = false;
      context.out.resize(context.out.size() - static_cast<std::size_t>(step.lost), wire::Done{});
      if (context.committing && !context.record.token) --memory_[context.committing].posted;
      context.committing = {};
      context.record = {};
      context.late.reset();
      context.in.clear();
      context.ports.clear();
      context.claims = {};
      break;
  }
  check();
}

void TransferModel::check() {
  std::map<PortId, int> holders;
  for (const Context& context : contexts_)
    for (const auto& [id, port] : context.ports)
      if (++holders[id] == 2) wrong("two contexts have " + name_of(id));
}

std::string TransferModel::unsettled() const {
  std::map<PortId, std::pair<const Context*, const Port*>> holders;
  for (const Context& context : contexts_) {
    for (const auto& [id, port] : context.ports) {
      holders[id] = {&context, &port};
      if (port.held || context.claims.waiting(id)) return "a claim on " + name_of(id) + " is never answered";
    }
  }
  for (const auto& [id, row] : rows_) {
    if (row.state == shm::PortState::transit) return name_of(id) + " is in transit for ever";
    const auto holder = holders.find(id);
    if (row.state == shm::PortState::owned && (holder == holders.end() || holder->second.first->id != row.owner)) return name_of(id) + " has an owner that does not know it";
    if (holder == holders.end() || row.state == shm::PortState::closed) continue;
    const auto opposite = rows_.find(id.opposite());
    const bool closed = opposite->second.state == shm::PortState::closed || opposite->second.state == shm::PortState::none;
    if (closed && !holder->second.second->ended) return name_of(id) + " is not told that the port opposite is closed";
    if (!closed && holder->second.second->ended) return name_of(id) + " is told of an end that is none";
    const auto memory = memory_.find(id.opposite());
    if (memory != memory_.end() && memory->second.posted != memory->second.delivered) return "what was posted to " + name_of(id) + " does not arrive";
    if (!closed && row.epoch < holder->second.second->pairing.mine()) return "an epoch from nowhere";
    if (!closed && holder->second.second->pairing.peer() != opposite->second.epoch) return name_of(id) + " has not heard of a move";
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
    case Step::Kind::commit: return who + " commits on " + name_of(step.port);
    case Step::Kind::read: return who + " reads " + name_of(step.port);
    case Step::Kind::post: return who + " posts on " + name_of(step.port);
    case Step::Kind::transfer: return who + " sends " + name_of(step.port) + " over " + name_of(step.carrier);
    case Step::Kind::close: return who + " closes " + name_of(step.port);
    case Step::Kind::die: return who + " dies, " + std::to_string(step.lost) + " messages short";
  }
  return {};
}

}  // namespace test
}  // namespace fairway::route
