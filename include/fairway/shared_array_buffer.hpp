#pragma once

#include <concepts>
#include <cstddef>
#include <span>
#include <type_traits>
#include <utility>

#include <fairway/archive_base.hpp>
#include <fairway/export.hpp>
#include <fairway/value.hpp>

namespace fairway {

/// Memory that several contexts read and write at the same time (ECMAScript, SharedArrayBuffer). A message shares it; it is
/// never transferred. It reaches the contexts of the same broker. A private broker's contexts do not trust each other: they
/// get an error in place of the message, and so does who is sent one while there is no broker.
///
/// What one writes and another reads needs atomics, `std::atomic_ref(memory.at<std::uint64_t>(0))`, or a lock of the program's
/// own that works between processes. Whoever has it can write anything into it at any time. Thread safety of the handle as of
/// Value.
class FAIRWAY_API SharedArrayBuffer {
 public:
  /// Of no bytes: for members that are read into later.
  SharedArrayBuffer() : SharedArrayBuffer(std::size_t{0}) {}
  /// Of zeros. Throws DOMException "RangeError" when there is no memory, or no descriptor to be spared.
  explicit SharedArrayBuffer(std::size_t size);
  /// The one that the value is. Throws "TypeError" if it is something else.
  template <std::same_as<Value> V>
  explicit SharedArrayBuffer(V value) : value_(std::move(value)) {
    check();
  }

  std::span<std::byte> bytes() const { return Value(value_).bytes(); }
  std::size_t size() const { return value_.size(); }

  /// What is at that byte: of a type without addresses in it. Throws DOMException "RangeError" beyond the end and where a T cannot
  /// be.
  template <class T>
    requires std::is_trivially_copyable_v<T>
  T& at(std::size_t offset) const {
    return *static_cast<T*>(place(offset, sizeof(T), alignof(T)));
  }

  const Value& value() const noexcept { return value_; }

 private:
  void check() const;
  void* place(std::size_t offset, std::size_t size, std::size_t alignment) const;

  Value value_;
};

namespace detail {

FAIRWAY_API void save(OutputArchive& archive, const SharedArrayBuffer& buffer);
FAIRWAY_API void load(InputArchive& archive, SharedArrayBuffer& buffer);

template <>
struct Codec<SharedArrayBuffer> {
  static void save(OutputArchive& archive, const SharedArrayBuffer& buffer) { detail::save(archive, buffer); }
  static void load(InputArchive& archive, SharedArrayBuffer& buffer) { detail::load(archive, buffer); }
};

}  // namespace detail

}  // namespace fairway
