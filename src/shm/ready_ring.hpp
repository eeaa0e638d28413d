#pragma once

#include <atomic>
#include <cstdint>
#include <span>

#include "base/check.hpp"
#include "shm/layout.hpp"

/// The ready ring of a link: the ports that one context wants the other to look at. Single producer, single
/// consumer. The tail is in the producer's segment, the head in the consumer's; each maps the other's read-only.
/// Entries are hints: the consumer ignores unknown ones, and a full ring becomes "look at all ports".
namespace fairway::shm {

class ReadyWriter {
 public:
  ReadyWriter() = default;
  ReadyWriter(LinkSegment& mine, std::span<std::uint64_t> slots) noexcept : mine_(&mine), slots_(slots) {}

  /// `consumed` is the other side's `ready_head`, whatever it claims.
  void push(std::uint64_t entry, std::uint64_t consumed) noexcept {
    const std::uint64_t tail = mine_->ready_tail.load(std::memory_order_relaxed);
    if (tail - consumed >= slots_.size()) {
      // release: pairs with the acquire in ReadyReader::overflowed.
      mine_->ready_overflow.store(mine_->ready_overflow.load(std::memory_order_relaxed) + 1, std::memory_order_release);
      return;
    }
    std::atomic_ref(slots_[tail % slots_.size()]).store(entry, std::memory_order_relaxed);
    // release: pairs with the acquire in ReadyReader::pop.
    mine_->ready_tail.store(tail + 1, std::memory_order_release);
  }

 private:
  LinkSegment* mine_ = nullptr;
  std::span<std::uint64_t> slots_;
};

class ReadyReader {
 public:
  ReadyReader() = default;
  ReadyReader(const LinkSegment& theirs, std::span<const std::uint64_t> slots) noexcept : theirs_(&theirs), slots_(slots) {}

  /// The next entry, or false. Returns at most one ring's worth for each call of `begin`.
  bool pop(std::uint64_t& entry) noexcept {
    if (head_ == limit_) return false;
    entry = std::atomic_ref(const_cast<std::uint64_t&>(slots_[head_ % slots_.size()])).load(std::memory_order_relaxed);
    ++head_;
    return true;
  }
  /// Fixes how far `pop` goes: a hostile tail makes at most a ring's worth of garbage.
  void begin() noexcept {
    // acquire: pairs with the release in ReadyWriter::push.
    const std::uint64_t tail = theirs_->ready_tail.load(std::memory_order_acquire);
    limit_ = tail;
    if (tail - head_ <= slots_.size() || !enforced(Check::ready_tail)) return;
    limit_ = head_;
    damaged_ = true;
  }
  /// Never again once it is damaged: its words would keep the reader awake for ever.
  bool pending() const noexcept {
    const bool changed = theirs_->ready_tail.load(std::memory_order_acquire) != head_ ||
                         theirs_->ready_overflow.load(std::memory_order_acquire) != overflow_seen_;
    return changed && !damaged_;
  }
  /// Whether the producer found its ring full since the last call.
  bool overflowed() noexcept {
    // acquire: pairs with the release in ReadyWriter::push.
    const std::uint32_t now = theirs_->ready_overflow.load(std::memory_order_acquire);
    if (now == overflow_seen_) return false;
    overflow_seen_ = now;
    return true;
  }
  /// The producer claims more than the ring holds: no ReadyWriter does.
  bool damaged() const noexcept { return damaged_; }
  std::uint64_t head() const noexcept { return head_; }

 private:
  const LinkSegment* theirs_ = nullptr;
  std::span<const std::uint64_t> slots_;
  std::uint64_t head_ = 0;
  std::uint64_t limit_ = 0;
  std::uint32_t overflow_seen_ = 0;
  bool damaged_ = false;
};

}  // namespace fairway::shm
