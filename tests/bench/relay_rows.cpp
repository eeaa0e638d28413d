#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "bench/row.hpp"

/// What a port's way from one process to another cannot be faster than: through sockets and a process between the two.
namespace fairway::bench {

namespace {

constexpr std::size_t segment_size = 12288;  // what Fairway's first generation has
constexpr std::size_t most_descriptors = 2;

/// A byte, and descriptors.
void send_parcel(int socket, std::span<const int> descriptors) {
  char byte = 1;
  iovec data{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(most_descriptors * sizeof(int))] = {};
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
  if (::sendmsg(socket, &header, MSG_DONTWAIT | MSG_NOSIGNAL) != 1) fail("a process behind a socket is gone");
}

/// False: nothing has come yet.
bool receive_parcel(int socket, std::vector<int>& descriptors) {
  char byte = 0;
  iovec data{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(most_descriptors * sizeof(int))];
  msghdr header{};
  header.msg_iov = &data;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  const ssize_t size = ::recvmsg(socket, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  if (size != 1) fail("a process behind a socket is gone");
  descriptors.clear();
  if (const cmsghdr* const rights = CMSG_FIRSTHDR(&header)) {
    descriptors.resize((rights->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    std::memcpy(descriptors.data(), CMSG_DATA(rights), descriptors.size() * sizeof(int));
  }
  return true;
}

void close_all(std::vector<int>& descriptors) {
  for (const int descriptor : descriptors) ::close(descriptor);
  descriptors.clear();
}

int make_memory() {
  const int memory = ::memfd_create("fairway_bench", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (memory < 0 || ::ftruncate(memory, segment_size) != 0) fail("no memory");
  return memory;
}

/// Near and far poll. The third sleeps until something comes, as the broker does: where there are two CPUs, a third
/// process that polled would wait for its time slice instead.
///
/// Byte: that is handed on. Memory: one object is, each side maps it and adds a mark. Fresh: with each byte the third makes
/// and seals two objects, one for either side to write and the other to read, and gives both to both; what a port's new
/// pairing cannot do without, as nothing that a former owner has had is used again.
class Relay final : public Row {
 public:
  enum class Load { byte, memory, fresh };

  Relay(const Common& common, Load load, const char* name, const char* text)
      : Row(name, text, Unit::nanoseconds, 1000, 50), load_(load), sockets_(common.relay) {}

  void open_near() override {
    if (load_ == Load::memory) parcel_ = {make_memory()};
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
      if (load_ == Load::fresh) await(0);
      await(1);
      laps.lap();
      if (load_ == Load::memory && arrivals_ % 2 != 0) fail("memory comes back without the other side's mark");
    }
    return laps.latency();
  }
  void far(std::size_t count) override {
    for (std::size_t i = 0; i < count; ++i) {
      await(1);
      hand_on();
      if (load_ == Load::fresh) await(0);
    }
  }
  void third(std::size_t count) override {
    std::vector<int> parcel;
    for (std::size_t left = 2 * count; left != 0; --left) {
      epoll_event event{};
      while (::epoll_wait(epoll_, &event, 1, -1) != 1) {
      }
      const int from = sockets_[event.data.u32];
      if (!receive_parcel(from, parcel)) fail("epoll_wait reports nothing");
      if (load_ == Load::fresh) {
        for (int i = 0; i < 2; ++i) {
          parcel.push_back(make_memory());
          if (::fcntl(parcel.back(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) != 0) fail("memory cannot be sealed");
        }
        send_parcel(from, parcel);
      }
      send_parcel(sockets_[1 - event.data.u32], parcel);
      close_all(parcel);
    }
  }

 private:
  void hand_on() {
    send_parcel(sockets_.front(), parcel_);
    close_all(parcel_);
  }
  /// Fresh memory: `written` is the one that this side writes.
  void await(std::size_t written) {
    while (!receive_parcel(sockets_.front(), parcel_)) {
    }
    for (std::size_t i = 0; i < parcel_.size(); ++i) map(parcel_[i], load_ == Load::memory || i == written);
    if (load_ == Load::fresh) close_all(parcel_);
  }
  void map(int memory, bool writes) {
    void* const address = ::mmap(nullptr, segment_size, writes ? PROT_READ | PROT_WRITE : PROT_READ,
                                 writes ? MAP_SHARED | MAP_POPULATE : MAP_SHARED, memory, 0);
    if (address == MAP_FAILED) fail("mmap failed");
    if (writes) arrivals_ = ++*static_cast<std::uint64_t*>(address);
    ::munmap(address, segment_size);
  }

  Load load_;
  std::vector<int> sockets_;
  std::vector<int> parcel_;
  int epoll_ = -1;
  std::uint64_t arrivals_ = 0;  ///< that stand in the memory
};

}  // namespace

void add_relay(Rows& rows, const Common& common) {
  const auto add = [&](Relay::Load load, const char* name, const char* text) {
    rows.push_back(std::make_unique<Relay>(common, load, name, text));
  };
  add(Relay::Load::byte, "relay", "byte through a third process, there and back");
  add(Relay::Load::memory, "relay.memory", "memory through a third process, mapped, there and back");
  add(Relay::Load::fresh, "relay.fresh", "byte with two new memories each way, there and back");
}

}  // namespace fairway::bench
