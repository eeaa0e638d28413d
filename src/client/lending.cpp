#include "client/lending.hpp"

#include <algorithm>
#include <utility>

namespace fairway::client {

void Lending::lend(Number number, Memory memory) { lent_.emplace_back(number, std::move(memory)); }

std::vector<PortId> Lending::out(std::span<const route::Token> tokens) const {
  std::vector<PortId> numbers;
  for (const route::Token& token : tokens)
    if (std::ranges::find(lent_, token.port, [](const auto& entry) { return entry.first.id; }) != lent_.end()) numbers.push_back(token.port);
  return numbers;
}

Lending::Memory Lending::take_back(PortId number) {
  const auto found = std::ranges::find(lent_, number, [](const auto& entry) { return entry.first.id; });
  if (found == lent_.end()) return nullptr;
  spare_.push_back(found->first);
  Memory memory = std::move(found->second);
  lent_.erase(found);
  ++returned_;
  return memory;
}

void Lending::relinquished(PortId number) {
  if (!take_back(number)) return;
  --returned_;
  ++relinquished_;
}

std::vector<Number> Lending::take_numbers() {
  std::vector<Number> numbers = std::exchange(spare_, {});
  for (const auto& [number, memory] : lent_) numbers.push_back(number);
  lent_.clear();
  return numbers;
}

std::optional<Number> Lending::take_spare(std::uint64_t life) {
  std::erase_if(spare_, [life](const Number& number) { return number.life != life; });
  if (spare_.empty()) return std::nullopt;
  const Number number = spare_.back();
  spare_.pop_back();
  return number;
}

void Lending::borrow(PortId number, const Memory& memory) {
  if (std::ranges::find(borrowed_, number, &Borrowed::number) == borrowed_.end()) borrowed_.push_back({number, memory});
}

std::optional<PortId> Lending::number_of(const graph::Memory& memory) const noexcept {
  const auto found = std::ranges::find(borrowed_, &memory, [](const Borrowed& entry) { return entry.memory.lock().get(); });
  return found == borrowed_.end() ? std::nullopt : std::optional(found->number);
}

void Lending::gave_back(PortId number) noexcept {
  std::erase_if(borrowed_, [number](const Borrowed& entry) { return entry.number == number; });
}

void Lending::keep_all() {
  for (const Borrowed& entry : borrowed_) kept_.push_back(entry.number);
  borrowed_.clear();
}

bool Lending::keeps_some() const noexcept {
  return !kept_.empty() || std::ranges::any_of(borrowed_, [](const Borrowed& entry) { return entry.memory.expired(); });
}

std::vector<PortId> Lending::take_kept() {
  for (const Borrowed& entry : borrowed_)
    if (entry.memory.expired()) kept_.push_back(entry.number);
  std::erase_if(borrowed_, [](const Borrowed& entry) { return entry.memory.expired(); });
  return std::exchange(kept_, {});
}

}  // namespace fairway::client
