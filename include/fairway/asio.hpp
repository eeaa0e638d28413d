#pragma once

#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/append.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/system_executor.hpp>
#include <boost/system/error_code.hpp>

#include <fairway/context.hpp>
#include <fairway/message_event.hpp>
#include <fairway/message_port.hpp>
#include <fairway/types.hpp>

/// Fairway in programs whose loop is Boost.Asio's. Optional: `fairway.hpp` does not include it. Header-only, for
/// Boost.Asio 1.81 and later.
///
///     boost::asio::io_context io;
///     fairway::Context context{{.name = "echo"}};
///     const fairway::AsioLoop loop(io.get_executor(), context);
///     …
///     fairway::MessageEvent event = co_await fairway::async_receive(port, boost::asio::use_awaitable);
namespace fairway {

/// The category of what `async_receive` says at the end of a channel: "fairway.closed".
inline const boost::system::error_category& closed_category() noexcept {
  class Category final : public boost::system::error_category {
   public:
    const char* name() const noexcept override { return "fairway.closed"; }
    std::string message(int value) const override {
      return "the channel has ended: " + std::string(to_string(static_cast<CloseReason>(value - 1)));
    }
  };
  static const Category instance;
  return instance;
}

/// So that `code == fairway::CloseReason::peer_lost` asks why a channel has ended.
inline boost::system::error_code make_error_code(CloseReason reason) noexcept {
  return {static_cast<int>(reason) + 1, closed_category()};
}

}  // namespace fairway

namespace boost::system {
template <>
struct is_error_code_enum<fairway::CloseReason> : std::true_type {};
}  // namespace boost::system

namespace fairway {

/// Runs a Context on an Asio executor, which must run what it gets in the thread that made the Context: an io_context
/// with one thread, or a strand of one. Keeps `io_context::run` busy until `stop` or its destructor. What a callback of
/// the Context throws leaves `io_context::run`, which can be called again. Waits by the Context's descriptor and never
/// spins, whatever `ContextOptions::wait` says. Make the io_context first, then the Context, then this.
class AsioLoop {
 public:
  using executor_type = boost::asio::any_io_executor;

  AsioLoop(executor_type executor, Context& context)
      : executor_(executor), turns_(std::make_shared<Turns>(std::move(executor), context)) {
    turns_->again();
  }
  ~AsioLoop() { stop(); }
  AsioLoop(AsioLoop&&) = delete;

  executor_type get_executor() const noexcept { return executor_; }
  /// The Context runs no longer; its ports stay as they are. From the Context's thread.
  void stop() { turns_->stop(); }

 private:
  /// Shared with the handlers that wait in the executor: they find it stopped when they come late.
  class Turns : public std::enable_shared_from_this<Turns> {
   public:
    Turns(executor_type executor, Context& context)
        : context_(context), executor_(executor), descriptor_(std::in_place, std::move(executor), context.native_handle()) {}
    ~Turns() { stop(); }

    void again() {
      boost::asio::post(executor_, [self = this->shared_from_this()] { self->turn(); });
    }
    void stop() {
      if (!descriptor_) return;
      descriptor_->release();  // it is the Context's
      descriptor_.reset();
    }

   private:
    void turn() {
      if (!descriptor_) return;
      struct AfterException {
        Turns* turns;
        ~AfterException() {
          if (turns != nullptr) turns->again();
        }
      } after_exception{this};
      context_.poll();
      after_exception.turns = nullptr;
      if (!descriptor_) return;  // stopped by a callback
      if (!context_.prepare_to_sleep()) return again();
      descriptor_->async_wait(boost::asio::posix::descriptor_base::wait_read,
                              boost::asio::bind_executor(executor_, [self = this->shared_from_this()](boost::system::error_code) { self->turn(); }));
    }

    Context& context_;
    executor_type executor_;
    std::optional<boost::asio::posix::stream_descriptor> descriptor_;
  };

  executor_type executor_;
  std::shared_ptr<Turns> turns_;
};

namespace detail {

/// A receive that waits: owned by its port, and ended by a message, the channel's end, its slot, or the port's end.
template <class Handler>
class PendingReceive : public std::enable_shared_from_this<PendingReceive<Handler>> {
 public:
  using executor_type = boost::asio::associated_executor_t<Handler>;
  /// Without an executor of its own a handler is called by the loop of the Context, as its callbacks are.
  static constexpr bool posts = !std::is_same_v<executor_type, boost::asio::system_executor>;

  explicit PendingReceive(Handler&& handler)
      : work_(boost::asio::get_associated_executor(handler)), handler_(std::move(handler)) {}
  ~PendingReceive() { complete(boost::asio::error::operation_aborted, {}); }
  PendingReceive(const PendingReceive&) = delete;

  void start(MessagePort& port) {
    if (posts && try_complete(port)) return;
    auto slot = boost::asio::get_associated_cancellation_slot(*handler_);
    if (slot.is_connected())
      slot.assign([weak = this->weak_from_this()](boost::asio::cancellation_type) {
        if (const auto self = weak.lock()) self->complete(boost::asio::error::operation_aborted, {});
      });
    wait(port, this->shared_from_this());
  }

 private:
  static void wait(MessagePort& port, std::shared_ptr<PendingReceive> self) {
    port.on_readable([self = std::move(self)](MessagePort& readable) {
      if (self->handler_ && !self->try_complete(readable)) wait(readable, self);
    });
  }

  bool try_complete(MessagePort& port) {
    if (auto event = port.try_receive()) {
      complete({}, *std::move(event));
    } else if (const auto reason = port.close_reason()) {
      complete(*reason, {});
    }
    return !handler_;
  }

  void complete(boost::system::error_code code, MessageEvent event) {
    if (!handler_) return;
    Handler handler = *std::exchange(handler_, std::nullopt);
    const auto work = std::move(work_);
    if (auto slot = boost::asio::get_associated_cancellation_slot(handler); slot.is_connected()) slot.clear();
    if constexpr (posts) {
      boost::asio::post(work.get_executor(), boost::asio::append(std::move(handler), code, std::move(event)));
    } else {
      std::move(handler)(code, std::move(event));
    }
  }

  boost::asio::executor_work_guard<executor_type> work_;
  std::optional<Handler> handler_;
};

}  // namespace detail

/// The next message of a port, as any completion token wants it: `void(boost::system::error_code, MessageEvent)`. Starts
/// the port. Call it in the thread of the port's Context, which an AsioLoop (or another loop) runs; completions come through
/// the handler's executor, or, if it has none, as the callbacks of the Context do. One receive at a time for a port.
///
/// Errors: a CloseReason (`code == fairway::CloseReason::closed`) when the other side is gone and everything is read;
/// `boost::asio::error::operation_aborted` when its cancellation slot asks for that (of any type: no message is lost), when the
/// port is closed, transferred, or gone with its Context, at once if the handle is empty, and for the former of two
/// receives. The handle may move meanwhile; with a lazy token it must be there when the operation starts.
template <BOOST_ASIO_COMPLETION_TOKEN_FOR(void(boost::system::error_code, MessageEvent)) Token>
auto async_receive(MessagePort& port, Token&& token) {
  return boost::asio::async_initiate<Token, void(boost::system::error_code, MessageEvent)>(
      [&port](auto&& handler) {
        using Handler = std::decay_t<decltype(handler)>;
        std::make_shared<detail::PendingReceive<Handler>>(std::forward<decltype(handler)>(handler))->start(port);
      },
      token);
}

}  // namespace fairway
