#pragma once

#include <cstdint>

/// Checks that keep out who lies: a former owner of a port, the other side of a channel, a client of the broker. In what
/// users get all are made; tests/faults builds the library with FAIRWAY_HOOKS and leaves out one at a time, to show that nothing else stops the attack that it is for.
namespace fairway {

enum class Check : std::uint32_t {
  // The broker's.
  owner = 1u << 0,                   ///< what is said of a port is said by its owner
  unused = 1u << 1,                  ///< only a port that was never opened goes to a name or a child
  epoch = 1u << 2,                   ///< a Detach names the next epoch
  possible_final = 1u << 3,          ///< and an end that a position can name
  read_is_written = 1u << 4,         ///< nobody has read a generation that is not there
  carrier = 1u << 5,                 ///< a token is granted to the reader of the stream that it was sent on
  claim_waits_for_writer = 1u << 6,  ///< a Claim before its Detach waits only for who wrote that stream
  // Of who reads what it wrote.
  stops_at_final = 1u << 7,      ///< a reader goes no further than the declared end
  whole_records = 1u << 8,       ///< no record lies across it
  final_not_passed = 1u << 9,    ///< it is not in front of what was read
  final_is_reached = 1u << 10,   ///< records are there up to it
  final_within_ring = 1u << 11,  ///< no more than a segment holds is unread
  ready_tail = 1u << 12,         ///< a ready ring holds no more than its slots
  // Of who wrote to it.
  fresh_generation = 1u << 13,  ///< what is for a new owner goes to a segment that the old one never had
  news_before_post = 1u << 14,  ///< a post knows of a move that the broker has told
  // The kernel's.
  sealed_size = 1u << 15,
  sealed_writing = 1u << 16,
  read_only = 1u << 17,      ///< readers get a description that cannot write
  private_names = 1u << 18,  ///< a private broker cannot be looked into
  // Of who talks with a peer that rewrites its words.
  possible_head = 1u << 19,          ///< nobody has read what was not written, or less than before
  possible_record = 1u << 20,        ///< a record lies in its segment, in its turn
  possible_tokens = 1u << 21,        ///< a record carries no port twice, nor more of them than anybody may have
  counted_by_generation = 1u << 22,  ///< who has not come to a generation has read nothing of it
  broker_is_believed = 1u << 23,     ///< and not the peer, as long as there is one to say who goes on
  // The broker's, of its clients.
  whole_frames = 1u << 24,
  no_descriptors = 1u << 25,    ///< nobody sends any
  hello_first = 1u << 26,
  answers_are_read = 1u << 27,  ///< who asks and does not listen is not kept
  few_in_flight = 1u << 28,     ///< descriptors that were not acknowledged
  short_turns = 1u << 29,       ///< nobody is listened to, or accepted, without end
  fair_share = 1u << 30,        ///< no context takes the last descriptors with its segments
  whole_boxes = 1u << 31,       ///< memory that changes hands has its size, all of it, for ever
};

#ifdef FAIRWAY_HOOKS
inline std::uint32_t checks_left_out = 0;
inline bool enforced(Check check) { return (checks_left_out & static_cast<std::uint32_t>(check)) == 0; }
#else
constexpr bool enforced(Check) { return true; }
#endif

}  // namespace fairway
