#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstring>
#include <stdexcept>

#include "bench/row.hpp"

namespace fairway::bench {

namespace {

constexpr std::size_t large = std::size_t{1} << 20;
constexpr std::size_t ring_capacity = std::size_t{4} << 20;
constexpr std::size_t ping_pong_capacity = 8192;  // what Fairway's first generation has

struct Line {
  alignas(128) std::atomic<std::uint64_t> value;
};

/// The words of a ring of equal slots; the slots follow.
struct RingWords {
  Line tail;  ///< records written: the writer's release pairs with the reader's acquire
  Line head;  ///< records read: the reader's release pairs with the writer's acquire
};

/// What a row has for itself.
struct Place {
  RingWords words;
  Line progress;  ///< runs that the reader has got to
  alignas(4096) std::array<std::byte, ring_capacity> slots;
};

/// One direction of what stands in the common memory.
struct Direction {
  Line ping;
  Place ping_pong;
  Place header_ping_pong;
  Place stream;
  Place header_stream;
  Place large_stream;
};

struct CommonMemory {
  Direction to_far;
  Direction to_near;
};

CommonMemory& map_common(const Common& common) {
  static CommonMemory* const memory = [&] {
    void* const address =
        ::mmap(nullptr, sizeof(CommonMemory), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, common.memory, 0);
    if (address == MAP_FAILED) throw std::runtime_error("mmap failed");
    return static_cast<CommonMemory*>(address);
  }();
  return *memory;
}

/// The simplest ring that is correct: each record is published by a release store of the tail, each side keeps a copy
/// of the other's word.
template <std::size_t Size>
class BareRing {
 public:
  BareRing(Place& place, std::size_t capacity)
      : words_(place.words), slots_(place.slots.data()), count_(capacity / Size) {}

  void write(const std::byte* record) noexcept {
    while (mine_ - theirs_ == count_) theirs_ = words_.head.value.load(std::memory_order_acquire);
    std::memcpy(slots_ + mine_ % count_ * Size, record, Size);
    words_.tail.value.store(++mine_, std::memory_order_release);
  }
  void read(std::byte* record) noexcept {
    while (mine_ == theirs_) theirs_ = words_.tail.value.load(std::memory_order_acquire);
    std::memcpy(record, slots_ + mine_ % count_ * Size, Size);
    words_.head.value.store(++mine_, std::memory_order_release);
  }

 private:
  RingWords& words_;
  std::byte* slots_;
  std::uint64_t count_;
  std::uint64_t mine_ = 0;
  std::uint64_t theirs_ = 0;
};

/// The same with a number in front of each record instead of a tail: fewer lines travel.
template <std::size_t Size>
class HeaderRing {
 public:
  HeaderRing(Place& place, std::size_t capacity)
      : words_(place.words), slots_(place.slots.data()), count_(capacity / slot) {}

  void write(const std::byte* record) noexcept {
    while (mine_ - theirs_ == count_) theirs_ = words_.head.value.load(std::memory_order_acquire);
    std::byte* const at = slots_ + mine_ % count_ * slot;
    std::memcpy(at + sizeof(std::uint64_t), record, Size);
    // release: pairs with the acquire in read.
    header(at).store(++mine_, std::memory_order_release);
  }
  void read(std::byte* record) noexcept {
    std::byte* const at = slots_ + mine_ % count_ * slot;
    while (header(at).load(std::memory_order_acquire) != mine_ + 1) {
    }
    std::memcpy(record, at + sizeof(std::uint64_t), Size);
    words_.head.value.store(++mine_, std::memory_order_release);
  }

 private:
  static constexpr std::size_t slot = Size + sizeof(std::uint64_t);
  static std::atomic_ref<std::uint64_t> header(std::byte* at) noexcept {
    return std::atomic_ref<std::uint64_t>(*reinterpret_cast<std::uint64_t*>(at));
  }

  RingWords& words_;
  std::byte* slots_;
  std::uint64_t count_;
  std::uint64_t mine_ = 0;
  std::uint64_t theirs_ = 0;
};

using Record = std::array<std::byte, 64>;

void number(std::byte* record, std::uint64_t value) noexcept { std::memcpy(record, &value, sizeof value); }
void check_number(const std::byte* record, std::uint64_t expected) {
  std::uint64_t value = 0;
  std::memcpy(&value, record, sizeof value);
  if (value != expected) fail("a bare ring gave record " + std::to_string(value) + " for " + std::to_string(expected));
}

class CacheLine final : public Row {
 public:
  explicit CacheLine(const Common& common)
      : Row("cache_line", "cache line, round trip", Unit::nanoseconds, 10000, 1000), memory_(map_common(common)) {}

  Sample near(std::size_t count) override {
    Laps laps(count);
    laps.start();
    for (std::size_t i = 0; i < count; ++i) {
      memory_.to_far.ping.value.store(++turn_, std::memory_order_release);
      while (memory_.to_near.ping.value.load(std::memory_order_acquire) != turn_) {
      }
      laps.lap();
    }
    return laps.latency();
  }
  void far(std::size_t count) override {
    for (std::size_t i = 0; i < count; ++i) {
      ++turn_;
      while (memory_.to_far.ping.value.load(std::memory_order_acquire) != turn_) {
      }
      memory_.to_near.ping.value.store(turn_, std::memory_order_release);
    }
  }

 private:
  CommonMemory& memory_;
  std::uint64_t turn_ = 0;
};

template <template <std::size_t> class Ring>
class BarePingPong final : public Row {
 public:
  BarePingPong(const Common& common, std::string name, std::string text, Place Direction::*place)
      : Row(std::move(name), std::move(text), Unit::nanoseconds, 10000, 1000),
        there_(map_common(common).to_far.*place, ping_pong_capacity),
        back_(map_common(common).to_near.*place, ping_pong_capacity) {}

  Sample near(std::size_t count) override {
    Record record{};
    Laps laps(count);
    laps.start();
    for (std::size_t i = 0; i < count; ++i) {
      number(record.data(), i);
      there_.write(record.data());
      back_.read(record.data());
      check_number(record.data(), i);
      laps.lap();
    }
    return laps.latency();
  }
  void far(std::size_t count) override {
    Record record{};
    for (std::size_t i = 0; i < count; ++i) {
      there_.read(record.data());
      back_.write(record.data());
    }
  }

 private:
  Ring<sizeof(Record)> there_;
  Ring<sizeof(Record)> back_;
};

/// Writes `count` records, and waits until all are read. A first one tells that the reader is there.
template <template <std::size_t> class Ring, std::size_t Size>
class BareStream final : public Row {
 public:
  BareStream(const Common& common, std::string name, std::string text, Unit unit, std::size_t count,
             std::size_t quick_count, Place Direction::*place)
      : Row(std::move(name), std::move(text), unit, count, quick_count),
        ring_(map_common(common).to_far.*place, ring_capacity),
        progress_((map_common(common).to_near.*place).progress.value) {}

  Sample near(std::size_t count) override {
    ring_.write(record_.data());
    await();
    const Stopwatch watch;
    for (std::size_t i = 0; i < count; ++i) {
      number(record_.data(), i);
      ring_.write(record_.data());
    }
    await();
    const double rate = static_cast<double>(count) / watch.seconds();
    return {unit() == Unit::bytes_per_second ? rate * static_cast<double>(Size) : rate};
  }
  void far(std::size_t count) override {
    ring_.read(record_.data());
    answer();
    for (std::size_t i = 0; i < count; ++i) {
      ring_.read(record_.data());
      check_number(record_.data(), i);
    }
    answer();
  }

 private:
  void await() noexcept {
    ++turn_;
    while (progress_.load(std::memory_order_acquire) != turn_) {
    }
  }
  // release: pairs with the acquire in await of the other side.
  void answer() noexcept { progress_.store(++turn_, std::memory_order_release); }

  Ring<Size> ring_;
  std::atomic<std::uint64_t>& progress_;
  std::vector<std::byte> record_ = std::vector<std::byte>(Size, std::byte{7});
  std::uint64_t turn_ = 0;
};

/// Both sides sleep in epoll_wait until a byte comes.
class Doorbell final : public Row {
 public:
  explicit Doorbell(const Common& common)
      : Row("doorbell", "doorbell (send, epoll_wait, recv), round trip", Unit::nanoseconds, 1000, 100),
        socket_(common.doorbell) {}

  void open_near() override { watch(); }
  void open_far() override { watch(); }
  Sample near(std::size_t count) override {
    Laps laps(count);
    laps.start();
    for (std::size_t i = 0; i < count; ++i) {
      ring();
      await();
      laps.lap();
    }
    return laps.latency();
  }
  void far(std::size_t count) override {
    for (std::size_t i = 0; i < count; ++i) {
      await();
      ring();
    }
  }

 private:
  void watch() {
    epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
    epoll_event event{};
    event.events = EPOLLIN;
    if (epoll_ < 0 || ::epoll_ctl(epoll_, EPOLL_CTL_ADD, socket_, &event) != 0) fail("epoll_ctl failed");
  }
  void ring() const {
    const char token = 1;
    if (::send(socket_, &token, 1, MSG_DONTWAIT | MSG_NOSIGNAL) != 1) fail("the other side's doorbell is gone");
  }
  void await() const {
    epoll_event event{};
    if (::epoll_wait(epoll_, &event, 1, -1) != 1) fail("epoll_wait failed");
    char token = 0;
    if (::recv(socket_, &token, 1, MSG_DONTWAIT) != 1) fail("the other side is gone");
  }

  int socket_;
  int epoll_ = -1;
};

class Memcpy final : public Row {
 public:
  Memcpy() : Row("memcpy", "memcpy of 1 MiB between warm buffers", Unit::bytes_per_second, 64, 16) {}

  Sample near(std::size_t count) override {
    const Stopwatch watch;
    for (std::size_t i = 0; i < count; ++i) {
      number(from_.data(), i);
      std::memcpy(to_.data(), from_.data(), large);
      asm volatile("" : : "r"(to_.data()) : "memory");
    }
    return {static_cast<double>(count * large) / watch.seconds()};
  }

 private:
  std::vector<std::byte> from_ = std::vector<std::byte>(large, std::byte{7});
  std::vector<std::byte> to_ = std::vector<std::byte>(large, std::byte{8});
};

}  // namespace

std::size_t common_memory_size() { return sizeof(CommonMemory); }

void add_cache_line(Rows& rows, const Common& common) { rows.push_back(std::make_unique<CacheLine>(common)); }

void add_bare_ping_pong(Rows& rows, const Common& common) {
  rows.push_back(std::make_unique<BarePingPong<HeaderRing>>(common, "ring.header.ping_pong",
                                                            "bare ring, number in the record, 64 B round trip",
                                                            &Direction::header_ping_pong));
  rows.push_back(std::make_unique<BarePingPong<BareRing>>(common, "ring.ping_pong", "bare ring, 64 B round trip",
                                                          &Direction::ping_pong));
}

void add_bare_stream(Rows& rows, const Common& common) {
  rows.push_back(std::make_unique<BareStream<HeaderRing, sizeof(Record)>>(
      common, "ring.header.stream", "bare ring, number in the record, 64 B stream", Unit::messages_per_second, 200000,
      20000, &Direction::header_stream));
  rows.push_back(std::make_unique<BareStream<BareRing, sizeof(Record)>>(
      common, "ring.stream", "bare ring, 64 B stream", Unit::messages_per_second, 200000, 20000, &Direction::stream));
}

void add_bare_large_stream(Rows& rows, const Common& common) {
  rows.push_back(std::make_unique<BareStream<BareRing, large>>(common, "ring.large_stream", "bare ring, 1 MiB stream",
                                                               Unit::bytes_per_second, 64, 16,
                                                               &Direction::large_stream));
}

void add_doorbell(Rows& rows, const Common& common) { rows.push_back(std::make_unique<Doorbell>(common)); }
void add_memcpy(Rows& rows) { rows.push_back(std::make_unique<Memcpy>()); }

}  // namespace fairway::bench
