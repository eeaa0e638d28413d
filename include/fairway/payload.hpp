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

class MessagePort;

/// What can be posted. Borrows what it is made of for the duration of the call.
class Payload {
 public:
  enum class Kind : std::uint8_t { bytes, string, object };

  /// Raw bytes: the shortest path.
  template <class B>
    requires(std::convertible_to<const B&, Bytes> && !Typed<B>)
  Payload(const B& bytes) : bytes_(bytes), kind_(Kind::bytes) {}

  /// A string in UTF-8, not bytes.
  template <class S>
    requires(std::convertible_to<const S&, std::string_view> && !Typed<S>)
  Payload(const S& string) : kind_(Kind::string) {
    const std::string_view view = string;
    bytes_ = {reinterpret_cast<const std::byte*>(view.data()), view.size()};
  }

  /// A C++ type with Boost.Serialization support and a `type_key`.
  template <Typed T>
  Payload(const T& object) : object_(&object), encode_(&encode<T>), kind_(Kind::object) {}

  Kind kind() const noexcept { return kind_; }

  /// The bytes to send. An object is serialized into `scratch` first; what its `serialize` throws comes out.
  Bytes materialize(std::vector<std::byte>& scratch) const {
    if (encode_ == nullptr) return bytes_;
    scratch.clear();
    encode_(object_, scratch);
    return scratch;
  }

 private:
  template <class T>
  static void encode(const void* object, std::vector<std::byte>& out) {
    encode_object(*static_cast<const T*>(object), out);
  }

  Bytes bytes_;
  const void* object_ = nullptr;
  void (*encode_)(const void*, std::vector<std::byte>&) = nullptr;
  Kind kind_;
};

/// Names something that a message takes along. What is listed is detached exactly if the post succeeds.
class TransferRef {
 public:
  TransferRef(MessagePort& port) noexcept : port_(&port) {}
  MessagePort& port() const noexcept { return *port_; }

 private:
  MessagePort* port_;
};

struct PostOptions {
  std::vector<TransferRef> transfer = {};
};

}  // namespace fairway
