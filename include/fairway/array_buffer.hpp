#pragma once

#include <concepts>
#include <cstddef>
#include <span>
#include <utility>

#include <fairway/archive_base.hpp>
#include <fairway/export.hpp>
#include <fairway/types.hpp>
#include <fairway/value.hpp>

namespace fairway {

/// An ArrayBuffer with a face of its own: a handle to the very container that a Value holds, cheap to copy. Listed in
/// `PostOptions::transfer` it leaves with the message, in every handle: it is detached and holds no bytes from then on, and the
/// views of it are empty and out of bounds. Thread safety as of Value.
///
/// One of 1 MiB or more that is not resizable lies in a memory object of its own if the process can spare a descriptor: that
/// changes hands without a copy, also between processes. A forked child shares it with its parent.
class FAIRWAY_API ArrayBuffer {
 public:
  /// Of no bytes: for members that are read into later.
  ArrayBuffer() : ArrayBuffer(std::size_t{0}) {}
  /// Of zeros. Throws DOMException "RangeError" when there is no memory.
  explicit ArrayBuffer(std::size_t size);
  /// Resizable, of zeros. Throws "RangeError" if `size` is larger than `maximum`, too.
  ArrayBuffer(std::size_t size, std::size_t maximum);
  /// A copy of these.
  explicit ArrayBuffer(Bytes bytes);
  /// The one that the value is. Throws "TypeError" if it is something else.
  template <std::same_as<Value> V>
  explicit ArrayBuffer(V value) : value_(std::move(value)) {
    check();
  }

  /// Valid until the buffer is resized, detached or freed.
  std::span<std::byte> bytes() { return value_.bytes(); }
  Bytes bytes() const { return value_.bytes(); }
  /// In bytes; 0 if it is detached.
  std::size_t size() const { return value_.size(); }
  /// Of a resizable one how large it can become; else its size.
  std::size_t max_size() const { return value_.max_size(); }
  bool resizable() const { return value_.resizable(); }
  /// Throws "RangeError" beyond the maximum or without memory, "TypeError" if it is not resizable or detached.
  void resize(std::size_t size) { value_.resize(size); }
  bool detached() const { return value_.detached(); }

  const Value& value() const noexcept { return value_; }

 private:
  void check() const;

  Value value_;
};

namespace detail {

FAIRWAY_API void save(OutputArchive& archive, const ArrayBuffer& buffer);
FAIRWAY_API void load(InputArchive& archive, ArrayBuffer& buffer);

/// In an object: its number among those that leave with the message, or what it holds.
template <>
struct Codec<ArrayBuffer> {
  static void save(OutputArchive& archive, const ArrayBuffer& buffer) { detail::save(archive, buffer); }
  static void load(InputArchive& archive, ArrayBuffer& buffer) { detail::load(archive, buffer); }
};

}  // namespace detail

}  // namespace fairway
