#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <fairway/types.hpp>

#include "value/node.hpp"

/// A value with what its transferred and shared buffers hold: a head (a table of the buffers, and the value's bytes), and behind
/// it the contents that are copied. Others come in boxes, each with a token in the record's table. VALUES.md has its form.
namespace fairway::wire {

/// Whether there are boxes for the contents of a message that lie in memory of their own.
enum class Contained : bool { copied, boxed };
inline bool goes_in_box(const graph::Contents& buffer, Contained how) noexcept { return how == Contained::boxed && buffer.in_object(); }
/// Whether they stand in the message. What all can write goes in a box or not at all: then the message is an error.
inline bool stands_inside(const graph::Contents& buffer, Contained how) noexcept {
  return !goes_in_box(buffer, how) && buffer.sharing != graph::Sharing::writable;
}

/// What stands in the message for so many bytes of a buffer, or of the value.
constexpr std::uint64_t padded(std::uint64_t size) noexcept { return (size + 15) & ~std::uint64_t{15}; }

std::size_t buffer_head_size(std::span<const graph::Contents* const> buffers, Bytes value) noexcept;
void write_buffer_head(std::span<const graph::Contents* const> buffers, Bytes value, Contained how, std::byte* out) noexcept;
/// To be written behind the head, one after the other. Answers where the next begins.
std::byte* write_contents(const graph::Contents& buffer, std::byte* out) noexcept;

/// Copies the contents out of a payload that a peer may be writing, and answers where the value's bytes are; of boxes it
/// says the `size_elsewhere`. Nothing: no library of ours wrote that, or there is no memory.
std::optional<Bytes> read_buffer_block(Bytes payload, std::vector<graph::Contents>& out) noexcept;
/// What its boxes weigh together, by the writer's word.
std::uint64_t size_in_boxes(Bytes payload) noexcept;

}  // namespace fairway::wire
