#pragma once

/// FAIRWAY_CALL(name, call): a system call of this layer, with its name in sys/call_points.inc. The fault tests let it fail
/// once; in what users get it is the call and nothing else. FAIRWAY_CALL_FOR_ERROR: one that returns its error.
#ifdef FAIRWAY_HOOKS

#include <cerrno>
#include <type_traits>

namespace fairway::sys {

enum class Call : unsigned {
#define FAIRWAY_CALL_POINT(name, ...) name,
#include "sys/call_points.inc"
#undef FAIRWAY_CALL_POINT
  count
};

/// Set by the test; asked before every call: the errno with which it fails instead of being made, or 0.
using Fault = int (*)(Call call);
inline Fault fault = nullptr;

inline bool fails(Call call) {
  const int error = fault == nullptr ? 0 : fault(call);
  if (error != 0) errno = error;
  return error != 0;
}

template <class Result>
Result failure() {
  if constexpr (std::is_pointer_v<Result>) {
    return reinterpret_cast<Result>(~0ul);  // MAP_FAILED
  } else {
    return static_cast<Result>(-1);
  }
}

}  // namespace fairway::sys

#define FAIRWAY_CALL(name, call) \
  (::fairway::sys::fails(::fairway::sys::Call::name) ? ::fairway::sys::failure<decltype(call)>() : (call))
#define FAIRWAY_CALL_FOR_ERROR(name, call) (::fairway::sys::fails(::fairway::sys::Call::name) ? errno : (call))

#else

#define FAIRWAY_CALL(name, call) (call)
#define FAIRWAY_CALL_FOR_ERROR(name, call) (call)

#endif
