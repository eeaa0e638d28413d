/// Decodes hostile bytes as a type that has one of everything. What decodes must encode to bytes that decode to the
/// same, and no more memory may be live than a multiple of the input. AddressSanitizer counts that; without it only the
/// rest is checked.
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
#include <optional>

#include <fairway/archive.hpp>
#include <fairway/error.hpp>

#include "../value/archive_samples.hpp"

#ifdef FAIRWAY_COUNTS_MEMORY
// GCC has the functions, and not the header.
extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*malloc_hook)(const volatile void*, std::size_t),
                                                         void (*free_hook)(const volatile void*));
extern "C" std::size_t __sanitizer_get_allocated_size(const volatile void* block);
#endif

namespace {

std::size_t live = 0;
std::size_t peak = 0;

/// The largest element that takes one byte here is a Tree with its sequence's spare room; a level's reserve is 4 KiB.
constexpr std::size_t bytes_per_byte = 1024;
constexpr std::size_t bytes_ahead = 1 << 20;

void require(bool condition) {
  if (!condition) std::abort();
}

std::vector<std::byte> encoded(const fairway::samples::Everything& object) {
  std::vector<std::byte> out;
  fairway::encode_object(object, out);
  return out;
}

std::vector<std::byte> ordered_part(const fairway::samples::Everything& object) {
  std::vector<std::byte> out;
  fairway::OutputArchive(out) << object.ordered << object.owned << object.tree;
  return out;
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
  using fairway::samples::Everything;
  std::vector<std::byte> message;
  fairway::detail::save_key(fairway::type_key<Everything>, message);
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  message.insert(message.end(), bytes, bytes + size);
  static_cast<void>(fairway::object_key({bytes, size}));

  const std::size_t before = peak = live;
  std::optional<Everything> object;
  try {
    object = fairway::decode_object<Everything>(message);
  } catch (const fairway::DOMException& error) {
    require(error.name() == "DataCloneError");
  }
  require(peak - before <= bytes_per_byte * message.size() + bytes_ahead);
  if (!object) return 0;

  const auto again = encoded(*object);
  const auto copy = fairway::decode_object<Everything>(again);
  require(copy.hashed == object->hashed);
  require(ordered_part(copy) == ordered_part(*object));
  require(encoded(copy).size() == again.size());
  return 0;
}
