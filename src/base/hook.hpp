#pragma once

/// Numbered points at which the fault tests kill or stop a process. In what users get they are nothing.
#ifdef FAIRWAY_HOOKS

namespace fairway::hooks {

enum class Point : unsigned {
#define FAIRWAY_HOOK_POINT(name) name,
#include "base/hook_points.inc"
#undef FAIRWAY_HOOK_POINT
  count
};

/// Set by the test; called at every point that is reached.
using Handler = void (*)(Point point);
inline Handler handler = nullptr;

inline void reach(Point point) {
  if (handler != nullptr) handler(point);
}

}  // namespace fairway::hooks

#define FAIRWAY_HOOK(name) ::fairway::hooks::reach(::fairway::hooks::Point::name)

#else

#define FAIRWAY_HOOK(name) static_cast<void>(0)

#endif
