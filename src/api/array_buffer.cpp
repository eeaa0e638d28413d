#include <cstring>
#include <exception>
#include <string>
#include <utility>

#include <fairway/array_buffer.hpp>
#include <fairway/error.hpp>

#include "client/buffer_memory.hpp"
#include "value/heap.hpp"
#include "value/wanted.hpp"

namespace fairway {

namespace {

graph::Contents zeros(std::size_t size) {
  if (size >= client::BufferMemory::least)
    if (auto memory = client::BufferMemory::create(size)) return {{}, 0, false, std::move(memory)};
  try {
    return {std::vector<std::byte>(size)};
  } catch (const std::exception&) {  // no memory, or more than a vector can ever have
    throw DOMException("RangeError", "no memory for an ArrayBuffer of " + std::to_string(size) + " bytes");
  }
}

Value copy_of(Bytes bytes) {
  graph::Contents contents = zeros(bytes.size());
  if (!bytes.empty()) std::memcpy(contents.bytes().data(), bytes.data(), bytes.size());
  return graph::make_buffer(std::move(contents));
}

}  // namespace

ArrayBuffer::ArrayBuffer(std::size_t size) : value_(graph::make_buffer(zeros(size))) {}
ArrayBuffer::ArrayBuffer(std::size_t size, std::size_t maximum) : value_(Value::array_buffer(size, maximum)) {}
ArrayBuffer::ArrayBuffer(Bytes bytes) : value_(copy_of(bytes)) {}
void ArrayBuffer::check() const { static_cast<void>(graph::wanted<graph::BufferNode>(value_, ValueType::array_buffer, "an ArrayBuffer")); }

}  // namespace fairway
