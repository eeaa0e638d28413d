/// Control messages: frames into the decoders, and what comes out of them into a Registry, from several contexts. It
/// never dies, the ledger of what it allocates and drops always balances, and when all have left nothing remains.
///
/// An input is a sequence of steps: who, what, how many words, and the words, one byte each (255: eight bytes follow),
/// because most numbers in a message are small.
#include <cstdint>
#include <cstring>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "fuzz/input.hpp"
#include "route/world.hpp"
#include "wire/codec.hpp"

namespace {

using namespace fairway;
using fuzz::Input;
using fuzz::take;
using fuzz::take_word;

void require(bool condition, const std::string& what) { fuzz::require(condition, what.c_str()); }

void decode_both(const wire::Frame& frame) {
  if (const auto message = wire::decode_client(frame)) require(wire::encode(*message) == frame, "a client message changes");
  if (const auto message = wire::decode_broker(frame)) {
    require(wire::encode(*message) == frame, "a broker message changes");
    require(wire::descriptors_of(*message) <= 2, "too many descriptors");
  }
}

constexpr int places = 4;
// Between them are the tags of messages, up to Credit; behind them, Detach, Claim and Unclaim.
constexpr std::uint8_t joins = 0, leaves = 19, leases = 20, creates = 21, binds = 22, connects = 23, fails = 24;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  if (size >= wire::frame_size) {
    wire::Frame frame;
    std::memcpy(frame.data(), data, frame.size());
    decode_both(frame);
  }
  route::test::World world(route::Limits{12, 20 * shm::small_segment, 40 * shm::small_segment});
  std::map<int, ContextId> present;
  while (!input.empty()) {
    const int place = take(input) % places;
    const std::uint8_t what = take(input) % 28;
    const auto found = present.find(place);
    if (found != present.end() && !world.alive(found->second)) present.erase(found);
    if (!present.contains(place) && what != fails) {
      // Any step of somebody who is not there is a join; the words are its name and its invitation.
      const auto letter = static_cast<char>('a' + take(input) % 4);
      const wire::Secret secret = what == joins ? wire::Secret{take_word(input), take_word(input)} : wire::Secret{};
      if (const ContextId id = world.join(letter == 'a' ? "" : std::string(1, letter), secret)) present[place] = id;
      continue;
    }
    const ContextId who = present[place];
    try {
      switch (what) {
        case joins: world.send(who, wire::Hello{}); break;
        case leaves:
          world.leave(who);
          present.erase(place);
          break;
        case leases: world.lease(who); break;
        case creates: world.create(who); break;
        case binds: world.bind(who, PortId{take_word(input)}, static_cast<Generation>(take(input))); break;
        case connects: world.connect(who, std::string(1, static_cast<char>('a' + take(input) % 4))); break;
        case fails: (take(input) % 2 == 0 ? world.no_memory : world.no_links) = take(input) % 2 == 0; break;
        default: {
          wire::Frame frame{};
          const std::uint64_t tag = what > fails ? what - 6 : what;  // Detach and what follows it
          std::memcpy(frame.data(), &tag, sizeof tag);
          const std::size_t words = take(input) % 31;
          for (std::size_t i = 1; i <= words; ++i) {
            const std::uint64_t word = take_word(input);
            std::memcpy(frame.data() + i * sizeof word, &word, sizeof word);
          }
          decode_both(frame);
          if (const auto message = wire::decode_client(frame)) world.send(who, *message);
        }
      }
    } catch (const std::runtime_error&) {
      // The World itself: a step that makes no sense here. What the Registry throws is no runtime_error.
    }
    require(world.broken().empty(), world.broken());
  }
  for (std::uint32_t id = 1; id < 10'000 && world.registry().contexts() != 0; ++id)
    if (world.alive({id})) world.leave({id});
  require(world.broken().empty(), world.broken());
  require(world.registry().channels() == 0, "a channel remains");
  require(world.registry().segments() == 0, "a segment remains");
  require(world.registry().links() == 0, "a link remains");
  require(world.tables() == 0, "a table remains");
  return 0;
}
