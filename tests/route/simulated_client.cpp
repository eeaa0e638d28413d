#include "route/simulated_client.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "shm/layout.hpp"

namespace fairway::route::test {

// Messages of the broker: client/context_broker.cpp ----------------------------------------------------------

void SimulatedClient::receive(std::mt19937_64& random) {
  random_ = &random;
  const wire::BrokerMessage message = std::move(in.front());
  in.pop_front();
  std::visit([this](const auto& body) { on(body); }, message);
}

void SimulatedClient::on(const wire::Lease& m) {
  if (chance(30)) {
    out.push_back(wire::LeaseReturned{m.segment});
    return;
  }
  out.push_back(wire::LeaseMapped{m.segment});
  leases_.push_back(m.segment);
  bind_links();
  for (auto& [port_id, port] : ports_)
    if (port.closing && chance(2)) return close(port_id);  // its backlog has waited for that
}

void SimulatedClient::on(const wire::Ids& m) { ids_.emplace_back(m.first.value, m.first.value + m.count); }

void SimulatedClient::on(const wire::Link& m) {
  if (!links_.emplace(m.link, false).second) confused = "a link twice";
  bind_links();
}

void SimulatedClient::bind_links() {
  for (auto& [link, bound] : links_) {
    if (bound) continue;
    const auto lease = take_lease();
    if (!lease) return;
    out.push_back(wire::LinkBind{link, 0, *lease});
    bound = true;
  }
}

void SimulatedClient::on(const wire::LinkInstall& m) {
  if (links_.contains(m.link) && troubles_.mapping && chance(3)) uninstalled_links_.push_back(m.link);
}

void SimulatedClient::on(const wire::LinkDrop& m) {
  links_.erase(m.link);
  for (auto& [port_id, port] : ports_)
    if (port.link == m.link) port.link = {};
}

void SimulatedClient::on(const wire::Paired& m) {
  const auto port = ports_.find(m.port);
  if (m.link && !links_.contains(m.link)) confused = "paired over a link that it does not have";
  if (port == ports_.end()) return;
  port->second.link = m.link;
  port->second.peer_epoch = std::max(port->second.peer_epoch, m.peer_epoch);
}

void SimulatedClient::on(const wire::Install& m) {
  const auto found = ports_.find(m.port);
  if (found == ports_.end() || found->second.ended) return;
  Port& port = found->second;
  if (troubles_.mapping && chance(3)) {
    uninstalled_.emplace_back(m.port, m.generation);
    port.missing.insert(m.generation);
    return;
  }
  const bool again = port.missing.erase(m.generation) != 0;
  if (!again && !port.incoming.empty() && m.generation <= port.incoming.back() && !troubles_.hostile) confused = "generations out of order";
  port.incoming.push_back(m.generation);
  std::ranges::sort(port.incoming);
  if (!port.open) bind(m.port, port);  // reading needs words of its own
}

void SimulatedClient::on(const wire::Reply& m) { replies_[m.request] = m; }

void SimulatedClient::on(const wire::Boxed& m) {
  if (m.again == 0) boxes_.insert(m.port);
}

void SimulatedClient::on(const wire::Granted& m) {
  if (boxes_.erase(m.port) != 0) {
    if (chance(3)) out.push_back(wire::Refetch{m.port, 0, {}});
    const bool unread = chance(3) && ports_.contains(m.carrier) && !ports_[m.carrier].ended && !ports_[m.carrier].closing;
    if (unread) {
      out.push_back(wire::Unclaim{m.port, m.carrier, m.token, 0});
    } else {
      out.push_back(wire::Close{m.port, 0, CloseReason::closed, 0});
    }
    return;
  }
  Port& port = ports_[m.port] = {};
  port.next = m.generation;
  port.peer_epoch = m.peer_epoch;
  port.read = m.read;
  epochs_[m.port] = m.epoch;
}

void SimulatedClient::on(const wire::Moved& m) {
  if (const auto port = ports_.find(m.port); port != ports_.end()) port->second.peer_epoch = std::max(port->second.peer_epoch, m.peer_epoch);
}

/// A record of the port opposite is reached; `sent_tokens` of whoever owns that one is the memory that they share.
bool SimulatedClient::claim(const wire::Claim& m) {
  const auto reader = ports_.find(m.carrier);
  if (reader == ports_.end() || reader->second.ended || reader->second.closing) return false;
  out.push_back(m);
  return true;
}

void SimulatedClient::on(const wire::PortClosed& m) {
  const auto port = ports_.find(m.port);
  if (port != ports_.end() && !port->second.ended) port->second.in_closed = true;
}

// What the user does: client/endpoint.cpp, client/context_finding.cpp ---------------------------------------

std::optional<SegmentId> SimulatedClient::take_lease() {
  if (leases_.empty()) {
    out.push_back(wire::LeaseRequest{shm::small_segment});
    return std::nullopt;
  }
  const SegmentId lease = leases_.back();
  leases_.pop_back();
  return lease;
}

bool SimulatedClient::bind(PortId port_id, Port& port) {
  const auto lease = take_lease();
  if (!lease) return false;
  out.push_back(wire::Bind{port_id, *lease, port.next == 0 ? 0u : 640u, port.next, 0, port.peer_epoch});
  ++port.next;
  port.open = true;
  return true;
}

std::optional<PortId> SimulatedClient::share() {
  while (!ids_.empty() && ids_.front().first == ids_.front().second) ids_.pop_front();
  if (ids_.empty()) return std::nullopt;
  const ChannelId channel{ids_.front().first++};
  out.push_back(wire::Create{channel});
  const PortId mine = PortId::of(channel, 1);
  ports_[mine] = {};
  ports_[mine].peer_epoch = 1;
  return mine;
}

void SimulatedClient::connect(const std::vector<std::string>& names) {
  const std::string& other = names[(*random_)() % names.size()];
  if (other == name) return;
  const auto mine = share();
  if (!mine) return;
  const bool patient = chance(2);
  pending_ = {next_request_++, *mine, patient};
  out.push_back(wire::Connect{pending_->request, mine->opposite(), patient ? 1u : 0u, wire::Name::of(other)});
}

void SimulatedClient::finish_connecting() {
  if (const auto reply = replies_.find(pending_->request); reply != replies_.end()) {
    const PortId mine = pending_->mine;
    const bool refused = reply->second.code != 0;
    pending_.reset();
    replies_.erase(reply);
    if (refused) close(mine);  // the handle is never handed out
  } else if (chance(4)) {      // the time is over
    if (pending_->patient) out.push_back(wire::CancelConnect{pending_->request});
    close(std::exchange(pending_, std::nullopt)->mine);
  }
}

void SimulatedClient::spawn() {
  const auto mine = share();
  if (!mine) return;
  const wire::Secret secret{id.value, next_secret_++};
  out.push_back(wire::Invite{mine->opposite(), secret});
  started.push_back(secret);
}

void SimulatedClient::post(PortId port_id, Port& port) {
  if (port.ended || port.closing) return;
  if (!port.open || chance(3)) bind(port_id, port);
}

/// In a message on another of its ports.
void SimulatedClient::transfer(PortId port_id, Port& port) {
  const auto carrier = std::next(ports_.begin(), static_cast<std::ptrdiff_t>((*random_)() % ports_.size()));
  const auto movable = [](const Port& each) { return !each.ended && !each.closing; };
  if (carrier->first.channel() == port_id.channel() || !movable(port) || !movable(carrier->second) || carrier->second.in_closed) return;
  if (pending_ && (pending_->mine == port_id || pending_->mine == carrier->first)) return;
  if (!carrier->second.open && !bind(carrier->first, carrier->second)) return;
  std::uint64_t read = port.read;
  if (!port.incoming.empty()) read = std::max(read, shm::Position{port.missing.empty() ? port.incoming.front() : std::min(port.incoming.front(), *port.missing.begin()), 0}.pack());
  const Epoch epoch = epochs_[port_id] + 1;
  out.push_back(wire::Detach{port_id, carrier->first, port.open && chance(2) ? 640u : 0u, read, epoch, 0, {}});
  sent_tokens.push_back({port_id, carrier->first.opposite(), epoch, static_cast<Generation>(carrier->second.next - 1), 0});
  if (const auto twin = ports_.find(port_id.opposite()); twin != ports_.end()) twin->second.peer_epoch = epoch;
  std::erase_if(uninstalled_, [port_id](const auto& lost) { return lost.first == port_id; });
  ports_.erase(port_id);
}

void SimulatedClient::box(PortId carrier, Port& port) {
  while (!ids_.empty() && ids_.front().first == ids_.front().second) ids_.pop_front();
  if (ids_.empty() || port.ended || port.closing || port.in_closed || (pending_ && pending_->mine == carrier)) return;
  if (!port.open && !bind(carrier, port)) return;
  const PortId boxed = PortId::of({ids_.front().first++}, 2);
  const std::uint64_t size = shm::page * (1 + (*random_)() % 20);
  if (chance(4)) {  // lent, and still to come: for whoever reads on
    out.push_back(wire::Box{boxed, carrier.opposite(), size, wire::lent_epoch, 0});
    sent_tokens.push_back({boxed, carrier, wire::lent_epoch, 0, 0});
    return;
  }
  out.push_back(wire::Box{boxed, carrier, size});
  sent_tokens.push_back({boxed, carrier.opposite(), 1, static_cast<Generation>(port.next - 1), 0});
}

void SimulatedClient::read(PortId port_id, Port& port) {
  if (port.ended || port.closing) return;
  if (chance(200)) {  // damage is found
    port.ended = true;
    out.push_back(wire::Close{port_id, 640, CloseReason::protocol_error, 0});
    return;
  }
  // What could not be mapped yet holds up what comes behind it.
  if (!port.missing.empty()) return;
  if (port.incoming.size() > 1) {
    out.push_back(wire::Done{port_id, port.incoming.front(), {}});
    port.incoming.erase(port.incoming.begin());
  } else if (port.in_closed) {
    port.ended = true;
    out.push_back(wire::End{port_id});
  }
}

void SimulatedClient::close(PortId port_id) {
  const auto found = ports_.find(port_id);
  if (found == ports_.end()) return;
  Port& port = found->second;
  if (!port.ended) {
    if (!port.in_closed && chance(3) && !bind(port_id, port)) {
      port.closing = true;  // until a lease comes
      return;
    }
    out.push_back(wire::Close{port_id, 640, CloseReason::closed, 0});
  }
  ports_.erase(found);
}

void SimulatedClient::fetch_again() {
  for (const auto& [port, generation] : std::exchange(uninstalled_, {})) out.push_back(wire::Refetch{port, generation, {}});
  for (const LinkId link : std::exchange(uninstalled_links_, {})) out.push_back(wire::RefetchLink{link});
}

void SimulatedClient::act(std::mt19937_64& random, const std::vector<std::string>& names) {
  random_ = &random;
  if (pending_) return finish_connecting();  // nothing of the user's runs meanwhile
  if (chance(20)) return fetch_again();
  if (leases_.size() > 6) {
    out.push_back(wire::LeaseReturned{leases_.front()});
    leases_.erase(leases_.begin());
    return;
  }
  if (leases_.size() < 2) out.push_back(wire::LeaseRequest{shm::small_segment});
  if (ports_.empty() || chance(8)) return chance(4) ? spawn() : connect(names);
  const auto port = std::next(ports_.begin(), static_cast<std::ptrdiff_t>(random() % ports_.size()));
  switch (random() % 11) {
    case 0: return close(port->first);
    case 8:
    case 9: return transfer(port->first, port->second);
    case 10: return box(port->first, port->second);
    case 1:
    case 2:
    case 3: return post(port->first, port->second);
    default: return read(port->first, port->second);
  }
}

void SimulatedClient::misbehave(std::mt19937_64& random, const std::vector<std::string>& names) {
  random_ = &random;
  const auto port = [&] {
    if (!ports_.empty() && !chance(4)) {
      const PortId mine = std::next(ports_.begin(), static_cast<std::ptrdiff_t>(random() % ports_.size()))->first;
      return chance(2) ? mine : mine.opposite();
    }
    return PortId{random() % 4096};
  };
  const auto segment = [&] { return leases_.empty() || chance(4) ? SegmentId{random() % 256} : leases_[random() % leases_.size()]; };
  const auto request = [&] { return random() % next_request_; };
  switch (random() % 21) {
    case 20: {
      const PortId boxed = chance(2) ? port() : PortId::of({random() % 4096}, 2);
      const PortId carrier = port();
      out.push_back(wire::Box{boxed, carrier, chance(4) ? random() : shm::page});
      if (ports_.contains(carrier)) sent_tokens.push_back({boxed, carrier.opposite(), 1, 0, 0});
      break;
    }
    case 0: out.push_back(wire::LeaseRequest{chance(4) ? random() : shm::small_segment * (random() % 8)}); break;
    case 1: out.push_back(wire::LeaseMapped{segment()}); break;
    case 2: out.push_back(wire::LeaseReturned{segment()}); break;
    case 3: out.push_back(wire::Create{{random() % 4096}}); break;
    case 4: out.push_back(wire::Bind{port(), segment(), random(), static_cast<Generation>(random() % 4), static_cast<std::uint16_t>(random() % 2), 0}); break;
    case 5:
    case 6: out.push_back(wire::Connect{next_request_++, port(), random() % 2, wire::Name::of(names[random() % names.size()])}); break;
    case 7: out.push_back(wire::CancelConnect{request()}); break;
    case 8: out.push_back(wire::Invite{port(), {id.value, random() % 16}}); break;
    case 9: out.push_back(wire::Revoke{{random() % 8, random() % 16}}); break;
    case 10:
    case 11: out.push_back(wire::LinkBind{{static_cast<std::uint32_t>(random() % 64)}, 0, segment()}); break;
    case 12: out.push_back(wire::Close{port(), random(), static_cast<CloseReason>(random() % 6), 0}); break;
    case 13: out.push_back(wire::End{port()}); break;
    case 14: out.push_back(wire::Done{port(), static_cast<Generation>(random() % 4), {}}); break;
    case 16: {
      const PortId moved = port();
      const Epoch epoch = static_cast<Epoch>(chance(3) ? random() % 4 : 1 + epochs_[moved]);
      const PortId carrier = port();
      out.push_back(wire::Detach{moved, carrier, chance(4) ? random() : 0u, chance(8) ? random() : 0u, epoch, 0, {}});
      if (ports_.contains(carrier)) sent_tokens.push_back({moved, carrier.opposite(), epoch, 0, 0});
      break;
    }
    case 17: out.push_back(wire::Claim{port(), port(), static_cast<Epoch>(random() % 4), static_cast<Generation>(random() % 3), 0}); break;
    case 18: out.push_back(wire::Unclaim{port(), port(), static_cast<Epoch>(random() % 4), 0}); break;
    case 19: out.push_back(wire::Bind{port(), segment(), random() % 1000, static_cast<Generation>(random() % 4), 0, static_cast<Epoch>(random() % 4)}); break;
    case 15: out.push_back(chance(2) ? wire::ClientMessage(wire::RefetchLink{{static_cast<std::uint32_t>(random() % 64)}})
                                     : wire::ClientMessage(wire::Refetch{port(), static_cast<Generation>(random() % 4), {}})); break;
  }
}

}  // namespace fairway::route::test
