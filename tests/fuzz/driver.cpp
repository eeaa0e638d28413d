/// Runs a fuzz target without libFuzzer: driver RUNS CORPUS. Every file of the corpus, then RUNS inputs that are made
/// of it and of a seed, the input's number. An input that fails ends the process, and is left in the file
/// failed-input.
#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <utility>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" __attribute__((weak)) int LLVMFuzzerInitialize(int* argc, char*** argv);
extern "C" __attribute__((weak)) void __asan_init();

namespace {

using Input = std::vector<std::uint8_t>;

std::string current;
Input input;

/// Whatever kills the process comes through here first, but for what AddressSanitizer finds: that aborts when it is
/// told to (ASAN_OPTIONS=abort_on_error=1).
extern "C" void keep_input(int signal) {
  std::fprintf(stderr, "%s fails\n", current.c_str());
  std::ofstream("failed-input", std::ios::binary).write(reinterpret_cast<const char*>(input.data()), static_cast<std::streamsize>(input.size()));
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

void run(std::string name, Input bytes) {
  current = std::move(name);
  input = std::move(bytes);
  LLVMFuzzerTestOneInput(input.data(), input.size());
}

Input random_input(std::mt19937_64& random, const std::vector<Input>& corpus) {
  Input made;
  if (!corpus.empty() && random() % 4 != 0) made = corpus[random() % corpus.size()];
  if (made.empty() || random() % 4 == 0) {
    // Small numbers are what most fields hold.
    const bool small = random() % 2 == 0;
    for (std::size_t left = random() % 300; left != 0; --left) made.push_back(static_cast<std::uint8_t>(small ? random() % 20 : random()));
  }
  for (std::size_t changes = random() % 8; changes != 0 && !made.empty(); --changes) {
    const std::size_t at = random() % made.size();
    switch (random() % 5) {
      case 0: made[at] = static_cast<std::uint8_t>(random()); break;
      case 1: made[at] = static_cast<std::uint8_t>(made[at] ^ (1u << random() % 8)); break;
      case 2: made.insert(made.begin() + static_cast<std::ptrdiff_t>(at), static_cast<std::uint8_t>(random() % 20)); break;
      case 3: made.erase(made.begin() + static_cast<std::ptrdiff_t>(at)); break;
      case 4: made.resize(at); break;
    }
  }
  return made;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return std::fprintf(stderr, "usage: %s RUNS CORPUS\n", argv[0]), 2;
  if (LLVMFuzzerInitialize != nullptr) LLVMFuzzerInitialize(&argc, &argv);
  const char* const mode = std::getenv("FAIRWAY_LONG");
  const std::uint64_t runs = std::strtoull(argv[1], nullptr, 10) * (mode != nullptr && *mode == '1' ? 100 : 1);

  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(argv[2])) files.push_back(entry.path());
  std::ranges::sort(files);
  std::vector<Input> corpus;
  for (const auto& file : files) {
    std::ifstream stream(file, std::ios::binary);
    corpus.emplace_back(std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>());
  }
  std::signal(SIGABRT, keep_input);
  if (__asan_init == nullptr)  // it has more to say about these
    for (const int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE}) std::signal(signal, keep_input);
  for (std::size_t i = 0; i < files.size(); ++i) run("seed " + files[i].filename().native(), corpus[i]);
  for (std::uint64_t number = 1; number <= runs; ++number) {
    std::mt19937_64 random(number);
    run("input " + std::to_string(number), random_input(random, corpus));
  }
  std::printf("%llu inputs and %zu seeds\n", static_cast<unsigned long long>(runs), corpus.size());
  return 0;
}
