#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <utility>
#include <vector>

#include <fairway/types.hpp>

#include "sys/fd.hpp"

/// Unix domain sockets that keep message boundaries and carry descriptors. Nothing here blocks but `connect_to`.
namespace fairway::sys {

/// Throws std::system_error; ENAMETOOLONG when the path does not fit into a socket address.
Fd listen_at(const std::filesystem::path& path);
/// Takes over a socket that listens already. Throws std::system_error: EINVAL when it is none of that kind at that path.
Fd adopt_listener(int listener, const std::filesystem::path& path);
/// The first socket that a service manager passes to this process (sd_listen_fds(3)); -1: it passes none.
int passed_listener() noexcept;
/// Throws std::system_error; ENOENT or ECONNREFUSED when nobody listens.
Fd connect_to(const std::filesystem::path& path);
/// Nothing: no connection waits. Throws std::system_error: EMFILE and the like.
Fd accept_from(int listener);
/// A pair of stream sockets for a doorbell.
std::pair<Fd, Fd> doorbell_pair();

/// Full: until the other end reads. Short: of memory, or of descriptors in flight; the socket says nothing when that is over.
enum class Sent { ok, full, short_of, gone };
/// Sends one message and borrowed descriptors with it.
Sent send_message(int socket, std::span<const std::byte> message, std::span<const int> descriptors = {}) noexcept;

struct Received {
  enum class Kind { message, nothing, gone };
  Kind kind = Kind::nothing;
  std::size_t size = 0;          ///< of the message; larger than the buffer: it was cut off
  bool descriptors_lost = false;  ///< no room for them in this process
};
Received receive_message(int socket, std::span<std::byte> buffer, std::vector<Fd>& descriptors);

/// Ok: the ring is in the socket, or enough others are.
Sent ring(int doorbell) noexcept;
/// The last word there of somebody who lives on: that the doorbell closes means no death.
void let_go(int doorbell) noexcept;
enum class Doorbell { silent, rung, let_go, gone };
/// Empties the doorbell, and tells of its other end.
Doorbell quiet(int doorbell) noexcept;

/// False: time is over, or a signal came.
bool wait_readable(int fd, Timeout timeout) noexcept;
bool wait_readable_or_writable(int fd, Timeout timeout) noexcept;

struct Credentials {
  std::int64_t pid = 0;
  std::uint32_t uid = 0;
};
Credentials credentials_of_peer(int socket);
/// A pidfd of the process that connected; none where the kernel has no way to tell.
Fd pidfd_of_peer(int socket, std::int64_t pid);

}  // namespace fairway::sys
