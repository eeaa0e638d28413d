#include <algorithm>
#include <system_error>
#include <utility>

#include "base/hook.hpp"
#include "base/log.hpp"
#include "base/scoped_flag.hpp"
#include "client/context.hpp"
#include "client/watch.hpp"
#include "sys/process.hpp"
#include "sys/socket.hpp"

namespace fairway::client {

namespace {

/// A handler that posts to itself for ever must not starve the others (SEMANTICS 10).
constexpr std::size_t messages_per_turn = 1000;

/// Spinning ends after that long; a wake-up costs a few microseconds, so it is never far from paying.
constexpr std::uint64_t most_spin_ns = 50'000;
constexpr std::uint64_t least_spin_ns = 1'000;
/// A context that never sleeps looks at its descriptors that often.
constexpr std::uint64_t descriptors_interval_ns = 100'000'000;
/// What the broker refused is asked for again after that time.
constexpr std::uint64_t retry_interval_ns = 100'000'000;
constexpr std::uint64_t doze_ns = 5'000'000;
constexpr std::uint64_t turns_between_clock_reads = 16;
constexpr int looks_between_clock_reads = 64;
constexpr int looks_before_arming = 4096;
constexpr int relaxations_in_stream = 16;
constexpr int most_looks_in_stream = 32;

constexpr std::uint64_t for_ever = ~std::uint64_t{0};

void relax() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

std::uint64_t deadline_after(Timeout timeout) {
  if (timeout == Timeout::max()) return for_ever;
  return sys::now_ns() + static_cast<std::uint64_t>(std::max(timeout, Timeout::zero()).count());
}

/// Takes a handler out of its place for a call: it may be replaced, or its port destroyed, meanwhile.
template <class Handler, class... Args>
auto call(Handler& place, Args&&... args) {
  struct Restore {
    Handler& place;
    Handler handler;
    ~Restore() {
      if (!place) place = std::move(handler);
    }
  } taken{place, std::move(place)};
  place = {};
  return taken.handler(std::forward<Args>(args)...);
}

}  // namespace

// The public loop -------------------------------------------------------------------------------------------

void Context::run() {
  check_thread();
  while (!stopped_.exchange(false)) {
    if (dispatch() == 0) wait(for_ever, nullptr);
  }
}

bool Context::run_once(Timeout timeout) {
  check_thread();
  const std::uint64_t deadline = deadline_after(timeout);
  for (;;) {
    if (dispatch() != 0) return true;
    if (stopped_.exchange(false) || sys::now_ns() >= deadline) return false;
    wait(deadline, nullptr);
  }
}

std::size_t Context::poll() {
  check_thread();
  handle_descriptors(Timeout::zero());
  return dispatch();
}

void Context::stop() noexcept {
  stopped_ = true;
  wake_up_.set();
}

void Context::post_callback(Callback<void()> callback) {
  {
    const std::lock_guard lock(callbacks_mutex_);
    callbacks_.push_back(std::move(callback));
  }
  has_callbacks_ = true;
  wake_up_.set();
}

std::optional<MessageEvent> Context::receive(Port& port, Timeout timeout) {
  check_thread();
  if (!port.started) start(port);
  const std::uint64_t deadline = deadline_after(timeout);
  std::optional<MessageEvent> event(std::in_place);  // the one that is returned: nothing is copied
  bool last_look = false;
  // Where a former owner's part ends must reach a reader that never waits, too.
  service_broker_if_news();
  while (port.endpoint) {
    const Endpoint::Next next = port.endpoint->next(*event);
    if (next == Endpoint::Next::message) return event;
    if (next == Endpoint::Next::closed) note_end(port);
    if (next == Endpoint::Next::closed || last_look) break;
    if (timeout == Timeout::zero() || (deadline != for_ever && sys::now_ns() >= deadline)) {
      service_broker_if_news();
      collect_ready();
      last_look = true;
    } else {
      wait(deadline, port.endpoint.get());
    }
  }
  event.reset();
  return event;
}

// Dispatch --------------------------------------------------------------------------------------------------

std::size_t Context::dispatch() {
  if (dispatching_) throw DOMException("InvalidStateError", "run, run_once and poll cannot be called from a callback");
  const ScopedFlag dispatching(dispatching_);
  // A loop that always finds something never waits, and must notice deaths and children all the same.
  if (++turns_ % turns_between_clock_reads == 0 && sys::now_ns() - last_descriptors_ns_ >= descriptors_interval_ns)
    handle_descriptors(Timeout::zero());
  service_broker_if_news();
  collect_ready();
  finish_what_waits();
  std::size_t count = dispatch_callbacks();
  count += dispatch_connections();
  count += dispatch_local();
  count += dispatch_shared();
  count += dispatch_notices();
  return count;
}

std::size_t Context::dispatch_callbacks() {
  if (!has_callbacks_.exchange(false)) return 0;
  std::size_t count = 0;
  for (std::size_t limit = messages_per_turn; limit != 0; --limit) {
    Callback<void()> callback;
    {
      const std::lock_guard lock(callbacks_mutex_);
      if (callbacks_.empty()) return count;
      callback = std::move(callbacks_.front());
      callbacks_.pop_front();
      if (!callbacks_.empty()) has_callbacks_ = true;
    }
    ++count;
    callback();
  }
  return count;
}

std::size_t Context::dispatch_connections() {
  std::size_t count = 0;
  while (on_connect_ && !connections_.empty()) {
    MessageEvent event;
    static_cast<void>(event.assign(MessageEvent::Kind::string, 0));
    event.ports.reserve(1);
    event.ports.emplace_back(adopt(std::move(connections_.front())));
    connections_.pop_front();
    ++count;
    call(on_connect_, event);
  }
  return count;
}

std::size_t Context::dispatch_local() {
  std::size_t count = 0;
  while (!local_order_.empty() && count < messages_per_turn) {
    const std::shared_ptr<Port> port = local_order_.begin()->port->shared_from_this();
    if (!deliver_next(*port)) break;
    ++count;
  }
  return count;
}

std::size_t Context::dispatch_shared() {
  std::size_t count = 0;
  // By index and with an owner: callbacks may make, close and transfer ports.
  for (std::size_t i = 0; i < hot_.size(); ++i) {
    Endpoint* const endpoint = hot_[i];
    endpoint->progress();
    if (endpoint->port == nullptr) continue;
    const std::shared_ptr<Port> port = endpoint->port->shared_from_this();
    if (endpoint->drained()) {
      notices_.push_back({port, std::nullopt});
      endpoint->told_drained();
    }
    for (std::size_t n = 0; n < messages_per_turn && port->endpoint && !port->endpoint->has_local_messages() &&
                            wants_messages(*port->endpoint) && deliver_next(*port);
         ++n)
      ++count;
    if (port->endpoint && !port->close_reason && port->endpoint->readable() && port->endpoint->at_end()) note_end(*port);
  }
  return count;
}

bool Context::wants_messages(const Endpoint& endpoint) const noexcept {
  return endpoint.port != nullptr && endpoint.port->started && static_cast<bool>(endpoint.port->on_message);
}

bool Context::deliver_next(Port& port) {
  MessageEvent event;
  switch (port.endpoint->next(event)) {
    case Endpoint::Next::message: deliver(port, event); return true;
    case Endpoint::Next::closed: note_end(port); return false;
    case Endpoint::Next::empty: return false;
  }
  return false;
}

void Context::deliver(Port& port, MessageEvent& event) {
  if (event.kind() != MessageEvent::Kind::error && call(port.on_message, event)) return;
  if (port.on_message_error) call(port.on_message_error, event);
}

void Context::note_end(Port& port) {
  if (port.close_reason) return;
  notices_.push_back({port.shared_from_this(), port.endpoint->reason()});
  port.close_reason = port.endpoint->reason();
}

std::size_t Context::dispatch_notices() {
  std::size_t count = 0;
  while (!notices_.empty()) {
    const Notice notice = std::move(notices_.front());
    notices_.pop_front();
    if (!notice.port->endpoint) continue;  // closed here before the event's turn came
    if (notice.closed) {
      if (notice.port->on_close && !std::exchange(notice.port->close_told, true)) {
        ++count;
        call(notice.port->on_close, *notice.closed);
      }
    } else if (notice.port->on_drain) {
      ++count;
      call(notice.port->on_drain);
    }
  }
  return count;
}

// Waiting ---------------------------------------------------------------------------------------------------

void Context::make_hot(Endpoint& endpoint) noexcept {
  if (std::exchange(endpoint.hot, true)) return;
  hot_.push_back(&endpoint);
}

void Context::collect_ready() {
  for (const auto& [id, link] : links_) {
    if (!link->pending()) continue;
    bool all = false;
    link->collect(all, [this](PortId port) {
      Endpoint* const endpoint = find(port);
      if (endpoint == nullptr) return;
      endpoint->called();
      make_hot(*endpoint);
    });
    if (all || link->damaged()) make_all_hot(*link);
  }
}

bool Context::something_to_do(const Endpoint* only) {
  if (awake_for_news() || !to_close_.empty()) return true;
  for (const auto& [id, link] : links_)
    if (link->pending()) return true;
  if (only != nullptr) return only->readable();
  if (has_callbacks_.load(std::memory_order_relaxed) || stopped_.load(std::memory_order_relaxed)) return true;
  if (!notices_.empty() || !local_order_.empty() || (on_connect_ && !connections_.empty())) return true;
  for (Endpoint* const endpoint : hot_)
    if (due(*endpoint, nullptr)) return true;
  return false;
}

bool Context::due(Endpoint& endpoint, const Endpoint* only) {
  if (!endpoint.readable()) return false;
  // Of messages that nobody wants now only the end counts: the close event is due without a start.
  return &endpoint == only || wants_messages(endpoint) || (!endpoint.told_end() && endpoint.at_end());
}

bool Context::worth_spinning() const noexcept {
  if (options_.wait == Wait::block || spin_ns_ == 0) return false;
  const std::uint32_t here = sys::current_cpu();
  for (const Endpoint* const endpoint : hot_)
    if (endpoint->link() != nullptr && endpoint->link()->peer_cpu() == here) return false;
  return true;
}

bool Context::spin(std::uint64_t until_ns, const Endpoint* only) {
  // Who looks at a record's cache line while it is being written makes the line travel twice. What streams in, without
  // answers, is therefore left alone for a moment, and then read in one go.
  if (streaming_ && !std::exchange(posted_, false))
    for (int i = 0; i < relaxations_in_stream; ++i) relax();
  for (int looks = 1;; ++looks) {
    if (something_to_do(only)) {
      streaming_ = looks < most_looks_in_stream;
      return true;
    }
    relax();
    if (looks % looks_between_clock_reads != 0) continue;
    // Not at every look: the words that tell of room are the reader's, who is writing them.
    for (Endpoint* const endpoint : hot_)
      if (endpoint->found_room()) return true;
    const std::uint64_t now = sys::now_ns();
    if (now >= until_ns) return false;
    if (options_.wait == Wait::poll && now - last_descriptors_ns_ >= descriptors_interval_ns) return false;
    if (looks >= looks_before_arming && options_.wait == Wait::poll && hot_.size() > 16) return false;
  }
}

void Context::note_cpu() noexcept {
  const std::uint32_t cpu = sys::current_cpu();
  for (const auto& [id, link] : links_) link->note_cpu(cpu);
}

void Context::wait(std::uint64_t deadline_ns, Endpoint* only) {
  if (only != nullptr) make_hot(*only);
  note_cpu();
  const bool polls = options_.wait == Wait::poll;
  const std::uint64_t spin_until = polls ? deadline_ns : std::min(deadline_ns, sys::now_ns() + spin_ns_);
  if ((polls || worth_spinning()) && spin(spin_until, only)) {
    spin_ns_ = most_spin_ns;
    for (Endpoint* const endpoint : hot_)
      if (endpoint->readable()) endpoint->note_spin();
  } else if (polls) {
    if (hot_.size() > 16) prepare_to_sleep(only);
    handle_descriptors(Timeout::zero());
  } else {
    sleep(deadline_ns, only);
  }
  service_broker_if_news();
  collect_ready();
  // By index: what progresses may make others hot.
  for (std::size_t i = 0; i < hot_.size(); ++i)
    if (hot_[i]->wants_room()) hot_[i]->progress();
  finish_what_waits();
  retry();
}

void Context::sleep(std::uint64_t deadline_ns, Endpoint* only) {
  spin_ns_ = spin_ns_ / 2 < least_spin_ns ? 0 : spin_ns_ / 2;
  const std::uint64_t slept_at = sys::now_ns();
  if (something_to_do(only) || !prepare_to_sleep(only)) return;
  const std::uint64_t until = std::min(deadline_ns, next_retry_ns());
  const std::uint64_t left = until > slept_at ? until - slept_at : 0;
  FAIRWAY_HOOK(sleep_waiting);
  handle_descriptors(until == for_ever ? Timeout::max() : Timeout(static_cast<std::int64_t>(left)));
  FAIRWAY_HOOK(sleep_woken);
  // Worth it again: a spin would have found what came.
  if (options_.wait == Wait::adaptive && sys::now_ns() - slept_at < most_spin_ns) spin_ns_ = most_spin_ns;
}

bool Context::prepare_to_sleep() {
  check_thread();
  return !something_to_do(nullptr) && prepare_to_sleep(nullptr);
}

void Context::sleep_barrier() {
  if (membarrier_ && !barrier_failed_ && !sys::global_barrier()) {
    // A filter came after this context had joined. The others rely on the barrier: from here on this context only
    // dozes.
    barrier_failed_ = true;
    log(LogLevel::error, [] { return "membarrier is refused since a context said that it calls it; install such filters first"; });
  }
  if (!membarrier_ || barrier_failed_) std::atomic_thread_fence(std::memory_order_seq_cst);
}

bool Context::prepare_to_sleep(Endpoint* only) {
  FAIRWAY_HOOK(sleep_begun);
  just_armed_.clear();
  const std::uint64_t now = sys::now_ns();
  was_hot_.swap(hot_);
  hot_.clear();
  for (Endpoint* const endpoint : was_hot_) {
    endpoint->hot = false;
    const bool readable = endpoint->readable();
    if (!readable || endpoint->wants_room()) {
      endpoint->arm(now);
      just_armed_.push_back(endpoint);
    }
    if (readable && due(*endpoint, only)) make_hot(*endpoint);  // not armed: nobody would call again
  }

  for (const auto& [id, link] : links_) link->announce_sleep();
  FAIRWAY_HOOK(sleep_published);
  // Orders the arm, want and sleep counts above before the looks below, and the other sides' commits before their
  // looks at the counts. Pairs with Link::order of every other side.
  if (!links_.empty()) sleep_barrier();
  FAIRWAY_HOOK(sleep_barrier_passed);

  bool missed = false;
  for (Endpoint* const endpoint : just_armed_) {
    if (!due(*endpoint, only) && !endpoint->found_room()) continue;
    make_hot(*endpoint);
    missed = true;
  }
  const bool nothing = !missed && !something_to_do(only);
  watch_broker_for_room();  // the loop may be another one, which waits for the poller's descriptor
  return nothing;
}

void Context::handle_descriptors(Timeout timeout) {
  last_descriptors_ns_ = sys::now_ns();
  watch_broker_for_room();
  // Copied: what is handled may use the poller.
  const std::vector<sys::Poller::Event> events = poller_.wait(timeout);
  for (const sys::Poller::Event& event : events) {
    if (event.key == watch::broker) {
      service_broker();
    } else if (event.key == watch::wake_up) {
      wake_up_.clear();
    } else if (watch::kind(event.key) == watch::child_kind) {
      reap_children(event.key);
    } else if (watch::kind(event.key) == watch::link_kind) {
      const auto found = links_.find({static_cast<std::uint32_t>(watch::id(event.key))});
      if (found == links_.end()) continue;
      Link& link = *found->second;
      if (sys::quiet(link.doorbell()) && (link.pidfd() < 0 || !sys::has_ended(link.pidfd()))) continue;
      link.peer_dead = true;
      unwatch(link);
      if (!broker_.alive()) lose_link(link);  // otherwise the broker's word comes, after what was sent before
    }
  }
}

std::uint64_t Context::next_retry_ns() const noexcept {
  if (barrier_failed_) return sys::now_ns() + doze_ns;
  const bool waiting = leases_.has_refused() || !uninstalled_.empty() || !uninstalled_links_.empty();
  return waiting ? sys::now_ns() + retry_interval_ns : for_ever;
}

void Context::retry() {
  if (next_retry_ns() == for_ever || sys::now_ns() - last_retry_ns_ < retry_interval_ns) return;
  last_retry_ns_ = sys::now_ns();
  leases_.retry_refused();
  for (const auto& [port, generation] : uninstalled_) broker_.send(wire::Refetch{port, generation, {}});
  for (const LinkId link : std::exchange(uninstalled_links_, {})) broker_.send(wire::RefetchLink{link});
}

}  // namespace fairway::client
