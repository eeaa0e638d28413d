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

// What leaves ---------------------------------------------------------------------------------------------------

bool Endpoint::may_name(PortId number) const noexcept {
  return number && number.channel() != id_.channel() && !context_.may_mean(number.channel());
}

std::optional<PortId> Endpoint::way_back(const graph::Contents& buffer) const {
  if (!may_come_back(buffer)) return std::nullopt;
  const std::optional<PortId> number = lending_.number_of(*buffer.memory);
  return number && may_name(*number) ? number : std::nullopt;
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
    boxes.push_back({.number = {number.value_or(PortId{})}, .back = number.has_value()});
    if (!number) ++wanted;
  }
  const std::vector<Number> fresh = wanted == 0 || !known() ? std::vector<Number>() : context_.take_numbers(wanted);
  if (fresh.size() != wanted) return {};
  auto number = fresh.begin();
  auto box = boxes.begin();
  Lending::Amount room = context_.room_to_lend();
  for (graph::Contents* const buffer : buffers) {
    if (!buffer->in_object()) continue;
    if (!box->back) box->number = *number++;
    const std::uint64_t size = object_in(*buffer->memory).object_size();
    if (may_come_back(*buffer) && lending_.worthwhile() && room.objects != 0 && size <= room.bytes) {
      box->lent = context_.take_number_to_lend();
      room.bytes -= size;
      --room.objects;
      context_.note_lending(*this);
    }
    buffer->lent_as = (box++)->lent.id.value;
  }
  return boxes;
}

bool Endpoint::let_go(const Departure::Box& box) {
  if (!box.back) {
    if (box.number.life != context_.broker_life()) return true;
    const BufferMemory& memory = object_in(*box.memory);
    if (!known() || !context_.broker().try_send(wire::Box{box.number.id, id_, memory.object_size(), wire::box_epoch, 0}, memory.object()))
      return false;
    context_.leaves_in_box(memory);
  }
  if (box.lent.id && !closing_) lending_.lend(box.lent, box.memory);
  return true;
}

bool Endpoint::leave_lent() {
  while (!lending_.lent().empty()) {
    const Lending::Lent& last = lending_.lent().back();
    const BufferMemory& memory = object_in(*last.memory);
    const bool of_now = last.number.life == context_.broker_life();
    const wire::Box box{last.number.id, id_.opposite(), memory.object_size(), wire::lent_epoch, 0};
    if (of_now && !context_.broker().try_send(box, memory.object())) return false;
    lending_.forget_last();
  }
  return true;
}

Lending::Amount Endpoint::lent() const noexcept {
  Lending::Amount sum;
  const auto add = [&sum](const graph::Memory& memory) {
    sum.bytes += object_in(memory).object_size();
    ++sum.objects;
  };
  for (const Lending::Lent& lent : lending_.lent()) add(*lent.memory);
  for (const Departure& departure : leaving_)
    for (const Departure::Box& box : departure.boxes)
      if (box.lent.id && box.memory) add(*box.memory);
  return sum;
}

// What comes ----------------------------------------------------------------------------------------------------

void Endpoint::borrow(const graph::Contents& buffer) {
  if (buffer.memory && may_come_back(buffer)) lending_.memory_came();
  const PortId number{buffer.lent_as};
  if (!may_name(number)) return;
  if (buffer.memory) {
    lending_.borrow(number, buffer.memory);
  } else {
    lending_.keep(number);
  }
  context_.note_lending(*this);
}

std::shared_ptr<BufferMemory> Endpoint::take_back(PortId number) {
  auto lent = lending_.take_back(number);
  if (!lent) return nullptr;
  context_.return_numbers({lent->number});
  return std::static_pointer_cast<BufferMemory>(std::move(lent->memory));
}

void Endpoint::take_relinquished(PortId number) {
  if (const auto freed = lending_.relinquished(number)) context_.return_numbers({*freed});
}

void Endpoint::relinquish() {
  const std::vector<PortId> kept = lending_.take_kept();
  if (kept.empty() || peer_gone()) return;
  std::vector<route::Token> tokens;
  for (const PortId number : kept) tokens.push_back({number, wire::lent_epoch});
  Outgoing::Record record{shm::RecordType::relinquish, shm::record_has_tokens, std::vector<std::byte>(route::token_table_size(tokens.size()))};
  route::write_token_table(tokens, record.bytes.data());
  out_.push(std::move(record), {}, wire::Contained::copied);
  progress();
}

bool Endpoint::pass_relinquished() {
  if (!claims_answered_ || claimed_->header.type != shm::RecordType::relinquish) return false;
  context_.carry_out([this] { context_.drop_claimed(*this); });
  consume(*std::exchange(claimed_, std::nullopt));
  return true;
}

void Endpoint::end_lending() noexcept {
  context_.carry_out([this] {
    std::vector<Number> numbers;
    for (const Lending::Lent& lent : lending_.lent()) numbers.push_back(lent.number);
    context_.return_numbers(std::move(numbers));
  });
  lending_ = {};
  context_.forget_lending(*this);
}

}  // namespace fairway::client
