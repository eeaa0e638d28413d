#include <algorithm>
#include <string>
#include <utility>

#include <fairway/archive.hpp>
#include <fairway/array_buffer.hpp>
#include <fairway/error.hpp>
#include <fairway/message_port.hpp>
#include <fairway/shared_array_buffer.hpp>
#include <fairway/shared_buffer.hpp>

#include "api/transfer.hpp"
#include "value/heap.hpp"

/// Ports and buffers as members of C++ objects.
namespace fairway::detail {

namespace {

enum class Form : std::uint8_t { copied = 0, beside = 1, resizable = 2 };

/// True: it stands beside the object, and its number is written.
bool save_number(OutputArchive& archive, const Value& buffer) {
  auto& node = graph::as<graph::BufferNode>(buffer.cell());
  const auto number = archive.sending() != nullptr ? archive.sending()->number_of(node) : std::nullopt;
  if (!number && node.detached) throw DOMException("DataCloneError", "a buffer in the object is detached");
  if (!number) return false;
  archive << Form::beside;
  archive.save_count(*number);
  return true;
}

Value load_beside(InputArchive& archive, ValueType type) {
  const std::uint64_t number = archive.load_varint();
  const Value* const buffers = archive.received().buffers;
  if (buffers == nullptr || number >= buffers->size() || !(*buffers)[number].is(type))
    throw_damaged("the object refers to a buffer that is not there");
  return (*buffers)[number];
}

Form load_form(InputArchive& archive) {
  Form form{};
  archive >> form;
  return form;
}

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
  const bool shared = buffer.sharing != graph::Sharing::none && !buffer.detached;
  if (!shared && std::ranges::none_of(options_.transfer, is_it)) return std::nullopt;
  const auto found = std::ranges::find(beside_, &buffer);
  const auto number = static_cast<std::size_t>(found - beside_.begin());
  if (found == beside_.end()) beside_.push_back(&buffer);
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
  if (save_number(archive, buffer.value())) return;
  archive << (buffer.resizable() ? Form::resizable : Form::copied);
  archive.save_count(buffer.size());
  if (buffer.resizable()) archive.save_count(buffer.max_size());
  archive.save_binary(buffer.bytes().data(), buffer.size());
}

void load(InputArchive& archive, ArrayBuffer& buffer) {
  const Form form = load_form(archive);
  if (form == Form::beside) {
    buffer = ArrayBuffer(load_beside(archive, ValueType::array_buffer));
    return;
  }
  if (form != Form::copied && form != Form::resizable) throw_damaged("an ArrayBuffer has no such form");
  const std::size_t size = archive.load_count();
  const std::uint64_t maximum = form == Form::resizable ? archive.load_varint() : size;
  if (maximum < size || archive.remaining() < size) throw_damaged("an ArrayBuffer is cut off, or larger than its maximum");
  buffer = form == Form::resizable ? ArrayBuffer(size, maximum) : ArrayBuffer(size);
  archive.load_binary(buffer.bytes().data(), size);
}

void save(OutputArchive& archive, const SharedBuffer& buffer) {
  if (save_number(archive, buffer.value())) return;
  archive << Form::copied;
  archive.save_count(buffer.size());
  archive.save_binary(buffer.bytes().data(), buffer.size());
}

void load(InputArchive& archive, SharedBuffer& buffer) {
  const Form form = load_form(archive);
  if (form == Form::beside) {
    buffer = SharedBuffer(load_beside(archive, ValueType::shared_buffer));
    return;
  }
  if (form != Form::copied) throw_damaged("a SharedBuffer has no such form");
  const std::size_t size = archive.load_count();
  if (archive.remaining() < size) throw_damaged("a SharedBuffer is cut off");
  ArrayBuffer copy(size);
  archive.load_binary(copy.bytes().data(), size);
  buffer = SharedBuffer(std::move(copy));
}

void save(OutputArchive& archive, const SharedArrayBuffer& buffer) {
  if (!save_number(archive, buffer.value())) throw DOMException("DataCloneError", "a SharedArrayBuffer goes along with a message only");
}

void load(InputArchive& archive, SharedArrayBuffer& buffer) {
  if (load_form(archive) != Form::beside) throw_damaged("a SharedArrayBuffer has no such form");
  buffer = SharedArrayBuffer(load_beside(archive, ValueType::shared_array_buffer));
}

}  // namespace fairway::detail
