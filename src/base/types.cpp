#include <fairway/types.hpp>

namespace fairway {

std::string_view to_string(CloseReason reason) noexcept {
  switch (reason) {
    case CloseReason::closed: return "closed";
    case CloseReason::peer_lost: return "peer_lost";
    case CloseReason::protocol_error: return "protocol_error";
    case CloseReason::broker_refused: return "broker_refused";
    case CloseReason::broker_lost: return "broker_lost";
    case CloseReason::dropped: return "dropped";
  }
  return "unknown";
}

std::string_view to_string(Status status) noexcept {
  switch (status) {
    case Status::ok: return "ok";
    case Status::full: return "full";
    case Status::closed: return "closed";
    case Status::detached: return "detached";
  }
  return "unknown";
}

std::string_view version() noexcept { return FAIRWAY_VERSION; }

}  // namespace fairway
