#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <vector>

#include <fairway/broker.hpp>

#include "broker/names.hpp"
#include "broker/session.hpp"
#include "broker/tables.hpp"
#include "route/registry.hpp"
#include "sys/poller.hpp"
#include "wire/codec.hpp"

namespace fairway::broker {

/// The broker's I/O around the Registry: sockets, memory objects, names, tables. Single-threaded.
/// Never exits for a lack of descriptors or memory: what needs them is refused.
class Server {
 public:
  /// `versions`: what it says that it speaks.
  explicit Server(BrokerOptions options, const wire::Versions& versions = {});
  ~Server();

  void run();
  void poll();
  int native_handle() const noexcept { return poller_.fd(); }
  void stop() noexcept;

 private:
  struct Segment {
    sys::Fd fd;  ///< writable for the owner until it is sealed, then read-only
    std::uint64_t size = 0;
    std::string name;
  };
  struct Doorbells {
    ContextId side[2];
    sys::Fd end[2];
  };

  void turn(Timeout timeout);
  Timeout until_idle_exit() const;
  void accept_all();
  void drop_one_connection(const std::string& why);
  /// The spare descriptor, and with it the readiness to accept.
  void regain_spare();
  void serve(std::uint64_t key);
  /// False: nothing more to read now.
  bool receive_one(Session& session);
  void greet(Session& session, const wire::Hello& hello);
  /// Whether what asks for something new must be refused; a death and what gives back go on.
  bool short_of_memory();
  /// True: the message was one of those, and is answered.
  bool refused_for_memory(const Session& session, const wire::ClientMessage& message);
  /// True: it is a Hello of a version that nobody here understands, and is answered.
  bool refused_for_versions(Session& session, const wire::Frame& hello);
  /// True: it was a lease that would take more than one context's share of what there is, and is answered.
  bool refused_for_others(const Session& session, const wire::ClientMessage& message);
  /// Whether a segment more would be more than its share of the descriptors that are left; the log says so.
  bool has_its_share(const Session& session) const;
  void take_box(Session& session, const wire::Box& message, std::vector<sys::Fd>& descriptors);
  void show(Session& session, const wire::Shown& message, std::vector<sys::Fd>& descriptors);
  void refuse(Session& session, Errc code, std::string_view detail);
  void end(Session& session);
  void remove_ended();

  void reserve_numbers();
  void execute(route::Actions& actions);
  void perform(route::Send& action);
  void forget_old_news(Session& session, const wire::BrokerMessage& news);
  void perform(const route::Allocate& action);
  void perform(const route::Seal& action);
  void perform(const route::Publish& action);
  void perform(const route::Drop& action);
  void perform(const route::MakeLink& action);
  void perform(const route::KeepLink& action);
  void perform(const route::DropLink& action);
  void perform(const route::MakeTable& action);
  void perform(const route::DropTable& action);
  void perform(const route::UpdatePort& action);
  void perform(const route::UpdateMemory& action);
  void perform(const route::Disconnect& action);

  void flush(Session& session);
  void watch_for_space(Session& session, bool wanted);
  /// The descriptors that go with a message; false: they are gone, and so is the message's point.
  bool descriptors(const Session& to, const route::Send& send, std::vector<int>& fds) const;
  void sent(Session& to, const route::Send& send);
  Session* find(ContextId context);
  /// What to do about a call that failed; the broker's own limit is not the system's.
  static std::string shortage(const std::system_error& error, std::string_view otherwise);

  BrokerOptions options_;
  std::filesystem::path directory_;
  sys::Fd lock_;
  route::Registry::Numbers reserved_;  ///< those below are never given out again
  std::uint64_t life_;
  /// Given up to accept and refuse one connection when descriptors run out. Without it nothing is accepted.
  sys::Fd spare_;
  sys::Fd listener_;
  sys::Poller poller_;
  sys::WakeUp wake_up_;
  Names names_;
  Tables tables_;
  route::Registry registry_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Session>> sessions_;
  std::unordered_map<ContextId, Session*, IdHash> by_context_;
  std::unordered_map<SegmentId, Segment, IdHash> segments_;
  std::unordered_map<LinkId, Doorbells, IdHash> doorbells_;
  std::deque<route::Action> pending_;
  const Session* refetching_ = nullptr;  ///< whose request is being answered with what it was sent before
  std::uint64_t next_session_ = 1;
  std::uint64_t idle_since_ns_ = 0;
  std::uint64_t descriptor_limit_ = 0;
  std::atomic<bool> stopped_ = false;
  bool executing_ = false;
  bool retry_soon_ = false;
  bool short_of_memory_ = false;  ///< when it was asked last
};

}  // namespace fairway::broker
