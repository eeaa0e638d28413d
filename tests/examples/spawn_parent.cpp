/// Starts a worker process and lets it find the prime factors of the numbers given.
#include <cstdio>
#include <stdexcept>
#include <string>

#include "factors.hpp"

int main(int argc, char** argv) try {
  if (argc < 3) throw std::invalid_argument("usage: spawn_parent WORKER NUMBER…");
  fairway::Context context;
  fairway::Child worker = context.spawn({argv[1]});
  for (int i = 2; i < argc; ++i) worker.port.post_message(Question{std::stoull(argv[i])});
  for (int i = 2; i < argc; ++i) {
    const auto event = worker.port.receive();
    if (!event) throw std::runtime_error("the worker is gone: " + std::string(to_string(*worker.port.close_reason())));
    const auto answer = event->get<Answer>();
    std::printf("%ju:", static_cast<std::uintmax_t>(answer.number));
    for (const std::uint64_t factor : answer.factors) std::printf(" %ju", static_cast<std::uintmax_t>(factor));
    std::printf("\n");
  }
} catch (const std::exception& error) {
  std::fprintf(stderr, "spawn_parent: %s\n", error.what());
  return 2;
}
