#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <boost/intrusive/set.hpp>

#include <fairway/context.hpp>

#include "base/ids.hpp"
#include "client/broker_link.hpp"
#include "client/buffer_memory.hpp"
#include "client/endpoint.hpp"
#include "client/handler.hpp"
#include "client/lease_pool.hpp"
#include "client/lease_queue.hpp"
#include "client/link.hpp"
#include "client/port.hpp"
#include "route/claims.hpp"
#include "shm/layout.hpp"
#include "sys/poller.hpp"
#include "sys/process.hpp"

namespace fairway::client {

inline constexpr std::uint64_t for_ever = ~std::uint64_t{0};

/// A context's inside: what it holds, the broker's messages, and the loop. Single-threaded but for `stop` and
/// `post_callback`. Split over files by what they do: context.cpp (life, ports), context_broker.cpp (the broker's
/// messages), context_moving.cpp (ports in messages), context_boxes.cpp (memory in messages), context_rejoining.cpp (the next broker),
/// context_finding.cpp (connect, spawn), context_loop.cpp (dispatch),
/// context_waiting.cpp (spinning, sleep).
class Context {
 public:
  /// `versions`: what it says that it speaks.
  Context(ContextOptions options, wire::Secret invitation, const wire::Versions& versions = {});
  /// A Context that outlives its thread was closed when that ended.
  ~Context();
  /// Closes everything. What is left of the object only says that it is over.
  void end() noexcept;

  const ContextOptions& options() const noexcept { return options_; }
  /// Throws DOMException "InvalidStateError" on a wrong thread or in a forked child.
  void check_thread() const {
    if (!usable_here()) throw_not_usable();
  }
  bool usable_here() const noexcept {
    return sys::this_thread() == thread_ && sys::fork_generation() == fork_generation_;
  }

  bool on_other_thread() const noexcept {
    return sys::this_thread() != thread_ && sys::fork_generation() == fork_generation_;
  }

  // Ports -----------------------------------------------------------------------------------------------------

  std::pair<std::shared_ptr<Port>, std::shared_ptr<Port>> make_channel();
  /// If it throws, the endpoint is still the caller's.
  std::shared_ptr<Port> adopt(std::unique_ptr<Endpoint>&& endpoint);
  /// A transfer within this context: the end of the channel goes to a new port, the old one is dead.
  std::shared_ptr<Port> move(Port& port);
  /// The handle is done with the port.
  void close(Port& port) noexcept;
  /// The end of the channel leaves its port, which is dead from here on.
  std::unique_ptr<Endpoint> take_endpoint(Port& port);
  /// So many channels can be shared now. Throws std::system_error `no_broker`.
  void create_channels(std::size_t count);
  void start(Port& port);
  /// A handler for the close event was set: it may be due already.
  void note_close_handler(Port& port);
  std::optional<MessageEvent> receive(Port& port, Timeout timeout);
  void on_readable(Port& port, Callback<void()> callback);

  // Finding each other ----------------------------------------------------------------------------------------

  std::shared_ptr<Port> connect(std::string_view name, Timeout timeout);
  void on_connect(Callback<void(MessageEvent&)> callback);
  std::pair<std::int64_t, std::shared_ptr<Port>> spawn(const std::vector<std::string>& argv);
  /// The port that the parent left for this process.
  std::shared_ptr<Port> take_parent_port();

  // The loop --------------------------------------------------------------------------------------------------

  void run();
  bool run_once(Timeout timeout);
  std::size_t poll();
  int native_handle() const noexcept { return poller_.fd(); }
  bool prepare_to_sleep();
  void stop() noexcept;
  void post_callback(Callback<void()> callback);

  // For endpoints ---------------------------------------------------------------------------------------------

  BrokerLink& broker() noexcept { return broker_; }
  bool broker_alive() const noexcept { return broker_.alive(); }
  /// Whether there is a broker, or the next one has been found or started now. False: none can be had.
  bool returns_to_broker() noexcept;
  /// Its number at the first broker that it joined.
  ContextId identity() const noexcept { return hello_.identity; }
  /// How many brokers have served the directory, with the one that this context joined last.
  std::uint64_t broker_life() const noexcept { return hello_.life; }
  LeasePool& leases() noexcept { return leases_; }
  /// What must not end half-way. Without memory for it this context gives up its broker, which all others can tell from
  /// a death; false then.
  template <class Step>
  bool carry_out(Step&& step) noexcept;
  void service_broker();
  /// Only if the broker's table says that there is something: no system call otherwise.
  void service_broker_if_news() {
    if (awake_for_news()) service_broker();
  }
  /// One more endpoint, which gets its place in the lists of the loop: nothing is allocated there later.
  void expect_endpoint();
  void make_hot(Endpoint& endpoint) noexcept;
  void make_hot_if_here(PortId port) noexcept;
  /// A loop that is not this one's waits for the poller's descriptor, and a call from outside of `poll` has made work.
  void wake_other_loop() noexcept {
    if (std::exchange(waited_for_elsewhere_, false)) wake_up_.set();
  }
  Endpoint* find(PortId id) noexcept;
  void note_post() noexcept { posted_ = true; }
  /// Ports in its messages cannot leave yet.
  void await_departure(Endpoint& carrier) { awaiting_departure_.insert(&carrier); }
  void departed(Endpoint& carrier) noexcept { awaiting_departure_.erase(&carrier); }
  void await_lease(Endpoint& endpoint, std::uint64_t size) {
    awaiting_lease_.wait(endpoint, size, servicing_ ? LeaseQueue::Turn::of_the_loop : LeaseQueue::Turn::at_once);
  }
  /// Gives the broker a moment to answer; a broker that let one pass gets no other until it says something. True: it waits no
  /// longer.
  bool wait_for_lease(const Endpoint& endpoint);
  /// The same for whatever it says. False: it was silent for so long, all such waits since its last word together.
  bool wait_for_word(Timeout patience);
  void forget(Endpoint& endpoint) noexcept;
  std::uint64_t next_local_sequence() noexcept { return next_local_sequence_++; }
  /// The endpoint's local queue has a (new) first message.
  void local_message(Endpoint& endpoint) noexcept;
  /// The first message of the endpoint's local queue is about to go.
  void local_message_taken(Endpoint& endpoint) noexcept;
  const route::Claims& claims() const noexcept { return claims_; }
  /// For what was lent over the same channel, and is `at_hand`, nobody is asked.
  void claim(PortId carrier, Generation generation, std::span<const route::Token> tokens, std::span<const PortId> at_hand);
  /// Of the message that the port has reached, once they are all there; and what came in boxes goes to the buffers that miss it.
  std::vector<MessagePort> claimed_ports(Endpoint& carrier, std::span<graph::Contents> buffers);
  /// Of a record by which the other side relinquishes what it was lent: nobody needs it.
  void drop_claimed(Endpoint& carrier);
  /// The port leaves the message that it has reached unread.
  void abandon_claims(Endpoint& carrier);
  /// The channels inside this context that have to be shared if these ports leave: their own, and those of the ports in
  /// their unread messages. One end of each.
  std::vector<Endpoint*> channels_that_leave(const std::vector<Endpoint*>& leaving) const;
  /// Numbers for so many boxes are at hand, if there is a broker that takes them. May wait for it, and learn that it is gone.
  void stock_numbers(std::size_t count);
  /// Of these, and without waiting; none if they are not enough.
  std::vector<Number> take_numbers(std::size_t count);
  /// One; none if there is none at hand. As long as no broker is there one of the last will do.
  Number take_number_to_lend();
  /// They were not used.
  void return_numbers(std::vector<Number> numbers) noexcept;
  /// Whether a message that is posted now may carry it as something of this context's: a port, or memory that it boxes.
  bool may_mean(ChannelId id) const noexcept;
  /// How much more may be kept mapped for when it comes back.
  Lending::Amount room_to_lend() const noexcept;
  /// So it goes back to nobody who lent it.
  void leaves_in_box(const graph::Memory& memory);
  /// The endpoint has lent, or borrowed.
  void note_lending(Endpoint& endpoint) { lenders_.insert(&endpoint); }
  void forget_lending(Endpoint& endpoint) noexcept { lenders_.erase(&endpoint); }
  /// How much memory of their own the unread messages of these channels hold.
  static std::size_t count_objects(const std::vector<Endpoint*>& one_end_each);
  /// They get a place in shared memory, and what waits in their queues moves there.
  void share_channels(const std::vector<Endpoint*>& one_end_each);
  void close_later(std::unique_ptr<Endpoint> endpoint) noexcept;
  /// Destroys a dropped message, and the ports in it, without recursion.
  void bury(MessageEvent event);

 private:
  struct ChildProcess {
    std::int64_t pid;
    sys::Fd pidfd;
    wire::Secret secret;
  };
  enum class News { closed, drained, readable };
  struct Notice {
    std::shared_ptr<Port> port;
    News news;
  };
  struct Ids {
    ChannelId next, end;
  };

  // context.cpp
  [[noreturn]] void throw_not_usable() const;
  void take_row(const wire::Welcome& m, const sys::Fd& table);
  void linger(std::unique_ptr<Endpoint> endpoint) noexcept;
  void finish_lingering();
  /// Until what was posted on ports that are closed has left this process, or the broker keeps silent.
  void drain_lingering();

  // context_broker.cpp
  void on_broker_lost();
  void lose_link(Link& link);
  /// `in_peace`: the end of the doorbell is to be no death for the other side.
  void leave(Link& link, bool in_peace);
  void handle(BrokerLink::Message& message);
  void on(const wire::Welcome& m, BrokerLink::Message& message);
  void on(const wire::Refusal& m, BrokerLink::Message& message);
  void on(const wire::Lease& m, BrokerLink::Message& message);
  void on(const wire::LeaseRefused& m, BrokerLink::Message& message);
  void on(const wire::Ids& m, BrokerLink::Message& message);
  void on(const wire::Link& m, BrokerLink::Message& message);
  void on(const wire::LinkInstall& m, BrokerLink::Message& message);
  void on(const wire::LinkDrop& m, BrokerLink::Message& message);
  void on(const wire::Paired& m, BrokerLink::Message& message);
  void on(const wire::Install& m, BrokerLink::Message& message);
  void on(const wire::Reply& m, BrokerLink::Message& message);
  void on(const wire::Granted& m, BrokerLink::Message& message);
  void on(const wire::PortClosed& m, BrokerLink::Message& message);
  void on(const wire::Refused& m, BrokerLink::Message& message);
  void on(const wire::Moved& m, BrokerLink::Message& message);
  void on(const wire::Reasserted& m, BrokerLink::Message& message);
  void on(const wire::Boxed& m, BrokerLink::Message& message);
  void note_uninstalled(std::pair<PortId, Generation> missing);
  void bind_links();
  void bind_endpoints();
  /// Without room in the poller the doorbell is looked at whenever `retry` comes, and tried again.
  void try_to_watch(Link& link);
  void unwatch(Link& link) noexcept;
  void make_all_hot(const Link& link);
  void condemn(const Link& link);

  // context_rejoining.cpp
  void look_for_broker() noexcept;
  void look() noexcept;
  bool rejoin(BrokerLink::Start start) noexcept;
  void mind_descriptors_kept() noexcept;
  void drop_former_links();
  void on_link_dead(Link& link);

  // context_boxes.cpp
  /// Memory that was granted to a message that is not delivered yet.
  struct ArrivedBox {
    std::shared_ptr<BufferMemory> memory;   ///< null: it is to come once more, or `lost`
    std::optional<wire::Granted> grant = {};  ///< held back until the memory is there
    bool lost = false;    ///< it cannot be mapped, now or later
    bool former = false;  ///< a broker that is gone gave it
  };
  void settle_box(PortId id);
  /// Null: it was none, or it is lost.
  std::shared_ptr<BufferMemory> take_box(PortId id);
  /// Of a message that stays unread. True: the broker that gave it is gone, and cannot take it back.
  bool drop_box(PortId id) noexcept;
  void forget_unanswered_boxes() noexcept;
  /// The other sides hear what stays here of what they have lent.
  void relinquish() noexcept;

  // context_moving.cpp
  void note_claims(PortId carrier);
  void finish_what_waits();

  // context_finding.cpp
  PortId take_channel_id();
  /// Makes a local channel a shared one: `mine` stays, `moved` leaves. Returns the id of `mine`.
  PortId share(Port& mine, Port& moved);
  /// Waits for the broker; nothing of the user's runs. False: the time is over.
  template <class Done>
  bool wait_for_broker(Timeout timeout, Done&& done);
  [[noreturn]] void throw_no_broker(std::string_view what) const;
  void reap_children(std::uint64_t key);

  bool awake_for_news() const noexcept {
    // acquire: pairs with the release in the broker's Server::sent; the message is in the socket. It may have been
    // received before it was counted.
    const std::uint64_t sent = row_->notices.load(std::memory_order_acquire);
    return static_cast<std::int64_t>(sent - broker_.received()) > 0 && !loss_handled_;
  }

  /// A context that never sleeps looks at its descriptors that often.
  static constexpr std::uint64_t descriptors_interval_ns = 100'000'000;

  // context_loop.cpp
  void collect_ready();
  std::size_t dispatch();
  std::size_t dispatch_callbacks();
  std::size_t dispatch_notices();
  std::size_t dispatch_connections();
  std::size_t dispatch_local();
  std::size_t dispatch_shared();
  /// False: there was nothing to hand out.
  bool deliver_next(Port& port);
  bool tell_readable(Port& port);
  void deliver(Port& port, MessageEvent& event);
  void note_end(Port& port);
  bool wants_messages(const Endpoint& endpoint) const noexcept;

  // context_waiting.cpp
  void wait(std::uint64_t deadline_ns, Endpoint* only);
  void sleep(std::uint64_t deadline_ns, Endpoint* only);
  bool something_to_do(const Endpoint* only);
  /// Whether there is something to hand out: a message that somebody wants (`only`: a receive on it), or the end.
  bool due(Endpoint& endpoint, const Endpoint* only);
  bool spin(std::uint64_t until_ns, const Endpoint* only);
  bool worth_spinning() const noexcept;
  bool prepare_to_sleep(Endpoint* only);
  void sleep_barrier();
  void handle_descriptors(Timeout timeout);
  void on_broker_takes_more();
  /// The poller tells of room for messages to the broker exactly while some are waiting for it.
  void watch_broker_for_room();
  void note_cpu() noexcept;
  std::uint64_t next_retry_ns() const noexcept;
  void retry();

  ContextOptions options_;
  std::filesystem::path directory_;
  const void* thread_;  ///< null: it has ended
  std::shared_ptr<Context*> place_;  ///< where the thread looks when it ends; null for the main thread
  unsigned fork_generation_;
  bool membarrier_;

  BrokerLink broker_;
  MemoryKeeper keeper_;
  LeasePool leases_{broker_, keeper_};
  wire::Hello hello_;  ///< to the next broker
  sys::Mapping contexts_table_;
  static const shm::ContextRow no_row;  ///< of a broker that has not answered Hello yet: nothing is counted in it
  const shm::ContextRow* row_ = &no_row;
  std::deque<Ids> ids_;
  std::deque<ChannelId> created_;  ///< the broker knows them, and no port has them yet

  std::unordered_map<LinkId, std::unique_ptr<Link>, IdHash> links_;
  std::unordered_map<PortId, Endpoint*, IdHash> endpoints_;
  LeaseQueue awaiting_lease_;
  std::set<Endpoint*> awaiting_departure_;
  std::vector<std::pair<PortId, Generation>> uninstalled_;  ///< segments that are not mapped yet, to be fetched again, in order
  std::vector<LinkId> uninstalled_links_;
  std::vector<std::unique_ptr<Endpoint>> lingering_;  ///< closed here, with a backlog on its way
  std::set<std::weak_ptr<Port>, std::owner_less<>> ports_;  ///< of every handle: one whose end has left may outlive this context

  std::size_t endpoint_count_ = 0;
  std::vector<Endpoint*> hot_;        ///< to be looked at, or armed, before this context sleeps
  std::vector<Endpoint*> was_hot_, just_armed_;  ///< of prepare_to_sleep
  struct FirstLocalMessage {
    using type = std::uint64_t;
    type operator()(const Endpoint& endpoint) const noexcept { return endpoint.first_local_sequence(); }
  };
  using LocalOrderHook = boost::intrusive::member_hook<Endpoint, boost::intrusive::set_member_hook<>, &Endpoint::local_order>;
  /// Ports that want local messages and have some, by their first.
  boost::intrusive::set<Endpoint, LocalOrderHook, boost::intrusive::key_of_value<FirstLocalMessage>> local_order_;
  std::uint64_t next_local_sequence_ = 1;
  std::deque<Notice> notices_;
  std::deque<MessageEvent> graveyard_;
  bool burying_ = false;

  route::Claims claims_;
  std::map<PortId, std::unique_ptr<Endpoint>> dormant_;  ///< granted to messages that are not delivered yet
  std::map<PortId, ArrivedBox> boxes_;
  std::vector<Number> unused_numbers_;  ///< for memory in messages
  std::set<Endpoint*> lenders_;         ///< and borrowers
  /// The broker gives more numbers when it has seen half of a table used: no more may be hoarded.
  static constexpr std::size_t most_lent = shm::channels_per_table / 8;
  static constexpr std::size_t most_unused = shm::channels_per_table / 2 - most_lent;
  std::vector<std::unique_ptr<Endpoint>> to_close_;
  std::deque<std::unique_ptr<Endpoint>> connections_;
  Handler<void(MessageEvent&)> on_connect_;
  std::shared_ptr<Port> parent_port_;
  std::map<std::uint64_t, ChildProcess> children_;
  std::uint64_t next_child_key_ = 1;
  std::map<std::uint64_t, std::optional<wire::Reply>> replies_;  ///< to requests that wait for one
  std::uint64_t next_request_ = 1;

  sys::Poller poller_;
  bool watches_for_room_ = false;
  bool broker_takes_more_ = false;  ///< since `finish_what_waits`
  sys::WakeUp wake_up_;
  sys::Timer retry_timer_;  ///< for a loop that is not this one's
  std::uint64_t next_look_ns_ = for_ever;  ///< for the next broker
  std::uint64_t pause_ns_ = 0;
  bool may_box_ = false;
  bool may_return_ = false;
  bool stays_away_ = false;  ///< none could be started since the last one died
  std::mutex callbacks_mutex_;
  std::deque<Callback<void()>> callbacks_;
  std::atomic<bool> has_callbacks_ = false;
  std::atomic<bool> stopped_ = false;
  bool dispatching_ = false;
  bool waited_for_elsewhere_ = false;  ///< `prepare_to_sleep` has said so, and nothing was done since
  std::uint64_t spin_ns_ = 0;
  std::uint64_t last_descriptors_ns_ = 0;
  std::uint64_t last_retry_ns_ = 0;
  std::uint64_t turns_ = 0;
  bool streaming_ = false;  ///< the last spin was short
  bool posted_ = false;     ///< something since the last spin
  bool servicing_ = false;
  Timeout silence_{};  ///< of the broker, while this context waited for it
  bool loss_handled_ = false;
  bool barrier_failed_ = false;
};

template <class Step>
bool Context::carry_out(Step&& step) noexcept {
  try {
    step();
    return true;
  } catch (const std::bad_alloc&) {
    broker_.give_up();
    return false;
  }
}

}  // namespace fairway::client
