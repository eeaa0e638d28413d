#pragma once

#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include <fairway/fairway.hpp>

namespace fairway::test {

/// The n-th message of a seeded stream: its number, then bytes that follow from seed and number. Sizes are mixed.
class Stream {
 public:
  /// `huge`: the size of every hundredth message; 0: as the others.
  explicit Stream(std::uint64_t seed, std::size_t largest = 3000, std::size_t huge = 0)
      : seed_(seed), largest_(largest), huge_(huge) {}

  const std::vector<std::byte>& message(std::uint64_t n) {
    std::mt19937_64 random(seed_ * 1'000'003 + n);
    const std::uint64_t dice = random() % 100;
    std::size_t size = 8 + random() % 64;
    if (dice >= 70) size = 8 + random() % 1000;
    if (dice >= 97) size = 8 + random() % largest_;
    if (huge_ != 0 && n % 100 == 99) size = huge_;
    buffer_.resize(size);
    for (std::size_t i = 8; i < size; ++i) buffer_[i] = static_cast<std::byte>(seed_ + n * 7 + i);
    std::memcpy(buffer_.data(), &n, 8);
    return buffer_;
  }

  bool is_message(std::uint64_t n, Bytes bytes) {
    const auto& expected = message(n);
    return bytes.size() == expected.size() && std::memcmp(bytes.data(), expected.data(), bytes.size()) == 0;
  }

 private:
  std::uint64_t seed_;
  std::size_t largest_;
  std::size_t huge_;
  std::vector<std::byte> buffer_;
};

}  // namespace fairway::test
