#pragma once

#include <signal.h>

#include <chrono>

#include "sys/fd.hpp"

namespace fairway::inspector {

/// When a command that goes on looks again: after each interval, at a key, when its terminal changes its size; and
/// when a signal wants it to end. While it lives SIGINT, SIGTERM, SIGHUP and SIGWINCH arrive here only.
class Pace {
 public:
  enum class Event { time, key, resized, ended };
  enum class Keys { no, yes };

  /// The first interval may be shorter. Throws std::system_error.
  Pace(std::chrono::nanoseconds first, std::chrono::nanoseconds interval, Keys keys);
  ~Pace();
  Pace(const Pace&) = delete;

  /// Intervals that a slow look has missed are left out.
  Event wait();
  /// If a signal ended it, ends the process as that would have; everything else is cleaned up by now.
  void leave();

 private:
  std::chrono::nanoseconds interval_;
  std::chrono::steady_clock::time_point due_;
  Keys keys_;
  sigset_t former_ = {};
  sys::Fd signals_;
  int ended_by_ = 0;
};

}  // namespace fairway::inspector
