#pragma once

#include <vector>

#include <fairway/export.hpp>
#include <fairway/message_port.hpp>
#include <fairway/payload.hpp>
#include <fairway/value.hpp>

namespace fairway {

struct Clone {
  Value data;
  std::vector<MessagePort> ports;  ///< in the order of the list; the value's ports say their places in here
};

/// A deep copy that takes ports and buffers along (HTML Standard, structuredClone): what a buffer holds moves, it is not copied.
/// Throws DOMException "DataCloneError" as a post does, with nothing detached.
FAIRWAY_API Clone structured_clone(const Value& value, const PostOptions& options);

}  // namespace fairway
