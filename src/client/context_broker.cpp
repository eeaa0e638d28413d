#include <algorithm>
#include <system_error>
#include <utility>

#include "base/hook.hpp"
#include "base/log.hpp"
#include "base/scoped_flag.hpp"
#include "client/context.hpp"
#include "client/watch.hpp"
#include "sys/process.hpp"

namespace fairway::client {

namespace {

/// Larger segments are read once, page by page.
constexpr std::uint64_t most_prefetched = shm::data_offset + Outgoing::largest_ring;
constexpr Timeout patience_of_post = std::chrono::milliseconds(20);

}  // namespace

void Context::service_broker() {
  if (servicing_ || loss_handled_) return;
  const ScopedFlag servicing(servicing_);
  carry_out([this] {
    if (broker_.blocked()) {
      broker_.unblock();
      if (!broker_.blocked()) on_broker_takes_more();
    }
    while (auto message = broker_.receive()) {
      silence_ = {};
      handle(*message);
    }
  });
  if (!broker_.alive()) loss_handled_ = carry_out([this] { on_broker_lost(); });
  wake_other_loop();
}

/// What `try_send` gave up, and what stands behind it, is tried again; ports that are to leave, before this context sleeps.
void Context::on_broker_takes_more() {
  broker_takes_more_ = true;
  bind_links();
  bind_endpoints();  // one that only reads has nothing that wants room
  for (const auto& [id, endpoint] : endpoints_)
    if (endpoint->wants_room()) make_hot(*endpoint);
}

void Context::watch_broker_for_room() {
  if (!broker_.alive() || broker_.blocked() == watches_for_room_) return;
  const bool wanted = broker_.blocked();
  try {
    poller_.change(broker_.fd(), watch::broker, wanted ? sys::Poller::Interest::read_write : sys::Poller::Interest::read);
    watches_for_room_ = wanted;
  } catch (const std::system_error& error) {
    log(LogLevel::warning, [&] { return std::string("whether the broker has room is looked at now and then: ") + error.what(); });
  }
}

bool Context::wait_for_lease(const Endpoint& endpoint) {
  if (servicing_) return false;
  const std::uint64_t refusals = leases_.refusals();
  const std::uint64_t deadline = sys::now_ns() + static_cast<std::uint64_t>(patience_of_post.count());
  for (;;) {
    service_broker();
    if (!awaiting_lease_.waits(endpoint)) return true;
    if (leases_.refusals() != refusals || sys::now_ns() >= deadline || !wait_for_word(patience_of_post)) return false;
  }
}

bool Context::wait_for_word(Timeout patience) {
  if (!broker_.alive() || silence_ >= patience) return false;
  const std::uint64_t start = sys::now_ns();
  if (broker_.wait(patience - silence_)) return true;
  silence_ += Timeout(static_cast<std::int64_t>(sys::now_ns() - start));
  return false;
}

void Context::handle(BrokerLink::Message& message) {
  std::visit([&](const auto& body) { on(body, message); }, message.body);
}

Endpoint* Context::find(PortId id) noexcept {
  const auto found = endpoints_.find(id);
  return found == endpoints_.end() ? nullptr : found->second;
}

void Context::on(const wire::Ids& m, BrokerLink::Message&) {
  ids_.push_back({m.first, {m.first.value + m.count}});
}

// Segments --------------------------------------------------------------------------------------------------

void Context::on(const wire::Lease& m, BrokerLink::Message& message) {
  sys::Fd memory = message.descriptors.empty() ? sys::Fd() : std::move(message.descriptors[0]);
  mind_descriptors_kept();
  if (!leases_.add(m, std::move(memory))) return;
  bind_links();
  bind_endpoints();
}

void Context::bind_endpoints() {
  for (std::uint64_t size = awaiting_lease_.size_after(0); size != 0; size = awaiting_lease_.size_after(size)) {
    // Each once at the most: one that could not tell the broker waits again.
    for (std::size_t left = awaiting_lease_.size(); left != 0 && leases_.has(size) && !broker_.blocked(); --left)
      if (Endpoint* const endpoint = awaiting_lease_.take(size)) endpoint->progress_with_lease();
    if (awaiting_lease_.has(size) && !leases_.has(size)) leases_.ask(size);
  }
}

void Context::on(const wire::LeaseRefused& m, BrokerLink::Message&) { leases_.refused(m); }

void Context::on(const wire::Install& m, BrokerLink::Message& message) {
  Endpoint* const endpoint = find(m.port);
  if (endpoint == nullptr) return;  // closed here in the meantime
  // In order: what follows one that is to come once more comes once more too.
  const std::pair<PortId, Generation> this_one{m.port, m.generation};
  const auto first_missing = std::ranges::find(uninstalled_, m.port, &std::pair<PortId, Generation>::first);
  if (first_missing != uninstalled_.end() && *first_missing != this_one) return note_uninstalled(this_one);
  try {
    if (message.descriptors.empty())
      throw std::system_error(std::make_error_code(std::errc::too_many_files_open), "its descriptor is lost");
    const int fd = message.descriptors[0].get();
    if (!sys::is_sealed_memory(fd, m.size))
      throw std::system_error(std::make_error_code(std::errc::bad_file_descriptor), "it is not sealed");
    sys::Mapping memory(fd, m.size, sys::Mapping::Access::read);
    mind_descriptors_kept();
    KeptMemory kept = keeper_.keep(std::move(message.descriptors[0]));
    if (m.size <= most_prefetched && !endpoint->dormant()) memory.prefetch();
    if (first_missing != uninstalled_.end()) uninstalled_.erase(first_missing);
    endpoint->installed(m, std::move(memory), std::move(kept));
  } catch (const std::system_error& error) {
    log(LogLevel::warning, [&] { return "a segment of " + to_string(m.port) + " cannot be mapped: " + error.what(); });
    note_uninstalled(this_one);
  }
}

void Context::note_uninstalled(std::pair<PortId, Generation> missing) {
  if (std::ranges::find(uninstalled_, missing) == uninstalled_.end()) uninstalled_.push_back(missing);
}

// Links -----------------------------------------------------------------------------------------------------

void Context::on(const wire::Link& m, BrokerLink::Message& message) {
  FAIRWAY_HOOK(link_received);
  if (message.descriptors.empty()) {
    log(LogLevel::error, [&] { return "no descriptor left for the link to pid " + std::to_string(m.pid); });
    return;
  }
  sys::Fd pidfd = message.descriptors.size() > 1 ? std::move(message.descriptors[1]) : sys::Fd();
  auto link = std::make_unique<Link>(m.link, m.peer, m.pid, std::string(m.name.view()), std::move(message.descriptors[0]), std::move(pidfd));
  try_to_watch(*link);
  link->life = hello_.life;
  links_[m.link] = std::move(link);
  bind_links();
}

void Context::bind_links() {
  for (const auto& [id, link] : links_) {
    if (link->bound()) continue;
    auto lease = leases_.take(shm::small_segment);
    if (!lease) return;
    if (!broker_.try_send(wire::LinkBind{id, 0, lease->segment})) {
      leases_.put_back(*std::move(lease));
      return;
    }
    link->bind(std::move(lease->memory), membarrier_);
    leases_.stock_up();
    FAIRWAY_HOOK(link_bound);
  }
}

void Context::on(const wire::LinkInstall& m, BrokerLink::Message& message) {
  const auto found = links_.find(m.link);
  if (found == links_.end()) return;
  try {
    if (message.descriptors.empty())
      throw std::system_error(std::make_error_code(std::errc::too_many_files_open), "its descriptor is lost");
    const int fd = message.descriptors[0].get();
    if (!sys::is_sealed_memory(fd, shm::small_segment))
      throw std::system_error(std::make_error_code(std::errc::bad_file_descriptor), "it is not sealed");
    found->second->install(sys::Mapping(fd, shm::small_segment, sys::Mapping::Access::read));
    make_all_hot(*found->second);
  } catch (const std::system_error& error) {
    log(LogLevel::warning, [&] { return std::string("the other half of a link cannot be mapped: ") + error.what(); });
    uninstalled_links_.push_back(m.link);
  }
}

void Context::try_to_watch(Link& link) {
  if (link.watched) return;
  try {
    poller_.add(link.doorbell(), watch::link(link.id()));
    if (link.pidfd() >= 0) poller_.add(link.pidfd(), watch::link(link.id()));
    link.watched = true;
  } catch (const std::system_error& error) {
    poller_.remove(link.doorbell());
    log(LogLevel::warning, [&] { return std::string("a doorbell is looked at now and then: ") + error.what(); });
  }
}

void Context::unwatch(Link& link) noexcept {
  if (!std::exchange(link.watched, false)) return;
  poller_.remove(link.doorbell());
  // Explicitly: the broker holds the same description, so closing it would not end the watch.
  if (link.pidfd() >= 0) poller_.remove(link.pidfd());
}

void Context::on(const wire::LinkDrop& m, BrokerLink::Message&) {
  const auto found = links_.find(m.link);
  if (found == links_.end()) return;
  for (const auto& [id, endpoint] : endpoints_) {
    if (endpoint->link() != found->second.get()) continue;
    endpoint->unlinked();
    make_hot(*endpoint);
  }
  leave(*found->second, m.peer_gone == 0);
}

/// Who is called over it, and by whom, cannot be known any more.
void Context::condemn(const Link& link) {
  for (const auto& [id, endpoint] : endpoints_)
    if (endpoint->link() == &link) endpoint->protocol_error(shm::Fault::impossible_calls);
}

void Context::make_all_hot(const Link& link) {
  for (const auto& [id, endpoint] : endpoints_)
    if (endpoint->link() == &link) make_hot(*endpoint);
}

// Ports -----------------------------------------------------------------------------------------------------

void Context::on(const wire::Paired& m, BrokerLink::Message&) {
  Endpoint* const endpoint = find(m.port);
  if (endpoint == nullptr) return;
  if (!m.link) return endpoint->paired(nullptr, m.peer_epoch);
  const auto link = links_.find(m.link);
  if (link == links_.end()) return endpoint->peer_closed(std::nullopt, CloseReason::broker_refused);
  endpoint->paired(link->second.get(), m.peer_epoch);
  if (link->second->damaged()) condemn(*link->second);
  drop_former_links();
}

void Context::on(const wire::Reply& m, BrokerLink::Message&) {
  if (const auto waiting = replies_.find(m.request); waiting != replies_.end()) waiting->second = m;
}

void Context::on(const wire::Granted& m, BrokerLink::Message&) {
  const bool token = m.origin == wire::Granted::Origin::token;
  if (const auto box = boxes_.find(m.port); box != boxes_.end()) {
    box->second.grant = m;
    return settle_box(m.port);
  }
  if (token && !claims_.on(m)) return;  // abandoned in the meantime
  auto endpoint = std::make_unique<Endpoint>(*this);
  endpoint->arrive(m);
  endpoints_[m.port] = endpoint.get();
  if (token) {
    FAIRWAY_HOOK(grant_received);
    dormant_[m.port] = std::move(endpoint);
    note_claims(m.carrier);
  } else if (m.origin == wire::Granted::Origin::parent) {
    parent_port_ = adopt(std::move(endpoint));
  } else {
    connections_.push_back(std::move(endpoint));
    FAIRWAY_HOOK(connect_accepted);
  }
}

void Context::on(const wire::PortClosed& m, BrokerLink::Message&) {
  if (Endpoint* const endpoint = find(m.port)) endpoint->peer_closed(Incoming::End{m.generation, m.final}, m.reason);
}

// Ends ------------------------------------------------------------------------------------------------------

void Context::on_broker_lost() {
  log(LogLevel::warning, [] { return "the broker is gone: channels go on, nothing new can be shared until the next one is there"; });
  leases_.forget();
  ids_.clear();
  created_.clear();
  uninstalled_.clear();
  uninstalled_links_.clear();
  forget_unanswered_boxes();
  for (const auto& [id, link] : links_)
    if (link->peer_dead || (!may_return_ && !link->reaches())) lose_link(*link);  // no other one will be made
  for (const auto& [id, endpoint] : endpoints_) {
    endpoint->lose_broker();
    make_hot(*endpoint);
    // Nobody is left to say what becomes of a port that waits for its other side to appear.
    const bool waits = endpoint->home() ? find(endpoint->id().opposite()) == nullptr : endpoint->link() == nullptr;
    if (waits) endpoint->peer_closed(std::nullopt, CloseReason::broker_lost);
  }
  for (const PortId carrier : claims_.lose_broker()) note_claims(carrier);
  look_for_broker();
}

void Context::lose_link(Link& link) {
  for (const auto& [id, endpoint] : endpoints_)
    if (endpoint->link() == &link) endpoint->peer_closed(std::nullopt, CloseReason::peer_lost);
}

}  // namespace fairway::client
