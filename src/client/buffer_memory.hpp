#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "client/held_stream.hpp"
#include "sys/fd.hpp"
#include "sys/memory.hpp"
#include "value/node.hpp"

namespace fairway::client {

/// Memory under a buffer that goes to another process as it is: an object of the kernel's, which is gone with its last holder.
/// It needs no broker and no Context, and may end on any thread. A forked child shares it.
class BufferMemory final : public graph::Memory {
 public:
  /// Smaller contents are copied: that is faster than what it takes to hand over an object.
  static constexpr std::uint64_t least = std::uint64_t{1} << 20;
  /// Of zeros. Null: the process cannot spare a descriptor, or the system does not give the memory.
  static std::shared_ptr<BufferMemory> create(std::uint64_t size) noexcept;
  /// One that has arrived, frozen or not. Throws std::system_error.
  BufferMemory(sys::Fd object, std::uint64_t object_size);

  std::span<std::byte> bytes() const noexcept override { return mapping_.bytes().first(size_); }
  bool is_object() const noexcept override { return true; }
  /// Nobody writes it any more, and it cannot be written here. False: it can be read here only, but others may write it.
  bool freeze() noexcept;
  bool frozen() const noexcept { return frozen_; }
  /// False: there is not so much.
  [[nodiscard]] bool cut(std::uint64_t size) noexcept;
  const KeptMemory& object() const noexcept { return object_; }
  std::uint64_t object_size() const noexcept { return mapping_.bytes().size(); }

 private:
  bool frozen_;
  sys::Mapping mapping_;
  std::uint64_t size_;
  KeptMemory object_;
};

}  // namespace fairway::client
