#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include <fairway/types.hpp>

#include "route/claims.hpp"

/// What stands in front of the payload of a record that carries ports: how many, then port and epoch of each. So a
/// reader that cannot make sense of the payload still knows which ports come with it.
namespace fairway::route {

constexpr std::size_t token_table_size(std::size_t tokens) noexcept { return 8 + 16 * tokens; }

void write_token_table(std::span<const Token> tokens, std::byte* out) noexcept;
/// From memory that a peer may be writing: every word is read once. Nothing: no library of ours wrote that.
std::optional<std::vector<Token>> read_token_table(Bytes payload);

}  // namespace fairway::route
