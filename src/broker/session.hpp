#pragma once

#include <cstdint>
#include <deque>
#include <string>

#include "base/ids.hpp"
#include "route/actions.hpp"
#include "sys/fd.hpp"

namespace fairway::broker {

/// One connection: who is at the other end and what waits to be sent there. Owned by the Server.
struct Session {
  /// Messages with descriptors under way at once: a client that never reads must not fill the kernel's limit of
  /// descriptors in flight for the whole user.
  static constexpr std::uint64_t most_in_flight = 16;

  sys::Fd socket;
  sys::Fd pidfd;
  std::int64_t pid = 0;
  std::uint32_t uid = 0;
  std::uint64_t key = 0;
  std::uint32_t row = 0;  ///< in the table of contexts
  ContextId context;      ///< none before Hello
  /// Answers to its own requests that it may leave unread.
  static constexpr std::size_t most_answers = 1024;
  /// Of its claims: one message can carry as many ports as a context may have.
  static constexpr std::size_t most_refusals = 65536;

  struct Outgoing {
    route::Send send;
    bool answer;  ///< to a request of its own
  };
  std::deque<Outgoing> outbox;
  std::size_t answers = 0;   ///< of those in the outbox
  std::size_t refusals = 0;  ///< likewise
  std::uint64_t sent_with_descriptors = 0;
  std::uint64_t acknowledged = 0;
  bool watches_for_space = false;
  bool over = false;  ///< to be removed at the end of this turn
  std::string why;    ///< it broke the protocol
};

}  // namespace fairway::broker
