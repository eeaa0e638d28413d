#include "client/buffer_memory.hpp"

#include <limits>
#include <new>
#include <system_error>
#include <utility>

#include "base/log.hpp"
#include "shm/layout.hpp"
#include "sys/process.hpp"

namespace fairway::client {

std::shared_ptr<BufferMemory> BufferMemory::create(std::uint64_t size) noexcept {
  if (size > std::numeric_limits<std::int64_t>::max() - shm::page) return nullptr;
  try {
    const std::uint64_t object_size = (size + shm::page - 1) / shm::page * shm::page;
    sys::Fd object = sys::create_memory("fairway:buffer", object_size);
    if (!sys::can_spare(object.get())) return nullptr;
    auto memory = std::make_shared<BufferMemory>(std::move(object), object_size);
    memory->mapping_.populate();
    return memory->cut(size) ? std::move(memory) : nullptr;
  } catch (const std::system_error& error) {
    log(LogLevel::debug, [&] { return std::string("no memory object for a buffer: ") + error.what(); });
  } catch (const std::bad_alloc&) {
  }
  return nullptr;
}

BufferMemory::BufferMemory(sys::Fd object, std::uint64_t object_size)
    : frozen_(sys::is_frozen_memory(object.get(), object_size)),
      mapping_(object.get(), object_size, frozen_ ? sys::Mapping::Access::frozen : sys::Mapping::Access::write),
      size_(object_size),
      object_(std::make_shared<const sys::Fd>(std::move(object))) {
  mapping_.share_with_children();
}

bool BufferMemory::freeze() noexcept {
  try {
    mapping_ = sys::Mapping(object_->get(), object_size(), sys::Mapping::Access::frozen);
  } catch (const std::system_error& error) {
    log(LogLevel::debug, [&] { return std::string("a buffer is not frozen: ") + error.what(); });
    return false;
  }
  mapping_.share_with_children();
  frozen_ = sys::freeze(object_->get());
  return frozen_;
}

bool BufferMemory::cut(std::uint64_t size) noexcept {
  if (size > mapping_.bytes().size()) return false;
  size_ = size;
  return true;
}

}  // namespace fairway::client
