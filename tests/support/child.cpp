#include "support/child.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <stdexcept>
#include <utility>

extern char** environ;

namespace fairway::test {

std::map<std::string, Role>& roles() {
  static std::map<std::string, Role> instance;
  return instance;
}

std::chrono::seconds Child::watchdog() {
  const char* const seconds = std::getenv("FAIRWAY_WATCHDOG");
  return std::chrono::seconds(seconds == nullptr ? 60 : std::atoi(seconds));
}

Child::Child(const std::string& role, std::vector<std::string> arguments, std::vector<std::string> environment,
             std::vector<std::string> under) {
  int input[2];
  int output[2];
  if (::pipe2(input, O_CLOEXEC) != 0 || ::pipe2(output, O_CLOEXEC) != 0) throw std::runtime_error("pipe2 failed");
  const std::string self = std::filesystem::read_symlink("/proc/self/exe");
  std::vector<std::string> words = std::move(under);
  words.insert(words.end(), {self, "--child", role});
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  std::vector<char*> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) variables.push_back(*entry);
  for (std::string& entry : environment) variables.insert(variables.begin(), entry.data());
  variables.push_back(nullptr);

  pid_ = ::fork();
  if (pid_ < 0) throw std::runtime_error("fork failed");
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::dup2(input[0], 0);
    ::dup2(output[1], 1);
    ::execvpe(argv[0], argv.data(), variables.data());
    ::_exit(127);
  }
  ::close(input[0]);
  ::close(output[1]);
  to_ = input[1];
  from_ = output[0];
}

Child::~Child() {
  if (!reaped_) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  close_input();
  ::close(from_);
}

void Child::close_input() {
  if (to_ >= 0) ::close(to_);
  to_ = -1;
}

void Child::send(const std::string& line) {
  const std::string text = line + "\n";
  const char* at = text.data();
  for (std::size_t left = text.size(); left != 0;) {
    const ssize_t size = ::write(to_, at, left);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return;  // the child is gone; its next line says so
    at += size;
    left -= static_cast<std::size_t>(size);
  }
}

std::string Child::line() {
  for (;;) {
    if (const auto end = buffer_.find('\n'); end != std::string::npos) {
      std::string line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      return line;
    }
    pollfd entry{from_, POLLIN, 0};
    const int ready = ::poll(&entry, 1, static_cast<int>(std::chrono::milliseconds(watchdog()).count()));
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0) throw std::runtime_error("watchdog: child " + std::to_string(pid_) + " says nothing");
    char text[4096];
    const ssize_t size = ::read(from_, text, sizeof text);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return std::exchange(buffer_, {});
    buffer_.append(text, static_cast<std::size_t>(size));
  }
}

bool Child::says_something(std::chrono::milliseconds within) {
  if (buffer_.find('\n') != std::string::npos) return true;
  pollfd entry{from_, POLLIN, 0};
  return ::poll(&entry, 1, static_cast<int>(within.count())) > 0;
}

void Child::kill(int signal) { ::kill(pid_, signal); }

int Child::wait() {
  if (!reaped_) {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    reaped_ = true;
    result_ = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  return result_;
}

bool Child::wait_until_stopped() {
  int status = 0;
  while (::waitpid(pid_, &status, WUNTRACED) < 0 && errno == EINTR) {
  }
  if (WIFSTOPPED(status)) return true;
  reaped_ = true;
  result_ = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  return false;
}

void say(const std::string& line) {
  const std::string text = line + "\n";
  const char* at = text.data();
  for (std::size_t left = text.size(); left != 0;) {
    const ssize_t size = ::write(1, at, left);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) ::_exit(3);
    at += size;
    left -= static_cast<std::size_t>(size);
  }
}

bool hear(std::string& line) { return static_cast<bool>(std::getline(std::cin, line)); }

std::size_t open_descriptors(int pid) {
  std::size_t count = 0;
  std::error_code error;
  for (std::filesystem::directory_iterator entry("/proc/" + std::to_string(pid) + "/fd", error), end; entry != end; ++entry) ++count;
  return count;
}

}  // namespace fairway::test
