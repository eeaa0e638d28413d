#include "client/endpoint.hpp"

#include <cstring>
#include <utility>

#include "base/hook.hpp"
#include "base/log.hpp"
#include "client/context.hpp"
#include "client/link.hpp"
#include "shm/tables.hpp"
#include "sys/process.hpp"

namespace fairway::client {

namespace {

MessageEvent::Kind event_kind(shm::RecordType type) {
  switch (type) {
    case shm::RecordType::string: return MessageEvent::Kind::string;
    case shm::RecordType::object: return MessageEvent::Kind::object;
    default: return MessageEvent::Kind::bytes;
  }
}

}  // namespace

Endpoint::~Endpoint() { context_.forget(*this); }

void Endpoint::entangle(Endpoint& one, Endpoint& two) {
  one.twin_ = &two;
  two.twin_ = &one;
}

void Endpoint::share(PortId id, const shm::PortRow* opposite) {
  id_ = id;
  opposite_row_ = opposite;
  twin_ = nullptr;
}

// Writing ---------------------------------------------------------------------------------------------------

void Endpoint::post_local(shm::RecordType type, Bytes payload, std::vector<MessagePort> ports) {
  if (peer_gone()) return;
  LocalMessage message{context_.next_local_sequence(), {}};
  if (!message.event.assign(event_kind(type), payload.size()))
    throw DOMException("RangeError", "no memory for a message of " + std::to_string(payload.size()) + " bytes");
  if (!payload.empty()) std::memcpy(message.event.data(), payload.data(), payload.size());
  message.event.ports = std::move(ports);
  twin_->queued_bytes_ += payload.size();
  twin_->queue_.push_back(std::move(message));
  context_.local_message(*twin_);
}

void Endpoint::post(shm::RecordType type, Bytes payload) {
  if (local()) return post_local(type, payload, {});
  if (peer_gone()) return;
  context_.note_post();
  if (out_.push(type, 0, payload, in_.control()) == Outgoing::Push::committed) {
    announce();
  } else {
    grow();
  }
  if (out_.damaged()) protocol_error("claims to have read what was never written");
}

void Endpoint::announce() {
  if (link_ == nullptr) {
    // seq_cst: pairs with the broker, which publishes "owned" before it tells the new owner what to read.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (opposite_row_ == nullptr || shm::read_port(*opposite_row_).state != shm::PortState::owned) return;
    context_.service_broker();
    if (link_ == nullptr) context_.broker().send(wire::Kick{id_});
    return;
  }
  link_->order();
  if (const shm::ControlBlock* const reader = in_.control()) {
    const std::uint32_t arm = reader->arm.load(std::memory_order_relaxed);
    if (arm == answered_arm_) return;
    answered_arm_ = arm;
  }  // without one it may well be armed
  shm::ControlBlock* const mine = out_.control();
  if (mine != nullptr) mine->statistics.readable_since_ns.store(sys::now_ns(), std::memory_order_relaxed);
  if (link_->notify(id_.opposite()) && mine != nullptr) shm::add(mine->statistics.doorbells, 1);
}

void Endpoint::progress() {
  if (!out_.has_backlog() || ended_) return;
  if (out_.flush(in_.control())) announce();
  grow();
}

void Endpoint::grow() {
  // A few times at the most: the first generation may be too small for what waits.
  for (int attempt = 0; attempt < 6 && !ended_; ++attempt) {
    std::uint64_t size = out_.wanted_segment(closing_);
    if (awaited_ != 0 && size != 0 && (closing_ ? awaited_ >= size : out_.useful(awaited_))) size = awaited_;
    if (size == 0 || (out_.open() && !out_.has_backlog())) break;
    auto lease = context_.leases().take(size);
    if (!lease) {
      awaited_ = size;
      context_.await_lease(*this);
      // The broker answers within microseconds, or not at all: what is posted should not stay in this process.
      if (!context_.wait_for_lease(size)) return;
      continue;
    }
    awaited_ = 0;
    if (!bind(*std::move(lease))) return;
    if (out_.flush(in_.control())) announce();
  }
}

bool Endpoint::bind(LeasePool::Lease lease) {
  const std::uint64_t size = lease.memory.bytes().size();
  const shm::Shape shape = out_.shape_for(size, closing_);
  FAIRWAY_HOOK(bind_before);
  if (!context_.broker().try_send(wire::Bind{id_, lease.segment, out_.tail(), out_.next_generation(),
                                             static_cast<std::uint16_t>(shape == shm::Shape::linear), peer_epoch})) {
    context_.leases().put_back(std::move(lease));
    awaited_ = size;
    context_.await_lease(*this);
    return false;
  }
  FAIRWAY_HOOK(bind_sent);
  const bool first = !out_.open();
  out_.begin_generation(std::move(lease.memory), id_, epoch, shape);
  if (first) {
    out_.control()->statistics.started.store(port != nullptr && port->started ? 1 : 0, std::memory_order_relaxed);
    // What was read before there were words to say so counts from here; the writer may have seen the words empty.
    publish_head();
    answer_want();
    context_.make_hot(*this);  // it can be armed now
  } else if (shape == shm::Shape::linear) {
    FAIRWAY_HOOK(spill_bound);
  } else {
    FAIRWAY_HOOK(growth_bound);
  }
  return true;
}

std::uint64_t Endpoint::buffered_amount() noexcept {
  if (local()) return twin_ != nullptr ? twin_->queued_bytes_ : 0;
  return peer_gone() ? 0 : out_.unread_bytes(in_.control());
}

bool Endpoint::drained() noexcept {
  if (!drain_below_ || unread_exceeds(*drain_below_)) return false;
  drain_below_.reset();
  return true;
}

// Reading ---------------------------------------------------------------------------------------------------

Endpoint::Next Endpoint::next(MessageEvent& event) {
  if (!queue_.empty()) {
    event = std::move(queue_.front().event);
    queued_bytes_ -= event.bytes().size();
    context_.local_message_taken(*this);
    queue_.pop_front();
    context_.local_message(*this);
    if (twin_ != nullptr && twin_->drain_below_) context_.make_hot(*twin_);
    return Next::message;
  }
  if (local()) {
    if (!twin_gone_) return Next::empty;
    over_ = true;
    return Next::closed;
  }
  shm::Record record;
  while (!ended_) {
    FAIRWAY_HOOK(read_before);
    switch (in_.look(record)) {
      case Incoming::Look::empty:
        if (!stranded()) return Next::empty;
        break;
      case Incoming::Look::record:
        if (record.header.type == shm::RecordType::close) {
          finish_by_record(record);
          break;
        }
        take(record, event);
        in_.pop(record);
        ++messages_read_;
        bytes_read_ += record.header.length;
        publish_head();
        answer_want();
        return Next::message;
      case Incoming::Look::advanced:
        publish_head();
        answer_want();
        context_.broker().send(wire::Done{id_, in_.finished(), {}});
        FAIRWAY_HOOK(generation_advanced);
        break;
      case Incoming::Look::end: finish(reason_); break;
      case Incoming::Look::damaged: protocol_error("wrote a record that no Fairway library writes"); break;
    }
  }
  over_ = true;
  return Next::closed;
}

bool Endpoint::at_end() {
  if (!queue_.empty()) return false;
  if (local()) return twin_gone_;
  shm::Record record;
  while (!ended_) {
    switch (in_.look(record)) {
      case Incoming::Look::empty:
        if (!stranded()) return false;
        break;
      case Incoming::Look::record:
        if (record.header.type != shm::RecordType::close) return false;
        finish_by_record(record);
        break;
      case Incoming::Look::advanced:
        publish_head();
        answer_want();
        context_.broker().send(wire::Done{id_, in_.finished(), {}});
        break;
      case Incoming::Look::end: finish(reason_); break;
      case Incoming::Look::damaged: protocol_error("wrote a record that no Fairway library writes"); break;
    }
  }
  return true;
}

void Endpoint::take(const shm::Record& record, MessageEvent& event) {
  const bool known = record.header.type <= shm::RecordType::object && record.header.flags == 0;
  if (!known || !event.assign(event_kind(record.header.type), record.payload.size())) {
    static_cast<void>(event.assign(MessageEvent::Kind::error, 0));
    return;
  }
  if (!record.payload.empty()) std::memcpy(event.data(), record.payload.data(), record.payload.size());
}

void Endpoint::publish_head() noexcept {
  shm::ControlBlock* const mine = out_.control();
  if (mine == nullptr) return;
  mine->statistics.messages_read.store(messages_read_, std::memory_order_relaxed);
  mine->statistics.bytes_read.store(bytes_read_, std::memory_order_relaxed);
  // release: pairs with the acquire in Outgoing::refresh_head; the payload is copied out.
  mine->head.store(in_.position().pack(), std::memory_order_release);
  FAIRWAY_HOOK(read_head_published);
}

void Endpoint::answer_want() noexcept {
  const shm::ControlBlock* const writer = in_.control();
  if (writer == nullptr || link_ == nullptr || out_.control() == nullptr) return;
  link_->order();
  // acquire: pairs with the release in Outgoing::want.
  const std::uint32_t want = writer->want.load(std::memory_order_acquire);
  if (want == answered_want_) return;
  const auto wanted = shm::Position::unpack(writer->want_position.load(std::memory_order_relaxed));
  const shm::Position reached = in_.position();
  const auto ahead = static_cast<std::int16_t>(reached.generation - wanted.generation);  // generations wrap
  if (ahead < 0 || (ahead == 0 && reached.offset < wanted.offset)) return;
  answered_want_ = want;
  link_->notify(id_.opposite());
}

void Endpoint::arm(std::uint64_t now_ns) noexcept {
  shm::ControlBlock* const mine = out_.control();
  if (mine == nullptr || ended_) return;
  FAIRWAY_HOOK(arm_before);
  if (!readable()) mine->statistics.last_read_ns.store(now_ns, std::memory_order_relaxed);
  shm::add(mine->statistics.arms, 1);
  // relaxed: the barrier before sleep follows. Pairs with the load in announce of the other side.
  mine->arm.store(mine->arm.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  if (wants_room()) out_.want(drain_below_.value_or(0));
  FAIRWAY_HOOK(arm_published);
}

bool Endpoint::found_room() noexcept {
  if (!wants_room()) return false;
  if (drain_below_ && !unread_exceeds(*drain_below_)) return true;
  return out_.has_backlog() && out_.has_room(in_.control());
}

// Life ------------------------------------------------------------------------------------------------------

void Endpoint::paired(Link& link) {
  link_ = &link;
  ++link.endpoints;
  if (out_.open()) {
    link.order();
    link.notify(id_.opposite());  // what was posted while nobody could be told
  }
  context_.make_hot(*this);
}

void Endpoint::installed(Generation index, sys::Mapping memory, shm::Shape shape, std::uint64_t previous_final) {
  if (ended_) return;
  in_.install(index, std::move(memory), shape, previous_final);
  FAIRWAY_HOOK(install_received);
  if (!out_.open()) grow();  // reading needs words of its own
  publish_head();
  context_.make_hot(*this);
}

void Endpoint::peer_closed(std::uint64_t final, CloseReason reason) {
  if (ended_ || local()) return;
  in_.close(final);
  reason_ = reason;
  out_.drop_backlog();
  context_.make_hot(*this);
}

void Endpoint::finish(CloseReason reason) {
  reason_ = reason;
  ended_ = true;
  out_.drop_backlog();
  context_.broker().send(wire::End{id_});
}

void Endpoint::finish_by_record(const shm::Record& record) {
  const auto reason = record.payload.size() == 1 ? static_cast<CloseReason>(record.payload[0]) : CloseReason::closed;
  in_.pop(record);
  publish_head();
  finish(reason == CloseReason::broker_lost ? reason : CloseReason::closed);
}

bool Endpoint::misses_generation() const noexcept {
  if (context_.broker_alive() || local() || in_.closed()) return false;
  if (in_.control() != nullptr) return in_.misses_generation();
  // Its first one: without it the two cannot flow, if either has begun to.
  return called_ || out_.open() || out_.has_backlog();
}

bool Endpoint::stranded() {
  if (!misses_generation()) return false;
  log(LogLevel::warning, [&] { return "the broker died with the next segment of " + to_string(id_); });
  in_.close(wire::unknown_final);
  reason_ = CloseReason::broker_lost;
  // The other side cannot know: its segment went out as always.
  const std::byte reason{static_cast<unsigned char>(CloseReason::broker_lost)};
  if (!out_.open() && link_ != nullptr) link_->notify(id_.opposite());
  if (out_.open() && out_.push(shm::RecordType::close, 0, {&reason, 1}, in_.control()) == Outgoing::Push::committed) announce();
  return true;
}

void Endpoint::protocol_error(const char* what) {
  if (ended_) return;
  log(LogLevel::error, [&] { return "the other side of " + to_string(id_) + " " + what; });
  reason_ = CloseReason::protocol_error;
  ended_ = true;
  out_.drop_backlog();
  context_.broker().send(wire::Close{id_, out_.tail(), CloseReason::protocol_error, 0});
  context_.make_hot(*this);
}

bool Endpoint::close() {
  for (LocalMessage& message : queue_) context_.bury(std::move(message.event));
  context_.local_message_taken(*this);
  queue_.clear();
  queued_bytes_ = 0;
  if (local()) {
    if (twin_ != nullptr) {
      twin_->twin_gone_ = true;
      twin_->twin_ = nullptr;
      context_.make_hot(*twin_);
      twin_ = nullptr;
    }
    return true;
  }
  if (ended_) return true;
  if (!closing_) {
    closing_ = true;
    // A stream that was never opened has nothing to say that the broker does not.
    if ((out_.open() || out_.has_backlog()) && !in_.closed()) {
      if (out_.push(shm::RecordType::close, 0, {}, in_.control()) == Outgoing::Push::committed) {
        FAIRWAY_HOOK(close_record_committed);
        announce();
      }
    }
  }
  progress();
  if (out_.has_backlog() && context_.broker().alive() && !in_.closed()) return false;
  context_.broker().send(wire::Close{id_, out_.tail(), CloseReason::closed, 0});
  FAIRWAY_HOOK(close_sent);
  ended_ = true;
  return true;
}

}  // namespace fairway::client
