#include "route/claims.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace fairway::route {

TokenStep step(TokenState state, TokenEvent event) noexcept {
  using enum TokenState;
  using enum TokenEffect;
  static constexpr TokenStep table[5][6] = {
      // reach               find                grant               refuse              abandon               deliver
      {{asked, send_claim}, {at_hand, nothing}, {none, nothing},    {none, nothing},    {none, nothing},      {none, wrong}},          // none
      {{asked, wrong},      {asked, wrong},     {granted, nothing}, {refused, nothing}, {none, send_unclaim}, {asked, wrong}},         // asked
      {{granted, wrong},    {granted, wrong},   {granted, wrong},   {granted, wrong},   {none, send_unclaim}, {none, give}},           // granted
      {{refused, wrong},    {refused, wrong},   {refused, wrong},   {refused, wrong},   {none, nothing},      {none, give_closed}},    // refused
      {{at_hand, wrong},    {at_hand, wrong},   {at_hand, wrong},   {at_hand, wrong},   {none, nothing},      {none, give_ours}},      // at_hand
  };
  return table[static_cast<std::size_t>(state)][static_cast<std::size_t>(event)];
}

bool Claims::valid(PortId carrier, std::span<const Token> tokens) {
  if (tokens.size() > most_tokens) return false;
  std::vector<PortId> ports;
  for (const Token& token : tokens) {
    if (token.port.channel() == carrier.channel()) return false;
    ports.push_back(token.port);
  }
  std::ranges::sort(ports);
  return std::ranges::adjacent_find(ports) == ports.end();
}

std::vector<wire::Claim> Claims::reach(PortId carrier, Generation generation, std::span<const Token> tokens,
                                       std::span<const PortId> at_hand) {
  FAIRWAY_ASSERT(!records_.contains(carrier));
  std::vector<Entry>& record = records_[carrier];
  std::vector<wire::Claim> claims;
  for (const Token& token : tokens) {
    const bool ours = std::ranges::find(at_hand, token.port) != at_hand.end();
    const auto [state, effect] = step(TokenState::none, ours ? TokenEvent::find : TokenEvent::reach);
    record.push_back({token, state, {}});
    if (effect == TokenEffect::send_claim) claims.push_back({token.port, carrier, token.epoch, generation, 0});
  }
  return claims;
}

Claims::Entry* Claims::find(PortId carrier, Token token) {
  const auto record = records_.find(carrier);
  if (record == records_.end()) return nullptr;
  const auto entry = std::ranges::find(record->second, token, &Entry::token);
  return entry == record->second.end() ? nullptr : &*entry;
}

bool Claims::answer(PortId carrier, Token token, TokenEvent event, const wire::Granted& grant) {
  Entry* const entry = find(carrier, token);
  if (entry == nullptr) return false;
  const auto [next, effect] = step(entry->state, event);
  if (effect == TokenEffect::wrong) return false;
  entry->state = next;
  entry->grant = grant;
  return true;
}

bool Claims::on(const wire::Granted& m) { return answer(m.carrier, {m.port, m.token}, TokenEvent::grant, m); }
bool Claims::on(const wire::Refused& m) { return answer(m.carrier, {m.port, m.epoch}, TokenEvent::refuse, {}); }

bool Claims::complete(PortId carrier) const {
  const auto record = records_.find(carrier);
  return record != records_.end() &&
         std::ranges::none_of(record->second, [](const Entry& entry) { return entry.state == TokenState::asked; });
}

std::vector<Claims::Outcome> Claims::deliver(PortId carrier) {
  FAIRWAY_ASSERT(complete(carrier));
  std::vector<Outcome> outcomes;
  const auto record = records_.extract(carrier);
  for (const Entry& entry : record.mapped()) {
    const TokenEffect effect = step(entry.state, TokenEvent::deliver).effect;
    outcomes.push_back({entry.token, effect == TokenEffect::give, effect == TokenEffect::give_ours, entry.grant});
  }
  return outcomes;
}

std::vector<wire::Unclaim> Claims::abandon(PortId carrier) {
  std::vector<wire::Unclaim> unclaims;
  const auto record = records_.extract(carrier);
  if (record.empty()) return unclaims;
  for (const Entry& entry : record.mapped())
    if (step(entry.state, TokenEvent::abandon).effect == TokenEffect::send_unclaim)
      unclaims.push_back({entry.token.port, carrier, entry.token.epoch, 0});
  return unclaims;
}

std::vector<PortId> Claims::lose_broker() {
  std::vector<PortId> complete;
  for (auto& [carrier, record] : records_) {
    for (Entry& entry : record)
      if (entry.state == TokenState::asked) entry.state = step(entry.state, TokenEvent::refuse).next;
    complete.push_back(carrier);
  }
  return complete;
}

bool Claims::held(PortId port) const {
  return std::ranges::any_of(records_, [port](const auto& record) {
    return std::ranges::any_of(record.second, [port](const Entry& entry) {
      return entry.token.port == port && entry.state == TokenState::granted;
    });
  });
}

}  // namespace fairway::route
