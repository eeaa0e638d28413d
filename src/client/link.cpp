#include "client/link.hpp"

#include <utility>

#include "base/hook.hpp"
#include "sys/process.hpp"

namespace fairway::client {

namespace {

/// What a socket holds of rings is read in far fewer turns.
constexpr int most_unheard = 16;

template <class Slot>
std::span<Slot> slots(const sys::Mapping& memory) {
  return {reinterpret_cast<Slot*>(memory.bytes().data() + shm::data_offset), shm::ready_slots};
}

}  // namespace

Link::Link(LinkId id, ContextId peer, std::int64_t pid, std::string name, sys::Fd doorbell, sys::Fd pidfd)
    : id_(id), peer_(peer), pid_(pid), name_(std::move(name)), doorbell_(std::move(doorbell)), pidfd_(std::move(pidfd)) {}

std::string Link::who() const { return "pid " + std::to_string(pid_) + (name_.empty() ? "" : " (" + name_ + ")"); }

void Link::bind(sys::Mapping mine, bool membarrier) {
  mine_memory_ = std::move(mine);
  mine_ = reinterpret_cast<shm::LinkSegment*>(mine_memory_.bytes().data());
  mine_->header = {shm::magic, shm::layout_version, shm::SegmentKind::link, id_.value, 0, 0, 0,
                   mine_memory_.bytes().size() - shm::data_offset, 0, 0, {}};
  mine_->membarrier.store(membarrier ? 1 : 0, std::memory_order_relaxed);
  mine_->cpu.store(sys::current_cpu(), std::memory_order_relaxed);
  ready_out_ = shm::ReadyWriter(*mine_, slots<std::uint64_t>(mine_memory_));
  if (theirs_ != nullptr) mine_->ready_head.store(ready_in_.head(), std::memory_order_release);
}

void Link::install(sys::Mapping theirs) {
  theirs_memory_ = std::move(theirs);
  theirs_ = reinterpret_cast<const shm::LinkSegment*>(theirs_memory_.bytes().data());
  ready_in_ = shm::ReadyReader(*theirs_, slots<const std::uint64_t>(theirs_memory_));
  fence_ = !(sys::register_membarrier() && theirs_->membarrier.load(std::memory_order_relaxed) == 1);
}

bool Link::notify(PortId port) {
  if (mine_ == nullptr) return false;  // the other side looks at everything when my half arrives
  ready_out_.push(port.value, theirs_ != nullptr ? theirs_->ready_head.load(std::memory_order_acquire) : 0);
  FAIRWAY_HOOK(notify_ready_pushed);
  mine_->cpu.store(sys::current_cpu(), std::memory_order_relaxed);
  order();
  if (theirs_ != nullptr) {
    const std::uint32_t sleep = theirs_->sleep.load(std::memory_order_relaxed);
    if (sleep == answered_sleep_ && !owes_ring_) return false;
    answered_sleep_ = sleep;
  }
  ring();
  FAIRWAY_HOOK(notify_doorbell_rung);
  return true;
}

void Link::ring() noexcept {
  const sys::Sent sent = sys::ring(doorbell_.get());
  owes_ring_ = sent == sys::Sent::short_of;
  if (sent != sys::Sent::gone) return;
  sys::Doorbell said = answer();
  for (int more = 0; more < most_unheard && said == sys::Doorbell::rung; ++more) said = answer();
  if (said != sys::Doorbell::let_go) peer_dead = true;
}

sys::Doorbell Link::answer() noexcept {
  if (deserted_) return sys::Doorbell::let_go;
  const sys::Doorbell said = sys::quiet(doorbell_.get());
  // Who was never heard of may not have got its end: that closes with the broker that still had it.
  deserted_ = said == sys::Doorbell::let_go || (said == sys::Doorbell::gone && theirs_ == nullptr);
  return deserted_ ? sys::Doorbell::let_go : said;
}

void Link::announce_sleep() noexcept {
  if (mine_ == nullptr) return;
  mine_->sleep.store(mine_->sleep.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

}  // namespace fairway::client
