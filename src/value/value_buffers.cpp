#include <algorithm>
#include <new>
#include <string>

#include <fairway/array_buffer.hpp>
#include <fairway/error.hpp>
#include <fairway/shared_array_buffer.hpp>
#include <fairway/shared_buffer.hpp>
#include <fairway/value.hpp>

#include "value/heap.hpp"
#include "value/wanted.hpp"

/// ArrayBuffer and the views of it.
namespace fairway {

namespace {

graph::BufferNode& array_buffer_of(const Value& value) {
  return graph::wanted<graph::BufferNode>(value, ValueType::array_buffer, "an ArrayBuffer");
}

/// Of any kind.
graph::BufferNode& buffer_of(const Value& value) {
  return graph::is_buffer(value.type()) ? graph::as<graph::BufferNode>(value.cell()) : array_buffer_of(value);
}

graph::ViewNode& view_of(const Value& value) {
  if (!value.is(ValueType::data_view)) return graph::wanted<graph::ViewNode>(value, ValueType::typed_array, "a typed array or DataView");
  return graph::as<graph::ViewNode>(value.cell());
}

/// What a buffer holds or a view shows.
std::span<std::byte> bytes_of(const Value& value) {
  return graph::is_buffer(value.type()) ? graph::as<graph::BufferNode>(value.cell()).bytes() : view_of(value).bytes();
}

[[noreturn]] void throw_no_memory(std::size_t size) {
  throw DOMException("RangeError", "no memory for an ArrayBuffer of " + std::to_string(size) + " bytes");
}

void replace_bytes(graph::BufferNode& buffer, std::size_t size) {
  const std::size_t before = buffer.in_heap.size();
  if (size > buffer.in_heap.max_size()) throw_no_memory(size);
  try {
    buffer.in_heap.resize(size);
  } catch (const std::bad_alloc&) {
    throw_no_memory(size);
  }
  buffer.heap->weigh(before, size);
}

/// ECMAScript, InitializeTypedArrayFromArrayBuffer and the constructor of DataView.
Value make_view(ValueType type, ElementType element, const Value& buffer, std::size_t offset, std::optional<std::size_t> length) {
  graph::BufferNode& viewed = buffer_of(buffer);
  if (viewed.detached) throw DOMException("TypeError", "the ArrayBuffer under a view is detached");
  const std::size_t size = graph::element_size(element);
  const std::size_t there = viewed.bytes().size();
  if (offset % size != 0) throw DOMException("RangeError", "the offset of a view is no multiple of its elements' size");
  if (offset > there) throw DOMException("RangeError", "the offset of a view lies behind the end of its ArrayBuffer");
  const std::size_t rest = there - offset;
  if (length ? *length > rest / size : !viewed.resizable && rest % size != 0)
    throw DOMException("RangeError", "a view does not fit its ArrayBuffer");
  auto& view = viewed.heap->make<graph::ViewNode>(type, element, viewed);
  view.offset = offset;
  view.tracking = !length && viewed.resizable;
  view.fixed_size = length ? *length * size : rest;
  return Value(graph::Slot::node(view).cell());
}

}  // namespace

Value Value::array_buffer(Bytes bytes) {
  Value buffer = graph::Heap::make_alone<graph::BufferNode>();
  auto& node = graph::as<graph::BufferNode>(buffer.cell_);
  node.in_heap.assign(bytes.begin(), bytes.end());
  node.heap->weigh(0, bytes.size());
  return buffer;
}

Value Value::array_buffer(std::size_t size, std::size_t maximum) {
  if (size > maximum) throw DOMException("RangeError", "an ArrayBuffer is larger than its maximum");
  Value buffer = graph::Heap::make_alone<graph::BufferNode>();
  auto& node = graph::as<graph::BufferNode>(buffer.cell_);
  node.resizable = true;
  node.maximum = maximum;
  replace_bytes(node, size);
  return buffer;
}

Value Value::typed_array(ElementType type, const Value& buffer, std::size_t offset, std::optional<std::size_t> length) {
  return make_view(Type::typed_array, type, buffer, offset, length);
}

Value Value::data_view(const Value& buffer, std::size_t offset, std::optional<std::size_t> length) {
  return make_view(Type::data_view, ElementType::uint8, buffer, offset, length);
}

std::span<std::byte> Value::bytes() {
  const graph::BufferNode& buffer = graph::is_buffer(type()) ? graph::as<graph::BufferNode>(cell_) : *view_of(*this).buffer;
  if (buffer.sharing == graph::Sharing::frozen)
    throw DOMException("TypeError", "a SharedBuffer cannot be written; SharedBuffer(value).bytes() reads it");
  return bytes_of(*this);
}

Bytes Value::bytes() const { return bytes_of(*this); }

Value Value::buffer() const { return Value(graph::Slot::node(*view_of(*this).buffer).cell()); }

ElementType Value::element_type() const {
  return graph::wanted<graph::ViewNode>(*this, Type::typed_array, "a typed array").element;
}

std::size_t Value::byte_offset() const { return view_of(*this).offset; }
bool Value::out_of_bounds() const { return view_of(*this).out_of_bounds(); }
bool Value::length_tracking() const { return view_of(*this).tracking; }
bool Value::resizable() const { return buffer_of(*this).resizable; }

std::size_t Value::max_size() const {
  const graph::BufferNode& buffer = buffer_of(*this);
  return buffer.resizable ? buffer.maximum : buffer.bytes().size();
}

void Value::resize(std::size_t size) {
  graph::BufferNode& buffer = array_buffer_of(*this);
  if (buffer.detached || !buffer.resizable)
    throw DOMException("TypeError", buffer.detached ? "the ArrayBuffer is detached" : "the ArrayBuffer is not resizable");
  if (size > buffer.maximum) throw DOMException("RangeError", "an ArrayBuffer cannot become larger than its maximum");
  replace_bytes(buffer, size);
}

bool Value::detached() const { return buffer_of(*this).detached; }

std::vector<std::byte> Value::detach() {
  graph::BufferNode& buffer = array_buffer_of(*this);
  if (buffer.detached) throw DOMException("TypeError", "the ArrayBuffer is detached already");
  std::vector<std::byte> copy;
  if (buffer.memory) copy.assign(buffer.bytes().begin(), buffer.bytes().end());
  graph::Contents contents = buffer.take();
  return contents.memory ? copy : std::move(contents.in_heap);
}

Value::Value(const ArrayBuffer& buffer) noexcept : Value(buffer.value()) {}
Value::Value(const SharedBuffer& buffer) noexcept : Value(buffer.value()) {}
Value::Value(const SharedArrayBuffer& buffer) noexcept : Value(buffer.value()) {}

}  // namespace fairway
