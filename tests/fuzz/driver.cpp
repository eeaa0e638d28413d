/// Runs a fuzz target without libFuzzer: driver RUNS CORPUS. Every file of the corpus, then RUNS inputs that are made
/// of it and of a fixed seed. An input that fails ends the process; its number and seed are printed before.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" __attribute__((weak)) int LLVMFuzzerInitialize(int* argc, char*** argv);

namespace {

using Input = std::vector<std::uint8_t>;

std::uint64_t current = 0;

void say_where() {
  std::fprintf(stderr, "input %llu failed\n", static_cast<unsigned long long>(current));
}

Input random_input(std::mt19937_64& random, const std::vector<Input>& corpus) {
  Input input;
  if (!corpus.empty() && random() % 4 != 0) input = corpus[random() % corpus.size()];
  if (input.empty() || random() % 4 == 0) {
    // Small numbers are what most fields hold.
    const bool small = random() % 2 == 0;
    for (std::size_t left = random() % 300; left != 0; --left) input.push_back(static_cast<std::uint8_t>(small ? random() % 20 : random()));
  }
  for (std::size_t changes = random() % 8; changes != 0 && !input.empty(); --changes) {
    const std::size_t at = random() % input.size();
    switch (random() % 5) {
      case 0: input[at] = static_cast<std::uint8_t>(random()); break;
      case 1: input[at] = static_cast<std::uint8_t>(input[at] ^ (1u << random() % 8)); break;
      case 2: input.insert(input.begin() + static_cast<std::ptrdiff_t>(at), static_cast<std::uint8_t>(random() % 20)); break;
      case 3: input.erase(input.begin() + static_cast<std::ptrdiff_t>(at)); break;
      case 4: input.resize(at); break;
    }
  }
  return input;
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
    std::fprintf(stderr, "%s\n", file.filename().c_str());
    LLVMFuzzerTestOneInput(corpus.back().data(), corpus.back().size());
  }
  std::atexit(say_where);
  for (current = 1; current <= runs; ++current) {
    std::mt19937_64 random(current);
    const Input input = random_input(random, corpus);
    // A failing input can be had again: write it where the next call is about to read it.
    if (const char* const only = std::getenv("FAIRWAY_FUZZ_INPUT"); only != nullptr && std::strtoull(only, nullptr, 10) == current)
      std::ofstream("input." + std::to_string(current), std::ios::binary).write(reinterpret_cast<const char*>(input.data()), static_cast<std::streamsize>(input.size()));
    LLVMFuzzerTestOneInput(input.data(), input.size());
  }
  std::printf("%llu inputs and %zu seeds\n", static_cast<unsigned long long>(runs), corpus.size());
  std::fflush(stdout);
  std::_Exit(0);
}
