#include "sys/fd.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>

#include "sys/call.hpp"
#include "sys/error.hpp"

namespace fairway::sys {

void Fd::close() noexcept {
  if (fd_ < 0) return;
  const int saved = errno;
  ::close(fd_);  // Linux frees the descriptor even when interrupted
  errno = saved;
  fd_ = -1;
}

Fd spare_descriptor() {
  Fd fd(FAIRWAY_CALL(open_spare, ::open("/dev/null", O_RDONLY | O_CLOEXEC)));
  if (!fd) throw_errno("open", "/dev/null");
  return fd;
}

void throw_system_error(int error, std::string_view call, std::string_view object) {
  throw std::system_error(error, std::system_category(), std::string(call).append(": ").append(object));
}

void throw_errno(std::string_view call, std::string_view object) { throw_system_error(errno, call, object); }

}  // namespace fairway::sys
