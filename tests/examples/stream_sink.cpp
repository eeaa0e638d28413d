/// Takes one stream as the context "sink" and prints its SHA-256 when it has ended.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include <openssl/evp.h>
#include <sys/resource.h>

#include <fairway/fairway.hpp>

namespace {

class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new(), &EVP_MD_CTX_free) {
    if (!context_ || EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) != 1)
      throw std::runtime_error("OpenSSL gives no SHA-256");
  }
  void add(fairway::Bytes bytes) {
    if (EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) != 1) throw std::runtime_error("SHA-256 failed");
  }
  std::string finish() {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    if (EVP_DigestFinal_ex(context_.get(), digest, &size) != 1) throw std::runtime_error("SHA-256 failed");
    std::string hex;
    for (unsigned int i = 0; i < size; ++i) {
      char digits[3];
      std::snprintf(digits, sizeof digits, "%02x", unsigned{digest[i]});
      hex += digits;
    }
    return hex;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

void receive(fairway::MessagePort port) {
  Sha256 hash;
  std::uint64_t bytes = 0;
  std::uint64_t messages = 0;
  const auto start = std::chrono::steady_clock::now();
  while (const auto event = port.receive()) {
    hash.add(event->bytes());
    bytes += event->bytes().size();
    ++messages;
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  if (port.close_reason() != fairway::CloseReason::closed)
    throw std::runtime_error("the stream ends after " + std::to_string(bytes) + " bytes: " + std::string(to_string(*port.close_reason())));
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  std::printf("sink: %ju bytes in %ju messages, %ld MiB of memory at most\n", static_cast<std::uintmax_t>(bytes),
              static_cast<std::uintmax_t>(messages), usage.ru_maxrss / 1024);
  std::printf("throughput: %.0f MB/s, hashing included\n", static_cast<double>(bytes) / 1e6 / seconds.count());
  std::printf("sha256: %s\n", hash.finish().c_str());
}

}  // namespace

int main() try {
  fairway::Context context{{.name = "sink"}};
  std::optional<fairway::MessagePort> port;
  context.on_connect([&port](fairway::MessageEvent& event) { port = std::move(event.ports[0]); });
  while (!port) context.run_once();
  receive(*std::move(port));
} catch (const std::exception& error) {
  std::fprintf(stderr, "stream_sink: %s\n", error.what());
  return 2;
}
