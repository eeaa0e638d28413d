#pragma once

#include <cstdint>

/// Checks that keep out a former owner of a port that lies. In what users get all are made; tests/faults builds the library
/// with FAIRWAY_HOOKS and leaves out one at a time, to show that nothing else stops the attack that it is for.
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
};

#ifdef FAIRWAY_HOOKS
inline std::uint32_t checks_left_out = 0;
inline bool enforced(Check check) { return (checks_left_out & static_cast<std::uint32_t>(check)) == 0; }
#else
constexpr bool enforced(Check) { return true; }
#endif

}  // namespace fairway
