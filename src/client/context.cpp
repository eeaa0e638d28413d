#include "client/context.hpp"

#include <bit>
#include <system_error>
#include <utility>

#include "base/assert.hpp"
#include "base/log.hpp"
#include "client/watch.hpp"
#include "sys/process.hpp"
#include "sys/runtime_dir.hpp"
#include "wire/codec.hpp"

namespace fairway::client {

namespace {

/// Those that are still there when the thread ends. The main thread's end is the process's: a death like any other.
struct ContextsOfThread {
  std::set<std::shared_ptr<Context*>> list;
  ~ContextsOfThread() {
    for (const auto& place : list)
      if (*place != nullptr) (*place)->end();
  }
};
thread_local ContextsOfThread contexts_of_thread;

}  // namespace

Port::Port(Context& owner) : context(&owner) {}

Port::~Port() {
  if (context != nullptr) context->close(*this);
}

Context::Context(ContextOptions options, wire::Secret invitation, const wire::Versions& versions)
    : options_(std::move(options)),
      directory_(sys::runtime_directory(options_.broker)),
      thread_(sys::this_thread()),
      fork_generation_((sys::count_forks(), sys::fork_generation())),
      membarrier_(sys::register_membarrier() && sys::global_barrier()) {
  if (!options_.name.empty() && !wire::valid_name(options_.name))
    throw std::system_error(std::make_error_code(std::errc::invalid_argument),
                            "the name '" + options_.name + "' is not 1 to 63 characters of [A-Za-z0-9._-]");
  wire::Hello hello;
  versions.announce(hello);
  hello.name = wire::Name::of(options_.name);
  hello.invitation = invitation;
  BrokerLink::Message welcome = broker_.join(directory_, hello, options_.broker_timeout);
  const auto& answer = std::get<wire::Welcome>(welcome.body);
  take_row(answer, welcome.descriptors.at(0));
  hello_ = hello;
  hello_.invitation = {};
  hello_.identity = answer.context;
  hello_.life = answer.life;
  may_box_ = (answer.features & wire::feature::boxes) != 0;
  may_return_ = (answer.features & wire::feature::rejoin) != 0;
  poller_.add(broker_.fd(), watch::broker);
  poller_.add(wake_up_.fd(), watch::wake_up);
  poller_.add(retry_timer_.fd(), watch::retry);
  leases_.stock_up();
  service_broker();
  if (sys::is_main_thread()) return;
  place_ = std::make_shared<Context*>(this);
  contexts_of_thread.list.insert(place_);
}

void Context::take_row(const wire::Welcome& m, const sys::Fd& table) {
  contexts_table_ = sys::Mapping(table.get(), shm::contexts_table_size, sys::Mapping::Access::read);
  const auto& header = *reinterpret_cast<const shm::SegmentHeader*>(contexts_table_.bytes().data());
  if (header.magic != shm::magic || header.kind != shm::SegmentKind::contexts)
    throw std::system_error(Errc::version, "the broker's table of contexts is no table of Fairway's");
  row_ = reinterpret_cast<const shm::ContextRow*>(contexts_table_.bytes().data() + shm::data_offset) + m.row % shm::contexts_per_table;
}

Context::~Context() {
  if (place_) *place_ = nullptr;
  if (sys::this_thread() == thread_) contexts_of_thread.list.erase(place_);
  if (thread_ != nullptr) end();
}

void Context::end() noexcept {
  const bool here = sys::fork_generation() == fork_generation_;
  on_connect_ = nullptr;
  for (const auto& weak : std::exchange(ports_, {})) {
    const auto port = weak.lock();
    if (!port) continue;
    if (port->endpoint && here) close(*port);
    port->endpoint.reset();
    port->context = nullptr;
    // A handler may hold its own port's handle.
    port->on_message = nullptr;
    port->on_message_error = nullptr;
    port->on_close = nullptr;
    port->on_drain = nullptr;
    port->on_readable = nullptr;
  }
  if (here) {
    carry_out([this] {
      finish_what_waits();
      for (auto& endpoint : connections_)
        if (!endpoint->close()) linger(std::move(endpoint));
      drain_lingering();
    });
    if (!lingering_.empty() && broker_.alive())
      log(LogLevel::error, [this] {
        return std::to_string(lingering_.size()) + " ports end with messages that the broker gave no memory for";
      });
  }
  connections_.clear();
  lingering_.clear();
  dormant_.clear();
  to_close_.clear();
  links_.clear();
  broker_.close();
  thread_ = nullptr;
}

void Context::throw_not_usable() const {
  if (thread_ == nullptr) throw DOMException("InvalidStateError", "the thread of this Context has ended");
  throw DOMException("InvalidStateError", sys::fork_generation() != fork_generation_
                                              ? "this process was forked: a Context works only in the process that made it"
                                              : "called from another thread than the one that made the Context");
}

std::shared_ptr<Port> Context::adopt(std::unique_ptr<Endpoint>&& endpoint) {
  auto port = std::make_shared<Port>(*this);
  ports_.insert(port);
  endpoint->port = port.get();
  port->endpoint = std::move(endpoint);
  return port;
}

std::pair<std::shared_ptr<Port>, std::shared_ptr<Port>> Context::make_channel() {
  auto one = std::make_unique<Endpoint>(*this);
  auto two = std::make_unique<Endpoint>(*this);
  Endpoint::entangle(*one, *two);
  return {adopt(std::move(one)), adopt(std::move(two))};
}

std::shared_ptr<Port> Context::move(Port& port) {
  const Callback<void()> never_called = std::move(port.on_readable);
  local_message_taken(*port.endpoint);  // the new port's queue is disabled
  return adopt(std::move(port.endpoint));
}

void Context::close(Port& port) noexcept {
  ports_.erase(port.weak_from_this());
  auto endpoint = std::move(port.endpoint);
  if (!endpoint || sys::fork_generation() != fork_generation_) return;
  endpoint->port = nullptr;
  carry_out([&] {
    if (endpoint->close()) return;
    linger(std::move(endpoint));
    if (!dispatching_ && !servicing_) drain_lingering();  // the loop may never run again
  });
}

void Context::linger(std::unique_ptr<Endpoint> endpoint) noexcept { lingering_.push_back(std::move(endpoint)); }

void Context::finish_lingering() {
  for (std::size_t i = 0; i < lingering_.size();) {  // by index: a close may let others linger
    if (!lingering_[i]->close()) {
      ++i;
      continue;
    }
    std::swap(lingering_[i], lingering_.back());
    lingering_.pop_back();
  }
}

void Context::drain_lingering() {
  const std::uint64_t refusals = leases_.refusals();
  do {
    service_broker();
    finish_lingering();
  } while (!lingering_.empty() && leases_.refusals() == refusals && wait_for_word(options_.broker_timeout));
}

void Context::expect_endpoint() {
  const std::size_t room = std::bit_ceil(endpoint_count_ + 1);
  for (std::vector<Endpoint*>* const list : {&hot_, &was_hot_, &just_armed_}) list->reserve(room);
  lingering_.reserve(room);
  to_close_.reserve(room);
  ++endpoint_count_;
}

void Context::forget(Endpoint& endpoint) noexcept {
  --endpoint_count_;
  if (endpoint.hot) std::erase(hot_, &endpoint);
  std::erase(just_armed_, &endpoint);
  awaiting_lease_.forget(endpoint);
  awaiting_departure_.erase(&endpoint);
  lenders_.erase(&endpoint);
  local_message_taken(endpoint);
  std::erase_if(uninstalled_, [&](const auto& missing) { return missing.first == endpoint.id(); });
  if (endpoint.local()) return;
  if (Link* const link = endpoint.link()) --link->endpoints;
  const auto found = endpoints_.find(endpoint.id());
  if (found != endpoints_.end() && found->second == &endpoint) endpoints_.erase(found);
}

void Context::start(Port& port) {
  port.started = true;
  Endpoint* const endpoint = port.endpoint.get();
  if (endpoint == nullptr) return;
  endpoint->note_started();
  endpoint->open_for_reading();
  local_message(*endpoint);
  make_hot(*endpoint);
}

void Context::note_close_handler(Port& port) {
  if (!port.close_reason || port.close_told) return;
  notices_.push_back({port.shared_from_this(), News::closed});
  wake_other_loop();
}

void Context::on_readable(Port& port, Callback<void()> callback) {
  if (!port.endpoint) return;
  std::swap(port.on_readable, callback);
  if (!port.on_readable) return;
  start(port);
  if (!port.close_reason) return;
  notices_.push_back({port.shared_from_this(), News::readable});
  wake_other_loop();
}

void Context::local_message(Endpoint& endpoint) noexcept {
  if (!endpoint.has_local_messages() || !wants_messages(endpoint) || endpoint.local_order.is_linked()) return;
  local_order_.insert(endpoint);
  wake_other_loop();
}

void Context::local_message_taken(Endpoint& endpoint) noexcept {
  if (endpoint.local_order.is_linked()) local_order_.erase(local_order_.iterator_to(endpoint));
}

void Context::bury(MessageEvent event) {
  if (event.ports.empty()) return;
  graveyard_.push_back(std::move(event));
  if (std::exchange(burying_, true)) return;
  while (!graveyard_.empty()) {
    const MessageEvent last = std::move(graveyard_.front());
    graveyard_.pop_front();
  }
  burying_ = false;
}

}  // namespace fairway::client
