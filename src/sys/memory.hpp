#pragma once

#include <boost/interprocess/mapped_region.hpp>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "sys/fd.hpp"

/// Memory objects and mappings. Throws std::system_error.
namespace fairway::sys {

/// An anonymous memory object of that size that can neither shrink nor grow. Its pages come with the first touch.
Fd create_memory(const std::string& name, std::uint64_t size);

/// Whether the process could get so much more memory now, as far as its limits and the system tell beforehand.
bool could_allocate(std::uint64_t size) noexcept;

/// From here on the kernel refuses every new writable mapping, write and hole; present mappings stay writable.
void seal_against_writing(int fd);

/// From here on nobody can change what the object holds. False: somebody has it mapped writable, or there is no memory.
bool freeze(int fd) noexcept;

/// Whether the object has exactly that size and every page of it is allocated.
bool is_complete(int fd, std::uint64_t size);

/// Whether the object is a memory object of exactly that size for ever.
bool is_fixed_memory(int fd, std::uint64_t size);

/// Whether the object is what the broker makes: a memory object that nobody can resize, not yet sealed for good,
/// of exactly that size.
bool is_fresh_memory(int fd, std::uint64_t size);

/// Whether the object is a memory object of exactly that size that was frozen, which is the kernel's word that nobody writes it.
bool is_frozen_memory(int fd, std::uint64_t size);

/// Whether the object is a memory object that nobody can resize or map writable any more, of exactly that size.
bool is_sealed_memory(int fd, std::uint64_t size);

std::uint64_t size_of(int fd);

/// What the kernel tells objects apart by.
struct Object {
  std::uint64_t device = 0;
  std::uint64_t number = 0;
};
Object object_of(int fd);

/// A second description of the same object that can only read.
Fd reopen_readonly(int fd);

/// A mapping that a forked child does not inherit: there the address may be another one's, and is left alone.
class Mapping {
 public:
  /// `frozen`: as Linux before 6.7 wants it for an object that cannot be written, opened for both.
  enum class Access { read, write, frozen };

  Mapping() = default;
  Mapping(int fd, std::uint64_t size, Access access);
  Mapping(Mapping&& other) noexcept = default;
  Mapping& operator=(Mapping&& other) noexcept;
  ~Mapping();

  /// From here on a forked child inherits it, shared with its parent, for as long as the child lives.
  void share_with_children() noexcept;
  /// Allocates every page of a writable mapping; throws ENOMEM instead of a signal at the first touch.
  void populate();
  /// Makes the mapped pages of a read-only mapping present, as far as that is cheap. Never fails.
  void prefetch() noexcept;

  std::span<std::byte> bytes() const noexcept {
    return {static_cast<std::byte*>(region_.get_address()), region_.get_size()};
  }
  explicit operator bool() const noexcept { return region_.get_address() != nullptr; }

 private:
  boost::interprocess::mapped_region region_;
  unsigned fork_generation_ = 0;
};

}  // namespace fairway::sys
