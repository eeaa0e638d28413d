#include "broker/server.hpp"

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "base/check.hpp"
#include "base/hook.hpp"
#include "base/log.hpp"
#include "sys/error.hpp"
#include "sys/memory.hpp"
#include "sys/process.hpp"
#include "sys/runtime_dir.hpp"
#include "sys/socket.hpp"

namespace fairway::broker {

namespace {

// Keys of the poller: a session has an even and an odd one, for its socket and its process.
constexpr std::uint64_t listener_key = 0;
constexpr std::uint64_t wake_up_key = 1;
constexpr std::uint64_t socket_key(std::uint64_t session) { return session << 1; }
constexpr std::uint64_t process_key(std::uint64_t session) { return session << 1 | 1; }

constexpr int messages_per_turn = 64;
constexpr int connections_per_turn = 64;
/// More than a socket holds: somebody else goes on sending there.
constexpr int messages_of_the_dead = 4096;

/// What handling a message may take, and for each segment what the death of its context may take: that much stays free.
constexpr std::uint64_t spare_memory = std::uint64_t{2} << 20;
constexpr std::uint64_t spare_memory_per_segment = std::uint64_t{4} << 10;
/// A context has at most so many times the segments that are left for others: whoever takes all that it can leaves them some.
constexpr std::uint64_t most_of_share = 8;
constexpr std::string_view no_share =
    "most of the broker's descriptors are this context's: close channels, read, or raise the RLIMIT_NOFILE of fairwayd";
constexpr std::string_view no_memory = "the broker is out of memory";

sys::Fd take_directory(const std::filesystem::path& directory) {
  sys::prepare_directory(directory);
  sys::Fd lock = sys::try_lock(directory);
  if (!lock) throw std::system_error(Errc::name_taken, "another broker serves " + directory.native());
  return lock;
}

/// Behind all that the brokers before have given out.
route::Registry::Numbers first_numbers(const sys::Remembered& former) {
  const auto [life, context, link, channel] = former;
  if (life == 0) return {1, 1, 1};
  return {static_cast<std::uint32_t>(context), static_cast<std::uint32_t>(link), channel};
}

/// Whose contexts do not trust each other copies what they give away: memory that was mapped by somebody else may still be.
wire::Versions offered(wire::Versions versions, const BrokerOptions& options) {
  if (options.private_names) versions.features &= ~wire::feature::boxes;
  return versions;
}

}  // namespace

Server::Server(BrokerOptions options, const wire::Versions& versions)
    : options_(std::move(options)),
      directory_(sys::runtime_directory(options_.directory)),
      lock_(take_directory(directory_)),
      reserved_(first_numbers(sys::recall(lock_.get()))),
      life_(sys::recall(lock_.get())[0] + 1),
      tables_(sys::tables_path(directory_), names_),
      registry_({options_.ports_per_context, options_.memory_per_context, options_.memory_per_user}, offered(versions, options_), life_, reserved_) {
  if (options_.private_names && enforced(Check::private_names)) sys::make_undumpable();
  descriptor_limit_ = sys::raise_descriptor_limit();
  const bool passed = options_.listener >= 0;
  if (passed) listener_ = sys::adopt_listener(options_.listener, sys::socket_path(directory_));
  sys::remove_stale_names(directory_, passed ? sys::Socket::keep : sys::Socket::remove);
  spare_ = sys::spare_descriptor();
  if (!passed) listener_ = sys::listen_at(sys::socket_path(directory_));
  poller_.add(listener_.get(), listener_key);
  poller_.add(wake_up_.fd(), wake_up_key);
  idle_since_ns_ = sys::now_ns();
  log(LogLevel::info, [&] { return "broker at " + directory_.native(); });
}

Server::~Server() {
  for (const auto& [id, segment] : segments_)
    if (!segment.name.empty()) sys::remove_name(sys::segments_path(directory_) / segment.name);
  if (options_.listener < 0) sys::remove_name(sys::socket_path(directory_));
}

void Server::run() {
  while (!stopped_.exchange(false)) {
    const Timeout timeout = until_idle_exit();
    if (timeout == Timeout::zero()) return;
    turn(retry_soon_ ? std::min<Timeout>(timeout, std::chrono::milliseconds(10)) : timeout);
  }
}

void Server::poll() { turn(Timeout::zero()); }

void Server::stop() noexcept {
  stopped_ = true;
  wake_up_.set();
}

Timeout Server::until_idle_exit() const {
  if (!options_.idle_exit || !sessions_.empty()) return Timeout::max();
  const Timeout idle(static_cast<std::int64_t>(sys::now_ns() - idle_since_ns_));
  return std::max(Timeout::zero(), *options_.idle_exit - idle);
}

void Server::turn(Timeout timeout) {
  const bool retry = std::exchange(retry_soon_, false);
  for (const sys::Poller::Event& event : poller_.wait(timeout)) {
    if (event.key == listener_key) {
      accept_all();
    } else if (event.key == wake_up_key) {
      wake_up_.clear();
    } else {
      serve(event.key);
    }
  }
  if (retry) {
    regain_spare();
    for (const auto& [id, session] : sessions_) flush(*session);
  }
  remove_ended();
}

// Connections -----------------------------------------------------------------------------------------------

void Server::accept_all() {
  for (int i = 0; i < connections_per_turn || !enforced(Check::short_turns); ++i) {
    auto session = std::make_unique<Session>();
    try {
      session->socket = sys::accept_from(listener_.get());
      if (!session->socket) return;
      FAIRWAY_HOOK(broker_accepted);
      const sys::Credentials peer = sys::credentials_of_peer(session->socket.get());
      session->pid = peer.pid;
      session->uid = peer.uid;
      if (session->uid != sys::user_id()) {
        refuse(*session, Errc::denied, "this broker serves uid " + std::to_string(sys::user_id()) + ", not " + std::to_string(peer.uid));
        continue;
      }
      if (sessions_.size() >= options_.contexts) {
        refuse(*session, Errc::quota, "the broker's limit contexts (" + std::to_string(options_.contexts) + ") is reached");
        continue;
      }
      session->pidfd = sys::pidfd_of_peer(session->socket.get(), peer.pid);
      const std::uint64_t key = session->key = next_session_++;
      poller_.add(session->socket.get(), socket_key(key));
      if (session->pidfd) poller_.add(session->pidfd.get(), process_key(key));
      sessions_.emplace(key, std::move(session));
    } catch (const std::system_error& error) {
      log(LogLevel::warning, [&] { return std::string("a connection is refused: ") + error.what(); });
      const std::string why = shortage(error, "the broker cannot serve another context");
      if (!session->socket) return drop_one_connection(why);
      refuse(*session, Errc::quota, why);
    }
  }
}

void Server::drop_one_connection(const std::string& why) {
  spare_.close();
  try {
    Session session;
    session.socket = sys::accept_from(listener_.get());
    if (session.socket) refuse(session, Errc::quota, why);
    session.socket.close();
    spare_ = sys::spare_descriptor();
  } catch (const std::system_error&) {
    poller_.remove(listener_.get());  // somebody else took the spare one; the listener stays readable
    retry_soon_ = true;
  }
}

void Server::regain_spare() {
  if (spare_) return;
  try {
    spare_ = sys::spare_descriptor();
    poller_.add(listener_.get(), listener_key);
  } catch (const std::system_error&) {
    spare_.close();
    retry_soon_ = true;
  }
}

std::string Server::shortage(const std::system_error& error, std::string_view otherwise) {
  if (error.code() == std::errc::too_many_files_open) return "the broker is out of descriptors; raise its RLIMIT_NOFILE";
  if (error.code() == std::errc::too_many_files_open_in_system) return "the system is out of descriptors; raise fs.file-max";
  return std::string(otherwise) + ": " + error.what();
}

void Server::refuse(Session& session, Errc code, std::string_view detail) {
  const LogLevel level = code == Errc::version ? LogLevel::warning : LogLevel::info;
  log(level, [&] { return "pid " + std::to_string(session.pid) + " is refused: " + std::string(detail); });
  const wire::Frame frame = wire::encode(
      wire::BrokerMessage(wire::Refusal{static_cast<std::uint64_t>(code), wire::Detail::of(detail)}));
  static_cast<void>(sys::send_message(session.socket.get(), frame));
}

void Server::serve(std::uint64_t key) {
  const auto found = sessions_.find(key >> 1);
  if (found == sessions_.end() || found->second->over) return;
  Session& session = *found->second;
  if (key & 1) {  // the process has ended: whatever it still sent comes first
    for (int i = 0; i < messages_of_the_dead && !session.over && receive_one(session); ++i) {
    }
    end(session);
    return;
  }
  for (int i = 0; i < messages_per_turn && !session.over && receive_one(session); ++i) {
  }
  if (!session.over) flush(session);
}

bool Server::receive_one(Session& session) {
  wire::Frame frame;
  std::vector<sys::Fd> descriptors;
  const sys::Received received = sys::receive_message(session.socket.get(), frame, descriptors);
  if (received.kind == sys::Received::Kind::nothing) return false;
  if (received.kind == sys::Received::Kind::gone) {
    end(session);
    return false;
  }
  FAIRWAY_HOOK(broker_received);
  const bool whole = received.size == frame.size() || !enforced(Check::whole_frames);
  auto message = whole ? wire::decode_client(frame) : std::nullopt;
  const bool brings_memory = message && wire::descriptors_of(*message) != 0;
  const bool complete = message && ((descriptors.size() == wire::descriptors_of(*message) && !received.descriptors_lost) ||
                                    !enforced(Check::no_descriptors));
  if (!complete && !(brings_memory && received.descriptors_lost)) message = std::nullopt;
  if (!message && !session.context && received.size == frame.size() && refused_for_versions(session, frame)) return false;
  if (!message) {
    session.why = "sent something that is not a message of this protocol";
    end(session);
    return false;
  }
  const auto* const hello = std::get_if<wire::Hello>(&*message);
  if (!session.context && (hello != nullptr || enforced(Check::hello_first))) {
    if (hello == nullptr) session.why = "did not say Hello first";
    if (hello != nullptr) greet(session, *hello);
    if (!session.context) end(session);
    return static_cast<bool>(session.context);
  }
  if (const auto* const credit = std::get_if<wire::Credit>(&*message)) {
    session.acknowledged = std::min(session.sent_with_descriptors, session.acknowledged + credit->count);
    return true;
  }
  if (const auto* const shown = std::get_if<wire::Shown>(&*message)) {
    show(session, *shown, descriptors);
    return !session.over;
  }
  if (const auto* const box = std::get_if<wire::Box>(&*message)) {
    take_box(session, *box, descriptors);
    return !session.over;
  }
  if (refused_for_memory(session, *message) || refused_for_others(session, *message)) return !session.over;
  route::Actions actions;
  registry_.handle(session.context, *message, actions);
  const bool refetch = std::holds_alternative<wire::Refetch>(*message) || std::holds_alternative<wire::RefetchLink>(*message);
  refetching_ = refetch ? &session : nullptr;
  execute(actions);
  refetching_ = nullptr;
  return !session.over;
}

bool Server::short_of_memory() {
  const bool enough = sys::could_allocate(spare_memory + segments_.size() * spare_memory_per_segment);
  if (std::exchange(short_of_memory_, !enough) == enough)
    log(LogLevel::warning, [&] { return enough ? std::string("the broker has memory again") : std::string(no_memory) + ": nothing new until it has"; });
  return !enough;
}

bool Server::refused_for_memory(const Session& session, const wire::ClientMessage& message) {
  const auto* const lease = std::get_if<wire::LeaseRequest>(&message);
  const auto* const connect = std::get_if<wire::Connect>(&message);
  const auto* const invite = std::get_if<wire::Invite>(&message);
  if ((lease == nullptr && connect == nullptr && invite == nullptr) || !short_of_memory()) return false;
  constexpr auto quota = static_cast<std::uint64_t>(Errc::quota);
  route::Actions actions;
  if (lease != nullptr) actions.push_back(route::Send{session.context, wire::LeaseRefused{lease->size, wire::Detail::of(no_memory)}, {}});
  if (connect != nullptr) actions.push_back(route::Send{session.context, wire::Reply{connect->request, quota, wire::Detail::of(no_memory)}, {}});
  if (lease == nullptr) {  // the port that was to move
    const PortId port = connect != nullptr ? connect->port : invite->port;
    registry_.handle(session.context, wire::Close{port, 0, CloseReason::broker_refused, 0}, actions);
  }
  execute(actions);
  return true;
}

bool Server::refused_for_versions(Session& session, const wire::Frame& hello) {
  const auto versions = wire::versions_of_hello(hello);
  const auto refusal = versions ? registry_.refusal_of_versions(*versions) : std::nullopt;
  if (!refusal) return false;
  refuse(session, Errc::version, refusal->detail.view());
  end(session);
  return true;
}

bool Server::has_its_share(const Session& session) const {
  if (!enforced(Check::fair_share)) return false;
  const std::uint64_t used = segments_.size() + 2 * sessions_.size() + 2 * doorbells_.size();
  const std::size_t own = registry_.segments_of(session.context);
  if (used < descriptor_limit_ && own <= most_of_share * (descriptor_limit_ - used)) return false;
  log(LogLevel::warning, [&] {
    return "pid " + std::to_string(session.pid) + " (context " + std::to_string(session.context.value) + ") has " +
           std::to_string(own) + " segments, and gets no more: descriptors are short";
  });
  return true;
}

bool Server::refused_for_others(const Session& session, const wire::ClientMessage& message) {
  const auto* const lease = std::get_if<wire::LeaseRequest>(&message);
  if (lease == nullptr || !has_its_share(session)) return false;
  route::Actions actions;
  actions.push_back(route::Send{session.context, wire::LeaseRefused{lease->size, wire::Detail::of(no_share)}, {}});
  execute(actions);
  return true;
}

void Server::greet(Session& session, const wire::Hello& hello) {
  if (short_of_memory()) return refuse(session, Errc::quota, no_memory);
  try {
    session.row = tables_.take_context_row();
  } catch (const std::system_error& error) {
    return refuse(session, Errc::quota, shortage(error, "the broker cannot serve another context"));
  }
  route::Actions actions;
  wire::Refusal refusal;
  session.context = registry_.join(hello, {session.uid, session.pid}, session.row, actions, refusal);
  if (!session.context) {
    tables_.free_context_row(session.row);
    return refuse(session, static_cast<Errc>(refusal.code), refusal.detail.view());
  }
  by_context_[session.context] = &session;
  shm::write_row(tables_.context(session.row),
                 {session.context, static_cast<std::int32_t>(session.pid), session.uid, sys::now_ns(), 0,
                  std::string(hello.name.view()), sys::command_of(session.pid)});
  log(LogLevel::info, [&] {
    return "context " + std::to_string(session.context.value) + " '" + std::string(hello.name.view()) + "' of pid " +
           std::to_string(session.pid) + " joined";
  });
  execute(actions);
}

/// The descriptor is looked at, and not what the context says of it.
void Server::show(Session& session, const wire::Shown& message, std::vector<sys::Fd>& descriptors) {
  std::optional<route::Registry::Memory> memory;
  sys::Fd kept;
  if (!descriptors.empty() && !short_of_memory()) {
    const int fd = descriptors.front().get();
    try {
      // Its broker may have died before it sealed a lease that was in use already.
      if (sys::is_fresh_memory(fd, message.size)) sys::seal_against_writing(fd);
      const sys::Object object = sys::object_of(fd);
      const bool sealed = sys::is_sealed_memory(fd, message.size) && sys::is_complete(fd, message.size);
      if (sealed) kept = sys::reopen_readonly(fd);
      memory = route::Registry::Memory{object.device, object.number, sealed};
    } catch (const std::system_error& error) {
      log(LogLevel::warning, [&] { return std::string("of memory that a context shows: ") + error.what(); });
    }
  }
  route::Actions actions;
  if (const SegmentId segment = registry_.show(session.context, message, memory, actions))
    segments_[segment] = {std::move(kept), message.size, {}};
  execute(actions);
}

/// Whoever gets it relies on its size alone, and looks for himself whether it is frozen: if it is not, all who have had it may
/// still write into it.
void Server::take_box(Session& session, const wire::Box& message, std::vector<sys::Fd>& descriptors) {
  const int fd = descriptors.empty() ? -1 : descriptors[0].get();  // none: there was no room for it here
  if (fd >= 0 && enforced(Check::whole_boxes) && !sys::is_fixed_memory(fd, message.size)) {
    session.why = "boxed what is no memory of that size";
    return end(session);
  }
  // Its pages anybody can take away who has had it: that is not held against who sends it on.
  const bool whole = fd >= 0 && (sys::is_complete(fd, message.size) || !enforced(Check::whole_boxes));
  const bool there = whole && !short_of_memory() && !has_its_share(session);
  route::Actions actions;
  if (const SegmentId segment = registry_.box(session.context, message, there, actions))
    segments_[segment] = {std::move(descriptors[0]), message.size, {}};
  execute(actions);
}

void Server::end(Session& session) {
  if (session.over) return;
  session.over = true;
  // Explicitly: peers hold the same pidfd, and a description that lives stays in the poller.
  poller_.remove(session.socket.get());
  if (session.pidfd) poller_.remove(session.pidfd.get());
  if (!session.why.empty()) {
    log(LogLevel::error, [&] {
      return "pid " + std::to_string(session.pid) + " (context " + std::to_string(session.context.value) +
             ") is disconnected: it " + session.why;
    });
  }
  if (!session.context) return;
  FAIRWAY_HOOK(broker_context_gone);
  by_context_.erase(session.context);
  tables_.free_context_row(session.row);
  route::Actions actions;
  registry_.leave(session.context, actions);
  execute(actions);
}

void Server::remove_ended() {
  const std::size_t removed = std::erase_if(sessions_, [](const auto& entry) { return entry.second->over; });
  if (removed != 0 && sessions_.empty()) idle_since_ns_ = sys::now_ns();
}

Session* Server::find(ContextId context) {
  const auto found = by_context_.find(context);
  return found == by_context_.end() ? nullptr : found->second;
}

}  // namespace fairway::broker
