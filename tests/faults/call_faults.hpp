#pragma once

#include <sys/mman.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include "sys/call.hpp"

/// Lets a numbered system call of this process fail once, and counts what was called.
namespace fairway::test {

struct CallPoint {
  std::string_view name;
  std::vector<int> errors;
};

inline const std::vector<CallPoint> call_points{
#define FAIRWAY_CALL_POINT(name, ...) {#name, {__VA_ARGS__}},
#include "sys/call_points.inc"
#undef FAIRWAY_CALL_POINT
};

/// A call that is made only after another one, `first`, has failed.
struct Prelude {
  sys::Call call;
  sys::Call first;
  int error;
  std::uint64_t every;  ///< pass of `first` fails, until the call is made
};

inline constexpr std::array preludes{Prelude{sys::Call::epoll_change, sys::Call::sendmsg, EAGAIN, 5},
                                     Prelude{sys::Call::wait_ended, sys::Call::pidfd_open, EMFILE, 1},
                                     Prelude{sys::Call::access_installed, sys::Call::access_beside, ENOENT, 1}};

inline const Prelude* prelude_of(std::size_t call) {
  for (const Prelude& prelude : preludes)
    if (static_cast<std::size_t>(prelude.call) == call) return &prelude;
  return nullptr;
}

struct FaultPlan {
  int error = 0;  ///< 0: only count
  std::size_t call = 0;
  std::uint64_t pass = 1;
};

/// Shared with what this process forks: the calls of a child on its way to its program count, too.
struct CallCounts {
  std::array<std::atomic<std::uint64_t>, static_cast<std::size_t>(sys::Call::count)> passes{};
  std::atomic<bool> failed = false;
};

inline FaultPlan fault_plan;
inline CallCounts* call_counts = nullptr;

inline void install_fault(const FaultPlan& plan) {
  fault_plan = plan;
  void* const memory = ::mmap(nullptr, sizeof(CallCounts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  call_counts = new (memory) CallCounts;
  sys::fault = [](sys::Call call) {
    const auto index = static_cast<std::size_t>(call);
    const std::uint64_t pass = ++call_counts->passes[index];
    if (fault_plan.error == 0) return 0;
    const Prelude* const prelude = prelude_of(fault_plan.call);
    if (prelude != nullptr && call == prelude->first && pass % prelude->every == 0 && call_counts->passes[fault_plan.call] == 0)
      return prelude->error;
    if (index != fault_plan.call || pass != fault_plan.pass) return 0;
    call_counts->failed = true;
    return fault_plan.error;
  };
}

/// "hits failed=0 name=count name=count …"
inline std::string call_report() {
  std::string text = std::string("hits failed=") + (call_counts->failed ? "1" : "0");
  for (std::size_t i = 0; i < call_points.size(); ++i)
    if (const std::uint64_t passes = call_counts->passes[i]; passes != 0)
      text.append(" ").append(call_points[i].name).append("=").append(std::to_string(passes));
  return text;
}

}  // namespace fairway::test
