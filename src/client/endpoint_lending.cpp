#include <algorithm>
#include <utility>

#include "client/buffer_memory.hpp"
#include "client/context.hpp"
#include "client/endpoint.hpp"
#include "route/token_table.hpp"

/// Memory in messages: in a box, or back under the number that it came with.
namespace fairway::client {

namespace {

/// What all can write stays here, too, and what is frozen is sent to many.
bool may_come_back(const graph::Contents& buffer) noexcept { return buffer.sharing == graph::Sharing::none; }

/// All memory of buffers that can leave is one.
const BufferMemory& object_in(const graph::Memory& memory) noexcept { return static_cast<const BufferMemory&>(memory); }

}  // namespace

std::optional<PortId> Endpoint::way_back(const graph::Contents& buffer) const {
  if (!may_come_back(buffer)) return std::nullopt;
  const std::optional<PortId> number = lending_.number_of(*buffer.memory);
  // The other side chose it: it must not be mistaken for something else in this message.
  return number && !context_.may_mean(number->channel()) ? number : std::nullopt;
}

std::size_t Endpoint::numbers_wanted(std::span<graph::Contents* const> buffers) const {
  std::size_t count = 0;
  for (const graph::Contents* const buffer : buffers) {
    if (!buffer->in_object()) continue;
    if (!way_back(*buffer)) ++count;
    if (may_come_back(*buffer) && lending_.worthwhile()) ++count;
  }
  return count;
}

std::vector<Endpoint::Departure::Box> Endpoint::pack(std::span<graph::Contents* const> buffers) {
  std::vector<Departure::Box> boxes;
  std::size_t wanted = 0;
  for (graph::Contents* const buffer : buffers) {
    buffer->lent_as = 0;
    if (!buffer->in_object()) continue;
    const std::optional<PortId> number = way_back(*buffer);
    boxes.push_back({number ? Number{*number} : Number{}, number.has_value()});
    if (!number) ++wanted;
  }
  const std::vector<Number> fresh = wanted == 0 || !known() ? std::vector<Number>() : context_.take_numbers(wanted);
  if (fresh.size() != wanted) return {};
  auto number = fresh.begin();
  auto box = boxes.begin();
  std::uint64_t lent = 0;
  for (graph::Contents* const buffer : buffers) {
    if (!buffer->in_object()) continue;
    if (!box->back) box->number = *number++;
    const std::uint64_t size = object_in(*buffer->memory).object_size();
    if (may_come_back(*buffer) && lending_.worthwhile() && context_.may_lend(lent + size)) box->lent = number_to_lend();
    if (box->lent.id) lent += size;
    buffer->lent_as = (box++)->lent.id.value;
  }
  return boxes;
}

/// None: there is none at hand.
Number Endpoint::number_to_lend() {
  if (const auto spare = lending_.take_spare(context_.broker_life())) return *spare;
  const std::vector<Number> fresh = context_.take_numbers(1);
  return fresh.empty() ? Number{} : fresh.front();
}

bool Endpoint::let_go(const Departure::Box& box) {
  if (!box.back) {
    context_.leaves_in_box(*box.memory);
    if (box.number.life != context_.broker_life()) return true;
    const BufferMemory& memory = object_in(*box.memory);
    if (!known() || !context_.broker().try_send(wire::Box{box.number.id, id_, memory.object_size()}, memory.object())) return false;
  }
  if (box.lent.id) {
    lending_.lend(box.lent, box.memory);
    context_.note_lending(*this);
  }
  return true;
}

void Endpoint::borrow(const graph::Contents& buffer) {
  lending_.memory_came();
  const PortId number{buffer.lent_as};
  if (buffer.memory) {
    if (number && number.channel() != id_.channel()) lending_.borrow(number, buffer.memory);
  } else if (number) {
    lending_.keep(number);
  }
  context_.note_lending(*this);
}

void Endpoint::keep_borrowed(const graph::Memory& memory) {
  const std::optional<PortId> number = lending_.number_of(memory);
  if (!number) return;
  lending_.gave_back(*number);
  lending_.keep(*number);
}

std::uint64_t Endpoint::lent_bytes() const noexcept {
  std::uint64_t sum = 0;
  for (const auto& [number, memory] : lending_.lent()) sum += object_in(*memory).object_size();
  return sum;
}

void Endpoint::end_lending() noexcept {
  context_.return_numbers(lending_.take_numbers());
  lending_ = {};
  context_.forget_lending(*this);
}

bool Endpoint::leave_lent() {
  auto& lent = lending_.lent();
  while (!lent.empty()) {
    const auto& [number, kept] = lent.back();
    const BufferMemory& memory = object_in(*kept);
    const bool of_now = number.life == context_.broker_life();
    if (of_now && !context_.broker().try_send(wire::Box{number.id, id_.opposite(), memory.object_size()}, memory.object())) return false;
    lent.pop_back();
  }
  return true;
}

void Endpoint::relinquish() {
  const std::vector<PortId> kept = lending_.take_kept();
  if (kept.empty() || peer_gone()) return;
  std::vector<route::Token> tokens;
  for (const PortId number : kept) tokens.push_back({number, route::box_epoch});
  Outgoing::Record record{shm::RecordType::relinquish, shm::record_has_tokens, std::vector<std::byte>(route::token_table_size(tokens.size()))};
  route::write_token_table(tokens, record.bytes.data());
  out_.push(std::move(record), {}, wire::Contained::copied);
  progress();
}

bool Endpoint::pass_relinquished() {
  if (!claims_answered_ || claimed_->header.type != shm::RecordType::relinquish) return false;
  context_.drop_claimed(*this);
  consume(*std::exchange(claimed_, std::nullopt));
  return true;
}

}  // namespace fairway::client
