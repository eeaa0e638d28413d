#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>

#include "base/hook.hpp"
#include "client/context.hpp"
#include "client/watch.hpp"
#include "sys/error.hpp"
#include "sys/process.hpp"
#include "sys/runtime_dir.hpp"

namespace fairway::client {

namespace {


std::string to_hex(const wire::Secret& secret) {
  char text[33];
  std::snprintf(text, sizeof text, "%016lx%016lx", secret[0], secret[1]);
  return text;
}

}  // namespace

void Context::throw_no_broker(std::string_view what) const {
  throw std::system_error(Errc::no_broker, "the broker at " + directory_.native() +
                                               (broker_.alive() ? " did not answer in time for " : " is gone and cannot give ") +
                                               std::string(what));
}

template <class Done>
bool Context::wait_for_broker(Timeout timeout, Done&& done) {
  const std::uint64_t start = sys::now_ns();
  for (;;) {
    service_broker();
    if (done()) return true;
    if (!broker_.alive()) return false;
    const Timeout waited(static_cast<std::int64_t>(sys::now_ns() - start));
    if (timeout != Timeout::max() && waited >= timeout) return false;
    broker_.wait(timeout == Timeout::max() ? timeout : timeout - waited);
  }
}

PortId Context::take_channel_id() {
  while (!ids_.empty() && ids_.front().next == ids_.front().end) ids_.pop_front();
  if (ids_.empty() && !wait_for_broker(options_.broker_timeout, [this] { return !ids_.empty(); }))
    throw_no_broker("a channel number");
  return PortId::of({ids_.front().next.value++}, 1);
}

void Context::create_channels(std::size_t count) {
  if (!returns_to_broker()) throw_no_broker("the transfer of a port");
  while (created_.size() < count) {
    const ChannelId id = take_channel_id().channel();
    broker_.send(wire::Create{id});  // the broker gives more numbers when these are used
    created_.push_back(id);
  }
}

PortId Context::share(Port& mine, Port& moved) {
  if (!returns_to_broker()) throw_no_broker("a channel");
  const PortId id = take_channel_id();
  mine.endpoint->share(id, 0, 1);  // the other one is about to move
  endpoints_[id] = mine.endpoint.get();
  moved.endpoint->leave();
  ports_.erase(moved.weak_from_this());
  moved.endpoint.reset();
  broker_.send(wire::Create{id.channel()});
  return id;
}

std::shared_ptr<Port> Context::connect(std::string_view name, Timeout timeout) {
  if (!wire::valid_name(name))
    throw std::system_error(std::make_error_code(std::errc::invalid_argument),
                            "the name '" + std::string(name) + "' is not 1 to 63 characters of [A-Za-z0-9._-]");
  auto [mine, moved] = make_channel();
  if (name == options_.name) {
    ports_.erase(moved->weak_from_this());
    moved->endpoint->port = nullptr;
    connections_.push_back(std::move(moved->endpoint));
    wake_other_loop();
    return mine;
  }
  const PortId id = share(*mine, *moved);
  const std::uint64_t request = next_request_++;
  /// An answer that comes later is for nobody.
  struct Awaited {
    Context& context;
    std::uint64_t request;
    ~Awaited() { context.replies_.erase(request); }
  } const awaited{*this, request};
  std::optional<wire::Reply>& reply = replies_[request];
  const bool patient = timeout != Timeout::max();
  broker_.send(wire::Connect{request, id.opposite(), patient ? 1u : 0u, wire::Name::of(name)});
  FAIRWAY_HOOK(connect_sent);

  const auto answered = [&reply] { return reply.has_value(); };
  if (!wait_for_broker(patient ? timeout : options_.broker_timeout, answered)) {
    if (patient && broker_.alive()) {  // take the port back, unless the answer is under way already
      broker_.send(wire::CancelConnect{request});
      throw std::system_error(Errc::unknown_name, "no context took the name '" + std::string(name) + "' in time");
    }
    throw_no_broker("a connection to '" + std::string(name) + "'");
  }
  if (reply->code != 0) throw std::system_error(static_cast<Errc>(reply->code), std::string(reply->detail.view()));
  return mine;
}

void Context::on_connect(Callback<void(MessageEvent&)> callback) {
  on_connect_ = std::move(callback);
  if (on_connect_ && !connections_.empty()) wake_up_.set();
}

std::pair<std::int64_t, std::shared_ptr<Port>> Context::spawn(const std::vector<std::string>& argv) {
  if (argv.empty()) throw std::system_error(std::make_error_code(std::errc::invalid_argument), "spawn: no program is named");
  auto [mine, moved] = make_channel();
  const PortId id = share(*mine, *moved);
  const auto [high, low] = sys::random_128();
  const wire::Secret secret{high, low};
  broker_.send(wire::Invite{id.opposite(), secret});
  /// What throws has started nothing.
  struct Undo {
    BrokerLink& broker;
    wire::Secret secret;
    std::int64_t pid;
    bool needed = true;
    ~Undo() {
      if (!needed) return;
      if (pid > 0) sys::end_child(pid);
      broker.send(wire::Revoke{secret});
    }
  } undo{broker_, secret, 0};
  const std::int64_t pid =
      sys::start_process(argv, {{"FAIRWAY_INVITATION", to_hex(secret)}, {"FAIRWAY_BROKER", std::filesystem::absolute(directory_).native()}});
  undo.pid = pid;
  ChildProcess child{pid, sys::open_pidfd(pid), secret};
  if (!child.pidfd) sys::throw_system_error(errno, "pidfd_open", argv[0]);
  const std::uint64_t key = next_child_key_++;
  poller_.add(child.pidfd.get(), watch::child(key));
  children_.emplace(key, std::move(child));
  undo.needed = false;
  return {pid, mine};
}

void Context::reap_children(std::uint64_t key) {
  const auto found = children_.find(watch::id(key));
  if (found == children_.end()) return;
  sys::reap(found->second.pidfd.get());
  broker_.send(wire::Revoke{found->second.secret});
  poller_.remove(found->second.pidfd.get());
  children_.erase(found);
}

std::shared_ptr<Port> Context::take_parent_port() {
  if (!wait_for_broker(options_.broker_timeout, [this] { return parent_port_ != nullptr; })) throw_no_broker("the parent's port");
  return std::exchange(parent_port_, nullptr);
}

}  // namespace fairway::client
