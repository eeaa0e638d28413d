#pragma once

namespace fairway::test {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FAIRWAY_SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define FAIRWAY_SANITIZED
#endif
#endif

/// Built with AddressSanitizer or ThreadSanitizer, which take memory, time and system calls of their own.
constexpr bool sanitized =
#ifdef FAIRWAY_SANITIZED
    true;
#else
    false;
#endif

}  // namespace fairway::test
