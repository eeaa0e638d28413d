#include "bench/measure.hpp"

#include <algorithm>

namespace fairway::bench {

double ns_per_tick() {
  static const double value = [] {
    const auto start = std::chrono::steady_clock::now();
    const std::uint64_t first = ticks();
    while (std::chrono::steady_clock::now() - start < std::chrono::milliseconds(50)) {
    }
    const std::uint64_t last = ticks();
    const std::chrono::duration<double, std::nano> passed = std::chrono::steady_clock::now() - start;
    return passed.count() / static_cast<double>(last - first);
  }();
  return value;
}

Sample Laps::latency(double per_lap) {
  if (next_ == 0) return {};
  ticks_.resize(next_);
  std::sort(ticks_.begin(), ticks_.end());
  const auto at = [&](double quantile) {
    const auto index = static_cast<std::size_t>(quantile * static_cast<double>(ticks_.size() - 1));
    return static_cast<double>(ticks_[index]) * ns_per_tick() / per_lap;
  };
  return {at(0.5), at(0.99)};
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 != 0 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

}  // namespace fairway::bench
