#include <utility>

#include "base/hook.hpp"
#include "client/context.hpp"

/// Ports that come and go in messages: the context's part of it.
namespace fairway::client {

std::unique_ptr<Endpoint> Context::take_endpoint(Port& port) {
  ports_.erase(port.weak_from_this());
  local_message_taken(*port.endpoint);
  port.endpoint->port = nullptr;
  return std::move(port.endpoint);
}

void Context::share_for_move(Endpoint& leaving) {
  std::unique_ptr<Endpoint> ghost;  // of the other end, if that is closed: what it had posted still arrives
  Endpoint* staying = leaving.twin();
  if (staying == nullptr) {
    ghost = std::make_unique<Endpoint>(*this);
    staying = ghost.get();
  }
  const PortId id = take_channel_id();
  staying->share(id, 0, 0);
  leaving.share(id.opposite(), 0, 0);
  for (Endpoint* const endpoint : {staying, &leaving}) {
    endpoints_[endpoint->id()] = endpoint;
    endpoint->come_home();
  }
  broker_.send(wire::Create{id.channel()});
  staying->post_queue_of(leaving);
  leaving.post_queue_of(*staying);
  if (ghost) close_later(std::move(ghost));
}

void Context::claim(PortId carrier, Generation generation, std::span<const route::Token> tokens) {
  for (const wire::Claim& claim : claims_.reach(carrier, generation, tokens)) broker_.send(claim);
  FAIRWAY_HOOK(claim_sent);
  if (!broker_.alive())
    for (const PortId complete : claims_.lose_broker()) note_claims(complete);
}

void Context::note_claims(PortId carrier) {
  Endpoint* const endpoint = find(carrier);
  if (endpoint == nullptr || !claims_.complete(carrier)) return;
  endpoint->claims_answered();
  make_hot(*endpoint);
}

std::vector<MessagePort> Context::claimed_ports(PortId carrier) {
  std::vector<MessagePort> ports;
  for (const route::Claims::Outcome& outcome : claims_.deliver(carrier)) {
    auto dormant = dormant_.extract(outcome.token.port);
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

void Context::abandon_claims(Endpoint& carrier) {
  for (const wire::Unclaim& unclaim : claims_.abandon(carrier.id())) {
    broker_.send(unclaim);
    dormant_.erase(unclaim.port);
  }
  carrier.forget_claims();
}

void Context::on(const wire::Refused& m, BrokerLink::Message&) {
  if (claims_.on(m)) note_claims(m.carrier);
}

void Context::on(const wire::Moved& m, BrokerLink::Message&) {
  if (Endpoint* const endpoint = find(m.port)) endpoint->moved(m);
}

void Context::close_later(std::unique_ptr<Endpoint> endpoint) {
  endpoint->port = nullptr;
  to_close_.push_back(std::move(endpoint));
}

void Context::close_what_waits() {
  while (!to_close_.empty()) {  // what is closed may leave others to be closed
    auto endpoint = std::move(to_close_.front());
    to_close_.pop_front();
    if (!endpoint->close()) linger(std::move(endpoint));
  }
}

void Context::make_hot_if_here(PortId port) {
  if (Endpoint* const endpoint = find(port)) make_hot(*endpoint);
}

}  // namespace fairway::client
