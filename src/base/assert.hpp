#pragma once

#include <cstdio>
#include <cstdlib>

/// For our own bugs only: what a caller or a peer can cause is an error, not an assertion.
#define FAIRWAY_ASSERT(condition)                                                                       \
  do {                                                                                                  \
    if (!(condition)) [[unlikely]] {                                                                    \
      std::fprintf(stderr, "fairway: bug: %s:%d: %s does not hold\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                                     \
    }                                                                                                   \
  } while (false)
