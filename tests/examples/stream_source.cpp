/// Streams a file in messages of mixed sizes; an empty one is its end.
///
///   stream_source FILE OWNER
///
/// It keeps one end of a channel and sends the other to the context OWNER, which may send it on. Of that the source
/// hears and sees nothing. It leaves when the last owner has closed the port.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include <sys/resource.h>

#include "stream_handover.hpp"

namespace {

using Clock = std::chrono::steady_clock;

/// 1 byte to 4 MiB; every power of two is as likely as the next.
std::size_t next_size(std::mt19937_64& random) {
  const std::size_t floor = std::size_t{1} << random() % 22;
  return floor + random() % floor;
}

class Source {
 public:
  explicit Source(const std::string& owner) : first_owner_(context_.connect(owner, std::chrono::seconds(10))) {
    fairway::MessageChannel channel(context_);
    first_owner_.post_message(Handover{}, {.transfer = {channel.port2}});
    port_ = std::move(channel.port1);
    port_.on_drain([this] { drained_ = true; });
    port_.on_close([this](fairway::CloseReason reason) { closed_ = reason; });
  }

  /// Returns when the message is queued: little is on its way at any time.
  void post(fairway::Bytes message) {
    const auto start = Clock::now();
    while (port_.try_post(message) != fairway::Status::ok) {
      for (drained_ = false; !drained_ && !closed_;) context_.run_once();
      if (closed_) throw std::runtime_error("nobody reads any more: " + std::string(to_string(*closed_)));
    }
    longest_wait_ = std::max(longest_wait_, Clock::now() - start);
  }
  void await_close() {
    while (!closed_) context_.run_once();
    if (closed_ != fairway::CloseReason::closed)
      throw std::runtime_error("the last owner is gone: " + std::string(to_string(*closed_)));
  }
  double longest_wait_ms() const { return std::chrono::duration<double, std::milli>(longest_wait_).count(); }

 private:
  fairway::Context context_;
  fairway::MessagePort first_owner_;
  fairway::MessagePort port_;
  bool drained_ = false;
  std::optional<fairway::CloseReason> closed_;
  Clock::duration longest_wait_{};
};

void stream(const std::string& name, const std::string& owner) {
  std::ifstream file(name, std::ios::binary);
  if (!file) throw std::runtime_error("cannot open " + name);
  const std::uint64_t size = std::filesystem::file_size(name);

  Source source(owner);
  std::mt19937_64 random(1);
  std::vector<std::byte> buffer;
  std::uint64_t messages = 0;
  for (std::uint64_t posted = 0; posted != size; posted += buffer.size(), ++messages) {
    buffer.resize(std::min<std::uint64_t>(next_size(random), size - posted));
    if (!file.read(reinterpret_cast<char*>(buffer.data()), static_cast<std::streamsize>(buffer.size())))
      throw std::runtime_error("cannot read " + name + " at byte " + std::to_string(posted));
    source.post(buffer);
  }
  source.post({});
  source.await_close();
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  std::printf("source: %ju bytes in %ju messages, %.1f ms at most until one was taken, %ld MiB of memory at most\n",
              static_cast<std::uintmax_t>(size), static_cast<std::uintmax_t>(messages), source.longest_wait_ms(),
              usage.ru_maxrss / 1024);
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 3) throw std::invalid_argument("usage: stream_source FILE OWNER");
  stream(argv[1], argv[2]);
} catch (const std::exception& error) {
  std::fprintf(stderr, "stream_source: %s\n", error.what());
  return 2;
}
