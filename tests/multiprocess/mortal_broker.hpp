#pragma once

#include <gtest/gtest.h>

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fairway/fairway.hpp>

#include "support/child.hpp"
#include "support/temporary_directory.hpp"

namespace fairway::test {

/// The contexts of one thread, and a broker that is another process. Whoever waits lets all contexts run.
class Contexts {
 public:
  /// `program`: what a context starts that needs a broker.
  explicit Contexts(std::size_t count, const char* program = "/bin/false") : connected_(count) {
    if (program != nullptr) ::setenv("FAIRWAYD", program, 1);
    if (program != nullptr) start_broker();
    for (std::size_t i = 0; i < count; ++i) {
      contexts_.push_back(std::make_unique<Context>(ContextOptions{.name = name(i), .broker = directory_.path()}));
      contexts_[i]->on_connect([this, i](MessageEvent& event) { connected_[i].push_back(std::move(event.ports[0])); });
    }
  }
  ~Contexts() {
    contexts_.clear();
    kill_broker();
    ::unsetenv("FAIRWAYD");
  }

  /// With all contexts gone the last broker holds nothing: no name is left. There is one.
  void expect_nothing_left() {
    contexts_.clear();
    connected_.clear();
    const auto deadline = std::chrono::steady_clock::now() + Child::watchdog() / 2;
    while (!std::filesystem::is_empty(directory_.path() / "segments")) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "names are left";
      ::usleep(1000);  // there is no event for another process's names
    }
  }

  static std::string name(std::size_t i) { return std::string(1, static_cast<char>('a' + i)); }
  Context& operator[](std::size_t i) { return *contexts_[i]; }
  std::vector<MessagePort>& connected(std::size_t i) { return connected_[i]; }
  const std::filesystem::path& directory() const { return directory_.path(); }

  void start_broker() {
    broker_ = std::make_unique<Child>("rejoin_broker", std::vector<std::string>{directory_.path().native()});
    ASSERT_EQ(broker_->line(), "ready");
  }
  /// Whoever listens there is ours. 0: nobody.
  int broker_pid() const {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, (directory_.path() / "socket").c_str(), sizeof address.sun_path - 1);
    const int fd = ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    ucred peer{};
    socklen_t size = sizeof peer;
    const bool there = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
                       ::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0;
    ::close(fd);
    return there ? peer.pid : 0;
  }
  /// False: there was none.
  bool kill_broker() {
    const int pid = broker_pid();
    if (pid == 0) return false;
    pollfd end{.fd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)), .events = POLLIN, .revents = 0};
    ::kill(pid, SIGKILL);
    EXPECT_TRUE(end.fd < 0 || ::poll(&end, 1, static_cast<int>(Child::watchdog() / std::chrono::milliseconds(2))) == 1);
    ::close(end.fd);
    if (broker_) broker_->wait();
    broker_.reset();
    return true;
  }
  void poll_all() {
    for (const auto& context : contexts_) context->poll();
  }
  [[nodiscard]] bool until(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + Child::watchdog() / 2;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      poll_all();
    }
    return true;
  }
  /// Waits for the name, too.
  std::pair<MessagePort, MessagePort> channel(std::size_t from, std::size_t to) {
    std::optional<MessagePort> mine;
    EXPECT_TRUE(until([&] {
      try {
        mine = contexts_[from]->connect(name(to));
      } catch (const std::system_error&) {
      }
      return mine.has_value();
    })) << "no connection";
    EXPECT_TRUE(until([&] { return !connected_[to].empty(); })) << "nobody connects";
    if (!mine || connected_[to].empty()) return {};
    MessagePort theirs = std::move(connected_[to].back());
    connected_[to].clear();
    return {std::move(*mine), std::move(theirs)};
  }
  std::optional<MessageEvent> next(MessagePort& port) {
    std::optional<MessageEvent> event;
    EXPECT_TRUE(until([&] { return (event = port.try_receive()) || port.close_reason(); })) << "nothing comes";
    return event;
  }
  std::string text(MessagePort& port) {
    const auto event = next(port);
    return event ? std::string(event->string()) : "closed";
  }
  void expect_talk(MessagePort& one, MessagePort& other) {
    for (const auto& [from, to] : {std::pair(&one, &other), std::pair(&other, &one)}) {
      from->post_message("still there");
      EXPECT_EQ(text(*to), "still there");
    }
  }

 private:
  TemporaryDirectory directory_;
  std::unique_ptr<Child> broker_;
  std::vector<std::unique_ptr<Context>> contexts_;
  std::vector<std::vector<MessagePort>> connected_;
};

}  // namespace fairway::test
