#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include <fairway/types.hpp>

#include "sys/fd.hpp"

namespace fairway::sys {

/// An epoll instance, level-triggered. Throws std::system_error.
class Poller {
 public:
  struct Event {
    std::uint64_t key;
    bool readable;
    bool writable;
  };

  Poller();

  enum class Interest { read, read_write };
  void add(int fd, std::uint64_t key, Interest interest = Interest::read);
  void change(int fd, std::uint64_t key, Interest interest);
  void remove(int fd) noexcept;

  /// Waits; an interruption by a signal looks like time that is over. Valid until the next call.
  const std::vector<Event>& wait(Timeout timeout);
  int fd() const noexcept { return epoll_.get(); }

 private:
  Fd epoll_;
  std::vector<Event> events_;
};

/// Wakes a Poller from another thread of this process.
class WakeUp {
 public:
  WakeUp();
  void set() noexcept;
  void clear() noexcept;
  int fd() const noexcept { return event_.get(); }

 private:
  Fd event_;
};

/// Wakes a Poller when its time has come, whoever waits for the poller's descriptor.
class Timer {
 public:
  Timer();
  /// Once, after that time.
  void set(Timeout after) noexcept;
  void clear() noexcept;
  int fd() const noexcept { return timer_.get(); }

 private:
  Fd timer_;
};

}  // namespace fairway::sys
