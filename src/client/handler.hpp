#pragma once

#include <utility>

#include <fairway/callback.hpp>

namespace fairway::client {

template <class Signature>
class Handler;

/// A user's callback in its place. While it runs it may be replaced or cleared, and its place still counts as taken.
template <class R, class... Args>
class Handler<R(Args...)> {
 public:
  Handler& operator=(Callback<R(Args...)> callback) {
    running_ = false;
    callback_ = std::move(callback);
    return *this;
  }

  explicit operator bool() const noexcept { return running_ || static_cast<bool>(callback_); }

  /// Must be there, and not running.
  R operator()(Args... args) {
    struct Restore {
      Handler& place;
      Callback<R(Args...)> callback;
      ~Restore() {
        if (std::exchange(place.running_, false)) place.callback_ = std::move(callback);
      }
    } taken{*this, std::exchange(callback_, {})};
    running_ = true;
    return taken.callback(std::forward<Args>(args)...);
  }

 private:
  Callback<R(Args...)> callback_;
  bool running_ = false;  ///< and not replaced since
};

}  // namespace fairway::client
