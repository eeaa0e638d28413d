/// The ready ring, both ways: a reader of words that the input rewrites at any moment, and a writer and a reader that play by
/// the rules, beside a set of what must be found.
#include <array>
#include <memory>
#include <set>

#include "fuzz/input.hpp"
#include "shm/ready_ring.hpp"

namespace {

using namespace fairway::shm;
using fairway::fuzz::Input;
using fairway::fuzz::require;
using fairway::fuzz::take;
using fairway::fuzz::take_word;

/// Both sides of a link, each in a segment of its own.
struct Memory {
  std::unique_ptr<LinkSegment> producer = std::make_unique<LinkSegment>();
  std::unique_ptr<LinkSegment> consumer = std::make_unique<LinkSegment>();
  std::array<std::uint64_t, 16> slots{};
};

/// One look never takes more than a ring's worth, whatever the words say.
void read_anything(Input input) {
  Memory memory;
  ReadyReader reader(*memory.producer, memory.slots);
  while (!input.empty()) {
    switch (take(input) % 4) {
      case 0: memory.producer->ready_tail = take_word(input); break;
      case 1: memory.producer->ready_overflow = static_cast<std::uint32_t>(take_word(input)); break;
      case 2: memory.slots[take(input) % memory.slots.size()] = take_word(input); break;
      case 3: {
        const std::uint64_t before = reader.head();
        static_cast<void>(reader.overflowed());
        reader.begin();
        std::uint64_t entry = 0;
        while (reader.pop(entry)) require(reader.head() - before <= memory.slots.size(), "more entries than slots");
        require(!reader.overflowed(), "one overflow is told twice");
        require(!reader.pending() || reader.head() != memory.producer->ready_tail, "asks to be looked at once more");
        break;
      }
    }
  }
}

/// What is pushed is found, or the reader is told to look at everything.
void write_and_read(Input input) {
  Memory memory;
  ReadyWriter writer(*memory.producer, memory.slots);
  ReadyReader reader(*memory.producer, memory.slots);
  std::multiset<std::uint64_t> expected;
  bool lies = false;
  while (!input.empty()) {
    const std::uint8_t what = take(input);
    switch (what % 8) {
      case 0:
      case 1: {
        const bool all = reader.overflowed();
        reader.begin();
        std::uint64_t entry = 0;
        while (reader.pop(entry)) {
          const auto found = expected.find(entry);
          require(lies || found != expected.end(), "an entry that nobody pushed");
          if (found != expected.end()) expected.erase(found);
        }
        require(lies || all || expected.empty(), "an entry is lost");
        require(lies || !reader.damaged(), "an honest ring is taken for damaged");
        expected.clear();
        if (!lies) memory.consumer->ready_head = reader.head();
        break;
      }
      case 2:  // what the writer is told of its reader
        lies = true;
        memory.consumer->ready_head = take_word(input);
        break;
      default:
        writer.push(what, memory.consumer->ready_head);
        expected.insert(what);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  if (take(input) % 2 == 0) {
    read_anything(input);
  } else {
    write_and_read(input);
  }
  return 0;
}
