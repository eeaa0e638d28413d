#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include <openssl/sha.h>

/// A SHA-256 that one process begins and another goes on with. That takes OpenSSL's older interface, whose state is a
/// plain struct; the newer one keeps it to itself, and so the compiler calls the older one deprecated.
class RunningSha256 {
 public:
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  RunningSha256() { SHA256_Init(&context_); }
  void add(std::span<const std::byte> bytes) { SHA256_Update(&context_, bytes.data(), bytes.size()); }
  std::string finish() {
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256_Final(digest, &context_);
    std::string hex;
    for (const unsigned char byte : digest)
      for (const int digit : {byte >> 4, byte & 15}) hex += "0123456789abcdef"[digit];
    return hex;
  }
#pragma GCC diagnostic pop

  std::vector<std::uint8_t> state() const {
    std::vector<std::uint8_t> bytes(sizeof context_);
    std::memcpy(bytes.data(), &context_, sizeof context_);
    return bytes;
  }
  void go_on_from(const std::vector<std::uint8_t>& state) {
    if (state.size() != sizeof context_) throw std::invalid_argument("this is no state of a SHA-256");
    std::memcpy(&context_, state.data(), sizeof context_);
  }

 private:
  static_assert(std::is_trivially_copyable_v<SHA256_CTX>);
  SHA256_CTX context_{};
};
