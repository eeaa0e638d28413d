#include "inspector/pace.hpp"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace fairway::inspector {

namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void throw_errno(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

}  // namespace

Pace::Pace(std::chrono::nanoseconds first, std::chrono::nanoseconds interval, Keys keys)
    : interval_(interval), due_(Clock::now() + std::min(first, interval)), keys_(keys) {
  sigset_t signals;
  ::sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGWINCH}) ::sigaddset(&signals, signal);
  signals_ = sys::Fd(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_) throw_errno("signalfd");
  ::sigprocmask(SIG_BLOCK, &signals, &former_);
}

Pace::~Pace() { ::sigprocmask(SIG_SETMASK, &former_, nullptr); }

Pace::Event Pace::wait() {
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(due_ - Clock::now());
    const timespec time{std::max<std::int64_t>(left.count(), 0) / 1'000'000'000, std::max<std::int64_t>(left.count(), 0) % 1'000'000'000};
    pollfd entries[2] = {{signals_.get(), POLLIN, 0}, {keys_ == Keys::yes ? STDIN_FILENO : -1, POLLIN, 0}};
    const int ready = ::ppoll(entries, 2, &time, nullptr);
    if (ready < 0 && errno != EINTR) throw_errno("poll");
    if (ready < 0) continue;
    signalfd_siginfo signal{};
    if (entries[0].revents != 0 && ::read(signals_.get(), &signal, sizeof signal) == sizeof signal) {
      if (signal.ssi_signo == SIGWINCH) return Event::resized;
      ended_by_ = static_cast<int>(signal.ssi_signo);
      return Event::ended;
    }
    if ((entries[1].revents & POLLIN) != 0) return Event::key;
    if (entries[1].revents != 0) return Event::ended;  // the terminal is gone
    if (ready > 0) continue;
    due_ = std::max(due_ + interval_, Clock::now());
    return Event::time;
  }
}

void Pace::leave() {
  if (ended_by_ == 0) return;
  ::signal(ended_by_, SIG_DFL);
  ::sigprocmask(SIG_SETMASK, &former_, nullptr);
  ::raise(ended_by_);
}

}  // namespace fairway::inspector
