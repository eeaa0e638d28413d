#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include <fairway/value.hpp>

namespace fairway::wire {

/// The version of V8's format that is written.
inline constexpr unsigned value_version = 15;

/// Appends the value in V8's format. `ports` are those of the transfer list, in its order, as PortNode knows them. Throws
/// DOMException "DataCloneError" for what cannot be cloned, "RangeError" when there is no memory; what was appended by then
/// stays.
void write_value(const Value& value, std::span<const void* const> ports, std::vector<std::byte>& out);

}  // namespace fairway::wire
