#include <algorithm>
#include <cstring>
#include <utility>

#include "base/check.hpp"
#include "base/hook.hpp"
#include "client/context.hpp"
#include "client/endpoint.hpp"
#include "client/kind.hpp"
#include "client/link.hpp"
#include "route/token_table.hpp"
#include "value/heap.hpp"
#include "wire/buffer_block.hpp"
#include "wire/value_reader.hpp"

/// The reader's side: from a record to a message, and what the writer is told of it.
namespace fairway::client {

namespace {

/// So many records that are no messages are passed over at a time.
constexpr int most_passed = 64;

/// An array of ArrayBuffers. False: there is no memory.
bool make_list(std::span<graph::Contents> buffers, Value& out) noexcept {
  try {
    out = Value::array();
    for (graph::Contents& buffer : buffers) out.push_back(graph::make_buffer(std::move(buffer)));
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  }
}

}  // namespace

Endpoint::Next Endpoint::next_local(MessageEvent& event) {
  if (!queue_.empty()) {
    queued_bytes_ -= queue_.front().size();
    event = std::move(queue_.front().event);
    for (const MessagePort& handle : event.ports) handle.implementation()->endpoint->note_taken();
    set_data(event, queue_.front().buffers);
    context_.local_message_taken(*this);
    queue_.pop_front();
    context_.local_message(*this);
    if (twin_ != nullptr && twin_->drain_below_) context_.make_hot(*twin_);
    return Next::message;
  }
  if (!twin_gone_) return Next::empty;
  over_ = true;
  return Next::closed;
}

Endpoint::Next Endpoint::next_with_ports(MessageEvent& event) {
  if (!claims_answered_) return Next::empty;
  const shm::Record record{claimed_->header, claimed_->payload.subspan(route::token_table_size(ports_of_record_))};
  std::vector<graph::Contents> buffers;
  if (!take(record, event)) buffers = take_other(record, event);
  if (!context_.carry_out([&] { event.ports = context_.claimed_ports(*this, buffers); }))
    static_cast<void>(event.assign(MessageEvent::Kind::error, 0));
  set_data(event, buffers);
  const bool boxes = (record.header.flags & shm::record_has_buffers) != 0;
  consume(*std::exchange(claimed_, std::nullopt), boxes ? wire::size_in_boxes(record.payload) : 0);
  return Next::message;
}

Endpoint::Next Endpoint::next(MessageEvent& event) {
  if (local() || !queue_.empty()) return next_local(event);
  shm::Record record;
  for (int passed = 0; !ended_;) {
    if (claimed_) {
      if (!pass_relinquished()) return next_with_ports(event);
      if (++passed == most_passed) return Next::empty;  // for this time: who writes nothing else is not all that there is
      continue;
    }
    FAIRWAY_HOOK(read_before);
    const Incoming::Look look = in_.look(record);
    if (look == Incoming::Look::record && is_message(record) && (record.header.flags & shm::record_has_tokens) == 0) {
      if (!take(record, event)) take_other(record, event);
      consume(record);
      return Next::message;
    }
    if (!step_over(look, record)) return Next::empty;
  }
  over_ = true;
  return Next::closed;
}

bool Endpoint::at_end() {
  if (!queue_.empty()) return false;
  if (local()) return twin_gone_;
  shm::Record record;
  for (int passed = 0; !ended_; ++passed) {
    if (claimed_ && (passed >= most_passed || !pass_relinquished())) return false;
    const Incoming::Look look = in_.look(record);
    if ((look == Incoming::Look::record && is_message(record)) || !step_over(look, record)) return false;
  }
  return true;
}

bool Endpoint::step_over(Incoming::Look look, const shm::Record& record) {
  switch (look) {
    case Incoming::Look::empty: return strand_if_broker_is_missed();
    case Incoming::Look::record:
      if (record.header.type == shm::RecordType::close) {
        finish_by_record(record);
      } else {
        claim_ports(record);
      }
      break;
    case Incoming::Look::advanced: finish_generation(); break;
    case Incoming::Look::end: finish(reason_); break;
    case Incoming::Look::damaged: protocol_error(shm::Fault::damaged_record); break;
  }
  return true;
}

bool Endpoint::take(const shm::Record& record, MessageEvent& event) {
  const bool known = record.header.type <= shm::RecordType::object && (record.header.flags & ~shm::record_has_tokens) == 0;
  if (!known || !event.assign(event_kind(record.header.type), record.payload.size())) return false;
  if (!record.payload.empty()) std::memcpy(event.room(), record.payload.data(), record.payload.size());
  return true;
}

// Not inlined, like what it calls: the way of bytes and strings would save registers for it.
[[gnu::noinline, gnu::cold]] std::vector<graph::Contents> Endpoint::take_other(const shm::Record& record, MessageEvent& event) {
  const std::uint8_t flags = record.header.flags;
  std::vector<graph::Contents> buffers;
  std::optional<Bytes> bytes = record.payload;
  if ((flags & shm::record_has_buffers) != 0) bytes = wire::read_buffer_block(record.payload, buffers);
  constexpr std::uint8_t known = shm::record_has_tokens | shm::record_has_buffers;
  const shm::RecordType type = record.header.type;
  const bool has_data = type == shm::RecordType::value || (type == shm::RecordType::object && !buffers.empty());
  if (!has_data || (flags & ~known) != 0 || !bytes || !event.assign_with_data(event_kind(type), bytes->size())) {
    static_cast<void>(event.assign(MessageEvent::Kind::error, 0));
    return {};
  }
  if (!bytes->empty()) std::memcpy(event.room(), bytes->data(), bytes->size());
  if ((flags & shm::record_has_tokens) == 0) set_data(event, buffers);
  return buffers;
}

[[gnu::noinline, gnu::cold]] void Endpoint::set_data(MessageEvent& event, std::span<graph::Contents> buffers) {
  const bool whole = std::ranges::none_of(buffers, &graph::Contents::missing);
  Value data;
  if (event.kind() == MessageEvent::Kind::object && !buffers.empty()) {
    if (whole && make_list(buffers, data)) return event.set_data(std::move(data));
  } else if (event.kind() == MessageEvent::Kind::value) {
    std::vector<std::shared_ptr<void>> ports;
    for (const MessagePort& port : event.ports) ports.push_back(port.implementation());
    if (whole && wire::read_value(event.bytes(), ports, buffers, data) == wire::ValueError::none) return event.set_data(std::move(data));
  } else {
    return;
  }
  static_cast<void>(event.assign(MessageEvent::Kind::error, 0));
}

void Endpoint::consume(const shm::Record& record, std::uint64_t elsewhere) {
  in_.pop(record);
  ++messages_read_;
  bytes_read_ += record.header.length + elsewhere;
  publish_head();
  answer_want();
}

void Endpoint::finish_generation() {
  publish_head();
  answer_want();
  read_.forget_before(in_.position().generation, pairing_.peer(), pairing_.mine());
  context_.broker().send(wire::Done{id_, in_.finished(), {}});
  FAIRWAY_HOOK(generation_advanced);
}

void Endpoint::claim_ports(const shm::Record& record) {
  const auto tokens = route::read_token_table(record.payload);
  if (!tokens || (!route::Claims::valid(id_, *tokens) && enforced(Check::possible_tokens)))
    return protocol_error(shm::Fault::damaged_ports);
  claimed_ = record;
  claims_answered_ = false;
  ports_of_record_ = tokens->size();
  context_.claim(id_, in_.position().generation, *tokens, lending_.out(*tokens));
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
  if (writer == nullptr || (link_ == nullptr && !home_) || out_.control() == nullptr) return;
  if (link_ != nullptr) link_->order();
  // acquire: pairs with the release in Outgoing::want.
  const std::uint32_t want = writer->want.load(std::memory_order_acquire);
  if (want == answered_want_) return;
  const auto wanted = shm::Position::unpack(writer->want_position.load(std::memory_order_relaxed));
  const shm::Position reached = in_.position();
  const auto ahead = static_cast<std::int16_t>(reached.generation - wanted.generation);  // generations wrap
  if (ahead < 0 || (ahead == 0 && reached.offset < wanted.offset)) return;
  answered_want_ = want;
  if (home_) return context_.make_hot_if_here(id_.opposite());
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

}  // namespace fairway::client
