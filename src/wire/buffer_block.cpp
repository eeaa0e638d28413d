#include "wire/buffer_block.hpp"

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <utility>

namespace fairway::wire {

namespace {

constexpr std::size_t counts_size = 16;
constexpr std::size_t entry_size = 16;
constexpr std::size_t number_size = 8;
/// In the place of a maximum.
constexpr std::uint64_t not_resizable = ~std::uint64_t{0};
constexpr std::uint64_t in_box = ~std::uint64_t{1};
constexpr std::uint64_t frozen = ~std::uint64_t{2};
constexpr std::uint64_t frozen_in_box = ~std::uint64_t{3};
constexpr std::uint64_t writable_in_box = ~std::uint64_t{4};
constexpr std::uint64_t writable = ~std::uint64_t{5};  // it cannot be reached, unless it is empty
constexpr std::uint64_t lent_in_box = ~std::uint64_t{6};

struct Entry {
  std::uint64_t size;
  std::uint64_t mark;
};
static_assert(sizeof(Entry) == entry_size);

std::uint64_t mark_of(const graph::Contents& buffer, Contained how) noexcept {
  const bool box = goes_in_box(buffer, how);
  switch (buffer.sharing) {
    case graph::Sharing::frozen: return box ? frozen_in_box : frozen;
    case graph::Sharing::writable: return box ? writable_in_box : writable;
    case graph::Sharing::none: break;
  }
  return box ? buffer.lent_as != 0 ? lent_in_box : in_box : buffer.resizable ? buffer.maximum : not_resizable;
}

std::optional<graph::Sharing> sharing_of_box(std::uint64_t mark) noexcept {
  switch (mark) {
    case in_box:
    case lent_in_box: return graph::Sharing::none;
    case frozen_in_box: return graph::Sharing::frozen;
    case writable_in_box: return graph::Sharing::writable;
    default: return std::nullopt;
  }
}

std::uint64_t load(const std::byte* at) noexcept {
  std::uint64_t word = 0;
  std::memcpy(&word, at, sizeof word);
  return word;
}

void store(std::byte* at, std::uint64_t word) noexcept { std::memcpy(at, &word, sizeof word); }

/// Up to the next even place.
std::byte* write_zeros(const std::byte* from, std::byte* end) noexcept {
  const auto size = static_cast<std::uint64_t>(end - from);
  std::memset(end, 0, padded(size) - size);
  return end + padded(size) - size;
}

std::byte* write_padded(Bytes bytes, std::byte* out) noexcept {
  if (!bytes.empty()) std::memcpy(out, bytes.data(), bytes.size());
  return write_zeros(out, out + bytes.size());
}

/// The first bytes, and with their padding out of the rest. Nothing: there are not so many.
std::optional<Bytes> take(Bytes& rest, std::uint64_t size) noexcept {
  if (size > rest.size() || padded(size) > rest.size()) return std::nullopt;
  const Bytes bytes = rest.first(size);
  rest = rest.subspan(padded(size));
  return bytes;
}

}  // namespace

std::size_t buffer_head_size(std::span<const graph::Contents* const> buffers, Bytes value) noexcept {
  const auto lent = static_cast<std::size_t>(std::ranges::count_if(buffers, [](const auto* buffer) { return buffer->lent_as != 0; }));
  return counts_size + entry_size * buffers.size() + padded(number_size * lent) + padded(value.size());
}

void write_buffer_head(std::span<const graph::Contents* const> buffers, Bytes value, Contained how, std::byte* out) noexcept {
  store(out, buffers.size());
  store(out + 8, value.size());
  out += counts_size;
  for (const graph::Contents* const buffer : buffers) {
    store(out, buffer->bytes().size());
    store(out + 8, mark_of(*buffer, how));
    out += entry_size;
  }
  const std::byte* const numbers = out;
  for (const graph::Contents* const buffer : buffers) {
    if (buffer->lent_as == 0) continue;
    store(out, buffer->lent_as);
    out += number_size;
  }
  write_padded(value, write_zeros(numbers, out));
}

std::byte* write_contents(const graph::Contents& buffer, std::byte* out) noexcept { return write_padded(buffer.bytes(), out); }

std::uint64_t size_in_boxes(Bytes payload) noexcept {
  if (payload.size() < counts_size) return 0;
  const std::uint64_t count = std::min<std::uint64_t>(load(payload.data()), (payload.size() - counts_size) / entry_size);
  std::uint64_t sum = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::byte* const entry = payload.data() + counts_size + i * entry_size;
    const std::optional<graph::Sharing> sharing = sharing_of_box(load(entry + 8));
    if (sharing && *sharing != graph::Sharing::writable) sum += load(entry);
  }
  return sum;
}

std::optional<Bytes> read_buffer_block(Bytes payload, std::vector<graph::Contents>& out) noexcept {
  if (payload.size() < counts_size) return std::nullopt;
  const std::uint64_t count = load(payload.data());
  const std::uint64_t value_size = load(payload.data() + 8);
  if (count == 0 || count > (payload.size() - counts_size) / entry_size) return std::nullopt;
  Bytes rest = payload.subspan(counts_size + entry_size * count);
  try {
    std::vector<Entry> entries(count);
    std::memcpy(entries.data(), payload.data() + counts_size, entry_size * count);
    const auto lent = static_cast<std::uint64_t>(std::ranges::count(entries, lent_in_box, &Entry::mark));
    const std::optional<Bytes> numbers = take(rest, number_size * lent);
    const std::optional<Bytes> value = take(rest, value_size);
    if (!numbers || !value) return std::nullopt;
    const std::byte* number = numbers->data();
    out.reserve(count);
    for (const auto [size, mark] : entries) {
      if (const auto sharing = sharing_of_box(mark)) {
        out.push_back({{}, 0, false, nullptr, size, *sharing});
        if (mark == lent_in_box) out.back().lent_as = load(std::exchange(number, number + number_size));
        continue;
      }
      if (mark == writable) {
        if (size != 0) return std::nullopt;
        out.push_back({{}, 0, false, std::make_shared<graph::HeapMemory>(std::vector<std::byte>()), {}, graph::Sharing::writable});
        continue;
      }
      const std::optional<Bytes> bytes = take(rest, size);
      if (!bytes || mark < size) return std::nullopt;
      std::vector<std::byte> copy(bytes->begin(), bytes->end());
      if (mark == frozen) {
        out.push_back({{}, 0, false, std::make_shared<graph::HeapMemory>(std::move(copy)), {}, graph::Sharing::frozen});
      } else {
        out.push_back({std::move(copy), mark == not_resizable ? 0 : mark, mark != not_resizable});
      }
    }
    return rest.empty() ? value : std::nullopt;
  } catch (const std::bad_alloc&) {
    return std::nullopt;
  }
}

}  // namespace fairway::wire
