// A former owner that lies: it keeps its mappings and descriptors over the transfer, writes into everything it can
// reach, rings, and goes on speaking of the port. It is a process of its own, and knows the library's inside.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <map>
#include <sstream>

#include <fairway/fairway.hpp>

#include "client/context.hpp"
#include "shm/layout.hpp"
#include "support/child.hpp"
#include "support/town.hpp"

namespace fairway::test {
namespace {

constexpr int own_words = 5;  ///< posted by the hostile one while it is the owner

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

/// Mappings of the same pages that nobody unmaps.
std::vector<Mapped> keep_mappings() {
  std::vector<Mapped> kept;
  for (const Mapped& mapped : mapped_segments()) {
    void* const copy = ::mremap(mapped.bytes.data(), 0, mapped.bytes.size(), MREMAP_MAYMOVE);
    if (copy != MAP_FAILED) kept.push_back({{static_cast<std::byte*>(copy), mapped.bytes.size()}, mapped.writable});
  }
  return kept;
}

bool is_half_of(const Mapped& mapped, PortId port) {
  shm::SegmentHeader header{};
  std::memcpy(&header, mapped.bytes.data(), sizeof header);
  return header.magic == shm::magic && header.subject == port.value;
}

/// Second descriptors of the sockets that are open, but for one.
std::vector<int> keep_sockets(int except) {
  std::vector<int> kept;
  const std::string not_that = std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(except));
  std::vector<std::pair<int, std::string>> open;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code ignored;
    open.emplace_back(std::stoi(entry.path().filename()), std::filesystem::read_symlink(entry.path(), ignored));
  }
  for (const auto& [fd, target] : open)
    if (target.starts_with("socket:") && target != not_that) kept.push_back(::dup(fd));
  return kept;
}

std::string cipher(std::string text) {
  for (char& letter : text) letter = static_cast<char>(letter - 1);
  return text;
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

/// What a former owner may say of a port.
std::map<std::string, wire::ClientMessage> words_about(PortId port, PortId carrier, SegmentId lease) {
  return {
      {"close", wire::Close{port, 0, CloseReason::closed, 0}},
      {"end", wire::End{port}},
      {"done", wire::Done{port, 0, {}}},
      {"refetch", wire::Refetch{port, 0, {}}},
      {"bind", wire::Bind{port, lease, 0, 1, 0, 0}},
      {"detach_again", wire::Detach{port, carrier, 0, 0, 1, 0, {}}},
      {"detach_the_next_epoch", wire::Detach{port, carrier, 0, 0, 2, 0, {}}},
      {"connect", wire::Connect{77, port, 0, wire::Name::of("b")}},
      {"invite", wire::Invite{port, wire::Secret{1, 2}}},
      {"carry_with_it", wire::Detach{carrier, port, 0, 0, 1, 0, {}}},
      {"claim_to_it", wire::Claim{carrier, port, 1, 0, 0}},
      {"unclaim_to_it", wire::Unclaim{port, port, 1, 0}},
  };
}

PortId id_of(const MessagePort& port) { return port.implementation()->endpoint->id(); }

FAIRWAY_CHILD(hostile_owner) {
  Context context({.broker = arguments.at(0), .wait = Wait::poll});
  client::BrokerLink& broker = context.implementation().broker();
  MessagePort port = context.connect("a");
  MessagePort carrier = context.connect("b");
  carrier.post_message("hello");
  for (int i = 0; i < own_words; ++i) port.post_message("own " + std::to_string(i));
  say("ready");
  std::string line;
  if (!hear(line)) return 1;
  do {
    context.poll();
  } while (count_in_mappings(cipher("old 2")) == 0);
  const PortId id = id_of(port), carrier_id = id_of(carrier);
  const std::vector<Mapped> kept = keep_mappings();
  std::vector<std::span<std::byte>> old_half, others;  // what it may write to
  for (const Mapped& mapped : kept)
    if (mapped.writable) (is_half_of(mapped, id) ? old_half : others).push_back(mapped.bytes);
  std::erase_if(others, [&](std::span<std::byte> bytes) { return is_half_of({bytes, true}, carrier_id); });
  const std::vector<int> sockets = keep_sockets(broker.fd());
  carrier.post_message("here", {.transfer = {port}});
  if (line == "transfer and scribble at once") {
    for (const std::span<std::byte> bytes : old_half) std::ranges::fill(bytes, std::byte{0xff});
  }
  say("gone");
  while (hear(line)) {
    std::istringstream words(line);
    std::string word, argument;
    words >> word >> argument;
    std::size_t result = 0;
    if (word == "find") {
      result = count_in_mappings(line.substr(5));
    } else if (word == "scribble") {
      for (const std::span<std::byte> bytes : old_half) std::ranges::fill(bytes, static_cast<std::byte>(std::stoi(argument)));
      result = old_half.size();
    } else if (word == "forge") {  // its own messages over and over, the sequence going on
      for (const std::span<std::byte> bytes : old_half) {
        const std::span<std::byte> ring = bytes.subspan(shm::data_offset);
        for (std::size_t at = 0, n = 0; at + 16 <= ring.size(); at += 16, ++n) {
          const std::uint64_t header = 5 | std::uint64_t{3} << 40 | static_cast<std::uint64_t>(n & 0xff) << 56;
          std::memcpy(&ring[at], &header, 8);
          std::memcpy(&ring[at + 8], "lies!\0\0\0", 8);
        }
      }
      result = old_half.size();
    } else if (word == "ring") {
      const std::string bytes(4096, '!');
      for (const int fd : sockets)
        for (int i = 0; i < 1000; ++i)
          if (::send(fd, bytes.data(), i % 2 == 0 ? 1 : bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL) > 0) ++result;
    } else if (word == "links") {  // and the ready rings, its own half of them
      for (const std::span<std::byte> bytes : others) std::ranges::fill(bytes, std::byte{0xff});
      result = others.size();
    } else if (word == "say") {
      broker.send(words_about(id, carrier_id, SegmentId{1}).at(argument));
      const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
      while (broker.alive() && std::chrono::steady_clock::now() < deadline) {
        while (broker.receive()) {
        }
      }
      result = broker.alive() ? 0 : 1;
    }
    say(std::to_string(result));
  }
  ::_exit(0);
}

/// The other side is context a, the new owner is b; the hostile one is a process.
class HostileFormerOwner : public testing::Test {
 protected:
  HostileFormerOwner() : hostile_("hostile_owner", {town_.broker.directory().native()}) {}

  /// `reads_first`: the other side has read what the former owner wrote before that lets go.
  void hand_over(bool reads_first, const std::string& how = "transfer") {
    other_side_ = town_.accept(0);
    MessagePort carrier = town_.accept(1);
    ASSERT_EQ(hostile_.line(), "ready");
    ASSERT_EQ(town_.text(carrier), "hello");
    post(other_side_, "old ", 3);
    for (int i = 0; reads_first && i < own_words; ++i) ASSERT_EQ(town_.text(other_side_), "own " + std::to_string(i));
    hostile_.send(how);
    ASSERT_EQ(hostile_.line(), "gone");
    new_owner_ = town_.take(carrier);
    carrier_ = std::move(carrier);
    expect(new_owner_, "old ", 3);
  }

  static void post(MessagePort& port, const std::string& text, int count) {
    for (int i = 0; i < count; ++i) port.post_message(text + std::to_string(i));
  }
  void expect(MessagePort& port, const std::string& text, int count) {
    for (int i = 0; i < count; ++i) ASSERT_EQ(town_.text(port), text + std::to_string(i));
  }

  /// The two talk on as if nobody else were there.
  void expect_peace() {
    for (int round = 0; round < 20; ++round) {
      post(other_side_, "to b ", 20);
      post(new_owner_, "to a ", 20);
      ASSERT_NO_FATAL_FAILURE(expect(new_owner_, "to b ", 20));
      ASSERT_NO_FATAL_FAILURE(expect(other_side_, "to a ", 20));
    }
    EXPECT_FALSE(other_side_.try_receive());
    EXPECT_FALSE(new_owner_.try_receive());
    EXPECT_FALSE(other_side_.close_reason());
    EXPECT_FALSE(new_owner_.close_reason());
  }

  int tell(const std::string& what) { return std::stoi("0" + hostile_.ask(what)); }

  Town town_{2};
  Child hostile_;
  MessagePort other_side_, new_owner_, carrier_;
};

TEST_F(HostileFormerOwner, writes_into_every_byte_of_its_old_half_and_nobody_reads_it) {
  ASSERT_NO_FATAL_FAILURE(hand_over(true));
  for (const char* const attack : {"scribble 255", "scribble 0", "forge", "scribble 170", "forge"}) {
    SCOPED_TRACE(attack);
    EXPECT_GT(tell(attack), 0) << "nothing to write to";
    ASSERT_NO_FATAL_FAILURE(expect_peace());
  }
}

TEST_F(HostileFormerOwner, changes_its_own_unread_messages_and_nothing_else) {
  ASSERT_NO_FATAL_FAILURE(hand_over(false));
  EXPECT_GT(tell("forge"), 0);
  post(new_owner_, "true ", 3);
  // As many as it had declared, not one more.
  int lies = 0;
  std::string text = town_.text(other_side_);
  for (; text == "lies!" || text.starts_with("own "); text = town_.text(other_side_)) ++lies;
  EXPECT_LE(lies, own_words);
  if (text == "closed") {
    EXPECT_EQ(other_side_.close_reason(), CloseReason::protocol_error);
    return;
  }
  EXPECT_EQ(text, "true 0");
  EXPECT_EQ(town_.text(other_side_), "true 1");
  EXPECT_EQ(town_.text(other_side_), "true 2");
  ASSERT_NO_FATAL_FAILURE(expect_peace());
}

TEST_F(HostileFormerOwner, damages_its_half_before_the_news_of_the_move_and_stops_nobody) {
  ASSERT_NO_FATAL_FAILURE(hand_over(false, "transfer and scribble at once"));
  post(new_owner_, "true ", 3);
  std::string text = town_.text(other_side_);
  while (text.starts_with("own ")) text = town_.text(other_side_);
  // What it wrote cannot be read, and the channel says so; or it had been read before.
  if (text == "closed") {
    EXPECT_EQ(other_side_.close_reason(), CloseReason::protocol_error);
  } else {
    EXPECT_EQ(text, "true 0");
  }
  MessageChannel channel(town_[0]);
  channel.port1.post_message("both still run");
  EXPECT_EQ(town_.text(channel.port2), "both still run");
}

TEST_F(HostileFormerOwner, rings_doorbells_and_scribbles_over_its_links) {
  ASSERT_NO_FATAL_FAILURE(hand_over(true));
  tell("ring");
  ASSERT_NO_FATAL_FAILURE(expect_peace());
  EXPECT_GT(tell("links"), 0);
  tell("ring");
  ASSERT_NO_FATAL_FAILURE(expect_peace());
}

TEST_F(HostileFormerOwner, sees_nothing_of_what_the_other_side_posts_after_the_move) {
  ASSERT_NO_FATAL_FAILURE(hand_over(true));
  EXPECT_GT(tell("find " + cipher("old 0")), 0) << "what was posted to it must be found";
  new_owner_.post_message("moved");
  ASSERT_EQ(town_.text(other_side_), "moved");
  other_side_.post_message("confidential 4711");
  ASSERT_EQ(town_.text(new_owner_), "confidential 4711");
  EXPECT_EQ(tell("find " + cipher("confidential 4711")), 0);
  new_owner_.post_message("answer 0815");
  ASSERT_EQ(town_.text(other_side_), "answer 0815");
  EXPECT_EQ(tell("find " + cipher("answer 0815")), 0);
}

class HostileWords : public HostileFormerOwner, public testing::WithParamInterface<std::string> {};

TEST_P(HostileWords, about_the_port_end_its_connection_and_touch_nobody) {
  ASSERT_NO_FATAL_FAILURE(hand_over(true));
  EXPECT_EQ(tell("say " + GetParam()), 1) << "the broker goes on talking to it";
  ASSERT_NO_FATAL_FAILURE(expect_peace());
}

std::vector<std::string> all_words() {
  std::vector<std::string> names;
  for (const auto& [name, message] : words_about(PortId{2}, PortId{4}, {})) names.push_back(name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(Former, HostileWords, testing::ValuesIn(all_words()), [](const auto& name) { return name.param; });

}  // namespace
}  // namespace fairway::test
