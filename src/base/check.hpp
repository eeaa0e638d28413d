#pragma once

#include <cstdint>

/// Checks that keep out who lies: a former owner of a port, the other side of a channel, a client of the broker. In what
/// users get all are made; tests/faults builds the library with FAIRWAY_HOOKS and leaves out one at a time, to show that nothing else stops the attack that it is for.
namespace fairway {

enum class Check : std::uint64_t {
  // The broker's.
  owner = 1ull << 0,                   ///< what is said of a port is said by its owner
  unused = 1ull << 1,                  ///< only a port that was never opened goes to a name or a child
  epoch = 1ull << 2,                   ///< a Detach names the next epoch
  possible_final = 1ull << 3,          ///< and an end that a position can name
  read_is_written = 1ull << 4,         ///< nobody has read a generation that is not there
  carrier = 1ull << 5,                 ///< a token is granted to the reader of the stream that it was sent on
  claim_waits_for_writer = 1ull << 6,  ///< a Claim before its Detach waits only for who wrote that stream
  // Of who reads what it wrote.
  stops_at_final = 1ull << 7,      ///< a reader goes no further than the declared end
  whole_records = 1ull << 8,       ///< no record lies across it
  final_not_passed = 1ull << 9,    ///< it is not in front of what was read
  final_is_reached = 1ull << 10,   ///< records are there up to it
  final_within_ring = 1ull << 11,  ///< no more than a segment holds is unread
  ready_tail = 1ull << 12,         ///< a ready ring holds no more than its slots
  // Of who wrote to it.
  fresh_generation = 1ull << 13,  ///< what is for a new owner goes to a segment that the old one never had
  news_before_post = 1ull << 14,  ///< a post knows of a move that the broker has told
  // The kernel's.
  sealed_size = 1ull << 15,
  sealed_writing = 1ull << 16,
  read_only = 1ull << 17,      ///< readers get a description that cannot write
  private_names = 1ull << 18,  ///< a private broker cannot be looked into
  // Of who talks with a peer that rewrites its words.
  possible_head = 1ull << 19,          ///< nobody has read what was not written, or less than before
  possible_record = 1ull << 20,        ///< a record lies in its segment, in its turn
  possible_tokens = 1ull << 21,        ///< a record carries no port twice, nor more of them than anybody may have
  counted_by_generation = 1ull << 22,  ///< who has not come to a generation has read nothing of it
  broker_is_believed = 1ull << 23,     ///< and not the peer, as long as there is one to say who goes on
  kernel_is_believed = 1ull << 32,     ///< and not the peer, of memory that nobody writes any more
  // The broker's, of its clients.
  whole_frames = 1ull << 24,
  no_descriptors = 1ull << 25,    ///< nobody sends any
  hello_first = 1ull << 26,
  answers_are_read = 1ull << 27,  ///< who asks and does not listen is not kept
  few_in_flight = 1ull << 28,     ///< descriptors that were not acknowledged
  short_turns = 1ull << 29,       ///< nobody is listened to, or accepted, without end
  fair_share = 1ull << 30,        ///< no context takes the last descriptors with its segments
  whole_boxes = 1ull << 31,       ///< memory that changes hands has its size, all of it, for ever
};

#ifdef FAIRWAY_HOOKS
inline std::uint64_t checks_left_out = 0;
inline bool enforced(Check check) { return (checks_left_out & static_cast<std::uint64_t>(check)) == 0; }
#else
constexpr bool enforced(Check) { return true; }
#endif

}  // namespace fairway
