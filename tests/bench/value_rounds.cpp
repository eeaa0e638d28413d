/// Encodes and decodes values by the line: "encode object 1000" is answered by the nanoseconds that one of them took.
/// The same values and words as in value_rounds.js.
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <map>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include <fairway/value.hpp>

#include "wire/value_reader.hpp"
#include "wire/value_writer.hpp"

namespace fairway::bench {
namespace {

std::map<std::string, Value> values() {
  Value numbers = Value::array();
  for (int i = 0; i < 1000; ++i) numbers.push_back(i + 0.5);
  std::vector<std::byte> bytes(std::size_t{1} << 20);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i);
  return {{"object", Value::object({{"kind", "frame"},
                                    {"id", 1234567},
                                    {"width", 1920},
                                    {"height", 1080},
                                    {"scale", 0.75},
                                    {"key", true},
                                    {"from", "camera-1"}})},
          {"numbers", numbers},
          {"bytes", Value::typed_array(ElementType::uint8, Value::array_buffer(bytes))}};
}

/// Into the same memory again and again, as a context posts.
void encode(const Value& value, std::vector<std::byte>& out) {
  out.clear();
  wire::write_value(value, {}, out);
}

void decode(const std::vector<std::byte>& bytes) {
  Value value;
  if (wire::read_value(bytes, {}, value) != wire::ValueError::none || value.size() == 0) std::abort();
}

template <class Work>
double nanoseconds(std::size_t count, Work&& work) {
  const auto start = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i < count; ++i) work();
  const std::chrono::duration<double, std::nano> passed = std::chrono::steady_clock::now() - start;
  return passed.count() / static_cast<double>(count);
}

void answer_all() {
  const std::map<std::string, Value> all = values();
  std::string work;
  std::string name;
  std::size_t count = 0;
  while (std::cin >> work >> name >> count) {
    const Value& value = all.at(name);
    std::vector<std::byte> bytes;
    encode(value, bytes);
    std::cout << (work == "encode" ? nanoseconds(count, [&] { encode(value, bytes); })
                                   : nanoseconds(count, [&] { decode(bytes); }))
              << std::endl;
  }
}

}  // namespace
}  // namespace fairway::bench

int main() { fairway::bench::answer_all(); }
