#pragma once

#include <array>
#include <cstddef>
#include <optional>

#include <fairway/types.hpp>

#include "wire/messages.hpp"

/// Control messages as bytes. Every frame has the same size; anything else is not a frame.
namespace fairway::wire {

inline constexpr std::size_t frame_size = 256;
using Frame = std::array<std::byte, frame_size>;

Frame encode(const ClientMessage& message) noexcept;
Frame encode(const BrokerMessage& message) noexcept;

/// Nothing: wrong size, unknown tag, a value out of its range, or bytes behind the end that are not 0.
std::optional<ClientMessage> decode_client(Bytes frame) noexcept;
std::optional<BrokerMessage> decode_broker(Bytes frame) noexcept;

/// What a Hello says in every version, whether `decode_client` understands the rest of it or not. Nothing: it is none.
std::optional<Versions> versions_of_hello(Bytes frame) noexcept;

/// 1 to 63 characters of [A-Za-z0-9._-].
bool valid_name(std::string_view name) noexcept;

}  // namespace fairway::wire
