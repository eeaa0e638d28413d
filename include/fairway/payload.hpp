#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <vector>

#include <fairway/archive.hpp>
#include <fairway/export.hpp>
#include <fairway/typed.hpp>
#include <fairway/types.hpp>

namespace fairway {

class ArrayBuffer;
class MessagePort;
class SharedArrayBuffer;
class SharedBuffer;
class Value;

/// What can be posted. Borrows what it is made of for the duration of the call.
class Payload {
 public:
  enum class Kind : std::uint8_t { bytes, string, object, value };

  /// Raw bytes: the shortest path.
  template <class B>
    requires(std::convertible_to<const B&, Bytes> && !Typed<B>)
  Payload(const B& bytes) : kind_(Kind::bytes) {
    const Bytes view = bytes;
    data_ = view.data();
    size_ = view.size();
  }

  /// A string in UTF-8, not bytes.
  template <class S>
    requires(std::convertible_to<const S&, std::string_view> && !Typed<S>)
  Payload(const S& string) : kind_(Kind::string) {
    const std::string_view view = string;
    data_ = reinterpret_cast<const std::byte*>(view.data());
    size_ = view.size();
  }

  /// A C++ type with Boost.Serialization support and a `type_key`. A MessagePort in it has to be listed in `transfer`; an
  /// ArrayBuffer in it that is listed moves instead of being copied.
  template <Typed T>
  Payload(const T& object) : object_(&object), encode_(&encode<T>), kind_(Kind::object) {}

  /// Structured clone: <fairway/value.hpp>. A port in the value has to be listed in `transfer`; an ArrayBuffer that is listed
  /// moves instead of being copied.
  Payload(const Value& value) noexcept : object_(&value), kind_(Kind::value) {}
  FAIRWAY_API Payload(const ArrayBuffer& buffer) noexcept;
  FAIRWAY_API Payload(const SharedBuffer& buffer) noexcept;
  FAIRWAY_API Payload(const SharedArrayBuffer& buffer) noexcept;

  // Not trivial: so it is built where the call wants it. A trivial one is built and then copied in wider pieces, which
  // waits for all stores before it, those into the ring too.
  Payload(const Payload& other) noexcept
      : data_(other.data_), size_(other.size_), object_(other.object_), encode_(other.encode_), kind_(other.kind_) {}

  Kind kind() const noexcept { return kind_; }

  /// What it borrows; nothing for an object or a value.
  Bytes bytes() const noexcept { return {data_, size_}; }
  const Value& value() const noexcept { return *static_cast<const Value*>(object_); }
  /// An object's bytes, which `scratch` holds; what its `serialize` throws comes out.
  Bytes encode_into(std::vector<std::byte>& scratch, detail::Sending* sending) const {
    scratch.clear();
    encode_(object_, scratch, sending);
    return scratch;
  }

 private:
  template <class T>
  static void encode(const void* object, std::vector<std::byte>& out, detail::Sending* sending) {
    encode_object(*static_cast<const T*>(object), out, sending);
  }

  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  const void* object_ = nullptr;
  void (*encode_)(const void*, std::vector<std::byte>&, detail::Sending*) = nullptr;
  Kind kind_;
};

/// Names something that a message takes along: a port, or a buffer. What is listed is detached exactly if the post
/// succeeds. Borrows it for the duration of the call.
class FAIRWAY_API TransferRef {
 public:
  TransferRef(MessagePort& port) noexcept : port_(&port) {}
  TransferRef(ArrayBuffer& buffer) noexcept;
  /// It need not be listed to be sent: whoever lists it has no further use for it.
  TransferRef(SharedBuffer& buffer) noexcept;
  /// One that is an ArrayBuffer or a SharedBuffer: `Value buffer = view.buffer()`. Anything else makes the post throw "DataCloneError".
  TransferRef(Value& buffer) noexcept : value_(&buffer) {}

  /// Null: it is something else.
  MessagePort* port() const noexcept { return port_; }
  const Value* value() const noexcept { return value_; }

 private:
  MessagePort* port_ = nullptr;
  const Value* value_ = nullptr;
};

struct PostOptions {
  /// A buffer that the payload does not refer to is detached all the same, and gone.
  std::vector<TransferRef> transfer = {};
};

}  // namespace fairway
