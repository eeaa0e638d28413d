#pragma once

#include <csignal>

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/hook.hpp"

/// Kills or stops this process at a numbered hook, and counts what was reached.
namespace fairway::test {

inline constexpr std::size_t hook_count = static_cast<std::size_t>(hooks::Point::count);

inline constexpr std::array<std::string_view, hook_count> hook_names{
#define FAIRWAY_HOOK_POINT(name) #name,
#include "base/hook_points.inc"
#undef FAIRWAY_HOOK_POINT
};

struct HookPlan {
  int signal = 0;  ///< 0: only count
  std::size_t point = 0;
  std::uint64_t occurrence = 1;
};

inline HookPlan hook_plan;
inline std::array<std::atomic<std::uint64_t>, hook_count> hook_hits{};  ///< any thread asks

inline void install_hooks(const HookPlan& plan) {
  hook_plan = plan;
  hooks::handler = [](hooks::Point point) {
    const auto index = static_cast<std::size_t>(point);
    const std::uint64_t hits = ++hook_hits[index];
    if (hook_plan.signal != 0 && index == hook_plan.point && hits == hook_plan.occurrence) ::raise(hook_plan.signal);
  };
}

/// "name=count name=count …"
inline std::string hook_report() {
  std::string text = "hits";
  for (std::size_t i = 0; i < hook_count; ++i)
    if (hook_hits[i] != 0) text.append(" ").append(hook_names[i]).append("=").append(std::to_string(hook_hits[i].load()));
  return text;
}

}  // namespace fairway::test
