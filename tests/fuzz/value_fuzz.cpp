/// Hostile bytes as a value, alone or behind the contents of transferred and shared buffers, which begin with another byte. What decodes
/// must encode to bytes that decode to the same, look the same, and be freed; no more memory may be live than a multiple of
/// the input. AddressSanitizer counts that; without it only the rest is checked.
#if defined(__SANITIZE_ADDRESS__)
#define FAIRWAY_COUNTS_MEMORY 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FAIRWAY_COUNTS_MEMORY 1
#endif
#endif

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <vector>

#include <fairway/error.hpp>
#include <fairway/value.hpp>

#include "wire/buffer_block.hpp"
#include "wire/value_reader.hpp"
#include "wire/value_writer.hpp"

#ifdef FAIRWAY_COUNTS_MEMORY
// GCC has the functions, and not the header.
extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*malloc_hook)(const volatile void*, std::size_t),
                                                         void (*free_hook)(const volatile void*));
extern "C" std::size_t __sanitizer_get_allocated_size(const volatile void* block);
#endif

namespace {

std::size_t live = 0;
std::size_t peak = 0;

/// A property of two bytes more than its key takes a string, an entry of a table, and one of its index.
constexpr std::size_t bytes_per_byte = 256;
constexpr std::size_t bytes_ahead = 64 << 10;

void require(bool condition) {
  if (!condition) std::abort();
}

const std::vector<std::shared_ptr<void>>& ports() {
  static const std::vector<std::shared_ptr<void>> list = {std::make_shared<int>(), std::make_shared<int>()};
  return list;
}

}  // namespace

#ifdef FAIRWAY_COUNTS_MEMORY
extern "C" int LLVMFuzzerInitialize(int*, char***) {
  __sanitizer_install_malloc_and_free_hooks(
      [](const volatile void*, std::size_t size) {
        live += size;
        peak = std::max(peak, live);
      },
      [](const volatile void* block) { live -= __sanitizer_get_allocated_size(block); });
  return 0;
}
#endif

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using fairway::Value;
  using fairway::wire::ValueError;
  const auto& list = ports();
  const std::size_t before = peak = live;
  {
    Value value;
    std::vector<fairway::graph::Contents> buffers;
    std::optional<fairway::Bytes> body = std::as_bytes(std::span(data, size));
    if (size != 0 && data[0] != 0xff) body = fairway::wire::read_buffer_block(*body, buffers);
    // One that could become larger leaves, and cannot be copied.
    for (fairway::graph::Contents& buffer : buffers) buffer.maximum = std::min<std::uint64_t>(buffer.maximum, 0xffffffff);
    const ValueError error = body ? fairway::wire::read_value(*body, list, buffers, value) : ValueError::cut_off;
    require(peak - before <= bytes_per_byte * size + bytes_ahead);
    if (error == ValueError::none) {
      std::vector<std::byte> bytes;
      const void* const transfer[] = {list[0].get(), list[1].get()};
      std::vector<fairway::graph::Contents> shared;
      for (fairway::graph::BufferNode* const buffer : fairway::wire::write_value(value, transfer, {}, bytes)) shared.push_back(buffer->leave());
      Value again;
      require(fairway::wire::read_value(bytes, list, shared, again) == ValueError::none);
      require(again == value);
      require(inspect(again) == inspect(value));
    } else {
      require(value.is_undefined());
    }
  }
  require(live == before);
  return 0;
}
