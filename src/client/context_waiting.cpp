#include <algorithm>
#include <utility>

#include "base/hook.hpp"
#include "base/log.hpp"
#include "client/context.hpp"
#include "client/watch.hpp"
#include "sys/process.hpp"
#include "sys/socket.hpp"

/// How a context waits: it spins while that pays, then arms its ports and sleeps.
namespace fairway::client {

namespace {

/// Spinning ends after that long; a wake-up costs a few microseconds, so it is never far from paying.
constexpr std::uint64_t most_spin_ns = 50'000;
constexpr std::uint64_t least_spin_ns = 1'000;
/// What the broker refused is asked for again after that time.
constexpr std::uint64_t retry_interval_ns = 100'000'000;
constexpr std::uint64_t doze_ns = 5'000'000;
constexpr int looks_between_clock_reads = 64;
constexpr int looks_before_arming = 4096;
constexpr int relaxations_in_stream = 16;
constexpr int most_looks_in_stream = 32;

void relax() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

void Context::make_hot(Endpoint& endpoint) noexcept {
  if (std::exchange(endpoint.hot, true)) return;
  hot_.push_back(&endpoint);
  wake_other_loop();
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
    if (all) make_all_hot(*link);
    if (link->damaged()) condemn(*link);
  }
}

bool Context::something_to_do(const Endpoint* only) {
  if (awake_for_news() || !to_close_.empty() || broker_takes_more_) return true;
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
  wake_other_loop();  // this wait may have taken its calls
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
  waited_for_elsewhere_ = !something_to_do(nullptr) && prepare_to_sleep(nullptr);
  if (!waited_for_elsewhere_) return false;
  const std::uint64_t until = next_retry_ns();
  if (until != for_ever) retry_timer_.set(Timeout(static_cast<std::int64_t>(until - sys::now_ns())));
  return true;
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
  relinquish();
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
    } else if (event.key == watch::retry) {
      retry_timer_.clear();
    } else if (watch::kind(event.key) == watch::child_kind) {
      reap_children(event.key);
    } else if (watch::kind(event.key) == watch::link_kind) {
      const auto found = links_.find({static_cast<std::uint32_t>(watch::id(event.key))});
      if (found == links_.end()) continue;
      Link& link = *found->second;
      const sys::Doorbell said = link.answer();
      if (said == sys::Doorbell::let_go) poller_.remove(link.doorbell());
      if (said != sys::Doorbell::gone && (link.pidfd() < 0 || !sys::has_ended(link.pidfd()))) continue;
      on_link_dead(link);
    }
  }
}

std::uint64_t Context::next_retry_ns() const noexcept {
  if (barrier_failed_) return sys::now_ns() + doze_ns;
  const bool waiting = leases_.has_refused() || !uninstalled_.empty() || !uninstalled_links_.empty() ||
                       (broker_.blocked() && !watches_for_room_) ||
                       std::ranges::any_of(links_, [](const auto& entry) { return entry.second->wants_retry(); });
  return std::min(next_look_ns_, waiting ? sys::now_ns() + retry_interval_ns : for_ever);
}

void Context::retry() {
  if (next_look_ns_ != for_ever && sys::now_ns() >= next_look_ns_) look();
  if (next_retry_ns() == for_ever || sys::now_ns() - last_retry_ns_ < retry_interval_ns) return;
  last_retry_ns_ = sys::now_ns();
  leases_.retry_refused();
  for (const auto& [port, generation] : uninstalled_) broker_.send(wire::Refetch{port, generation, {}});
  for (const LinkId link : std::exchange(uninstalled_links_, {})) broker_.send(wire::RefetchLink{link});
  for (const auto& [id, link] : links_) {
    link->retry_ring();
    if (link->wants_retry()) try_to_watch(*link);
  }
}

}  // namespace fairway::client
