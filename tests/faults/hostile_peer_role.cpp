// The other side of a channel that lies: it joins, connects and talks like anybody, and then rewrites what it has shared. It
// does what the test tells it.
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <fstream>
#include <functional>
#include <map>
#include <random>
#include <sstream>
#include <thread>

#include <fairway/fairway.hpp>

#include "client/context.hpp"
#include "faults/shared_words.hpp"
#include "route/token_table.hpp"
#include "support/child.hpp"

namespace fairway::test {
namespace {

using Bytes = std::span<std::byte>;
constexpr std::size_t record_bytes = 16;  ///< of what it posts by the library: texts of 1 to 8 letters

shm::SegmentHeader header_of(Bytes bytes) {
  shm::SegmentHeader header{};
  std::memcpy(&header, bytes.data(), sizeof header);
  return header;
}

std::vector<Bytes> written_segments() {
  std::vector<Bytes> found;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    if (line.find("fairway:segment") == std::string::npos || line.find(" rw") == std::string::npos) continue;
    std::uintptr_t from = 0, to = 0;
    char dash = 0;
    std::istringstream(line) >> std::hex >> from >> dash >> to;
    const Bytes bytes{reinterpret_cast<std::byte*>(from), to - from};
    if (header_of(bytes).magic == shm::magic) found.push_back(bytes);
  }
  return found;
}

/// Words have 2, 4 or 8 bytes; of an array the first counts.
std::uint64_t load(Bytes bytes, const SharedWord& word) {
  std::uint64_t value = 0;
  std::memcpy(&value, bytes.data() + word.offset, std::min<std::size_t>(word.size, 8));
  return value;
}
void store(Bytes bytes, const SharedWord& word, std::uint64_t value) {
  std::byte* const at = bytes.data() + word.offset;
  switch (word.size) {
    case 2: return std::atomic_ref(*reinterpret_cast<std::uint16_t*>(at)).store(static_cast<std::uint16_t>(value));
    case 4: return std::atomic_ref(*reinterpret_cast<std::uint32_t*>(at)).store(static_cast<std::uint32_t>(value));
    default: std::atomic_ref(*reinterpret_cast<std::uint64_t*>(at)).store(value);
  }
}

std::uint64_t changed(const std::string& how, std::uint64_t now, std::uint64_t before, std::uint64_t next) {
  if (how == "zero") return 0;
  if (how == "one") return 1;
  if (how == "max") return ~std::uint64_t{0};
  if (how == "plus_one") return now + 1;
  if (how == "minus_one") return now - 1;
  if (how == "plus_eight") return now + 8;
  if (how == "minus_eight") return now - 8;
  if (how == "swapped") return next;
  if (how == "previous") return before;
  return std::stoull(how);
}

class HostilePeer {
 public:
  explicit HostilePeer(std::string directory) : directory_(std::move(directory)) {}
  ~HostilePeer() { calm(); }

  std::string obey(const std::string& what, std::istringstream& arguments) {
    static const std::map<std::string, std::function<std::string(HostilePeer&, std::istringstream&)>> acts{
        {"meet", [](auto& self, auto&) { return self.meet(); }},
        {"write", [](auto& self, auto& in) { return self.write(in); }},
        {"record", [](auto& self, auto& in) { return self.record(in); }},
        {"storm", [](auto& self, auto& in) { return self.storm(in); }},
        {"calm", [](auto& self, auto&) { return std::to_string(self.calm()); }},
        {"flood", [](auto& self, auto& in) { return self.flood(in); }},
        {"arm", [](auto& self, auto& in) { return self.arm(in); }},
        {"ready", [](auto& self, auto& in) { return self.ready(in); }},
        {"twice", [](auto& self, auto&) { return self.a_port_twice(); }},
        {"crowd", [](auto& self, auto& in) { return self.crowd(in); }},
        {"forge", [](auto& self, auto&) { return self.forge(); }},
        {"echo", [](auto& self, auto&) { return self.echo(); }},
    };
    return acts.at(what)(*this, arguments);
  }

 private:
  client::Endpoint& endpoint() { return *port_.implementation()->endpoint; }
  Bytes half() const { return half_; }
  Bytes of(const SharedWord& word) const { return word.place == SharedWord::Place::half ? half_ : link_; }
  void call() { endpoint().link()->notify(endpoint().id().opposite()); }

  std::string meet() {
    port_ = {};
    context_.reset();
    context_.emplace(Context::Options{.name = "guilty", .broker = directory_, .wait = Wait::block});
    port_ = context_->connect("victim");
    port_.post_message("hello");
    if (!port_.receive(Child::watchdog())) return "lost";
    for (const Bytes bytes : written_segments()) {
      const shm::SegmentHeader header = header_of(bytes);
      if (header.kind == shm::SegmentKind::half && header.subject == endpoint().id().value) half_ = bytes;
      if (header.kind == shm::SegmentKind::link) link_ = bytes;
    }
    before_.clear();
    for (const SharedWord& word : words_) before_.push_back(word.by_peers ? load(of(word), word) : 0);
    port_.post_message("again");  // so that what was before differs
    return port_.receive(Child::watchdog()) ? "met" : "lost";
  }
  std::string write(std::istringstream& in) {
    std::string name, how;
    in >> name >> how;
    for (std::size_t i = 0; i < words_.size(); ++i) {
      const SharedWord& word = words_[i];
      if (word.name != name) continue;
      const SharedWord& next = words_[i + 1 < words_.size() && words_[i + 1].place == word.place ? i + 1 : i - 1];
      store(of(word), word, changed(how, load(of(word), word), before_[i], load(of(next), next)));
      call();
      return "written";
    }
    return "unknown";
  }

  /// Where its next record goes, and that record's number: no more than a turn of the ring has been written.
  std::pair<std::uint64_t, std::uint8_t> next_record() {
    const Bytes ring = half().subspan(shm::data_offset);
    std::uint64_t at = 0;
    std::uint8_t sequence = 0;
    for (std::uint64_t word = 0; at < ring.size(); ++sequence) {
      std::memcpy(&word, ring.data() + at, 8);
      if (word == 0) break;
      at += shm::record_size(shm::RecordHeader::unpack(word).length);
    }
    return {at, sequence};
  }
  void put(shm::RecordHeader header, std::span<const std::byte> payload) {
    const Bytes place = half().subspan(shm::data_offset + next_record().first);
    if (!payload.empty()) std::memcpy(place.data() + 8, payload.data(), payload.size());
    shm::header_at(place.data()).store(header.pack(), std::memory_order_release);
    call();
  }
  std::string record(std::istringstream& in) {
    std::string field, how;
    in >> field >> how;
    shm::RecordHeader header{shm::RecordType::string, 0, next_record().second, 5};
    const auto set = [&](auto now) { return changed(how, static_cast<std::uint64_t>(now), 2, header.length); };
    if (field == "length") header.length = changed(how, header.length, 5, header.sequence) & shm::RecordHeader::max_length;
    if (field == "type") header.type = static_cast<shm::RecordType>(set(header.type));
    if (field == "flags") header.flags = static_cast<std::uint8_t>(set(header.flags));
    if (field == "sequence") header.sequence = static_cast<std::uint8_t>(set(header.sequence));
    put(header, std::as_bytes(std::span("lies!\0\0", 8)));
    return "written";
  }

  std::string storm(std::istringstream& in) {
    std::string name;
    std::uint64_t seed = 0;
    in >> name >> seed;
    std::vector<SharedWord> targets;
    for (const SharedWord& word : words_)
      if (word.by_peers && (name == "all" || word.name == name)) targets.push_back(word);
    if (targets.empty()) return "unknown";
    stormy_ = true;
    storm_ = std::thread([this, targets, seed] {
      std::mt19937_64 random(seed);
      while (stormy_.load(std::memory_order_relaxed)) {
        const SharedWord& word = targets[random() % targets.size()];
        const std::uint64_t values[]{0, 1, ~std::uint64_t{0}, random(), load(of(word), word) + 8, load(of(word), word) - 1};
        store(of(word), word, values[random() % std::size(values)]);
        if (++writes_ % 256 == 0) ring(1);
      }
    });
    while (writes_ < 1000) std::this_thread::yield();
    return "storms";
  }
  std::uint64_t calm() {
    stormy_ = false;
    if (storm_.joinable()) storm_.join();
    return writes_.exchange(0);
  }
  std::size_t ring(std::size_t count) {
    std::size_t sent = 0;
    const char bytes[64] = {};
    for (; count != 0; --count) sent += ::send(endpoint().link()->doorbell(), bytes, 1 + count % 64, MSG_DONTWAIT | MSG_NOSIGNAL) > 0;
    return sent;
  }
  std::string flood(std::istringstream& in) {
    std::size_t count = 0;
    in >> count;
    return std::to_string(ring(count));
  }
  /// As if it slept and waited for everything, all the time.
  std::string arm(std::istringstream& in) {
    std::size_t count = 0;
    in >> count;
    for (; count != 0; --count)
      for (const SharedWord& word : words_)
        if (word.name == "arm" || word.name == "want" || word.name == "sleep") store(of(word), word, load(of(word), word) + 1);
    return "armed";
  }
  std::string ready(std::istringstream& in) {
    std::string kind;
    std::size_t count = 0;
    in >> kind >> count;
    std::mt19937_64 random(count);
    for (; count != 0; --count) endpoint().link()->notify(kind == "unknown" ? PortId{random()} : endpoint().id());
    return "called";
  }

  std::string a_port_twice() {
    second_ = context_->connect("victim");
    const route::Token token{second_.implementation()->endpoint->id(), 1};
    const route::Token both[]{token, token};
    std::byte table[route::token_table_size(2)];
    route::write_token_table(both, table);
    put({shm::RecordType::string, shm::record_has_tokens, next_record().second, sizeof table}, table);
    return "written";
  }
  /// More ports in one message than anybody has. The library writes the message, and the flag is set behind its back.
  std::string crowd(std::istringstream& in) {
    std::size_t count = 0;
    in >> count;
    std::vector<route::Token> tokens;
    for (std::size_t i = 0; i < count; ++i) tokens.push_back({PortId::of({(std::uint64_t{1} << 40) + i}, 1), 1});
    std::vector<std::byte> table(route::token_table_size(count));
    route::write_token_table(tokens, table.data());
    port_.post_message(std::span<const std::byte>(table));
    while (port_.buffered_amount() != 0 && !place_flag(table.size())) context_->run_once(std::chrono::milliseconds(1));
    call();
    return "written";
  }
  bool place_flag(std::size_t length) {
    for (const Bytes bytes : written_segments()) {
      const shm::SegmentHeader header = header_of(bytes);
      if (header.kind != shm::SegmentKind::half || bytes.size() < shm::data_offset + length) continue;
      const auto first = shm::header_at(bytes.data() + shm::data_offset);
      shm::RecordHeader record = shm::RecordHeader::unpack(first.load());
      if (record.length != length) continue;
      record.flags = shm::record_has_tokens;
      first.store(record.pack());
      return true;
    }
    return false;
  }
  /// A ring without an end: each of its records is in its turn, for ever.
  std::string forge() {
    const Bytes ring = half().subspan(shm::data_offset);
    static_assert(shm::first_capacity % (256 * record_bytes) == 0);
    const std::uint64_t from = next_record().first;
    for (std::size_t i = 0; i < ring.size(); i += record_bytes) {
      const std::size_t at = (from + ring.size() - record_bytes - i) % ring.size();  // the one that the reader waits for comes last
      std::memcpy(&ring[at + 8], "lies!\0\0", 8);
      const shm::RecordHeader header{shm::RecordType::string, 0, static_cast<std::uint8_t>(at / record_bytes), 5};
      shm::header_at(&ring[at]).store(header.pack(), std::memory_order_release);
    }
    call();
    return "forged";
  }
  std::string echo() {
    port_.post_message("echo");
    std::string last;
    while (const auto event = port_.receive(Child::watchdog())) {
      last = event->string();
      if (last == "echo") return last;
    }
    return "closed";
  }

  const std::string directory_;
  const std::vector<SharedWord> words_ = shared_words();
  std::optional<Context> context_;
  MessagePort port_, second_;
  Bytes half_, link_;
  std::vector<std::uint64_t> before_;
  std::thread storm_;
  std::atomic<bool> stormy_ = false;
  std::atomic<std::uint64_t> writes_ = 0;
};

FAIRWAY_CHILD(hostile_peer) {
  HostilePeer peer(arguments.at(0));
  say(std::to_string(::getpid()));
  for (std::string line; hear(line);) {
    std::istringstream words(line);
    std::string word;
    words >> word;
    say(peer.obey(word, words));
  }
  ::_exit(0);  // nobody knows what its words say by now
}

}  // namespace
}  // namespace fairway::test
