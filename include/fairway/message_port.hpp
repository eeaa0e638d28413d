#pragma once

#include <cstddef>
#include <memory>
#include <optional>

#include <fairway/callback.hpp>
#include <fairway/error.hpp>
#include <fairway/export.hpp>
#include <fairway/payload.hpp>
#include <fairway/typed.hpp>
#include <fairway/types.hpp>

namespace fairway {

class Context;
class MessageEvent;

namespace client {
class Port;
}

/// One end of a channel: a move-only handle (HTML Standard, the MessagePort interface). A handle that is
/// default-constructed, moved-from, transferred or older than its Context is empty. Belongs to the thread
/// of its Context; a call from another one throws DOMException "InvalidStateError", or says no or 0 where it cannot throw.
class FAIRWAY_API MessagePort {
 public:
  MessagePort() noexcept;
  MessagePort(MessagePort&&) noexcept;
  MessagePort& operator=(MessagePort&&) noexcept;
  /// Closes the port.
  ~MessagePort();

  /// Queues a message for the other side and never blocks. A dead or absent peer is not an error: the
  /// message is dropped silently. Throws DOMException "DataCloneError" for what cannot be sent or
  /// transferred, with nothing detached, "QuotaExceededError" at the queue's hard limit, and "RangeError" without memory
  /// for it. A first transfer of a port needs the broker: std::system_error `no_broker`, with nothing detached.
  void post_message(Payload payload, PostOptions options = {});

  /// As `post_message`, but respects the queue's soft limit and says what it could not do.
  [[nodiscard]] Status try_post(Payload payload, PostOptions options = {});

  /// Sets the handler of messages and starts the port.
  void on_message(Callback<void(MessageEvent&)> callback);
  /// Typed: a message that is not a T goes to `on_message_error` instead.
  template <Typed T>
  void on_message(Callback<void(T, MessageEvent&)> callback);
  void on_message_error(Callback<void(MessageEvent&)> callback);
  /// Called once, last, after everything that was queued has been read. Does not start the port.
  void on_close(Callback<void(CloseReason)> callback);
  /// Called when the other side has read so much that half of the soft limit is free again, after
  /// `try_post` said `Status::full`.
  void on_drain(Callback<void()> callback);

  /// Waits for the next message; starts the port. Nothing: the other side is gone and all is read, or the
  /// time is over (`close_reason` tells). Messages of other ports wait.
  std::optional<MessageEvent> receive(Timeout timeout = Timeout::max());
  std::optional<MessageEvent> try_receive();

  /// For coroutines and the like: called once, by the loop, when `receive` would not wait, with a handle to receive on that
  /// is not to be kept. Starts the port. Until then another one, or null, takes its place; what is not called is destroyed:
  /// with the port, with its transfer, or at once if the handle is empty. Messages come to it, not to `on_message`.
  void on_readable(Callback<void(MessagePort&)> callback);

  /// Set once the other side is gone and everything it sent is read.
  std::optional<CloseReason> close_reason() const;

  /// Lets messages flow to `on_message`; they queue until then.
  void start();
  /// Ends the channel. What was posted before still arrives at the other side; what waits here is dropped. Outside of
  /// callbacks it waits, up to `broker_timeout`, for the broker's memory if what was posted needs some. On another thread
  /// than its Context's it is left to that one's loop.
  void close() noexcept;
  /// Bytes posted and not yet read by the other side.
  std::size_t buffered_amount() const noexcept;
  /// Owned here and open.
  explicit operator bool() const noexcept;

  /// Wraps a port of the library's inside; not for users.
  explicit MessagePort(std::shared_ptr<client::Port> port) noexcept;
  const std::shared_ptr<client::Port>& implementation() const noexcept { return port_; }

 private:
  void on_checked_message(Callback<bool(MessageEvent&)> callback);
  template <Typed T>
  static std::optional<T> try_decode(MessageEvent& event);

  std::shared_ptr<client::Port> port_;
};

namespace detail {

FAIRWAY_API void save(OutputArchive& archive, const MessagePort& port);
FAIRWAY_API void load(InputArchive& archive, MessagePort& port);

/// In an object: its place in the message's transfer list. An empty handle travels as one.
template <>
struct Codec<MessagePort> {
  static void save(OutputArchive& archive, const MessagePort& port) { detail::save(archive, port); }
  static void load(InputArchive& archive, MessagePort& port) { detail::load(archive, port); }
};

}  // namespace detail

}  // namespace fairway
