#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <stdexcept>
#include <string_view>

#include "shm/byte_ring.hpp"

namespace fairway::shm::test {

/// Plain memory for a ring, with pages behind it that nobody can touch. Neither is there one byte too many: the
/// memory ends where the guard begins.
class GuardedMemory {
 public:
  explicit GuardedMemory(std::size_t size) {
    const auto page_size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    const std::size_t usable = (size + page_size - 1) / page_size * page_size;
    length_ = usable + 2 * page_size;
    base_ = ::mmap(nullptr, length_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base_ == MAP_FAILED) throw std::runtime_error("mmap failed");
    std::byte* const first = static_cast<std::byte*>(base_) + page_size;
    if (::mprotect(first, usable, PROT_READ | PROT_WRITE) != 0) throw std::runtime_error("mprotect failed");
    bytes_ = {first + usable - size, size};
  }
  ~GuardedMemory() { ::munmap(base_, length_); }
  GuardedMemory(const GuardedMemory&) = delete;

  std::span<std::byte> bytes() const { return bytes_; }
  void fill(std::uint8_t value) { std::memset(bytes_.data(), value, bytes_.size()); }
  std::uint64_t word(std::uint64_t at) const {
    std::uint64_t value = 0;
    std::memcpy(&value, bytes_.data() + at, sizeof value);
    return value;
  }
  void set_word(std::uint64_t at, std::uint64_t value) { std::memcpy(bytes_.data() + at, &value, sizeof value); }
  void set_header(std::uint64_t at, RecordHeader header) { set_word(at, header.pack()); }
  std::uint8_t byte(std::uint64_t at) const { return std::to_integer<std::uint8_t>(bytes_[at]); }

 private:
  void* base_ = nullptr;
  std::size_t length_ = 0;
  std::span<std::byte> bytes_;
};

inline constexpr std::uint64_t no_limit = ~std::uint64_t{0};

/// Writes a record of that payload; false: no room.
inline bool write(RingWriter& writer, std::uint64_t head, std::string_view payload, RecordType type = RecordType::bytes,
                  std::uint8_t flags = 0) {
  std::byte* const place = writer.reserve(payload.size(), head);
  if (place == nullptr) return false;
  if (!payload.empty()) std::memcpy(place, payload.data(), payload.size());
  writer.commit(type, flags, payload.size());
  return true;
}

/// The payload of the next record, consumed; throws when there is none.
inline std::string_view read(RingReader& reader, std::uint64_t limit = no_limit) {
  Record record;
  if (reader.peek(record, limit) != Look::record) throw std::runtime_error("no record");
  reader.pop(record);
  return {reinterpret_cast<const char*>(record.payload.data()), record.payload.size()};
}

}  // namespace fairway::shm::test
