#include "client/endpoint.hpp"

#include <cstring>
#include <utility>

#include "base/check.hpp"
#include "base/hook.hpp"
#include "base/log.hpp"
#include "client/context.hpp"
#include "client/kind.hpp"
#include "client/link.hpp"
#include "sys/process.hpp"

/// The writer's side: from a post to the other side's doorbell.
namespace fairway::client {

MessageEvent Endpoint::local_message(shm::RecordType type, Bytes payload, std::size_t buffers) {
  MessageEvent message;
  const MessageEvent::Kind kind = event_kind(type);
  const bool has_data = type == shm::RecordType::value || buffers != 0;
  if (!(has_data ? message.assign_with_data(kind, payload.size()) : message.assign(kind, payload.size())))
    throw DOMException("RangeError", "no memory for a message of " + std::to_string(payload.size()) + " bytes");
  if (!payload.empty()) std::memcpy(message.room(), payload.data(), payload.size());
  return message;
}

void Endpoint::post_local(LocalMessage message, std::span<graph::BufferNode* const> buffers) {
  if (peer_gone()) return;
  for (const MessagePort& handle : message.event.ports)
    if (circular(*handle.implementation()->endpoint, *twin_)) return;  // nobody will ever have it: its ports close
  message.buffers.reserve(buffers.size());
  message.sequence = context_.next_local_sequence();
  twin_->queue_.push_back(std::move(message));
  LocalMessage& last = twin_->queue_.back();
  for (graph::BufferNode* const buffer : buffers) last.buffers.push_back(buffer->leave());
  for (const MessagePort& handle : last.event.ports) handle.implementation()->endpoint->carried_to_ = twin_;
  twin_->queued_bytes_ += last.size();
  context_.local_message(*twin_);
}

bool Endpoint::circular(const Endpoint& port, const Endpoint& reader) noexcept {
  const Endpoint* at = &reader;
  while (at != nullptr && at != &port) at = at->carried_to_;
  return at != nullptr;
}

void Endpoint::post_local(shm::RecordType type, Bytes payload) { post_local({0, local_message(type, payload, 0)}, {}); }

void Endpoint::post(shm::RecordType type, Bytes payload) {
  if (local()) return post_local(type, payload);
  // Who reads this is known as of now: what is posted after a move must not be seen by the former reader. And once more
  // behind the commit: a reader that came in between has looked already.
  if (enforced(Check::news_before_post)) context_.service_broker_if_news();
  if (peer_gone()) return;
  context_.note_post();
  if (out_.push(type, 0, payload, in_.control()) == Outgoing::Push::committed) {
    announce();
  } else {
    grow();
  }
  context_.service_broker_if_news();
  if (out_.damaged()) protocol_error(shm::Fault::impossible_head);
}

void Endpoint::announce() noexcept {
  if (link_ == nullptr) return announce_unlinked();
  link_->order();
  if (const shm::ControlBlock* const reader = in_.control()) {
    const std::uint32_t arm = reader->arm.load(std::memory_order_relaxed);
    if (arm == answered_arm_) return;
    answered_arm_ = arm;
  }  // without one it may well be armed
  call_reader();
}

void Endpoint::announce_unlinked() noexcept {
  if (home_) return context_.make_hot_if_here(id_.opposite());
  // seq_cst: pairs with the barrier in Context::prepare_to_sleep of whoever owns the other side now. Who that is, the
  // broker tells; then `paired` calls it.
  std::atomic_thread_fence(std::memory_order_seq_cst);
}

void Endpoint::call_reader() noexcept {
  shm::ControlBlock* const mine = out_.control();
  if (mine != nullptr) mine->statistics.readable_since_ns.store(sys::now_ns(), std::memory_order_relaxed);
  if (link_->notify(id_.opposite()) && mine != nullptr) shm::add(mine->statistics.doorbells, 1);
}

void Endpoint::progress() noexcept {
  strand_if_broker_is_missed();  // with messages unread, too: who waits for room hears that there is nobody
  if (!out_.has_backlog() || ended_) return;
  context_.carry_out([this] { let_ports_go(); });
  if (out_.flush(in_.control())) announce();
  if (out_.damaged()) return protocol_error(shm::Fault::impossible_head);
  grow();
}

void Endpoint::grow() noexcept {
  // A few times at the most: the first generation may be too small for what waits.
  context_.carry_out([this] {
    for (int attempt = 0; attempt < 6 && !ended_ && take_segment(); ++attempt)
      if (out_.flush(in_.control())) announce();
  });
  if (!known() && !ended_ && !in_.closed() && out_.stuck() && forsaken()) strand();
}

bool Endpoint::take_segment() {
  if (!known()) return false;
  const bool last = closing_ || moving_;
  std::uint64_t size = out_.wanted_segment(last);
  if (awaited_ != 0 && size != 0 && (last ? awaited_ >= size : out_.useful(awaited_))) size = awaited_;
  if (size == 0 || (out_.open() && !out_.has_backlog())) return false;
  auto lease = context_.leases().take(size);
  if (!lease) {
    awaited_ = size;
    context_.await_lease(*this, size);
    // The broker answers within microseconds, or not at all: what is posted should not stay in this process.
    return context_.wait_for_lease(*this);
  }
  awaited_ = 0;
  return bind(*std::move(lease));
}

bool Endpoint::bind(LeasePool::Lease lease) {
  const std::uint64_t size = lease.memory.bytes().size();
  const shm::Shape shape = out_.shape_for(size, closing_ || moving_);
  FAIRWAY_HOOK(bind_before);
  if (!context_.broker().try_send(wire::Bind{id_, lease.segment, out_.tail(), out_.next_generation(),
                                             static_cast<std::uint16_t>(shape == shm::Shape::linear), pairing_.peer()})) {
    context_.leases().put_back(std::move(lease));
    awaited_ = size;
    context_.await_lease(*this, size);
    return false;
  }
  FAIRWAY_HOOK(bind_sent);
  context_.leases().stock_up();
  const bool first = !out_.open();
  pairing_.opened();
  hold_written(size, shape, first, std::move(lease.kept));
  out_.begin_generation(std::move(lease.memory), id_, pairing_.mine(), pairing_.peer(), shape);
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
  return drain_below_ && !unread_exceeds(*drain_below_);
}

}  // namespace fairway::client
