#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/ids.hpp"
#include "shm/faults.hpp"

/// What stands in memory that two processes see. Every field has exactly one writer; everybody else maps the
/// segment read-only. All numbers are in native byte order. LAYOUT.md shows the same as diagrams.
namespace fairway::shm {

static_assert(std::atomic<std::uint32_t>::is_always_lock_free && std::atomic<std::uint64_t>::is_always_lock_free);

inline constexpr std::uint64_t magic = 0x31'59'41'57'52'49'41'46;  // "FAIRWAY1" in memory
inline constexpr std::uint32_t layout_version = 1;
inline constexpr std::size_t line = 128;         ///< two cache lines: adjacent ones are fetched in pairs
inline constexpr std::size_t page = 4096;
inline constexpr std::size_t data_offset = page;  ///< where the ring, the slots or the rows begin in every segment

enum class SegmentKind : std::uint32_t { half = 1, link = 2, contexts = 3, channels = 4 };

/// Names a segment for people and tools. Its writer is the segment's; a peer takes sizes from the broker
/// and believes nothing here.
struct SegmentHeader {
  std::uint64_t magic;
  std::uint32_t layout_version;
  SegmentKind kind;
  std::uint64_t subject;  ///< half: PortId; link: LinkId; contexts, channels: the first row's number
  std::uint32_t epoch;
  std::uint16_t generation;
  std::uint16_t linear;  ///< 1: a spill, read once from start to end; 0: a ring
  std::uint64_t capacity;
  std::uint32_t peer_epoch;  ///< half: of the port opposite, whose owner it is meant for
  std::uint32_t first;       ///< half: 1: the first of its pairing, with the control block
  std::uint64_t reserved[10];
};
static_assert(sizeof(SegmentHeader) == line);

/// A place in a stream: which generation, and how many bytes of it.
struct Position {
  Generation generation = 0;
  std::uint64_t offset = 0;  ///< below 2^48

  static constexpr int offset_bits = 48;
  static Position unpack(std::uint64_t word) noexcept {
    return {static_cast<Generation>(word >> offset_bits), word & ((std::uint64_t{1} << offset_bits) - 1)};
  }
  std::uint64_t pack() const noexcept { return std::uint64_t{generation} << offset_bits | offset; }
  friend auto operator<=>(const Position&, const Position&) = default;
};

/// One kind of fault.
struct FaultCount {
  std::atomic<std::uint64_t> count;
  std::atomic<std::uint64_t> last_ns;
};

/// Counters of a half, written by its owner, read by inspectors. Relaxed: nothing is decided by them, but for
/// `bytes_read`, which the other side clamps.
struct Statistics {
  // As the writer of the ring in this half.
  std::atomic<std::uint64_t> messages_posted;
  std::atomic<std::uint64_t> bytes_posted;
  std::atomic<std::uint64_t> largest;
  std::atomic<std::uint64_t> high_water;         ///< most bytes ever unread
  std::atomic<std::uint64_t> backlog_messages;   ///< waiting in the writer's heap
  std::atomic<std::uint64_t> backlog_bytes;
  std::atomic<std::uint64_t> doorbells;          ///< times this port woke the other side
  std::atomic<std::uint64_t> readable_since_ns;  ///< when the reader was last told that the queue is not empty
  std::atomic<std::uint64_t> backpressure_ns;    ///< time spent with a backlog or a full queue, finished spells
  std::atomic<std::uint64_t> full_since_ns;      ///< 0: not now
  std::atomic<std::uint64_t> generation;         ///< of the newest segment of this half
  // As the reader of the ring in the other half.
  std::atomic<std::uint64_t> messages_read;
  std::atomic<std::uint64_t> bytes_read;
  std::atomic<std::uint64_t> last_read_ns;  ///< when the reader last found its queue empty
  std::atomic<std::uint64_t> started;
  std::atomic<std::uint64_t> arms;
  std::atomic<std::uint64_t> wakes;  ///< times the other side called this port because it had armed
  std::atomic<std::uint64_t> spins;  ///< times its context found something there without sleeping
  /// For inspectors: the writer of this very ring has written nothing at or behind that position. In every generation.
  std::atomic<std::uint64_t> claimed;
  FaultCount fault[faults];  ///< of either direction, by Fault; the owner's own
  std::uint64_t reserved[15];
};
static_assert(sizeof(Statistics) == 384);

/// The words that control a pairing, in the first segment that a port opens for it.
struct ControlBlock {
  alignas(line) std::atomic<std::uint64_t> head;  ///< Position up to which the owner has read the other half
  alignas(line) std::atomic<std::uint32_t> arm;   ///< counts "wake me when there is something"; answered once each
  std::atomic<std::uint32_t> want;                ///< counts "wake me when your head is at `want_position`"
  std::atomic<std::uint64_t> want_position;
  std::atomic<std::uint32_t> left;  ///< 1: the owner writes no more; once the broker is gone, nobody else will
  alignas(line) Statistics statistics;
};
static_assert(offsetof(ControlBlock, arm) == 128 && offsetof(ControlBlock, statistics) == 256);

struct HalfSegment {
  SegmentHeader header;
  ControlBlock control;
};
static_assert(sizeof(HalfSegment) <= data_offset && offsetof(HalfSegment, control) == 128);

/// One direction of a link: what its owner tells one peer about itself.
struct LinkSegment {
  SegmentHeader header;
  alignas(line) std::atomic<std::uint32_t> sleep;  ///< counts "I go to sleep: ring"; answered once each
  std::atomic<std::uint32_t> cpu;                  ///< where the owner last ran, plus 1
  std::atomic<std::uint32_t> membarrier;           ///< 1: the owner calls membarrier before it sleeps
  alignas(line) std::atomic<std::uint64_t> ready_head;  ///< entries of the other side's ready ring that are consumed
  alignas(line) std::atomic<std::uint64_t> ready_tail;  ///< entries of the ready ring below, which follows at data_offset
  std::atomic<std::uint32_t> ready_overflow;            ///< counts "the ring was full: scan all ports of this link"
};
static_assert(sizeof(LinkSegment) <= data_offset && offsetof(LinkSegment, sleep) == 128);

inline constexpr std::size_t ready_slots = 1024;
/// The smallest lease: one header page and two pages of ring, or of ready slots.
inline constexpr std::size_t small_segment = data_offset + ready_slots * sizeof(std::uint64_t);
/// The first generation of every half.
inline constexpr std::size_t first_capacity = small_segment - data_offset;
static_assert(first_capacity == 8192);

/// A row of the table of contexts, written by the broker. `version` is odd while the row changes.
struct ContextRow {
  std::atomic<std::uint32_t> version;
  std::atomic<std::uint32_t> id;  ///< 0: the row is free
  std::atomic<std::int32_t> pid;
  std::atomic<std::uint32_t> uid;
  std::atomic<std::uint64_t> joined_ns;
  std::atomic<std::uint64_t> memory;  ///< bytes of segments allocated for it
  char name[64];
  char command[32];
  /// Messages that the broker has for this context, ever. A context that is awake looks here instead of at its socket.
  alignas(line) std::atomic<std::uint64_t> notices;
};
static_assert(sizeof(ContextRow) == 256);

/// memory: port 1 of a box, which was never there. Port 2 stands for memory that a message carries.
enum class PortState : std::uint32_t { none = 0, owned = 1, transit = 2, closed = 3, memory = 4 };

struct PortRow {
  std::atomic<std::uint32_t> state;  ///< PortState
  std::atomic<std::uint32_t> epoch;
  std::atomic<std::uint32_t> owner;  ///< ContextId
  std::atomic<std::uint32_t> generations;
};

/// What was before, for inspectors.
struct PortPast {
  std::atomic<std::uint32_t> former;    ///< ContextId of the last owner but the present one; 0: none
  std::atomic<std::uint32_t> since_ms;  ///< when state, epoch or owner last changed, after `created_ns`; no further than 2^32 - 1
};

/// A row of the table of channels, written by the broker.
struct ChannelRow {
  std::atomic<std::uint64_t> id;  ///< ChannelId; 0: the row is free
  std::atomic<std::uint64_t> created_ns;
  PortRow port[2];
  PortPast past[2];
};
static_assert(sizeof(ChannelRow) == 64);

inline constexpr std::size_t contexts_per_table = 64;
inline constexpr std::size_t channels_per_table = 256;
inline constexpr std::size_t contexts_table_size = data_offset + contexts_per_table * sizeof(ContextRow);
inline constexpr std::size_t channels_table_size = data_offset + channels_per_table * sizeof(ChannelRow);
static_assert(contexts_table_size % page == 0 && channels_table_size % page == 0);

/// A counter with one writer: no read-modify-write on the bus.
inline void add(std::atomic<std::uint64_t>& counter, std::uint64_t by) noexcept {
  counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
}

/// The same owner goes on counting in the first segment of its next pairing.
inline void carry_on(const Statistics& from, Statistics& to) noexcept {
  for (const auto counter : {&Statistics::high_water, &Statistics::doorbells, &Statistics::readable_since_ns, &Statistics::backpressure_ns,
                             &Statistics::full_since_ns, &Statistics::last_read_ns, &Statistics::arms, &Statistics::wakes, &Statistics::spins})
    (to.*counter).store((from.*counter).load(std::memory_order_relaxed), std::memory_order_relaxed);
  for (std::size_t i = 0; i < faults; ++i) {
    to.fault[i].count.store(from.fault[i].count.load(std::memory_order_relaxed), std::memory_order_relaxed);
    to.fault[i].last_ns.store(from.fault[i].last_ns.load(std::memory_order_relaxed), std::memory_order_relaxed);
  }
}

}  // namespace fairway::shm
