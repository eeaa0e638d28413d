#include "api/transfer.hpp"

#include <algorithm>
#include <memory>

#include <fairway/array_buffer.hpp>
#include <fairway/error.hpp>
#include <fairway/shared_array_buffer.hpp>
#include <fairway/shared_buffer.hpp>
#include <fairway/structured_clone.hpp>

#include "client/context.hpp"
#include "client/endpoint.hpp"
#include "client/port.hpp"
#include "value/heap.hpp"
#include "wire/value_reader.hpp"
#include "wire/value_writer.hpp"

namespace fairway {

namespace {

/// Null: it is something else.
graph::BufferNode* buffer_of(const TransferRef& entry) noexcept {
  const Value* const value = entry.value();
  const bool buffer = value != nullptr && (value->is(ValueType::array_buffer) || value->is(ValueType::shared_buffer));
  return buffer ? &graph::as<graph::BufferNode>(value->cell()) : nullptr;
}

/// Who it is: a handle to a port is the only one.
const void* identity_of(const TransferRef& entry) noexcept {
  return entry.port() != nullptr ? static_cast<const void*>(entry.port()) : buffer_of(entry);
}

/// `source`: where it was to be posted, if that is still a port.
[[noreturn]] void throw_clone_error(const client::Port* source, const char* what) {
  if (source != nullptr && source->endpoint) source->endpoint->note(shm::Fault::data_clone);
  throw DOMException("DataCloneError", what);
}

}  // namespace

void validate(const PostOptions& options, const client::Port* source) {
  std::vector<const void*> seen;
  seen.reserve(options.transfer.size());
  for (const TransferRef& entry : options.transfer) {
    if (entry.port() == nullptr && buffer_of(entry) == nullptr)
      throw_clone_error(source, "something in transfer is no ArrayBuffer, SharedBuffer or port; list the MessagePort, not a Value of it");
    seen.push_back(identity_of(entry));
    const client::Port* const port = entry.port() != nullptr ? entry.port()->implementation().get() : nullptr;
    if (port == nullptr) continue;
    if (source != nullptr && source->context != nullptr && port->context != source->context)
      throw_clone_error(source, "a port of another Context is listed in transfer");
    if (port == source) throw_clone_error(source, "a port cannot be transferred over itself");
  }
  std::ranges::sort(seen);
  if (std::ranges::adjacent_find(seen) != seen.end()) throw_clone_error(source, "a port or a buffer is listed twice in transfer");
}

std::vector<client::Port*> listed_ports(const PostOptions& options) {
  std::vector<client::Port*> list;
  for (const TransferRef& entry : options.transfer)
    if (entry.port() != nullptr) list.push_back(entry.port()->implementation().get());
  return list;
}

std::vector<graph::BufferNode*> serialize(const Value& value, const PostOptions& options, std::vector<std::byte>& out) {
  std::vector<const void*> ports;
  std::vector<graph::BufferNode*> buffers;
  for (const TransferRef& entry : options.transfer) {
    if (entry.port() != nullptr) {
      ports.push_back(entry.port()->implementation().get());
    } else {
      buffers.push_back(buffer_of(entry));
    }
  }
  return wire::write_value(value, ports, buffers, out);
}

void validate_attached(const PostOptions& options, const client::Port* source) {
  for (const client::Port* const port : listed_ports(options))
    if (port == nullptr || !port->endpoint) throw_clone_error(source, "a port in transfer is closed or was transferred already");
  for (const TransferRef& entry : options.transfer)
    if (const graph::BufferNode* const buffer = buffer_of(entry); buffer != nullptr && buffer->detached)
      throw_clone_error(source, "a buffer in transfer is detached");
}

std::vector<MessagePort> detach_ports(const PostOptions& options) {
  std::vector<MessagePort> ports;
  for (client::Port* const old : listed_ports(options)) ports.emplace_back(old->context->move(*old));
  return ports;
}

void detach_buffers(const PostOptions& options) noexcept {
  for (const TransferRef& entry : options.transfer)
    if (graph::BufferNode* const buffer = buffer_of(entry)) static_cast<void>(buffer->take());
}

Payload::Payload(const ArrayBuffer& buffer) noexcept : Payload(buffer.value()) {}
Payload::Payload(const SharedBuffer& buffer) noexcept : Payload(buffer.value()) {}
Payload::Payload(const SharedArrayBuffer& buffer) noexcept : Payload(buffer.value()) {}

TransferRef::TransferRef(ArrayBuffer& buffer) noexcept : value_(&buffer.value()) {}
TransferRef::TransferRef(SharedBuffer& buffer) noexcept : value_(&buffer.value()) {}

Value::Value(MessagePort& port)
    : Value(graph::Heap::make_alone<graph::PortNode>(port.implementation(), graph::PortNode::not_travelled)) {}

namespace {

[[noreturn]] void throw_no_memory() { throw DOMException("RangeError", "no memory for a clone"); }

/// As one that has arrived. What the buffers hold moves into it.
Value arrived(Bytes bytes, const std::vector<MessagePort>& ports, std::span<graph::BufferNode* const> buffers) {
  std::vector<std::shared_ptr<void>> list;
  for (const MessagePort& port : ports) list.push_back(port.implementation());
  std::vector<graph::Contents> contents;
  contents.reserve(buffers.size());
  for (graph::BufferNode* const buffer : buffers) contents.push_back(buffer->leave());
  Value value;
  if (wire::read_value(bytes, list, contents, value) == wire::ValueError::none) return value;
  for (std::size_t i = 0; i < buffers.size(); ++i)
    if (buffers[i]->detached) buffers[i]->give(std::move(contents[i]));
  throw_no_memory();
}

}  // namespace

Value structured_clone(const Value& value) {
  std::vector<std::byte> bytes;
  return arrived(bytes, {}, serialize(value, {}, bytes));
}

Clone structured_clone(const Value& value, const PostOptions& options) {
  validate(options, nullptr);
  std::vector<std::byte> bytes;
  const std::vector<graph::BufferNode*> buffers = serialize(value, options, bytes);
  validate_attached(options, nullptr);
  Clone clone{{}, detach_ports(options)};
  clone.data = arrived(bytes, clone.ports, buffers);
  detach_buffers(options);
  return clone;
}

}  // namespace fairway
