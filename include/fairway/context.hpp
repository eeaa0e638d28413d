#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <fairway/callback.hpp>
#include <fairway/export.hpp>
#include <fairway/message_port.hpp>
#include <fairway/types.hpp>

namespace fairway {

namespace client {
class Context;
}

/// A process started by `Context::spawn`, and the port to it. The process is reaped by the context's loop.
struct Child {
  int pid = -1;  ///< its pid_t
  MessagePort port;
};

struct ContextOptions {
  /// What others `connect` to: 1 to 63 characters of [A-Za-z0-9._-]. Empty: cannot be found.
  std::string name = {};
  /// The broker's runtime directory. Empty: $FAIRWAY_BROKER, $XDG_RUNTIME_DIR/fairway, /run/user/UID/fairway,
  /// /tmp/fairway-UID. Where no broker answers, `fairwayd` is started.
  std::filesystem::path broker = {};
  Wait wait = Wait::adaptive;
  /// How long anything that needs the broker waits for it.
  Timeout broker_timeout = std::chrono::seconds{5};
  /// Bytes unread per port from which `try_post` says `Status::full`.
  std::size_t queue_soft_limit = std::size_t{4} << 20;
  /// Bytes unread per port from which a post throws "QuotaExceededError". One message may pass it, whatever its size. One that
  /// waits in this process's own memory counts as 64, however short.
  std::size_t queue_hard_limit = std::size_t{1} << 30;
  /// Bytes of memory that this context keeps mapped after it has left in an ArrayBuffer, so that it comes back to the same place:
  /// two contexts that pass buffers back and forth over a channel, 32 at a time, then ask neither the kernel nor the broker. It is
  /// let go of when the other side's loop has seen that it will not come back. 0: none.
  std::size_t buffer_cache = std::size_t{128} << 20;
};

/// One thread's event loop and identity; pinned in memory. Single-threaded: every call must come from the
/// thread that made it ("InvalidStateError" otherwise), but for `stop` and `post`.
class FAIRWAY_API Context {
 public:
  using Options = ContextOptions;

  /// Joins the broker. Throws std::system_error with an `Errc`.
  explicit Context(Options options = {});
  /// Closes its ports; what was posted before stays readable at the other side.
  ~Context();
  Context(Context&&) = delete;

  /// For a process started by `spawn`: joins the broker of the parent and takes the port to it.
  static Context from_parent(Options options = {});
  MessagePort& parent();

  /// A channel to the context of that name: its `on_connect` gets the other port. Throws std::system_error:
  /// `unknown_name`, `denied`, `no_broker`. A finite timeout lets the name appear until then.
  MessagePort connect(std::string_view name, Timeout timeout = Timeout::max());
  /// A message event with data "" and ports[0], the port to who connected. Connections wait for the handler.
  void on_connect(Callback<void(MessageEvent&)> callback);
  /// Runs a program that uses `from_parent`. Throws std::system_error when it cannot be started.
  Child spawn(std::vector<std::string> argv);

  /// Dispatches until `stop`.
  void run();
  /// Waits until something was dispatched; false: time is over, or stopped.
  bool run_once(Timeout timeout = Timeout::max());
  /// Dispatches what there is and returns how much that was. Never waits.
  std::size_t poll();

  /// An epoll descriptor for foreign loops: readable means call `poll`. Ask `prepare_to_sleep` before waiting on it.
  int native_handle() const noexcept;
  /// True: the descriptor will become readable when there is something to do. False: `poll` again first.
  bool prepare_to_sleep();

  /// Ends `run`, from any thread.
  void stop() noexcept;
  /// Runs the callback in the loop, from any thread.
  void post(Callback<void()> callback);

  client::Context& implementation() const noexcept { return *context_; }

 private:
  struct FromParent {};
  Context(Options options, FromParent);

  std::unique_ptr<client::Context> context_;
  MessagePort parent_;
};

}  // namespace fairway
