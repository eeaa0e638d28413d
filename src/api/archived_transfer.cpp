#include <algorithm>
#include <string>
#include <utility>

#include <fairway/archive.hpp>
#include <fairway/array_buffer.hpp>
#include <fairway/error.hpp>
#include <fairway/message_port.hpp>

#include "api/transfer.hpp"
#include "value/heap.hpp"

/// Ports and buffers as members of C++ objects.
namespace fairway::detail {

namespace {

enum class Form : std::uint8_t { copied = 0, transferred = 1, resizable = 2 };

}  // namespace

std::optional<std::size_t> Sending::place_of(const client::Port& port) const noexcept {
  std::size_t place = 0;
  for (const TransferRef& entry : options_.transfer) {
    if (entry.port() == nullptr) continue;
    if (entry.port()->implementation().get() == &port) return place;
    ++place;
  }
  return std::nullopt;
}

std::optional<std::size_t> Sending::number_of(graph::BufferNode& buffer) {
  const auto is_it = [&buffer](const TransferRef& entry) { return entry.value() != nullptr && entry.value()->cell().node == &buffer; };
  if (std::ranges::none_of(options_.transfer, is_it)) return std::nullopt;
  const auto found = std::ranges::find(leaving_, &buffer);
  const auto number = static_cast<std::size_t>(found - leaving_.begin());
  if (found == leaving_.end()) leaving_.push_back(&buffer);
  return number;
}

void save(OutputArchive& archive, const MessagePort& port) {
  if (!port.implementation()) return archive.save_count(0);
  const auto place = archive.sending() != nullptr ? archive.sending()->place_of(*port.implementation()) : std::nullopt;
  if (!place) throw DOMException("DataCloneError", "a port in the object is not listed in transfer");
  archive.save_count(*place + 1);
}

void load(InputArchive& archive, MessagePort& port) {
  const std::uint64_t place = archive.load_varint();
  if (place == 0) {
    port = {};
    return;
  }
  std::vector<MessagePort>* const ports = archive.received().ports;
  if (ports == nullptr) throw_damaged("a port is taken out of an event that is not to be changed");
  if (place > ports->size()) throw_damaged("there are fewer ports than the object refers to");
  port = std::move((*ports)[place - 1]);
}

void save(OutputArchive& archive, const ArrayBuffer& buffer) {
  auto& node = graph::as<graph::BufferNode>(buffer.value().cell());
  if (const auto number = archive.sending() != nullptr ? archive.sending()->number_of(node) : std::nullopt) {
    archive << Form::transferred;
    return archive.save_count(*number);
  }
  if (node.detached) throw DOMException("DataCloneError", "an ArrayBuffer in the object is detached");
  archive << (node.resizable ? Form::resizable : Form::copied);
  archive.save_count(buffer.size());
  if (node.resizable) archive.save_count(node.maximum);
  archive.save_binary(buffer.bytes().data(), buffer.size());
}

void load(InputArchive& archive, ArrayBuffer& buffer) {
  Form form{};
  archive >> form;
  if (form == Form::transferred) {
    const std::uint64_t number = archive.load_varint();
    const Value* const buffers = archive.received().buffers;
    if (buffers == nullptr || number >= buffers->size()) throw_damaged("there are fewer buffers than the object refers to");
    buffer = ArrayBuffer((*buffers)[number]);
    return;
  }
  if (form != Form::copied && form != Form::resizable) throw_damaged("an ArrayBuffer has no such form");
  const std::size_t size = archive.load_count();
  const std::uint64_t maximum = form == Form::resizable ? archive.load_varint() : size;
  if (maximum < size || archive.remaining() < size) throw_damaged("an ArrayBuffer is cut off, or larger than its maximum");
  buffer = form == Form::resizable ? ArrayBuffer(size, maximum) : ArrayBuffer(size);
  archive.load_binary(buffer.bytes().data(), size);
}

}  // namespace fairway::detail
