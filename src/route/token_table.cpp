#include "route/token_table.hpp"

#include <cstdint>
#include <cstring>

namespace fairway::route {

namespace {

std::uint64_t load(const std::byte* at) noexcept {
  std::uint64_t word = 0;
  std::memcpy(&word, at, sizeof word);
  return word;
}

void store(std::byte* at, std::uint64_t word) noexcept { std::memcpy(at, &word, sizeof word); }

}  // namespace

void write_token_table(std::span<const Token> tokens, std::byte* out) noexcept {
  store(out, tokens.size());
  for (const Token& token : tokens) {
    store(out += 8, token.port.value);
    store(out += 8, token.epoch);
  }
}

std::optional<std::vector<Token>> read_token_table(Bytes payload) {
  if (payload.size() < token_table_size(1)) return std::nullopt;
  const std::uint64_t count = load(payload.data());
  if (count == 0 || count > (payload.size() - 8) / 16) return std::nullopt;
  std::vector<Token> tokens;
  tokens.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::byte* const entry = payload.data() + token_table_size(i);
    const std::uint64_t epoch = load(entry + 8);
    if (epoch > ~Epoch{0}) return std::nullopt;
    tokens.push_back({PortId{load(entry)}, static_cast<Epoch>(epoch)});
  }
  return tokens;
}

}  // namespace fairway::route
