#include "sys/poller.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>

#include "sys/call.hpp"
#include "sys/error.hpp"

namespace fairway::sys {

namespace {

epoll_event entry(std::uint64_t key, Poller::Interest interest) {
  epoll_event event{};
  event.events = EPOLLIN | (interest == Poller::Interest::read_write ? EPOLLOUT : 0u);
  event.data.u64 = key;
  return event;
}

/// Rounds up: a wait never ends before its time.
int milliseconds(Timeout timeout) {
  if (timeout <= Timeout::zero()) return 0;
  const auto whole = std::chrono::ceil<std::chrono::milliseconds>(std::min<Timeout>(timeout, std::chrono::hours(24)));
  return timeout == Timeout::max() ? -1 : static_cast<int>(whole.count());
}

}  // namespace

Poller::Poller() : epoll_(FAIRWAY_CALL(epoll_create, ::epoll_create1(EPOLL_CLOEXEC))) {
  if (!epoll_) throw_errno("epoll_create1", "event loop");
}

void Poller::add(int fd, std::uint64_t key, Interest interest) {
  epoll_event event = entry(key, interest);
  if (FAIRWAY_CALL(epoll_add, ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event)) != 0) throw_errno("epoll_ctl", "event loop");
}

void Poller::change(int fd, std::uint64_t key, Interest interest) {
  epoll_event event = entry(key, interest);
  if (FAIRWAY_CALL(epoll_change, ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event)) != 0) throw_errno("epoll_ctl", "event loop");
}

void Poller::remove(int fd) noexcept {
  static_cast<void>(FAIRWAY_CALL(epoll_remove, ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr)));
}

const std::vector<Poller::Event>& Poller::wait(Timeout timeout) {
  std::array<epoll_event, 64> ready;
  events_.clear();
  const int count = FAIRWAY_CALL(
      epoll_wait, ::epoll_wait(epoll_.get(), ready.data(), static_cast<int>(ready.size()), milliseconds(timeout)));
  if (count < 0) {
    if (errno == EINTR) return events_;
    throw_errno("epoll_wait", "event loop");
  }
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = ready[static_cast<std::size_t>(i)];
    events_.push_back({event.data.u64, (event.events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0, (event.events & EPOLLOUT) != 0});
  }
  return events_;
}

WakeUp::WakeUp() : event_(FAIRWAY_CALL(eventfd, ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK))) {
  if (!event_) throw_errno("eventfd", "event loop");
}

void WakeUp::set() noexcept {
  const std::uint64_t one = 1;
  while (FAIRWAY_CALL(eventfd_write, ::write(event_.get(), &one, sizeof one)) < 0 && errno == EINTR) {  // full is set
  }
}

void WakeUp::clear() noexcept {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t read = FAIRWAY_CALL(eventfd_read, ::read(event_.get(), &count, sizeof count));
}

Timer::Timer() : timer_(FAIRWAY_CALL(timerfd_create, ::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK))) {
  if (!timer_) throw_errno("timerfd_create", "event loop");
}

void Timer::set(Timeout after) noexcept {
  const std::int64_t ns = std::max<std::int64_t>(1, after.count());  // 0 would be never
  constexpr std::int64_t second = 1'000'000'000;
  const itimerspec time{{}, {static_cast<time_t>(ns / second), static_cast<long>(ns % second)}};
  ::timerfd_settime(timer_.get(), 0, &time, nullptr);
}

void Timer::clear() noexcept {
  const itimerspec never{};
  ::timerfd_settime(timer_.get(), 0, &never, nullptr);
}

}  // namespace fairway::sys
