#include "client/lending.hpp"

#include <algorithm>
#include <utility>

namespace fairway::client {

namespace {

PortId id_of(const Lending::Lent& lent) noexcept { return lent.number.id; }

}  // namespace

std::vector<PortId> Lending::out(std::span<const route::Token> tokens) const {
  std::vector<PortId> numbers;
  for (const route::Token& token : tokens)
    if (token.epoch == wire::lent_epoch && std::ranges::find(lent_, token.port, id_of) != lent_.end()) numbers.push_back(token.port);
  return numbers;
}

std::optional<Lending::Lent> Lending::take(PortId number) {
  const auto found = std::ranges::find(lent_, number, id_of);
  if (found == lent_.end()) return std::nullopt;
  Lent lent = std::move(*found);
  lent_.erase(found);
  return lent;
}

std::optional<Lending::Lent> Lending::take_back(PortId number) {
  auto lent = take(number);
  if (lent) ++returned_;
  return lent;
}

std::optional<Number> Lending::relinquished(PortId number) {
  const auto lent = take(number);
  if (!lent) return std::nullopt;
  ++relinquished_;
  return lent->number;
}

void Lending::borrow(PortId number, const Memory& memory) {
  const bool known = std::ranges::find(borrowed_, number, &Borrowed::number) != borrowed_.end();
  if (!known && borrowed_.size() < most_borrowed) borrowed_.push_back({number, memory});
}

std::optional<PortId> Lending::number_of(const graph::Memory& memory) const noexcept {
  const auto found = std::ranges::find(borrowed_, &memory, [](const Borrowed& entry) { return entry.memory.lock().get(); });
  return found == borrowed_.end() ? std::nullopt : std::optional(found->number);
}

void Lending::gave_back(PortId number) noexcept {
  std::erase_if(borrowed_, [number](const Borrowed& entry) { return entry.number == number; });
}

void Lending::keep(PortId number) {
  if (kept_.size() < most_borrowed && std::ranges::find(kept_, number) == kept_.end()) kept_.push_back(number);
}

void Lending::keep(const graph::Memory& memory) {
  const std::optional<PortId> number = number_of(memory);
  if (!number) return;
  keep(*number);
  gave_back(*number);
}

void Lending::keep_all() {
  for (const Borrowed& entry : borrowed_) keep(entry.number);
  borrowed_.clear();
}

bool Lending::keeps_some() const noexcept {
  return !kept_.empty() || std::ranges::any_of(borrowed_, [](const Borrowed& entry) { return entry.memory.expired(); });
}

std::vector<PortId> Lending::take_kept() {
  for (const Borrowed& entry : borrowed_)
    if (entry.memory.expired()) keep(entry.number);
  std::erase_if(borrowed_, [](const Borrowed& entry) { return entry.memory.expired(); });
  return std::exchange(kept_, {});
}

}  // namespace fairway::client
