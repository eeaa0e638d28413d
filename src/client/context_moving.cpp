#include <algorithm>
#include <utility>

#include "base/check.hpp"
#include "base/hook.hpp"
#include "client/context.hpp"

/// Ports that come and go in messages: the context's part of it.
namespace fairway::client {

std::unique_ptr<Endpoint> Context::take_endpoint(Port& port) {
  const Callback<void()> never_called = std::move(port.on_readable);
  local_message_taken(*port.endpoint);
  port.endpoint->port = nullptr;
  port.endpoint->note_taken();
  return std::move(port.endpoint);
}

std::vector<Endpoint*> Context::channels_that_leave(const std::vector<Endpoint*>& leaving) const {
  std::vector<Endpoint*> found;
  std::set<const Endpoint*> seen;
  const auto visit = [&](Endpoint* endpoint) {
    if (endpoint == nullptr || !endpoint->local() || seen.contains(endpoint)) return;
    seen.insert(endpoint);
    if (endpoint->twin() != nullptr) seen.insert(endpoint->twin());
    found.push_back(endpoint);
  };
  for (Endpoint* const endpoint : leaving) visit(endpoint);
  for (std::size_t i = 0; i < found.size(); ++i)
    for (const Endpoint* const end : {static_cast<const Endpoint*>(found[i]), static_cast<const Endpoint*>(found[i]->twin())}) {
      if (end == nullptr) continue;
      for (const Endpoint::LocalMessage& message : end->local_queue())
        for (const MessagePort& handle : message.event.ports) visit(handle.implementation()->endpoint.get());
    }
  return found;
}

void Context::share_channels(const std::vector<Endpoint*>& one_end_each) {
  struct Pending {
    Endpoint* writer;
    Endpoint::LocalMessage message;
  };
  std::vector<Pending> pending;
  std::vector<std::unique_ptr<Endpoint>> ghosts;  // of ends that are closed: what they had posted still arrives
  for (Endpoint* const end : one_end_each) {
    Endpoint* other = end->twin();
    if (other == nullptr) other = ghosts.emplace_back(std::make_unique<Endpoint>(*this)).get();
    const PortId id = PortId::of(created_.front(), 1);
    created_.pop_front();
    for (const auto& [reader, writer] : {std::pair(end, other), std::pair(other, end)}) {
      local_message_taken(*reader);
      for (Endpoint::LocalMessage& message : reader->take_local_queue())
        pending.push_back({writer, std::move(message)});
    }
    end->share(id, 0, 0);
    other->share(id.opposite(), 0, 0);
    for (Endpoint* const endpoint : {end, other}) {
      endpoints_[endpoint->id()] = endpoint;
      endpoint->come_home();
    }
  }
  // In the order in which they were posted: nothing was posted on a port after it left in a message.
  std::ranges::sort(pending, {}, [](const Pending& each) { return each.message.sequence; });
  for (Pending& each : pending) each.writer->replay(std::move(each.message));
  for (auto& ghost : ghosts) close_later(std::move(ghost));
}

void Context::claim(PortId carrier, Generation generation, std::span<const route::Token> tokens, std::span<const PortId> at_hand) {
  for (const wire::Claim& claim : claims_.reach(carrier, generation, tokens, at_hand)) broker_.send(claim);
  FAIRWAY_HOOK(claim_sent);
  if (!broker_.alive())
    for (const PortId complete : claims_.lose_broker()) note_claims(complete);
  note_claims(carrier);
}

void Context::note_claims(PortId carrier) {
  Endpoint* const endpoint = find(carrier);
  if (endpoint == nullptr || !claims_.complete(carrier)) return;
  endpoint->claims_answered();
  make_hot(*endpoint);
}

std::vector<MessagePort> Context::claimed_ports(Endpoint& carrier, std::span<graph::Contents> buffers) {
  std::vector<MessagePort> ports;
  const auto outcomes = claims_.deliver(carrier.id());
  const auto boxes = static_cast<std::size_t>(std::ranges::count_if(buffers, &graph::Contents::missing));
  const std::size_t first_box = outcomes.size() - std::min(boxes, outcomes.size());
  ports.reserve(outcomes.size());
  auto buffer = buffers.begin();
  for (const route::Claims::Outcome& outcome : outcomes) {
    auto dormant = dormant_.extract(outcome.token.port);
    auto memory = outcome.ours ? std::shared_ptr<BufferMemory>() : take_box(outcome.token.port);
    if (&outcome - outcomes.data() >= static_cast<std::ptrdiff_t>(first_box)) {
      buffer = std::ranges::find_if(buffer, buffers.end(), &graph::Contents::missing);
      if (outcome.ours) memory = carrier.take_back(outcome.token.port);
      const bool frozen = buffer->sharing == graph::Sharing::frozen;
      const bool as_said = memory && (memory->frozen() == frozen || !enforced(Check::kernel_is_believed));
      if (as_said && memory->cut(*buffer->size_elsewhere)) buffer->memory = std::move(memory);
      carrier.borrow(*buffer);
      if (dormant) close_later(std::move(dormant.mapped()));
      ++buffer;
      continue;
    }
    std::unique_ptr<Endpoint> endpoint;
    if (outcome.granted && dormant) {
      endpoint = std::move(dormant.mapped());
      endpoint->awake();
    } else {
      endpoint = std::make_unique<Endpoint>(*this);
      endpoint->die(CloseReason::dropped);
      make_hot(*endpoint);
    }
    ports.emplace_back(adopt(std::move(endpoint)));
  }
  return ports;
}

void Context::drop_claimed(Endpoint& carrier) {
  for (const route::Claims::Outcome& outcome : claims_.deliver(carrier.id())) {
    if (outcome.ours) {
      carrier.take_relinquished(outcome.token.port);
      continue;
    }
    take_box(outcome.token.port);
    if (auto dormant = dormant_.extract(outcome.token.port)) close_later(std::move(dormant.mapped()));
  }
}

void Context::abandon_claims(Endpoint& carrier) {
  for (const wire::Unclaim& unclaim : claims_.abandon(carrier.id())) {
    auto dormant = dormant_.extract(unclaim.port);
    if (drop_box(unclaim.port)) continue;
    if (dormant && !dormant.mapped()->returnable()) {
      close_later(std::move(dormant.mapped()));
    } else {
      broker_.send(unclaim);
    }
  }
  carrier.forget_claims();
}

void Context::on(const wire::Refused& m, BrokerLink::Message&) {
  if (claims_.on(m)) note_claims(m.carrier);
}

void Context::on(const wire::Moved& m, BrokerLink::Message&) {
  if (Endpoint* const endpoint = find(m.port)) endpoint->moved(m);
}

void Context::close_later(std::unique_ptr<Endpoint> endpoint) noexcept {
  endpoint->port = nullptr;
  to_close_.push_back(std::move(endpoint));
  wake_other_loop();
}

void Context::finish_what_waits() {
  while (!to_close_.empty()) {  // what is closed may leave others to be closed
    auto endpoint = std::move(to_close_.back());
    to_close_.pop_back();
    carry_out([&] {
      if (!endpoint->close()) linger(std::move(endpoint));
    });
  }
  finish_lingering();
  relinquish();
  broker_takes_more_ = false;
  // One that goes on may take another one along, which is gone then.
  for (Endpoint* const carrier : std::set<Endpoint*>(awaiting_departure_))
    if (awaiting_departure_.contains(carrier)) carrier->progress();
}

void Context::make_hot_if_here(PortId port) noexcept {
  if (Endpoint* const endpoint = find(port)) make_hot(*endpoint);
}

}  // namespace fairway::client
