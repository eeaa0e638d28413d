#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include <fairway/value.hpp>

#include "value/node.hpp"

namespace fairway::wire {

/// The version of V8's format that is written.
inline constexpr unsigned value_version = 15;

/// Appends the value in V8's format. `ports` and `buffers` are those of the transfer list, ports in its order and as PortNode
/// knows them. Throws DOMException "DataCloneError" for what cannot be cloned, "RangeError" when there is no memory; what
/// was appended by then stays. Answers which buffers stand beside the value, in the order of their numbers: those of the list that
/// it refers to, and those that are shared. What they hold is not among the bytes.
std::vector<graph::BufferNode*> write_value(const Value& value, std::span<const void* const> ports,
                                            std::span<graph::BufferNode* const> buffers, std::vector<std::byte>& out);
/// The same with nothing beside the value.
void write_value(const Value& value, std::span<const void* const> ports, std::vector<std::byte>& out);

}  // namespace fairway::wire
