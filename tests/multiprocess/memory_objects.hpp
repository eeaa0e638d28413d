#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include <fairway/array_buffer.hpp>

/// The memory objects under large buffers, as the kernel shows them.
namespace fairway::test {

inline constexpr std::size_t mebibyte = std::size_t{1} << 20;
inline constexpr const char* name_of_objects = "memfd:fairway:buffer";

/// The kernel's number of the object under that address; empty: none of ours lies there.
inline std::string object_at(const void* address) {
  const auto place = reinterpret_cast<std::uintptr_t>(address);
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    std::istringstream words(line);
    std::uintptr_t begin = 0, end = 0;
    char dash = 0;
    std::string access, offset, device, object;
    words >> std::hex >> begin >> dash >> end >> access >> offset >> device >> object;
    if (place >= begin && place < end) return line.find(name_of_objects) == std::string::npos ? "" : object;
  }
  return {};
}

/// Mappings and descriptors of such objects, in this process: the broker's too.
inline std::size_t holders() {
  std::ifstream maps("/proc/self/maps");
  std::size_t count = 0;
  for (std::string line; std::getline(maps, line);) count += line.find(name_of_objects) != std::string::npos;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    count += std::filesystem::read_symlink(entry, gone).native().find(name_of_objects) != std::string::npos;
  }
  return count;
}

inline ArrayBuffer filled(std::size_t size, unsigned seed) {
  ArrayBuffer buffer(size);
  for (std::size_t i = 0; i < size; ++i) buffer.bytes()[i] = static_cast<std::byte>(i * seed + i / 4096);
  return buffer;
}

inline bool is_filled(const Value& value, std::size_t size, unsigned seed) {
  return value.size() == size && std::ranges::equal(value.bytes(), filled(size, seed).bytes());
}

}  // namespace fairway::test
