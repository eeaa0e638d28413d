#include <algorithm>
#include <system_error>
#include <utility>

#include "base/log.hpp"
#include "client/context.hpp"

/// Memory that comes and goes in messages: the context's part of it.
namespace fairway::client {

namespace {

/// Whether it may work out another time.
bool is_shortage(const std::system_error& error) noexcept {
  const std::error_code code = error.code();
  return code == std::errc::too_many_files_open || code == std::errc::too_many_files_open_in_system ||
         code == std::errc::not_enough_memory || code == std::errc::resource_unavailable_try_again;
}

}  // namespace

void Context::stock_numbers(std::size_t count) {
  if (!may_box_) return;
  std::erase_if(unused_numbers_, [this](const Number& number) { return number.life != broker_life(); });
  try {
    const auto at_hand = [this] { return std::ranges::any_of(ids_, [](const Ids& ids) { return ids.next != ids.end; }); };
    while (unused_numbers_.size() < count && broker_.alive() && (unused_numbers_.size() < most_unused || at_hand())) {
      const PortId id = take_channel_id().opposite();
      unused_numbers_.push_back({id, broker_life()});
    }
  } catch (const std::system_error& error) {
    log(LogLevel::warning, [&] { return std::string("buffers are copied: ") + error.what(); });
  }
}

std::vector<Number> Context::take_numbers(std::size_t count) {
  std::vector<Number> numbers;
  std::erase_if(unused_numbers_, [this](const Number& number) { return number.life != broker_life(); });
  if (!may_box_ || !broker_.alive() || unused_numbers_.size() < count) return numbers;
  const auto first = unused_numbers_.end() - static_cast<std::ptrdiff_t>(count);
  numbers.assign(first, unused_numbers_.end());
  unused_numbers_.erase(first, unused_numbers_.end());
  return numbers;
}

Number Context::take_number_to_lend() {
  if (broker_.alive()) {
    const std::vector<Number> one = take_numbers(1);
    return one.empty() ? Number{} : one.front();
  }
  if (unused_numbers_.empty()) return {};
  const Number number = unused_numbers_.back();
  unused_numbers_.pop_back();
  return number;
}

std::size_t Context::count_objects(const std::vector<Endpoint*>& one_end_each) {
  std::size_t count = 0;
  for (const Endpoint* const one : one_end_each)
    for (const Endpoint* const end : {one, static_cast<const Endpoint*>(one->twin())}) {
      if (end == nullptr) continue;
      for (const Endpoint::LocalMessage& message : end->local_queue()) count += graph::count_objects(message.buffers);
    }
  return count;
}

void Context::return_numbers(std::vector<Number> numbers) noexcept {
  carry_out([&] { unused_numbers_.insert(unused_numbers_.end(), numbers.begin(), numbers.end()); });
}

bool Context::may_mean(ChannelId id) const noexcept {
  const auto is_it = [id](const Number& number) { return number.id.channel() == id; };
  return endpoints_.contains(PortId::of(id, 1)) || endpoints_.contains(PortId::of(id, 2)) ||
         std::ranges::find(created_, id) != created_.end() || std::ranges::any_of(unused_numbers_, is_it);
}

Lending::Amount Context::room_to_lend() const noexcept {
  Lending::Amount room{options_.buffer_cache, most_lent};
  for (const Endpoint* const lender : lenders_) {
    const auto [bytes, objects] = lender->lent();
    room = {room.bytes - std::min(room.bytes, bytes), room.objects - std::min(room.objects, objects)};
  }
  return room;
}

void Context::leaves_in_box(const graph::Memory& memory) {
  for (Endpoint* const borrower : lenders_) borrower->lending().keep(memory);
}

void Context::relinquish() noexcept {
  carry_out([this] {
    // What is posted may end a channel.
    for (auto each = lenders_.begin(); each != lenders_.end();) {
      Endpoint* const endpoint = *each;
      if (endpoint->may_relinquish()) endpoint->relinquish();
      each = lenders_.upper_bound(endpoint);
    }
  });
}

void Context::on(const wire::Boxed& m, BrokerLink::Message& message) {
  if (m.again != 0 && !boxes_.contains(m.port)) return;  // its message was left unread in the meantime
  ArrivedBox& box = boxes_[m.port];
  if (m.again == 0) box = {};
  try {
    if (message.descriptors.empty())
      throw std::system_error(std::make_error_code(std::errc::too_many_files_open), "its descriptor is lost");
    box.memory = std::make_shared<BufferMemory>(std::move(message.descriptors[0]), m.size);
  } catch (const std::system_error& error) {
    log(LogLevel::warning, [&] { return "a buffer in a message cannot be mapped: " + std::string(error.what()); });
    box.lost = !is_shortage(error);
  }
  if (!box.memory && !box.lost) return note_uninstalled({m.port, 0});
  std::erase(uninstalled_, std::pair<PortId, Generation>{m.port, 0});
  settle_box(m.port);
}

/// Once the grant and the memory are there.
void Context::settle_box(PortId id) {
  const auto found = boxes_.find(id);
  ArrivedBox& box = found->second;
  if (!box.grant || (!box.memory && !box.lost)) return;
  const wire::Granted grant = *box.grant;
  if (claims_.on(grant)) {
    note_claims(grant.carrier);
  } else {
    boxes_.erase(found);  // abandoned in the meantime
  }
}

std::shared_ptr<BufferMemory> Context::take_box(PortId id) {
  auto found = boxes_.extract(id);
  if (!found) return nullptr;
  if (!found.mapped().former) broker_.send(wire::Close{id, 0, CloseReason::closed, 0});
  return std::move(found.mapped().memory);
}

bool Context::drop_box(PortId id) noexcept {
  std::erase(uninstalled_, std::pair<PortId, Generation>{id, 0});
  const auto found = boxes_.extract(id);
  return found && found.mapped().former;
}

void Context::forget_unanswered_boxes() noexcept {
  std::erase_if(boxes_, [](const auto& entry) { return !entry.second.grant || (!entry.second.memory && !entry.second.lost); });
  for (auto& [id, box] : boxes_) box.former = true;
}

}  // namespace fairway::client
