#include "sys/memory.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/interprocess/exceptions.hpp>
#include <cerrno>
#include <new>
#include <utility>

#include "base/check.hpp"
#include "sys/call.hpp"
#include "sys/error.hpp"
#include "sys/process.hpp"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

namespace fairway::sys {

namespace {

/// What mapped_region wants to know of a descriptor that somebody else owns.
struct Mappable {
  int fd;
  boost::interprocess::mapping_handle_t get_mapping_handle() const { return {fd, false}; }
};

int size_seals() { return enforced(Check::sealed_size) ? F_SEAL_SHRINK | F_SEAL_GROW : 0; }
int writing_seals() { return enforced(Check::sealed_writing) ? F_SEAL_FUTURE_WRITE | F_SEAL_SEAL : F_SEAL_SEAL; }
/// F_SEAL_EXEC, which the system may add to every memory object.
constexpr int seal_exec = 0x20;

bool has_size(int fd, std::uint64_t size, struct stat& status) {
  return FAIRWAY_CALL(fstat_memory, ::fstat(fd, &status)) == 0 && S_ISREG(status.st_mode) &&
         static_cast<std::uint64_t>(status.st_size) == size;
}

}  // namespace

Fd create_memory(const std::string& name, std::uint64_t size) {
  // Beyond this limit ftruncate does not only fail, it ends the process with SIGXFSZ.
  rlimit limit{};
  if (FAIRWAY_CALL(getrlimit_fsize, ::getrlimit(RLIMIT_FSIZE, &limit)) == 0 && size > limit.rlim_cur)
    throw_system_error(EFBIG, "ftruncate", name + " of " + std::to_string(size) + " bytes, more than RLIMIT_FSIZE");
  Fd fd(FAIRWAY_CALL(memfd_create, ::memfd_create(name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING)));
  if (!fd) throw_errno("memfd_create", name);
  if (FAIRWAY_CALL(ftruncate, ::ftruncate(fd.get(), static_cast<off_t>(size))) != 0) throw_errno("ftruncate", name);
  if (FAIRWAY_CALL(seal_size, ::fcntl(fd.get(), F_ADD_SEALS, size_seals())) != 0) throw_errno("fcntl(F_ADD_SEALS)", name);
  return fd;
}

bool could_allocate(std::uint64_t size) noexcept {
  void* const address =
      FAIRWAY_CALL(mmap_probe, ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  return address != MAP_FAILED && ::munmap(address, size) == 0;
}

void seal_against_writing(int fd) {
  if (FAIRWAY_CALL(seal_writing, ::fcntl(fd, F_ADD_SEALS, writing_seals())) != 0) throw_errno("fcntl(F_ADD_SEALS)", "segment");
}

bool freeze(int fd) noexcept { return FAIRWAY_CALL(freeze, ::fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE)) == 0; }

bool is_complete(int fd, std::uint64_t size) {
  struct stat status {};
  return has_size(fd, size, status) && static_cast<std::uint64_t>(status.st_blocks) * 512 >= size;
}

bool is_fixed_memory(int fd, std::uint64_t size) {
  struct stat status {};
  if (!has_size(fd, size, status)) return false;
  const int seals = FAIRWAY_CALL(get_seals_fixed, ::fcntl(fd, F_GET_SEALS));
  return seals >= 0 && (seals & size_seals()) == size_seals();
}

bool is_fresh_memory(int fd, std::uint64_t size) {
  struct stat status {};
  return has_size(fd, size, status) &&
         (FAIRWAY_CALL(get_seals_fresh, ::fcntl(fd, F_GET_SEALS)) & ~seal_exec) == size_seals();
}

bool is_frozen_memory(int fd, std::uint64_t size) {
  struct stat status {};
  return has_size(fd, size, status) &&
         (FAIRWAY_CALL(get_seals_frozen, ::fcntl(fd, F_GET_SEALS)) & ~seal_exec) == (size_seals() | F_SEAL_WRITE);
}

bool is_sealed_memory(int fd, std::uint64_t size) {
  const int all = size_seals() | writing_seals();
  struct stat status {};
  if (!has_size(fd, size, status)) return false;
  const int seals = FAIRWAY_CALL(get_seals_sealed, ::fcntl(fd, F_GET_SEALS));
  return seals >= 0 && (seals & all) == all;
}

std::uint64_t size_of(int fd) {
  struct stat status {};
  if (FAIRWAY_CALL(fstat_size, ::fstat(fd, &status)) != 0) throw_errno("fstat", "segment");
  return static_cast<std::uint64_t>(status.st_size);
}

Object object_of(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) throw_errno("fstat", "segment");
  return {status.st_dev, status.st_ino};
}

Fd reopen_readonly(int fd) {
  const std::string path = "/proc/self/fd/" + std::to_string(fd);
  Fd again(FAIRWAY_CALL(open_readonly, ::open(path.c_str(), O_RDONLY | O_CLOEXEC)));
  if (!again) throw_errno("open", path);
  return again;
}

Mapping::Mapping(int fd, std::uint64_t size, Access access) : fork_generation_((count_forks(), fork_generation())) {
  const std::string object = std::to_string(size) + " bytes of a segment";
  if (FAIRWAY_CALL(mmap, 0) != 0) throw_errno("mmap", object);  // Boost makes the call
  const auto mode = access == Access::write  ? boost::interprocess::read_write
                    : access == Access::read ? boost::interprocess::read_only
                                             : boost::interprocess::read_private;
  try {
    region_ = boost::interprocess::mapped_region(Mappable{fd}, mode, 0, size);
  } catch (const boost::interprocess::interprocess_exception& error) {
    throw_system_error(error.get_native_error(), "mmap", object);
  }
  if (FAIRWAY_CALL(madvise_dontfork, ::madvise(region_.get_address(), region_.get_size(), MADV_DONTFORK)) != 0)
    throw_errno("madvise", "MADV_DONTFORK");
}

void Mapping::share_with_children() noexcept {
  static_cast<void>(FAIRWAY_CALL(madvise_dofork, ::madvise(region_.get_address(), region_.get_size(), MADV_DOFORK)));
}

Mapping& Mapping::operator=(Mapping&& other) noexcept {
  Mapping former(std::move(*this));
  region_ = std::move(other.region_);
  fork_generation_ = other.fork_generation_;
  return *this;
}

Mapping::~Mapping() {
  if (!*this || fork_generation_ == fork_generation()) return;
  // Nothing is mapped here in this process: what would be unmapped is somebody else's.
  ::new (static_cast<void*>(&region_)) boost::interprocess::mapped_region();
}

void Mapping::populate() {
  void* const address = region_.get_address();
  while (FAIRWAY_CALL(madvise_populate, ::madvise(address, region_.get_size(), MADV_POPULATE_WRITE)) != 0) {
    if (errno == EINTR || errno == EAGAIN) continue;
    if (errno != EINVAL) throw_errno("madvise", "MADV_POPULATE_WRITE");
    // Before Linux 5.14: the mapped handle is gone, but a page touched is a page allocated.
    for (std::size_t at = 0; at < region_.get_size(); at += 4096) static_cast<volatile std::byte*>(address)[at] = std::byte{0};
    return;
  }
}

void Mapping::prefetch() noexcept {
  void* const address = region_.get_address();
  while (FAIRWAY_CALL(madvise_prefetch, ::madvise(address, region_.get_size(), MADV_POPULATE_READ)) != 0 && errno == EINTR) {
  }
}

}  // namespace fairway::sys
