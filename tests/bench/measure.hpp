#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace fairway::bench {

/// The cheapest clock there is: a call of steady_clock costs a good part of what is measured here.
inline std::uint64_t ticks() noexcept {
#if defined(__x86_64__)
  return __rdtsc();
#else
  return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
#endif
}

double ns_per_tick();

/// What one run of a row gave. A latency: its median and 99th percentile, in ns. A rate: so much a second, and no p99.
struct Sample {
  double value = 0;
  double p99 = 0;
};

/// Takes the time between one call of `lap` and the next.
class Laps {
 public:
  explicit Laps(std::size_t count) : ticks_(count, 1) {}
  void start() noexcept { last_ = ticks(); }
  void lap() noexcept {
    const std::uint64_t now = ticks();
    ticks_[next_++] = now - last_;
    last_ = now;
  }
  /// `per_lap`: how many of what is reported a lap was.
  Sample latency(double per_lap = 1);

 private:
  std::vector<std::uint64_t> ticks_;
  std::size_t next_ = 0;
  std::uint64_t last_ = 0;
};

class Stopwatch {
 public:
  double seconds() const { return static_cast<double>(ticks() - start_) * ns_per_tick() / 1e9; }

 private:
  std::uint64_t start_ = ticks();
};

double median(std::vector<double> values);

}  // namespace fairway::bench
