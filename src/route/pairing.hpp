#pragma once

#include "base/ids.hpp"
#include "wire/messages.hpp"

namespace fairway::route {

/// What a port's owner knows of who owns the port opposite: one pairing after another. Each begins with a generation of
/// one's own that the former neighbour never sees, and with the control block in it.
class Pairing {
 public:
  Pairing() = default;
  Pairing(Epoch mine, Epoch peer) : mine_(mine), peer_(peer) {}

  Epoch mine() const noexcept { return mine_; }
  Epoch peer() const noexcept { return peer_; }
  Epoch opened_for() const noexcept { return opened_for_; }

  /// The epoch of the port opposite, from the table, Moved, Paired or Install. True: it has moved; the link and the
  /// control block that were known are not its owner's.
  bool saw(Epoch peer) noexcept {
    if (static_cast<std::int32_t>(peer - peer_) <= 0) return false;
    peer_ = peer;
    return true;
  }
  /// Whether what is posted now, or read, needs a generation of its own first.
  bool needs_generation() const noexcept { return !opened_ || opened_for_ != peer_; }
  /// One was bound with `peer_epoch` = `peer()`.
  void opened() noexcept {
    opened_ = true;
    opened_for_ = peer_;
  }
  /// Whether that generation's control block is the one to look at from now on. Without one: take the reader for armed.
  bool controls(const wire::Install& m) const noexcept { return m.first != 0 && m.reader_epoch == mine_ && m.epoch == peer_; }

 private:
  Epoch mine_ = 0;
  Epoch peer_ = 0;
  Epoch opened_for_ = 0;
  bool opened_ = false;
};

}  // namespace fairway::route
