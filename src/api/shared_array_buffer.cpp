#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fairway/error.hpp>
#include <fairway/shared_array_buffer.hpp>

#include "client/buffer_memory.hpp"
#include "value/heap.hpp"
#include "value/wanted.hpp"

namespace fairway {

namespace {

Value zeros(std::size_t size) {
  std::shared_ptr<graph::Memory> memory;
  if (size == 0) {
    memory = std::make_shared<graph::HeapMemory>(std::vector<std::byte>());
  } else {
    memory = client::BufferMemory::create(size);
  }
  if (!memory) throw DOMException("RangeError", "no memory for a SharedArrayBuffer of " + std::to_string(size) + " bytes, or no descriptor for it");
  return graph::make_buffer({{}, 0, false, std::move(memory), {}, graph::Sharing::writable});
}

}  // namespace

SharedArrayBuffer::SharedArrayBuffer(std::size_t size) : value_(zeros(size)) {}

void SharedArrayBuffer::check() const {
  static_cast<void>(graph::wanted<graph::BufferNode>(value_, ValueType::shared_array_buffer, "a SharedArrayBuffer"));
}

void* SharedArrayBuffer::place(std::size_t offset, std::size_t size, std::size_t alignment) const {
  const std::span<std::byte> all = bytes();
  if (offset > all.size() || size > all.size() - offset || offset % alignment != 0)
    throw DOMException("RangeError", "a SharedArrayBuffer of " + std::to_string(all.size()) + " bytes has none of that kind at " + std::to_string(offset));
  return all.data() + offset;
}

}  // namespace fairway
