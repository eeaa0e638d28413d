#include "sys/socket.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "sys/call.hpp"
#include "sys/error.hpp"
#include "sys/process.hpp"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

namespace fairway::sys {

namespace {

sockaddr_un address_of(const std::filesystem::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.native().size() >= sizeof address.sun_path)
    throw_system_error(ENAMETOOLONG, "socket address",
                       path.native() + " (a socket's path has at most " + std::to_string(sizeof address.sun_path - 1) + " bytes)");
  std::memcpy(address.sun_path, path.c_str(), path.native().size());
  return address;
}

Fd packet_socket() {
  Fd fd(FAIRWAY_CALL(socket, ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)));
  if (!fd) throw_errno("socket", "AF_UNIX");
  return fd;
}

void make_nonblocking(int fd) {
  if (FAIRWAY_CALL(set_nonblocking, ::fcntl(fd, F_SETFL, O_NONBLOCK)) != 0) throw_errno("fcntl", "O_NONBLOCK");
}

constexpr std::size_t most_descriptors = 4;

}  // namespace

Fd listen_at(const std::filesystem::path& path) {
  const sockaddr_un address = address_of(path);
  Fd fd = packet_socket();
  if (FAIRWAY_CALL(bind, ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address)) != 0)
    throw_errno("bind", path.native());
  if (FAIRWAY_CALL(listen, ::listen(fd.get(), 1024)) != 0) throw_errno("listen", path.native());
  make_nonblocking(fd.get());
  return fd;
}

Fd adopt_listener(int listener, const std::filesystem::path& path) {
  Fd fd(listener);
  const auto option = [&](int name) {
    int value = 0;
    socklen_t size = sizeof value;
    return ::getsockopt(fd.get(), SOL_SOCKET, name, &value, &size) == 0 ? value : -1;
  };
  sockaddr_un address{};
  socklen_t size = sizeof address;
  const auto real = [](const std::filesystem::path& name) {
    std::error_code error;
    return std::filesystem::canonical(name, error);
  };
  if (option(SO_DOMAIN) != AF_UNIX || option(SO_TYPE) != SOCK_SEQPACKET || option(SO_ACCEPTCONN) != 1 ||
      ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
      real(path).empty() || real(address.sun_path) != real(path))
    throw_system_error(EINVAL, "the socket that was passed", "it is not one of type SOCK_SEQPACKET that listens at " + path.native());
  if (::fcntl(fd.get(), F_SETFD, FD_CLOEXEC) != 0) throw_errno("fcntl", "FD_CLOEXEC");
  make_nonblocking(fd.get());
  return fd;
}

int passed_listener() noexcept {
  constexpr int first = 3;
  const char* const pid = std::getenv("LISTEN_PID");
  const char* const count = std::getenv("LISTEN_FDS");
  const bool ours = pid != nullptr && count != nullptr && std::atoll(pid) == process_id() && std::atoi(count) > 0;
  return ours ? first : -1;
}

Fd connect_to(const std::filesystem::path& path) {
  const sockaddr_un address = address_of(path);
  Fd fd = packet_socket();
  while (FAIRWAY_CALL(connect, ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address)) != 0)
    if (errno != EINTR) throw_errno("connect", path.native());
  make_nonblocking(fd.get());
  return fd;
}

Fd accept_from(int listener) {
  for (;;) {
    Fd fd(FAIRWAY_CALL(accept, ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)));
    if (fd) return fd;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return {};
    if (errno != EINTR && errno != ECONNABORTED) throw_errno("accept4", "broker socket");
  }
}

std::pair<Fd, Fd> doorbell_pair() {
  int ends[2];
  if (FAIRWAY_CALL(socketpair, ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends)) != 0)
    throw_errno("socketpair", "doorbell");
  return {Fd(ends[0]), Fd(ends[1])};
}

Sent send_message(int socket, std::span<const std::byte> message, std::span<const int> descriptors) noexcept {
  iovec data{const_cast<std::byte*>(message.data()), message.size()};
  alignas(cmsghdr) std::byte control[CMSG_SPACE(most_descriptors * sizeof(int))] = {};
  msghdr header{};
  header.msg_iov = &data;
  header.msg_iovlen = 1;
  if (!descriptors.empty()) {
    header.msg_control = control;
    header.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    cmsghdr* const rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(rights), descriptors.data(), descriptors.size_bytes());
  }
  for (;;) {
    if (FAIRWAY_CALL(sendmsg, ::sendmsg(socket, &header, MSG_DONTWAIT | MSG_NOSIGNAL)) >= 0) return Sent::ok;
    switch (errno) {
      case EINTR: continue;
      case EAGAIN: return Sent::full;
      case ENOBUFS:
      case ENOMEM:
      case ETOOMANYREFS: return Sent::short_of;
      default: return Sent::gone;
    }
  }
}

Received receive_message(int socket, std::span<std::byte> buffer, std::vector<Fd>& descriptors) {
  iovec data{buffer.data(), buffer.size()};
  alignas(cmsghdr) std::byte control[CMSG_SPACE(most_descriptors * sizeof(int))];
  msghdr header{};
  header.msg_iov = &data;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  ssize_t size = 0;
  for (;;) {
    size = FAIRWAY_CALL(recvmsg, ::recvmsg(socket, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC | MSG_TRUNC));
    if (size >= 0) break;
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS || errno == ENOMEM) return {};
    // ECONNRESET: the peer left without reading; what it had sent comes with the next calls.
    if (errno == ECONNRESET) continue;
    return {Received::Kind::gone, 0, false};
  }
  std::array<Fd, most_descriptors> received;  // owned before anything is allocated
  std::size_t count = 0;
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t in_part = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < in_part; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof fd);
      received.at(count++) = Fd(fd);
    }
  }
  for (std::size_t i = 0; i < count; ++i) descriptors.push_back(std::move(received[i]));
  if (size == 0) return {Received::Kind::gone, 0, false};
  return {Received::Kind::message, static_cast<std::size_t>(size), (header.msg_flags & MSG_CTRUNC) != 0};
}

namespace {

constexpr char rung = 1;
constexpr char last_word = 2;

Sent say(int doorbell, char token) noexcept {
  for (;;) {
    if (FAIRWAY_CALL(send_doorbell, ::send(doorbell, &token, 1, MSG_DONTWAIT | MSG_NOSIGNAL)) >= 0) return Sent::ok;
    switch (errno) {
      case EINTR: continue;
      case EAGAIN: return Sent::ok;
      case ENOBUFS:
      case ENOMEM: return Sent::short_of;
      default: return Sent::gone;
    }
  }
}

}  // namespace

Sent ring(int doorbell) noexcept { return say(doorbell, rung); }
void let_go(int doorbell) noexcept { static_cast<void>(say(doorbell, last_word)); }

Doorbell quiet(int doorbell) noexcept {
  char tokens[256];
  for (;;) {
    const ssize_t size = FAIRWAY_CALL(recv_doorbell, ::recv(doorbell, tokens, sizeof tokens, MSG_DONTWAIT));
    if (size == 0) return Doorbell::gone;
    if (size > 0)  // level-triggered: more would be reported again
      return std::memchr(tokens, last_word, static_cast<std::size_t>(size)) != nullptr ? Doorbell::let_go : Doorbell::rung;
    if (errno == EINTR) continue;
    const bool nothing = errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS || errno == ENOMEM;
    return nothing ? Doorbell::silent : Doorbell::gone;
  }
}

namespace {

bool wait_for(int fd, short events, Timeout timeout) noexcept {
  pollfd entry{fd, events, 0};
  const auto whole = std::chrono::ceil<std::chrono::milliseconds>(std::clamp<Timeout>(timeout, {}, std::chrono::hours(24)));
  return FAIRWAY_CALL(poll_socket, ::poll(&entry, 1, timeout == Timeout::max() ? -1 : static_cast<int>(whole.count()))) == 1;
}

}  // namespace

bool wait_readable(int fd, Timeout timeout) noexcept { return wait_for(fd, POLLIN, timeout); }
bool wait_readable_or_writable(int fd, Timeout timeout) noexcept { return wait_for(fd, POLLIN | POLLOUT, timeout); }

Credentials credentials_of_peer(int socket) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (FAIRWAY_CALL(getsockopt_credentials, ::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size)) != 0)
    throw_errno("getsockopt", "SO_PEERCRED");
  return {credentials.pid, credentials.uid};
}

Fd pidfd_of_peer(int socket, std::int64_t pid) {
  int fd = -1;
  socklen_t size = sizeof fd;
  if (FAIRWAY_CALL(getsockopt_pidfd, ::getsockopt(socket, SOL_SOCKET, SO_PEERPIDFD, &fd, &size)) == 0) {
    static_cast<void>(FAIRWAY_CALL(set_cloexec, ::fcntl(fd, F_SETFD, FD_CLOEXEC)));
    return Fd(fd);
  }
  return open_pidfd(pid);
}

}  // namespace fairway::sys
