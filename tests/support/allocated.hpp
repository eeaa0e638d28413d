#pragma once

#include <malloc.h>

#include <cstddef>

#include "support/sanitized.hpp"

#ifdef FAIRWAY_SANITIZED
extern "C" std::size_t __sanitizer_get_current_allocated_bytes();  // mallinfo2 sees nothing of a sanitizer's heap
#endif

namespace fairway::test {

/// What this process has allocated, in bytes.
inline std::size_t allocated() {
#ifdef FAIRWAY_SANITIZED
  return __sanitizer_get_current_allocated_bytes();
#else
  return ::mallinfo2().uordblks + ::mallinfo2().hblkhd;
#endif
}

}  // namespace fairway::test
