#pragma once

namespace fairway {

/// Raises a flag for as long as it lives.
class ScopedFlag {
 public:
  explicit ScopedFlag(bool& flag) noexcept : flag_(flag) { flag_ = true; }
  ~ScopedFlag() { flag_ = false; }
  ScopedFlag(const ScopedFlag&) = delete;

 private:
  bool& flag_;
};

}  // namespace fairway
