/// The table of ports in front of a payload, and what a context makes of it: a peer writes both. Whatever stands there, a
/// context asks the broker for each port once, and every answer finds its question.
#include <cstring>
#include <vector>

#include "fuzz/input.hpp"
#include "route/token_table.hpp"

namespace {

using namespace fairway;
using fuzz::require;

void claim(PortId carrier, const std::vector<route::Token>& tokens) {
  route::Claims claims;
  const auto asked = claims.reach(carrier, 0, tokens);
  require(asked.size() == tokens.size() && claims.waiting(carrier), "not every token is asked for");
  for (std::size_t i = 0; i < asked.size(); ++i) {
    require(!claims.complete(carrier), "complete before the last answer");
    require(claims.on(wire::Refused{asked[i].port, carrier, asked[i].epoch, 0}), "an answer without a question");
    require(!claims.held(asked[i].port), "held, and was refused");
  }
  require(claims.complete(carrier) && claims.deliver(carrier).size() == tokens.size(), "a message is not complete");
  require(!claims.waiting(carrier), "the record is kept");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::vector<std::byte> payload(reinterpret_cast<const std::byte*>(data), reinterpret_cast<const std::byte*>(data) + size);
  const auto tokens = route::read_token_table(payload);
  if (!tokens) return 0;
  require(!tokens->empty() && route::token_table_size(tokens->size()) <= size, "more tokens than there is room for");
  std::vector<std::byte> again(route::token_table_size(tokens->size()));
  route::write_token_table(*tokens, again.data());
  require(std::memcmp(again.data(), payload.data(), again.size()) == 0, "a table changes");
  if (const PortId carrier{2}; route::Claims::valid(carrier, *tokens)) claim(carrier, *tokens);
  return 0;
}
