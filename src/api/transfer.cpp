#include "api/transfer.hpp"

#include <memory>

#include <fairway/error.hpp>
#include <fairway/structured_clone.hpp>
#include <fairway/value.hpp>

#include "client/context.hpp"
#include "client/endpoint.hpp"
#include "client/port.hpp"
#include "value/heap.hpp"
#include "wire/value_reader.hpp"
#include "wire/value_writer.hpp"

namespace fairway {

namespace {

/// `source`: where it was to be posted, if that is still a port.
[[noreturn]] void throw_clone_error(const client::Port* source, const char* what) {
  if (source != nullptr && source->endpoint) source->endpoint->note(shm::Fault::data_clone);
  throw DOMException("DataCloneError", what);
}

}  // namespace

void validate(const PostOptions& options, const client::Port* source) {
  const auto& list = options.transfer;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const client::Port* const port = list[i].port().implementation().get();
    if (port != nullptr && source != nullptr && source->context != nullptr && port->context != source->context)
      throw_clone_error(source, "a port of another Context is listed in transfer");
    if (port != nullptr && port == source) throw_clone_error(source, "a port cannot be transferred over itself");
    for (std::size_t j = 0; j < i; ++j)
      if (&list[j].port() == &list[i].port()) throw_clone_error(source, "a port is listed twice in transfer");
  }
}

std::vector<const void*> identities(const PostOptions& options) {
  std::vector<const void*> list;
  for (const TransferRef& entry : options.transfer) list.push_back(entry.port().implementation().get());
  return list;
}

void validate_attached(const PostOptions& options, const client::Port* source) {
  for (const TransferRef& entry : options.transfer) {
    const auto& port = entry.port().implementation();
    if (!port || !port->endpoint) throw_clone_error(source, "a port in transfer is closed or was transferred already");
  }
}

std::vector<MessagePort> detach(const PostOptions& options) {
  std::vector<MessagePort> ports;
  for (const TransferRef& entry : options.transfer) {
    client::Port& old = *entry.port().implementation();
    ports.emplace_back(old.context->move(old));
  }
  return ports;
}

Value::Value(MessagePort& port)
    : Value(graph::Heap::make_alone<graph::PortNode>(port.implementation(), graph::PortNode::not_travelled)) {}

namespace {

/// As one that has arrived. Throws DOMException "RangeError" when there is no memory.
Value arrived(Bytes bytes, const std::vector<MessagePort>& ports) {
  std::vector<std::shared_ptr<void>> list;
  for (const MessagePort& port : ports) list.push_back(port.implementation());
  Value value;
  if (wire::read_value(bytes, list, value) != wire::ValueError::none) throw DOMException("RangeError", "no memory for a clone");
  return value;
}

}  // namespace

Value structured_clone(const Value& value) {
  std::vector<std::byte> bytes;
  wire::write_value(value, {}, bytes);
  return arrived(bytes, {});
}

Clone structured_clone(const Value& value, const PostOptions& options) {
  validate(options, nullptr);
  std::vector<std::byte> bytes;
  wire::write_value(value, identities(options), bytes);
  validate_attached(options, nullptr);
  Clone clone{{}, detach(options)};
  clone.data = arrived(bytes, clone.ports);
  return clone;
}

}  // namespace fairway
