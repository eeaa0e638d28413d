/// A conversation between the two ends of a channel, with memory and without processes: each end posts, reads, grows and asks
/// for room, and at any step the input writes into what one of them has shared. As long as it does not, every message arrives
/// once, in order. The other end of one that lies never leaves its memory, never loses its own count, and always stops.
#include <array>
#include <cstring>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "client/incoming.hpp"
#include "client/outgoing.hpp"
#include "fuzz/input.hpp"
#include "wire/messages.hpp"

namespace {

using namespace fairway;
using client::Incoming;
using client::Outgoing;
using fuzz::Input;
using fuzz::require;
using fuzz::take;
using fuzz::take_word;

/// The broker's word of a new generation, on its way to who reads it.
struct Install {
  Incoming::Arrival arrival;
  sys::Mapping memory;
  bool first;
};

struct End {
  Outgoing out;
  Incoming in;
  std::vector<std::pair<sys::Fd, sys::Mapping>> shared;  ///< what it writes, once more: for the scribbler
  std::deque<Install> arriving;                          ///< what the other end opened
  std::deque<std::vector<std::byte>> expected;           ///< what the other end posted
  std::uint64_t messages_read = 0, bytes_read = 0;
  bool lies = false;
  bool closing = false;
};

/// Only what is touched takes memory; more than this is never wanted for what 200 steps can post.
constexpr std::uint64_t largest_segment = shm::data_offset + (std::uint64_t{64} << 20);

class Conversation {
 public:
  void step(Input& input) {
    const std::uint8_t what = take(input);
    const int side = what & 1;
    switch (what / 2 % 8) {
      case 0:
      case 1: return post(side, take(input), take(input));
      case 2: return post(side, take(input), std::size_t{take(input)} * 64);
      case 3: return progress(side);
      case 4: return install(side);
      case 5: return read(side, 1 + take(input) % 16);
      case 6: return want(side);
      case 7: return scribble(side, input);
    }
  }
  /// Everything that was posted is read, if nobody has lied.
  void finish() {
    for (const int side : {0, 1}) close(side);
    for (int round = 0; round < 100; ++round)
      for (const int side : {0, 1}) {
        progress(side);
        install(1 - side);
        read(side, 1000);
      }
    for (const End& end : ends_)
      if (!other(end).lies && !end.lies) require(end.expected.empty(), "a message is lost");
  }

 private:
  End& other(const End& end) { return &end == &ends_[0] ? ends_[1] : ends_[0]; }
  static std::byte filling(std::size_t length, std::uint8_t seed) { return static_cast<std::byte>(seed + length); }

  void post(int side, std::uint8_t seed, std::size_t length) {
    End& end = ends_[static_cast<std::size_t>(side)];
    if (end.closing) return;
    const std::vector<std::byte> message(length, filling(length, seed));
    if (end.out.push(shm::RecordType::bytes, 0, message, end.in.control()) == Outgoing::Push::queued) grow(side);
    other(end).expected.push_back(message);
    check(end);
  }
  void close(int side) {
    End& end = ends_[static_cast<std::size_t>(side)];
    if (!std::exchange(end.closing, true)) static_cast<void>(end.out.push(shm::RecordType::close, 0, {}, end.in.control()));
  }
  void progress(int side) {
    End& end = ends_[static_cast<std::size_t>(side)];
    static_cast<void>(end.out.has_room(end.in.control()));
    static_cast<void>(end.out.flush(end.in.control()));
    grow(side);
    check(end);
  }
  /// As Endpoint::grow: the lease is there at once, unless it is larger than this target can afford.
  void grow(int side) {
    End& end = ends_[static_cast<std::size_t>(side)];
    for (int attempt = 0; attempt < 6; ++attempt) {
      if (end.out.open() && !end.out.has_backlog()) return;
      const std::uint64_t size = end.out.wanted_segment(end.closing);
      if (size == 0 || size > largest_segment) return;
      sys::Fd fd = sys::create_memory("fairway:fuzz", size);
      const shm::Shape shape = end.out.shape_for(size, end.closing);
      const bool first = !end.out.open();
      const Generation index = end.out.next_generation();
      const Generation previous = first ? index : static_cast<Generation>(index - 1);
      other(end).arriving.push_back(
          {{index, shape, previous, end.out.tail(), 0}, sys::Mapping(fd.get(), size, sys::Mapping::Access::read), first});
      end.out.begin_generation(sys::Mapping(fd.get(), size, sys::Mapping::Access::write), PortId{2u + static_cast<unsigned>(side)}, 0, 0, shape);
      end.shared.emplace_back(std::move(fd), sys::Mapping());
      end.shared.back().second = sys::Mapping(end.shared.back().first.get(), size, sys::Mapping::Access::write);
      static_cast<void>(end.out.flush(end.in.control()));
    }
  }
  void install(int side) {
    End& end = ends_[static_cast<std::size_t>(side)];
    if (end.arriving.empty()) return;
    Install next = std::move(end.arriving.front());
    end.arriving.pop_front();
    end.in.install(next.arrival, std::move(next.memory), next.first);
    publish_head(end);
  }
  void read(int side, int most) {
    End& end = ends_[static_cast<std::size_t>(side)];
    for (int i = 0; i < most && !over_[static_cast<std::size_t>(side)]; ++i) {
      shm::Record record;
      static_cast<void>(end.in.readable());
      switch (end.in.look(record)) {
        case Incoming::Look::empty: return;
        case Incoming::Look::advanced: break;
        case Incoming::Look::end:
        case Incoming::Look::damaged:
          require(other(end).lies, "an honest stream is taken for damaged");
          over_[static_cast<std::size_t>(side)] = true;
          return;
        case Incoming::Look::record: consume(end, record); break;
      }
      publish_head(end);
    }
  }
  void consume(End& end, const shm::Record& record) {
    const std::vector<std::byte> copy(record.payload.begin(), record.payload.end());  // every byte of it can be read
    require(copy.size() == record.header.length, "a payload of another length");
    if (!other(end).lies) {
      if (record.header.type == shm::RecordType::close) {
        require(end.expected.empty(), "closed in front of a message");
      } else {
        require(!end.expected.empty() && end.expected.front() == copy, "another message than the one that was posted");
        end.expected.pop_front();
      }
    }
    end.in.pop(record);
    ++end.messages_read;
    end.bytes_read += record.header.length;
  }
  /// As Endpoint::publish_head.
  static void publish_head(End& end) {
    shm::ControlBlock* const mine = end.out.control();
    if (mine == nullptr || end.lies) return;
    mine->statistics.bytes_read.store(end.bytes_read, std::memory_order_relaxed);
    mine->head.store(end.in.position().pack(), std::memory_order_release);
  }
  void want(int side) {
    End& end = ends_[static_cast<std::size_t>(side)];
    end.out.want(1000);
    check(end);
  }
  /// A word that is aligned, as the owner writes them, or any byte of the records.
  void scribble(int side, Input& input) {
    End& end = ends_[static_cast<std::size_t>(side)];
    if (end.shared.empty()) return;
    const auto bytes = end.shared[take(input) % end.shared.size()].second.bytes();
    const std::uint8_t place = take(input);
    const std::uint64_t offset = place < 128 ? std::uint64_t{place} * 8 : shm::data_offset + std::uint64_t{place - 128u} * 8;
    const std::uint64_t word = take_word(input);
    std::memcpy(bytes.data() + offset, &word, sizeof word);
    end.lies = true;
  }
  /// What holds for who does not lie, whatever the other one does.
  void check(End& end) {
    if (end.lies) return;
    require(end.out.unread_bytes(end.in.control()) <= end.out.posted_bytes(), "more unread than was ever posted");
    require(end.out.unread_bytes(end.in.control()) >= end.out.backlog_bytes(), "what it has not written yet counts as read");
    require(!end.out.damaged() || other(end).lies, "an honest reader is taken for damaged");
  }

  std::array<End, 2> ends_;
  std::array<bool, 2> over_{};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  Conversation conversation;
  for (int steps = 0; !input.empty() && steps < 200; ++steps) conversation.step(input);
  conversation.finish();
  return 0;
}
