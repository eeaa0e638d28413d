#pragma once

#include <concepts>
#include <cstddef>
#include <utility>

#include <fairway/archive_base.hpp>
#include <fairway/export.hpp>
#include <fairway/types.hpp>
#include <fairway/value.hpp>

namespace fairway {

class ArrayBuffer;

/// Bytes that nobody changes any more, to be sent to many and forwarded. A message shares them and leaves them here, too,
/// unless they are listed in `PostOptions::transfer`: then every handle to this one is empty from then on. Thread safety as of
/// Value.
///
/// What is 1 MiB or more is not copied on its way if the process can spare a descriptor: all its readers, in all processes,
/// have the same memory, which the kernel lets nobody write. Views of it can be read only.
class FAIRWAY_API SharedBuffer {
 public:
  /// Of no bytes: for members that are read into later.
  SharedBuffer() : SharedBuffer(Bytes()) {}
  /// A copy of these. Throws DOMException "RangeError" when there is no memory.
  explicit SharedBuffer(Bytes bytes);
  /// What it holds, without a copy unless somebody else can write it still: a child that was forked, a context that has sent it
  /// and keeps it mapped (`ContextOptions::buffer_cache`), or who keeps it against the rules. The ArrayBuffer is detached.
  /// Throws DOMException "TypeError" if it was detached already, and "RangeError" when there is no memory for that copy: what
  /// it held is lost then.
  explicit SharedBuffer(ArrayBuffer&& buffer);
  /// The one that the value is. Throws "TypeError" if it is something else.
  template <std::same_as<Value> V>
  explicit SharedBuffer(V value) : value_(std::move(value)) {
    check();
  }

  Bytes bytes() const { return value_.bytes(); }
  /// In bytes; 0 if it is detached.
  std::size_t size() const { return value_.size(); }
  bool detached() const { return value_.detached(); }

  const Value& value() const noexcept { return value_; }

 private:
  void check() const;

  Value value_;
};

namespace detail {

FAIRWAY_API void save(OutputArchive& archive, const SharedBuffer& buffer);
FAIRWAY_API void load(InputArchive& archive, SharedBuffer& buffer);

template <>
struct Codec<SharedBuffer> {
  static void save(OutputArchive& archive, const SharedBuffer& buffer) { detail::save(archive, buffer); }
  static void load(InputArchive& archive, SharedBuffer& buffer) { detail::load(archive, buffer); }
};

}  // namespace detail

}  // namespace fairway
