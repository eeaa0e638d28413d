#pragma once

#include <concepts>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

namespace fairway {

template <class Signature>
class Callback;

/// A move-only function object: what `std::move_only_function` is in C++23. Empty by default.
template <class R, class... Args>
class Callback<R(Args...)> {
 public:
  Callback() = default;
  Callback(std::nullptr_t) {}

  template <class F>
    requires(!std::same_as<std::remove_cvref_t<F>, Callback> && std::is_invocable_r_v<R, std::remove_cvref_t<F>&, Args...>)
  Callback(F&& function) : target_(std::make_unique<Target<std::remove_cvref_t<F>>>(std::forward<F>(function))) {}

  explicit operator bool() const noexcept { return target_ != nullptr; }

  R operator()(Args... args) const { return target_->call(std::forward<Args>(args)...); }

 private:
  struct Base {
    virtual ~Base() = default;
    virtual R call(Args... args) = 0;
  };

  template <class F>
  struct Target final : Base {
    template <class G>
    explicit Target(G&& function) : function_(std::forward<G>(function)) {}
    R call(Args... args) override { return std::invoke(function_, std::forward<Args>(args)...); }
    F function_;
  };

  std::unique_ptr<Base> target_;
};

}  // namespace fairway
