// The former owner that lies: a process that knows the library's inside, writes its streams by hand and keeps the memory,
// the descriptors and the sockets of all that it gives away. It does what the test tells it.
#include "multiprocess/hostile_owner.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <map>
#include <sstream>

#include "client/context.hpp"
#include "route/token_table.hpp"

namespace fairway::test {
namespace {

/// Memory objects of a broker that are mapped here.
struct Mapped {
  std::span<std::byte> bytes;
  bool writable;
};

std::vector<Mapped> mapped_segments() {
  std::vector<Mapped> found;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    if (line.find("fairway:segment") == std::string::npos) continue;
    std::uintptr_t from = 0, to = 0;
    char dash = 0;
    std::string access;
    std::istringstream words(line);
    words >> std::hex >> from >> dash >> to >> access;
    found.push_back({{reinterpret_cast<std::byte*>(from), to - from}, access.starts_with("rw")});
  }
  return found;
}

bool is_half_of(std::span<const std::byte> bytes, PortId port) {
  shm::SegmentHeader header{};
  std::memcpy(&header, bytes.data(), sizeof header);
  return header.magic == shm::magic && header.subject == port.value;
}

std::vector<int> open_sockets(int except) {
  std::vector<int> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code ignored;
    const int fd = std::stoi(entry.path().filename());
    if (fd != except && std::filesystem::read_symlink(entry.path(), ignored).native().starts_with("socket:")) found.push_back(fd);
  }
  return found;
}

std::size_t count_in_mappings(std::string needle) {
  for (char& letter : needle) letter = static_cast<char>(letter + 1);  // the test says it in a cipher
  std::size_t found = 0;
  for (const Mapped& mapped : mapped_segments()) {
    const std::string_view text(reinterpret_cast<const char*>(mapped.bytes.data()), mapped.bytes.size());
    for (std::size_t at = text.find(needle); at != text.npos; at = text.find(needle, at + 1)) ++found;
  }
  return found;
}

struct Lease {
  SegmentId segment;
  sys::Fd fd;
  sys::Mapping memory;
};

class HostileOwner {
 public:
  explicit HostileOwner(const std::string& directory) : context_({.broker = directory, .wait = Wait::poll}) {
    for (const char* const name : {"a", "b"}) ports_.push_back(context_.connect(name));
    port_.open(*this, ports_[0]);
    carrier_.open(*this, ports_[1]);
    spare_ = lease();
    carrier_.post("hello");
    for (int i = 0; i < own_words; ++i) port_.post("own " + std::to_string(i));
  }

  std::string obey(const std::string& word, std::istringstream& arguments) {
    using Act = std::string (HostileOwner::*)(std::istringstream&);
    static const std::map<std::string, Act> acts{
        {"see", &HostileOwner::see},           {"detach", &HostileOwner::detach},     {"commit", &HostileOwner::commit},
        {"find", &HostileOwner::find},         {"scribble", &HostileOwner::scribble}, {"forge", &HostileOwner::forge},
        {"replay", &HostileOwner::replay},     {"ring", &HostileOwner::ring},         {"links", &HostileOwner::links},
        {"say", &HostileOwner::say_of_it},     {"claim", &HostileOwner::claim},       {"truncate", &HostileOwner::truncate},
        {"punch", &HostileOwner::punch},       {"map", &HostileOwner::map_writable},  {"unprotect", &HostileOwner::unprotect},
    };
    return (this->*acts.at(word))(arguments);
  }

 private:
  /// A port whose stream is written by hand.
  struct HandMade {
    static constexpr Epoch peer_epoch = 1;  ///< the port opposite has come to its owner by connect

    PortId id;
    Lease lease;
    shm::RingWriter writer;

    void open(HostileOwner& owner, const MessagePort& port) {
      id = port.implementation()->endpoint->id();
      lease = owner.lease();
      auto* const segment = reinterpret_cast<shm::HalfSegment*>(lease.memory.bytes().data());
      segment->header = {shm::magic, shm::layout_version, shm::SegmentKind::half, id.value, 0, 0, 0, first_ring, peer_epoch, 1, {}};
      writer = shm::RingWriter(ring(), shm::Shape::ring);
      owner.broker().send(wire::Bind{id, lease.segment, 0, 0, 0, peer_epoch});
    }
    std::span<std::byte> ring() const { return lease.memory.bytes().subspan(shm::data_offset); }
    void post(std::string_view text, std::span<const route::Token> tokens = {}) {
      const std::size_t table = tokens.empty() ? 0 : route::token_table_size(tokens.size());
      std::byte* const place = writer.reserve(table + text.size(), 0);
      if (table != 0) route::write_token_table(tokens, place);
      std::memcpy(place + table, text.data(), text.size());
      writer.commit(shm::RecordType::string, table != 0 ? shm::record_has_tokens : 0, table + text.size());
    }
  };

  client::BrokerLink& broker() { return context_.implementation().broker(); }

  /// The next message of one of these kinds; others are lost. Nothing: the connection is over.
  template <class... Kinds>
  std::optional<client::BrokerLink::Message> hear_from_broker() {
    while (broker().alive()) {
      auto message = broker().receive();
      if (message && (std::holds_alternative<Kinds>(message->body) || ...)) return message;
      if (!message) broker().wait(Child::watchdog());
    }
    return {};
  }
  Lease lease() {
    broker().send(wire::LeaseRequest{shm::small_segment});
    auto message = hear_from_broker<wire::Lease>();
    const auto& answer = std::get<wire::Lease>(message->body);
    Lease lease{answer.segment, std::move(message->descriptors.at(0)), {}};
    lease.memory = sys::Mapping(lease.fd.get(), answer.size, sys::Mapping::Access::write);
    lease.memory.populate();
    broker().send(wire::LeaseMapped{lease.segment});
    return lease;
  }
  /// Messages are handled in order: whether the broker still answers after them.
  std::string pulse() {
    broker().send(wire::LeaseRequest{shm::small_segment});
    return hear_from_broker<wire::Lease, wire::LeaseRefused>() ? "alive" : "dead";
  }

  std::string see(std::istringstream& arguments) {
    const std::string text = rest(arguments);
    while (count_in_mappings(text) == 0) context_.poll();
    for (const Mapped& mapped : mapped_segments()) {
      if (!mapped.writable || is_half_of(mapped.bytes, carrier_.id)) continue;
      (is_half_of(mapped.bytes, port_.id) ? old_half_ : others_).push_back(mapped.bytes);
    }
    while (broker().receive()) {
    }
    return "seen";
  }
  std::string detach(std::istringstream& arguments) {
    std::uint64_t final = 0, read = 0;
    arguments >> final >> read;
    broker().send(wire::Detach{port_.id, carrier_.id, final, read, 1, 0, {}});
    return pulse();
  }
  std::string commit(std::istringstream&) {
    const route::Token token{port_.id, 1};
    carrier_.post("here", {&token, 1});
    return "done";
  }

  std::string find(std::istringstream& arguments) { return std::to_string(count_in_mappings(rest(arguments))); }
  std::string scribble(std::istringstream& arguments) {
    int value = 0;
    arguments >> value;
    for (const std::span<std::byte> bytes : old_half_) std::ranges::fill(bytes, static_cast<std::byte>(value));
    return std::to_string(old_half_.size());
  }
  /// Its own messages over and over, the sequence going on: as often as one likes, as the ring has a multiple of 256 of them.
  std::string forge(std::istringstream&) {
    static_assert(first_ring % (256 * word_size) == 0);
    const std::span<std::byte> ring = port_.ring();
    for (std::size_t at = 0, n = 0; at < ring.size(); at += word_size, ++n) {
      const std::uint64_t header = shm::RecordHeader{shm::RecordType::string, 0, static_cast<std::uint8_t>(n), 5}.pack();
      std::memcpy(&ring[at], &header, 8);
      std::memcpy(&ring[at + 8], "lies!\0\0\0", 8);
    }
    return std::to_string(ring.size());
  }
  /// The records that it had committed once more, as a Fairway library would write them.
  std::string replay(std::istringstream&) {
    for (int i = 0; i < own_words; ++i) port_.post("own " + std::to_string(i));
    return pulse();
  }
  std::string ring(std::istringstream&) {
    std::size_t sent = 0;
    const std::string bytes(4096, '!');
    for (const int fd : open_sockets(broker().fd()))
      for (int i = 0; i < 1000; ++i)
        if (::send(fd, bytes.data(), i % 2 == 0 ? 1 : bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL) > 0) ++sent;
    return std::to_string(sent);
  }
  /// And the ready rings, its own half of them.
  std::string links(std::istringstream&) {
    for (const std::span<std::byte> bytes : others_) std::ranges::fill(bytes, std::byte{0xff});
    return std::to_string(others_.size());
  }

  std::string say_of_it(std::istringstream& arguments) {
    broker().send(words_about(port_.id, carrier_.id, spare_.segment).at(rest(arguments)));
    return pulse();
  }
  std::string claim(std::istringstream& arguments) {
    broker().send(wire::Claim{port_.id, rest(arguments) == "own" ? carrier_.id : carrier_.id.opposite(), 1, 0, 0});
    broker().send(wire::LeaseRequest{shm::small_segment});  // answered after it, should it wait
    const auto answer = hear_from_broker<wire::Refused, wire::Granted, wire::Lease>();
    if (!answer) return "dead";
    if (std::holds_alternative<wire::Lease>(answer->body)) return "waits";
    static_cast<void>(hear_from_broker<wire::Lease>());
    return std::holds_alternative<wire::Granted>(answer->body) ? "granted" : "refused";
  }

  // How many ways there were.
  std::string truncate(std::istringstream&) {
    int done = 0;
    for (const off_t size : {off_t{0}, off_t{4096}, off_t{1} << 20}) done += ::ftruncate(port_.lease.fd.get(), size) == 0;
    return std::to_string(done);
  }
  std::string punch(std::istringstream&) {
    const int fd = port_.lease.fd.get();
    int done = ::fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, shm::small_segment) == 0;
    done += ::madvise(port_.lease.memory.bytes().data(), shm::small_segment, MADV_REMOVE) == 0;
    return std::to_string(done);
  }
  std::string map_writable(std::istringstream&) {
    const int fd = port_.lease.fd.get();
    int done = ::mmap(nullptr, shm::small_segment, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) != MAP_FAILED;
    const sys::Fd again(::open(("/proc/self/fd/" + std::to_string(fd)).c_str(), O_RDWR | O_CLOEXEC));
    done += again && ::mmap(nullptr, shm::small_segment, PROT_READ | PROT_WRITE, MAP_SHARED, again.get(), 0) != MAP_FAILED;
    done += ::pwrite(fd, "lies!", 5, shm::data_offset) > 0;
    return std::to_string(done);
  }
  /// And writes into the other side's half, if it can.
  std::string unprotect(std::istringstream&) {
    int done = 0;
    for (const Mapped& mapped : mapped_segments()) {
      if (mapped.writable || ::mprotect(mapped.bytes.data(), mapped.bytes.size(), PROT_READ | PROT_WRITE) != 0) continue;
      std::ranges::fill(mapped.bytes, std::byte{0xff});
      ++done;
    }
    return std::to_string(done);
  }

  static std::string rest(std::istringstream& arguments) {
    std::string text;
    std::getline(arguments >> std::ws, text);
    return text;
  }

  Context context_;
  std::vector<MessagePort> ports_;
  HandMade port_, carrier_;
  Lease spare_;
  std::vector<std::span<std::byte>> old_half_, others_;  ///< what it may write to
};

FAIRWAY_CHILD(hostile_owner) {
  HostileOwner owner(arguments.at(0));
  say("ready");
  for (std::string line; hear(line);) {
    std::istringstream words(line);
    std::string word;
    words >> word;
    say(owner.obey(word, words));
  }
  ::_exit(0);
}

}  // namespace

std::map<std::string, wire::ClientMessage> words_about(PortId port, PortId carrier, SegmentId lease) {
  const std::uint64_t read = shm::Position{1, 0}.pack();  // as far as anybody can have come
  return {
      {"close", wire::Close{port, 0, CloseReason::closed, 0}},
      {"end", wire::End{port}},
      {"done", wire::Done{port, 0, {}}},
      {"refetch", wire::Refetch{port, 0, {}}},
      {"bind", wire::Bind{port, lease, own_final, 2, 0, 1}},
      {"detach_again", wire::Detach{port, carrier, 0, read, 1, 0, {}}},
      {"detach_the_next_epoch", wire::Detach{port, carrier, 0, read, 2, 0, {}}},
      {"connect", wire::Connect{77, port, 0, wire::Name::of("b")}},
      {"invite", wire::Invite{port, wire::Secret{1, 2}}},
      {"carry_with_it", wire::Detach{carrier, port, 0, 0, 1, 0, {}}},
      {"claim_to_it", wire::Claim{carrier, port, 1, 0, 0}},
      {"unclaim_to_it", wire::Unclaim{port, port, 1, 0}},
  };
}

}  // namespace fairway::test
