#pragma once

#include <sys/resource.h>

#include <exception>
#include <stdexcept>
#include <string>

#include <fairway/fairway.hpp>

#include "support/child.hpp"

/// What the tests of starving processes have in common. The role "broker" (arguments: directory) speaks its warnings.
namespace fairway::test {

constexpr std::size_t kibibyte = 1024;
constexpr std::size_t mebibyte = 1024 * kibibyte;

/// The soft limit of a process, until it is lifted.
class Limit {
 public:
  using Resource = decltype(RLIMIT_AS);

  Limit(int pid, Resource resource, rlim_t soft) : pid_(pid), resource_(resource) {
    ::prlimit(pid_, resource_, nullptr, &before_);
    const rlimit low{soft, before_.rlim_max};
    if (::prlimit(pid_, resource_, &low, nullptr) != 0) throw std::runtime_error("prlimit failed");
  }
  ~Limit() { lift(); }
  Limit(const Limit&) = delete;

  void lift() { ::prlimit(pid_, resource_, &before_, nullptr); }

 private:
  int pid_;
  Resource resource_;
  rlimit before_{};
};

/// The next line of the child with that in it; empty: it has ended without.
inline std::string line_with(Child& child, const std::string& text) {
  std::string line;
  do {
    line = child.line();
  } while (!line.empty() && line.find(text) == std::string::npos);
  return line;
}

/// For a child: what the library logs becomes lines to the test.
inline void say_log() {
  set_log(LogLevel::warning, [](LogLevel, std::string_view message) { say("log: " + std::string(message)); });
}

template <class Action>
std::string error_of(Action&& action) {
  try {
    action();
  } catch (const std::exception& error) {
    return error.what();
  }
  return {};
}

/// For a child: mounts that nobody else sees. No: this system allows it to nobody like us.
bool make_own_mounts();

}  // namespace fairway::test
