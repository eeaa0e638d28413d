#pragma once

#include <chrono>
#include <cstddef>
#include <span>
#include <string_view>

#include <fairway/export.hpp>

namespace fairway {

using Bytes = std::span<const std::byte>;

/// How long to wait. `Timeout::max()` waits for ever, `Timeout::zero()` not at all.
using Timeout = std::chrono::nanoseconds;

/// Why a port's other side is gone.
enum class CloseReason {
  closed,          ///< the other side closed its port
  peer_lost,       ///< the other side's context ended without closing it: exit, crash, kill
  protocol_error,  ///< the other side wrote what no Fairway library writes
  broker_refused,  ///< the broker did not let the port through
  broker_lost,     ///< the broker died with the only record of the port
  dropped,         ///< the message that carried the port was dropped
};

/// Outcome of `MessagePort::try_post`.
enum class Status {
  ok,
  full,      ///< the queue's soft limit is reached; `on_drain` says when it makes sense to go on
  closed,    ///< the other side is gone
  detached,  ///< this handle is closed, transferred or empty
};

/// How a context waits for messages.
enum class Wait {
  adaptive,  ///< spins for a short, bounded time while that pays, then sleeps
  poll,      ///< never sleeps
  block,     ///< never spins
};

/// "closed", "peer_lost", … as the inspector prints them.
FAIRWAY_API std::string_view to_string(CloseReason reason) noexcept;
FAIRWAY_API std::string_view to_string(Status status) noexcept;

/// The library's version, "major.minor.patch".
FAIRWAY_API std::string_view version() noexcept;

}  // namespace fairway
