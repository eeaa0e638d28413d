/// Streams a file to the context "sink" in messages of mixed sizes.
///
///   stream_source FILE [--seed N] [--halfway COMMAND]
///
/// COMMAND runs once, when half of the file is posted and no more until it ends.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <sys/resource.h>

#include <fairway/fairway.hpp>

namespace {

struct Options {
  std::string file;
  std::uint64_t seed = 1;
  std::string halfway;
};

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--seed" && i + 1 < argc) {
      options.seed = std::stoull(argv[++i]);
    } else if (word == "--halfway" && i + 1 < argc) {
      options.halfway = argv[++i];
    } else if (options.file.empty() && !word.starts_with("--")) {
      options.file = word;
    } else {
      throw std::invalid_argument("'" + std::string(word) + "' is not understood; usage: stream_source FILE [--seed N] [--halfway COMMAND]");
    }
  }
  if (options.file.empty()) throw std::invalid_argument("no file; usage: stream_source FILE [--seed N] [--halfway COMMAND]");
  return options;
}

/// 1 byte to 4 MiB; every power of two is as likely as the next.
std::size_t next_size(std::mt19937_64& random) {
  const std::size_t floor = std::size_t{1} << random() % 22;
  return floor + random() % floor;
}

class Source {
 public:
  Source() : port_(context_.connect("sink", std::chrono::seconds(10))) {
    port_.on_drain([this] { drained_ = true; });
    port_.on_close([this](fairway::CloseReason reason) { closed_ = reason; });
  }

  /// Returns when the message is queued: little is on its way at any time.
  void post(fairway::Bytes message) {
    while (port_.try_post(message) != fairway::Status::ok) {
      for (drained_ = false; !drained_ && !closed_;) context_.run_once();
      if (closed_) throw std::runtime_error("the sink is gone: " + std::string(to_string(*closed_)));
    }
  }

 private:
  fairway::Context context_;
  fairway::MessagePort port_;
  bool drained_ = false;
  std::optional<fairway::CloseReason> closed_;
};

void stream(const Options& options) {
  std::ifstream file(options.file, std::ios::binary);
  if (!file) throw std::runtime_error("cannot open " + options.file);
  const std::uint64_t size = std::filesystem::file_size(options.file);

  Source source;
  std::mt19937_64 random(options.seed);
  std::vector<std::byte> buffer;
  std::uint64_t posted = 0;
  std::uint64_t messages = 0;
  bool halfway = false;
  for (;;) {
    if (!halfway && posted >= size / 2) {
      halfway = true;
      if (!options.halfway.empty() && std::system(options.halfway.c_str()) != 0)
        throw std::runtime_error("failed: " + options.halfway);
    }
    if (posted == size) break;
    buffer.resize(std::min<std::uint64_t>(next_size(random), size - posted));
    if (!file.read(reinterpret_cast<char*>(buffer.data()), static_cast<std::streamsize>(buffer.size())))
      throw std::runtime_error("cannot read " + options.file + " at byte " + std::to_string(posted));
    source.post(buffer);
    posted += buffer.size();
    ++messages;
  }
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  std::printf("source: %ju bytes in %ju messages, %ld MiB of memory at most\n", static_cast<std::uintmax_t>(posted),
              static_cast<std::uintmax_t>(messages), usage.ru_maxrss / 1024);
}

}  // namespace

int main(int argc, char** argv) try {
  stream(parse(argc, argv));
} catch (const std::exception& error) {
  std::fprintf(stderr, "stream_source: %s\n", error.what());
  return 2;
}
