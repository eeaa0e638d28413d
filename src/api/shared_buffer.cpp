#include <cstring>
#include <exception>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fairway/array_buffer.hpp>
#include <fairway/error.hpp>
#include <fairway/shared_buffer.hpp>

#include "client/buffer_memory.hpp"
#include "value/heap.hpp"
#include "value/wanted.hpp"

namespace fairway {

namespace {

std::shared_ptr<graph::Memory> copy_of(Bytes bytes) {
  if (bytes.size() >= client::BufferMemory::least) {
    if (const auto memory = client::BufferMemory::create(bytes.size())) {
      std::memcpy(memory->bytes().data(), bytes.data(), bytes.size());
      if (memory->freeze()) return memory;
    }
  }
  try {
    return std::make_shared<graph::HeapMemory>(std::vector<std::byte>(bytes.begin(), bytes.end()));
  } catch (const std::exception&) {  // no memory, or more than a vector can ever have
    throw DOMException("RangeError", "no memory for a SharedBuffer of " + std::to_string(bytes.size()) + " bytes");
  }
}

std::shared_ptr<graph::Memory> frozen(graph::Contents contents) {
  if (!contents.memory) return std::make_shared<graph::HeapMemory>(std::move(contents.in_heap));
  const auto memory = std::static_pointer_cast<client::BufferMemory>(std::move(contents.memory));  // all memory of ArrayBuffers is
  return memory->freeze() ? memory : copy_of(memory->bytes());
}

Value shared(std::shared_ptr<graph::Memory> memory) {
  return graph::make_buffer({{}, 0, false, std::move(memory), {}, graph::Sharing::frozen});
}

graph::Contents contents_of(ArrayBuffer& buffer) {
  auto& node = graph::as<graph::BufferNode>(buffer.value().cell());
  if (node.detached) throw DOMException("TypeError", "the ArrayBuffer is detached");
  return node.take();
}

}  // namespace

SharedBuffer::SharedBuffer(Bytes bytes) : value_(shared(copy_of(bytes))) {}
SharedBuffer::SharedBuffer(ArrayBuffer&& buffer) : value_(shared(frozen(contents_of(buffer)))) {}
void SharedBuffer::check() const { static_cast<void>(graph::wanted<graph::BufferNode>(value_, ValueType::shared_buffer, "a SharedBuffer")); }

}  // namespace fairway
