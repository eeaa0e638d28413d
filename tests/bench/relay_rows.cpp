#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "bench/row.hpp"

/// What a port's way from one process to another cannot be faster than: through sockets and a process between the two.
namespace fairway::bench {

namespace {

constexpr std::size_t segment_size = 12288;  // what Fairway's first generation has
constexpr int nothing = -1;

/// A byte, and a descriptor or nothing.
void send_parcel(int socket, int descriptor) {
  char byte = 1;
  iovec data{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof descriptor)] = {};
  msghdr header{};
  header.msg_iov = &data;
  header.msg_iovlen = 1;
  if (descriptor != nothing) {
    header.msg_control = control;
    header.msg_controllen = sizeof control;
    cmsghdr* const rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof descriptor);
    std::memcpy(CMSG_DATA(rights), &descriptor, sizeof descriptor);
  }
  if (::sendmsg(socket, &header, MSG_DONTWAIT | MSG_NOSIGNAL) != 1) fail("a process behind a socket is gone");
}

/// False: nothing has come yet.
bool receive_parcel(int socket, int& descriptor) {
  char byte = 0;
  iovec data{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof descriptor)];
  msghdr header{};
  header.msg_iov = &data;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  const ssize_t size = ::recvmsg(socket, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  if (size != 1) fail("a process behind a socket is gone");
  descriptor = nothing;
  if (const cmsghdr* const rights = CMSG_FIRSTHDR(&header))
    std::memcpy(&descriptor, CMSG_DATA(rights), sizeof descriptor);
  return true;
}

/// Near and far poll. The third sleeps until something comes, as the broker does: where there are two CPUs, a third
/// process that polled would wait for its time slice instead.
class Relay final : public Row {
 public:
  enum class Load { byte, memory };

  Relay(const Common& common, Load load)
      : Row(load == Load::byte ? "relay" : "relay.memory",
            load == Load::byte ? "byte through a third process, there and back"
                               : "memory through a third process, mapped, there and back",
            Unit::nanoseconds, 1000, 50),
        load_(load),
        sockets_(common.relay) {}

  void open_near() override {
    if (load_ == Load::byte) return;
    memory_ = ::memfd_create("fairway_bench", MFD_CLOEXEC);
    if (memory_ < 0 || ::ftruncate(memory_, segment_size) != 0) fail("no memory");
  }
  void open_third() override {
    epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
    for (std::uint32_t i = 0; i < 2; ++i) {
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.u32 = i;
      if (epoll_ < 0 || ::epoll_ctl(epoll_, EPOLL_CTL_ADD, sockets_.at(i), &event) != 0) fail("epoll_ctl failed");
    }
  }

  Sample near(std::size_t count) override {
    Laps laps(count);
    laps.start();
    for (std::size_t i = 0; i < count; ++i) {
      hand_on();
      await();
      laps.lap();
      if (load_ == Load::memory && arrivals_ % 2 != 0) fail("memory comes back without the other side's mark");
    }
    return laps.latency();
  }
  void far(std::size_t count) override {
    for (std::size_t i = 0; i < count; ++i) {
      await();
      hand_on();
    }
  }
  void third(std::size_t count) override {
    for (std::size_t left = 2 * count; left != 0; --left) {
      epoll_event event{};
      while (::epoll_wait(epoll_, &event, 1, -1) != 1) {
      }
      int descriptor = nothing;
      if (!receive_parcel(sockets_[event.data.u32], descriptor)) fail("epoll_wait reports nothing");
      send_parcel(sockets_[1 - event.data.u32], descriptor);
      if (descriptor != nothing) ::close(descriptor);
    }
  }

 private:
  void hand_on() {
    send_parcel(sockets_.front(), memory_);
    if (memory_ != nothing) ::close(memory_);
  }
  void await() {
    while (!receive_parcel(sockets_.front(), memory_)) {
    }
    if (load_ == Load::byte) return;
    void* const address = ::mmap(nullptr, segment_size, PROT_READ | PROT_WRITE, MAP_SHARED, memory_, 0);
    if (address == MAP_FAILED) fail("mmap failed");
    arrivals_ = ++*static_cast<std::uint64_t*>(address);
    ::munmap(address, segment_size);
  }

  Load load_;
  std::vector<int> sockets_;
  int memory_ = nothing;
  int epoll_ = -1;
  std::uint64_t arrivals_ = 0;  ///< that stand in the memory
};

}  // namespace

void add_relay(Rows& rows, const Common& common) {
  rows.push_back(std::make_unique<Relay>(common, Relay::Load::byte));
  rows.push_back(std::make_unique<Relay>(common, Relay::Load::memory));
}

}  // namespace fairway::bench
