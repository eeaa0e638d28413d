#pragma once

#include <memory>
#include <optional>

#include <fairway/callback.hpp>
#include <fairway/message_event.hpp>
#include <fairway/types.hpp>

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

  Callback<bool(MessageEvent&)> on_message;  ///< false: the message is not what the handler wants
  Callback<void(MessageEvent&)> on_message_error;
  Callback<void(CloseReason)> on_close;
  Callback<void()> on_drain;
  Callback<void()> on_readable;  ///< is called once
  bool close_told = false;  ///< on_close was called; who sets it late is told late
};

}  // namespace fairway::client
