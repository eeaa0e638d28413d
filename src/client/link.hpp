#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "base/ids.hpp"
#include "shm/layout.hpp"
#include "shm/ready_ring.hpp"
#include "sys/memory.hpp"
#include "sys/socket.hpp"

namespace fairway::client {

/// What this context shares with one other context, however many channels they have: a doorbell and a ready ring
/// each way. Owned by the Context.
class Link {
 public:
  Link(LinkId id, ContextId peer, std::int64_t pid, std::string name, sys::Fd doorbell, sys::Fd pidfd);

  LinkId id() const noexcept { return id_; }
  ContextId peer() const noexcept { return peer_; }
  std::int64_t pid() const noexcept { return pid_; }
  int doorbell() const noexcept { return doorbell_.get(); }
  int pidfd() const noexcept { return pidfd_.get(); }
  /// Who is at the other end, for people: "pid 4711 (player)".
  std::string who() const;

  /// My half: from here on the other side is told which port to look at.
  void bind(sys::Mapping mine, bool membarrier);
  /// The other side's half.
  void install(sys::Mapping theirs);
  bool bound() const noexcept { return mine_ != nullptr; }
  /// Both halves are there: it needs nothing of a broker any more.
  bool complete() const noexcept { return mine_ != nullptr && theirs_ != nullptr; }

  /// Asks the other side to look at a port, and wakes it if it sleeps. True: it had to be woken. The caller has
  /// made visible what there is to see, and has called `order` since.
  bool notify(PortId port);

  /// Between a store of mine and the load that tells whether the other side sleeps. A compiler barrier where the
  /// sleeper's membarrier makes up for it.
  void order() const noexcept {
    if (fence_) {
      // seq_cst: pairs with the barrier in Context::prepare_to_sleep of the other side.
      std::atomic_thread_fence(std::memory_order_seq_cst);
    } else {
      std::atomic_signal_fence(std::memory_order_seq_cst);
    }
  }

  /// Says that this context is about to sleep; its barrier follows.
  void announce_sleep() noexcept;
  /// Hands out the ports that the other side wants looked at; `all`: it could not say which.
  template <class Each>
  void collect(bool& all, Each&& each);
  /// Whether `collect` would find something.
  bool pending() const noexcept { return theirs_ != nullptr && ready_in_.pending(); }
  /// Found by `collect`: the other side writes there what no library of ours writes.
  bool damaged() const noexcept { return ready_in_.damaged(); }

  void note_cpu(std::uint32_t cpu) noexcept {
    if (mine_ != nullptr && mine_->cpu.load(std::memory_order_relaxed) != cpu) mine_->cpu.store(cpu, std::memory_order_relaxed);
  }
  /// Where the other side last ran, plus 1; 0: unknown.
  std::uint32_t peer_cpu() const noexcept { return theirs_ != nullptr ? theirs_->cpu.load(std::memory_order_relaxed) : 0; }

  /// The other side is told that this is no death.
  void let_go() const noexcept { sys::let_go(doorbell_.get()); }
  /// What the doorbell says. Let go of: from now on its end means nothing.
  sys::Doorbell answer() noexcept;
  /// Whether there is a doorbell that the other side hears, as far as this one knows.
  bool reaches() const noexcept { return complete() && !deserted_; }

  std::size_t endpoints = 0;    ///< paired over this link
  bool peer_dead = false;       ///< the kernel says so; the broker's word counts while there is one
  std::uint64_t life = 0;       ///< of the broker that knows it
  bool watched = false;         ///< doorbell and pidfd are in the poller
  /// A ring that the kernel had no memory for is made up for, and a doorbell that nobody watches is watched, in a while.
  bool wants_retry() const noexcept { return !peer_dead && (owes_ring_ || !watched); }
  void retry_ring() noexcept {
    if (owes_ring_) ring();
  }

 private:
  void ring() noexcept;

  LinkId id_;
  ContextId peer_;
  std::int64_t pid_;
  std::string name_;
  sys::Fd doorbell_;
  sys::Fd pidfd_;
  sys::Mapping mine_memory_;
  sys::Mapping theirs_memory_;
  shm::LinkSegment* mine_ = nullptr;
  const shm::LinkSegment* theirs_ = nullptr;
  shm::ReadyWriter ready_out_;
  shm::ReadyReader ready_in_;
  std::uint32_t answered_sleep_ = 0;
  bool fence_ = true;
  bool owes_ring_ = false;
  bool deserted_ = false;  ///< the other side has let go of it, or never had it, and lives
};

template <class Each>
void Link::collect(bool& all, Each&& each) {
  if (theirs_ == nullptr) return;
  all = ready_in_.overflowed();
  ready_in_.begin();
  std::uint64_t entry = 0;
  while (ready_in_.pop(entry)) each(PortId{entry});
  // release: the slots are read; pairs with the load in Link::notify of the other side.
  if (mine_ != nullptr) mine_->ready_head.store(ready_in_.head(), std::memory_order_release);
}

}  // namespace fairway::client
