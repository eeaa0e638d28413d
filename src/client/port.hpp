#pragma once

#include <memory>
#include <optional>

#include <fairway/message_event.hpp>
#include <fairway/types.hpp>

#include "client/handler.hpp"

namespace fairway::client {

class Context;
class Endpoint;

/// What a MessagePort handle refers to: the handlers, and the end of a channel while it is owned here. A port
/// that was closed or transferred has no endpoint; one whose Context is gone has no context either.
class Port : public std::enable_shared_from_this<Port> {
 public:
  explicit Port(Context& owner);
  ~Port();

  Context* context = nullptr;
  std::unique_ptr<Endpoint> endpoint;
  bool started = false;
  std::optional<CloseReason> close_reason;

  Handler<bool(MessageEvent&)> on_message;  ///< false: the message is not what the handler wants
  Handler<void(MessageEvent&)> on_message_error;
  Handler<void(CloseReason)> on_close;
  Handler<void()> on_drain;
  Callback<void()> on_readable;  ///< is called once
  bool close_told = false;  ///< on_close was called; who sets it late is told late
};

}  // namespace fairway::client
