#pragma once

#include <cstddef>
#include <string_view>

/// What can go wrong at a port. Its owner counts it in its statistics, for inspectors; nothing is decided by it.
namespace fairway::shm {

enum class Fault : std::size_t { quota_exceeded, data_clone, damaged_record, damaged_ports, impossible_head, impossible_calls, stranded };
inline constexpr std::size_t faults = 7;

/// As a program sees it: the exception, or the reason of the close.
constexpr std::string_view name_of(Fault fault) noexcept {
  switch (fault) {
    case Fault::quota_exceeded: return "QuotaExceededError";
    case Fault::data_clone: return "DataCloneError";
    case Fault::damaged_record:
    case Fault::damaged_ports:
    case Fault::impossible_head:
    case Fault::impossible_calls: return "protocol_error";
    case Fault::stranded: return "broker_lost";
  }
  return "unknown";
}

constexpr std::string_view describe(Fault fault) noexcept {
  switch (fault) {
    case Fault::quota_exceeded: return "the hard limit of unread bytes was reached";
    case Fault::data_clone: return "a list of ports to transfer was wrong";
    case Fault::damaged_record: return "the other side wrote a record that no Fairway library writes";
    case Fault::damaged_ports: return "the other side wrote a table of ports that no Fairway library writes";
    case Fault::impossible_head: return "the other side claims to have read what was never written";
    case Fault::impossible_calls: return "the other side claims more calls than its ready ring holds";
    case Fault::stranded: return "the broker died, and the port could not go on without a segment from it";
  }
  return "unknown";
}

}  // namespace fairway::shm
