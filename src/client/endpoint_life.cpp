#include <utility>

#include "base/check.hpp"
#include "base/hook.hpp"
#include "base/log.hpp"
#include "client/context.hpp"
#include "client/endpoint.hpp"
#include "client/link.hpp"

/// Life: how an end of a channel comes, hears of its other side, and goes.
namespace fairway::client {

Endpoint::Endpoint(Context& context) : context_(context) { context_.expect_endpoint(); }

Endpoint::~Endpoint() {
  leave_twin();
  context_.forget(*this);
}

void Endpoint::leave_twin() noexcept {
  if (twin_ == nullptr) return;
  twin_->twin_gone_ = true;
  twin_->twin_ = nullptr;
  context_.make_hot(*twin_);
  twin_ = nullptr;
}

void Endpoint::entangle(Endpoint& one, Endpoint& two) {
  one.twin_ = &two;
  two.twin_ = &one;
}

void Endpoint::share(PortId id, Epoch epoch, Epoch peer_epoch) {
  id_ = id;
  pairing_ = route::Pairing(epoch, peer_epoch);
  twin_ = nullptr;
}

void Endpoint::arrive(const wire::Granted& m) {
  share(m.port, m.epoch, m.peer_epoch);
  in_.start_at(shm::Position::unpack(m.read));
  out_.start_at(m.generation, m.counts.messages_posted, m.counts.bytes_posted);
  messages_read_ = m.counts.messages_read;
  bytes_read_ = m.counts.bytes_read;
  dormant_ = m.origin == wire::Granted::Origin::token;
}

void Endpoint::awake() {
  dormant_ = false;
  context_.make_hot(*this);
}

void Endpoint::peer_moved(Epoch peer_epoch) {
  if (!pairing_.saw(peer_epoch)) return;
  context_.carry_out([this] { lending_.keep_all(); });  // who lent it is not here to take it back
  leave_link();
  home_ = false;
  in_.forget_control();
  answered_arm_ = answered_want_ = 0;
  if (enforced(Check::fresh_generation)) out_.begin_pairing();
  awaited_ = 0;
  // It was open: the new neighbour's words have to find ours, and what waits here has to move on.
  if (out_.ever_open() || out_.has_backlog()) open_for_reading();
  context_.make_hot(*this);
}

void Endpoint::moved(const wire::Moved& m) {
  if (ended_ || local()) return;
  in_.ends_at({m.generation, m.final});
  peer_moved(m.peer_epoch);
  context_.make_hot(*this);
}

void Endpoint::paired(Link* link, Epoch peer_epoch) {
  peer_moved(peer_epoch);
  leave_link();
  link_ = link;
  home_ = link == nullptr;
  if (link == nullptr) {
    context_.make_hot_if_here(id_.opposite());
  } else {
    ++link->endpoints;
    link->order();
    if (out_.open()) link->notify(id_.opposite());  // what was posted while nobody could be told
  }
  context_.make_hot(*this);
}

void Endpoint::leave_link() noexcept {
  if (link_ != nullptr) --link_->endpoints;
  link_ = nullptr;
}

void Endpoint::installed(const wire::Install& m, sys::Mapping memory, KeptMemory kept) {
  if (ended_) return;
  hold_read(m, std::move(kept));
  peer_moved(m.epoch);
  const bool controls = pairing_.controls(m);
  in_.install({m.generation, m.linear != 0 ? shm::Shape::linear : shm::Shape::ring, m.previous, m.previous_final, m.epoch},
              std::move(memory), controls);
  if (controls) answered_arm_ = answered_want_ = 0;
  FAIRWAY_HOOK(install_received);
  open_for_reading();
  publish_head();
  context_.make_hot(*this);
}

void Endpoint::open_for_reading() {
  const bool reads = port != nullptr && port->started;
  if (local() || dormant_ || ended_ || out_.open() || (!reads && !out_.ever_open() && !out_.has_backlog())) return;
  if (reads && in_.empty() && !out_.ever_open() && !out_.has_backlog()) return;  // there is nothing to read yet
  grow();
}

void Endpoint::peer_closed(std::optional<Incoming::End> end, CloseReason reason) {
  if (ended_ || local()) return;
  in_.close(end);
  reason_ = reason;
  drop_backlog();
  context_.make_hot(*this);
}

void Endpoint::drop_backlog() noexcept {
  out_.drop_backlog();
  context_.departed(*this);
  for (Departure& departure : leaving_) give_up(departure);
  leaving_.clear();
}

void Endpoint::finish(CloseReason reason) {
  reason_ = reason;
  ended_ = true;
  drop_backlog();
  end_lending();
  context_.broker().send(wire::End{id_});
}

void Endpoint::finish_by_record(const shm::Record& record) {
  in_.pop(record);
  publish_head();
  finish(CloseReason::closed);
}

bool Endpoint::misses_generation() const noexcept {
  const bool believed = standing_ == Standing::known || (standing_ == Standing::former && context_.broker_alive());
  if ((believed && enforced(Check::broker_is_believed)) || local() || in_.closed()) return false;
  const shm::ControlBlock* const theirs = in_.control();
  // Without the first of a pairing nothing can be read any more, nor will the writer ever know what was.
  // acquire: pairs with the release in Outgoing::say_left; what was committed before is seen.
  if (theirs == nullptr) return !believed;
  return in_.misses_generation() || theirs->left.load(std::memory_order_acquire) != 0;
}

bool Endpoint::strand_if_broker_is_missed() {
  if (!misses_generation()) return false;
  const shm::ControlBlock* const theirs = in_.control();
  const bool left = theirs != nullptr && theirs->left.load(std::memory_order_acquire) != 0;
  if (!left && !forsaken()) return false;  // the next broker brings it
  strand();
  return true;
}

void Endpoint::strand() {
  log(LogLevel::warning, [&] { return "the broker died, and " + to_string(id_) + " cannot go on without a segment from it"; });
  note(shm::Fault::stranded);
  in_.close(std::nullopt);
  reason_ = CloseReason::broker_lost;
  drop_backlog();
  context_.make_hot(*this);
  out_.say_left(true);
  if (link_ != nullptr) link_->notify(id_.opposite());
  if (home_) context_.make_hot_if_here(id_.opposite());
}

void Endpoint::note(shm::Fault fault) noexcept {
  if (out_.control() == nullptr) return;
  shm::FaultCount& count = out_.control()->statistics.fault[static_cast<std::size_t>(fault)];
  count.last_ns.store(sys::now_ns(), std::memory_order_relaxed);
  shm::add(count.count, 1);
}

void Endpoint::protocol_error(shm::Fault fault) {
  if (ended_) return;
  note(fault);
  log(LogLevel::error, [&] {
    return to_string(id_) + (link_ != nullptr ? ", whose other side is " + link_->who() : "") + ": " + std::string(shm::describe(fault));
  });
  reason_ = CloseReason::protocol_error;
  ended_ = true;
  drop_backlog();
  end_lending();
  context_.carry_out([this] { context_.abandon_claims(*this); });
  context_.broker().send(wire::Close{id_, out_.tail(), CloseReason::protocol_error, 0});
  context_.make_hot(*this);
}

bool Endpoint::close() {
  leave_twin();
  context_.local_message_taken(*this);
  for (LocalMessage& message : queue_) context_.bury(std::move(message.event));
  queue_.clear();
  queued_bytes_ = 0;
  if (local()) return true;
  if (ended_) return true;
  if (!closing_) {
    closing_ = true;
    context_.abandon_claims(*this);
    end_lending();
    // A stream that was never opened has nothing to say that the broker does not.
    if ((out_.open() || out_.has_backlog()) && !in_.closed()) {
      if (out_.push(shm::RecordType::close, 0, {}, in_.control()) == Outgoing::Push::committed) {
        FAIRWAY_HOOK(close_record_committed);
        announce();
      }
    }
  }
  progress();
  if (out_.has_backlog() && !in_.closed()) return false;
  context_.broker().send(wire::Close{id_, out_.tail(), CloseReason::closed, 0});
  FAIRWAY_HOOK(close_sent);
  ended_ = true;
  return true;
}

}  // namespace fairway::client
