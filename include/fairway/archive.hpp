#pragma once

/// C++ types as messages: a type with Boost.Serialization's `serialize` and a `type_key` travels as its key and the
/// bytes that OutputArchive makes of it. The format: src/value/OBJECTS.md.

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include <fairway/archive_base.hpp>
#include <fairway/archive_containers.hpp>
#include <fairway/archive_types.hpp>
#include <fairway/export.hpp>
#include <fairway/typed.hpp>
#include <fairway/types.hpp>

namespace fairway {

namespace detail {

FAIRWAY_API void save_key(std::string_view key, std::vector<std::byte>& out);

/// Checks the key and calls `load` on the rest. Turns everything that it throws into DataCloneError.
FAIRWAY_API void decode(Bytes bytes, const Received& received, std::string_view key, void (*load)(InputArchive&, void* object), void* object);

}  // namespace detail

/// Appends the message that T's are sent as: its key, then its bytes. What its `serialize` throws comes out; what
/// was appended by then stays.
template <Typed T>
void encode_object(const T& object, std::vector<std::byte>& out, detail::Sending* sending = nullptr) {
  static_assert(type_key<T>.size() <= std::numeric_limits<std::uint16_t>::max(), "fairway: this type_key is too long");
  detail::save_key(type_key<T>, out);
  OutputArchive(out, sending) << object;
}

/// Throws DOMException "DataCloneError" if the message is none of T, damaged or too long, and for every
/// std::exception that T's own code throws.
template <Typed T>
T decode_object(Bytes bytes, const detail::Received& received = {}) {
  detail::Slot<T> object;
  detail::decode(
      bytes, received, type_key<T>, [](InputArchive& archive, void* target) { archive >> *static_cast<T*>(target); },
      std::addressof(*object));
  return std::move(*object);
}

/// The key of the type that was encoded. Empty if the bytes are damaged.
FAIRWAY_API std::string_view object_key(Bytes bytes) noexcept;

}  // namespace fairway
