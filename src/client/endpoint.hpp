#pragma once

#include <cstdint>
#include <deque>
#include <memory>

#include <fairway/message_event.hpp>
#include <fairway/types.hpp>

#include "base/ids.hpp"
#include "client/incoming.hpp"
#include "client/lease_pool.hpp"
#include "client/outgoing.hpp"
#include "client/port.hpp"
#include "shm/byte_ring.hpp"

namespace fairway::client {

class Context;
class Link;

/// One end of a channel, owned by a Port, or by the Context while it is closing. Local: the other end is in the
/// same context, and messages wait in `queue_`. Shared: they go through a half in shared memory.
class Endpoint {
 public:
  explicit Endpoint(Context& context) : context_(context) {}
  ~Endpoint();
  Endpoint(const Endpoint&) = delete;

  static void entangle(Endpoint& one, Endpoint& two);
  /// The other end leaves this context: from here on what is posted goes to shared memory.
  void share(PortId id, const shm::PortRow* opposite);
  /// This end is the one that leaves.
  void leave() noexcept { twin_ = nullptr; }

  // The owner's side ------------------------------------------------------------------------------------------

  void post(shm::RecordType type, Bytes payload);
  /// With ports that stay in this context.
  void post_local(shm::RecordType type, Bytes payload, std::vector<MessagePort> ports);
  enum class Next { message, empty, closed };
  /// Takes the next message. Closed: `reason` is why, and everything is read.
  Next next(MessageEvent& event);
  /// The port has been told the reason.
  bool told_end() const noexcept { return port == nullptr || port->close_reason.has_value(); }
  CloseReason reason() const noexcept { return reason_; }
  /// A cheap hint that `next` would not say empty.
  bool readable() const noexcept {
    return !queue_.empty() || (ended_ ? !over_ : in_.readable() || twin_gone_ || misses_generation());
  }
  /// Whether the only thing left to read is the end: then the close event is due, started or not.
  bool at_end();
  std::uint64_t buffered_amount() noexcept;
  /// The same as a question, and cheaper.
  bool unread_exceeds(std::uint64_t limit) noexcept {
    if (local()) return buffered_amount() > limit;
    return !peer_gone() && out_.unread_exceeds(limit, in_.control());
  }
  /// The other side is gone, as far as is known: what is posted goes nowhere.
  bool peer_gone() const noexcept { return ended_ || twin_gone_ || in_.closed(); }
  bool is_twin(const Endpoint* other) const noexcept { return twin_ != nullptr && twin_ == other; }
  bool local() const noexcept { return !id_; }

  /// Closes this end. True: nothing is left to do, the endpoint can go; false: what was posted is still on its way.
  bool close();
  bool closing() const noexcept { return closing_; }

  // The loop's side -------------------------------------------------------------------------------------------

  /// Moves the backlog on, if there is one: into room that the reader has made, or a larger generation.
  void progress();
  /// A lease has come; it may be the one that was asked for.
  void progress_with_lease() { grow(); }
  /// Asks the other side to say when there is something to read, or room to write.
  void arm(std::uint64_t now_ns) noexcept;
  /// Whether there is the room to write that is waited for.
  bool found_room() noexcept;
  void note_started() noexcept {
    if (out_.control() != nullptr) out_.control()->statistics.started.store(1, std::memory_order_relaxed);
  }
  bool wants_room() const noexcept { return out_.has_backlog() || drain_below_.has_value(); }
  /// `try_post` said full: a drain event is due when no more than that is unread.
  void want_drain(std::uint64_t below) noexcept { drain_below_ = below; }
  bool drained() noexcept;

  void paired(Link& link);
  void unlinked() noexcept { link_ = nullptr; }
  /// The other side wants this port looked at.
  void called() noexcept {
    called_ = true;
    if (out_.control() != nullptr) shm::add(out_.control()->statistics.wakes, 1);
  }
  void note_spin() noexcept {
    if (out_.control() != nullptr) shm::add(out_.control()->statistics.spins, 1);
  }
  void installed(Generation index, sys::Mapping memory, shm::Shape shape, std::uint64_t previous_final);
  /// The other side is gone; what it committed is still read.
  void peer_closed(std::uint64_t final, CloseReason reason);

  PortId id() const noexcept { return id_; }
  Link* link() const noexcept { return link_; }
  std::uint64_t first_local_sequence() const noexcept { return queue_.front().sequence; }
  bool has_local_messages() const noexcept { return !queue_.empty(); }

  Port* port = nullptr;  ///< who owns it; null while it is closing or travels in a local message
  bool hot = false;      ///< in the context's list of those to look at before it sleeps
  Epoch epoch = 0;
  Epoch peer_epoch = 0;

 private:
  struct LocalMessage {
    std::uint64_t sequence;
    MessageEvent event;
  };

  void announce();
  void grow();
  bool bind(LeasePool::Lease lease);
  void publish_head() noexcept;
  void answer_want() noexcept;
  static void take(const shm::Record& record, MessageEvent& event);
  void finish(CloseReason reason);
  void finish_by_record(const shm::Record& record);
  /// The broker has taken with it a generation of the other side that this side will never see.
  bool misses_generation() const noexcept;
  bool stranded();
  void protocol_error(const char* what);

  Context& context_;
  // Local.
  Endpoint* twin_ = nullptr;
  std::deque<LocalMessage> queue_;
  std::uint64_t queued_bytes_ = 0;
  bool twin_gone_ = false;
  // Shared.
  PortId id_;
  Link* link_ = nullptr;
  const shm::PortRow* opposite_row_ = nullptr;
  Outgoing out_;
  Incoming in_;
  std::uint64_t messages_read_ = 0;
  std::uint64_t bytes_read_ = 0;
  std::uint32_t answered_arm_ = 0;
  std::uint32_t answered_want_ = 0;
  std::uint64_t awaited_ = 0;      ///< size of the lease that was asked for; 0: none
  std::optional<std::uint64_t> drain_below_;  ///< none: no drain event is due
  CloseReason reason_ = CloseReason::closed;
  bool ended_ = false;    ///< the other side is gone and everything it wrote is read
  bool called_ = false;   ///< something was announced before the first generation was installed
  bool over_ = false;     ///< `next` has said so
  bool closing_ = false;  ///< closed here, with a backlog on its way
};

}  // namespace fairway::client
