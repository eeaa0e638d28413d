#pragma once

#include <fairway/export.hpp>
#include <fairway/message_port.hpp>

namespace fairway {

/// Two entangled ports (HTML Standard, the MessageChannel interface). Waits for nothing.
struct FAIRWAY_API MessageChannel {
  explicit MessageChannel(Context& context);

  MessagePort port1;
  MessagePort port2;
};

}  // namespace fairway
