#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include <fairway/types.hpp>
#include <fairway/value.hpp>

#include "value/node.hpp"

namespace fairway::wire {

/// Why bytes are no value.
enum class ValueError : std::uint8_t {
  none,
  version,      ///< not 13, 14 or 15, or no version at all
  cut_off,      ///< more bytes are wanted, or elements counted, than there are
  left_over,    ///< bytes behind the value
  tag,          ///< one that means nothing, or not there
  reference,    ///< to what is not there
  count,        ///< an end that counts other than what was read
  key,          ///< no string or number; twice; not below the array's length
  string,       ///< no string where only one can be; half a code unit
  flags,        ///< of a RegExp or a view: not together, or not known
  bounds,       ///< a view that is not inside of its buffer, or not aligned; a buffer larger than its maximum
  transferred,  ///< something of the transfer list that is not in it
  memory,       ///< there is none
};

std::string_view to_string(ValueError error) noexcept;

/// Reads what V8's format holds, of hostile origin: nothing is believed, nothing recurses, and memory is a fixed
/// multiple of the bytes. `ports` and `buffers`: those that the message brought along. The value refers to the ports, and of
/// the buffers those that it refers to move into it, unless there is an error.
ValueError read_value(Bytes bytes, std::span<const std::shared_ptr<void>> ports, std::span<graph::Contents> buffers, Value& out) noexcept;
/// The same without buffers.
inline ValueError read_value(Bytes bytes, std::span<const std::shared_ptr<void>> ports, Value& out) noexcept {
  return read_value(bytes, ports, {}, out);
}

}  // namespace fairway::wire
