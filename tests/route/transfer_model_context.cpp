#include <algorithm>
#include <cstring>
#include <utility>

#include "route/transfer_model.hpp"
#include "shm/layout.hpp"

/// What a context does, as the library does it.
namespace fairway::route::test {

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
        if (granted == context.ports.end()) return wrong("delivered a port that is not here: " + to_string(outcome.token.port));
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

}  // namespace fairway::route::test
