// What it costs to hand over a port: the same, whatever waits in its queue. X posts to a port that A owns and never
// reads; A hands it to B; B reads.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstring>
#include <fstream>
#include <sstream>

#include <fairway/fairway.hpp>

#include "support/broker_thread.hpp"
#include "support/child.hpp"
#include "support/sanitized.hpp"
#include "support/tracing.hpp"

namespace fairway::test {
namespace {

constexpr std::size_t message_size = 64 << 10;
constexpr std::chrono::seconds patience{50};

/// What a process has of memory, and how often it touched a page for the first time.
struct Memory {
  std::int64_t anonymous_kib = 0;
  std::int64_t shared_kib = 0;
  std::int64_t faults = 0;

  static Memory now() {
    Memory memory;
    std::ifstream status("/proc/self/status");
    for (std::string word; status >> word;) {
      if (word == "RssAnon:") status >> memory.anonymous_kib;
      if (word == "RssShmem:") status >> memory.shared_kib;
    }
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    memory.faults = usage.ru_minflt;
    return memory;
  }
};

void say_growth(const Memory& before, const Memory& after) {
  std::ostringstream text;
  text << after.anonymous_kib - before.anonymous_kib << ' ' << after.shared_kib - before.shared_kib << ' ' << after.faults - before.faults;
  say(text.str());
}

Memory parse_growth(const std::string& line) {
  Memory memory{-1, -1, -1};
  std::istringstream(line) >> memory.anonymous_kib >> memory.shared_kib >> memory.faults;
  return memory;
}

std::int64_t available_kib() {
  std::ifstream in("/proc/meminfo");
  std::int64_t kib = 0;
  for (std::string word; in >> word;)
    if (word == "MemAvailable:") in >> kib;
  return kib;
}

/// The port of the first who connects.
MessagePort accept(Context& context) {
  MessagePort port;
  context.on_connect([&](MessageEvent& event) { port = std::move(event.ports[0]); });
  while (!port && context.run_once(patience)) {
  }
  return port;
}

FAIRWAY_CHILD(cost_other_side) {
  Context context({.broker = arguments.at(0), .wait = Wait::block});
  MessagePort port = context.connect("a");
  std::vector<std::byte> message(message_size);
  for (std::uint64_t i = 0, count = std::stoull(arguments.at(1)); i < count; ++i) {
    std::memcpy(message.data(), &i, sizeof i);
    std::memcpy(message.data() + message_size - sizeof i, &i, sizeof i);
    port.post_message(message);
  }
  port.on_close([&](CloseReason) { context.stop(); });
  context.poll();
  say("posted");
  context.run();
  return 0;
}

FAIRWAY_CHILD(cost_old_owner) {
  Context context({.name = "a", .broker = arguments.at(0), .wait = Wait::block});
  MessagePort carrier = context.connect("b");
  carrier.post_message("hello");
  if (!carrier.receive(patience)) return 1;
  say("ready");
  MessagePort port = accept(context);
  std::string line;
  if (!hear(line)) return 1;
  while (context.poll() != 0) {
  }
  const Memory before = Memory::now();
  mark("begin");
  carrier.post_message("here", {.transfer = {port}});
  const bool got = carrier.receive(patience).has_value();
  mark("end");
  say_growth(before, Memory::now());
  return got ? 0 : 1;
}

FAIRWAY_CHILD(cost_new_owner) {
  Context context({.name = "b", .broker = arguments.at(0), .wait = Wait::block});
  say("ready");
  MessagePort carrier = accept(context);
  if (!carrier.receive(patience)) return 1;
  carrier.post_message("hello");
  const Memory before = Memory::now();
  mark("begin");
  auto event = carrier.receive(patience);
  mark("end");
  if (!event || event->ports.size() != 1) return 1;
  const Memory after = Memory::now();
  carrier.post_message("thanks");
  say_growth(before, after);
  MessagePort port = std::move(event->ports[0]);
  const std::uint64_t count = std::stoull(arguments.at(1));
  std::uint64_t right = 0;
  for (; right < count; ++right) {
    const auto message = port.receive(patience);
    if (!message || message->bytes().size() != message_size) break;
    std::uint64_t first = 0, last = 0;
    std::memcpy(&first, message->bytes().data(), sizeof first);
    std::memcpy(&last, message->bytes().data() + message_size - sizeof last, sizeof last);
    if (first != right || last != right) break;
  }
  say(std::to_string(right));
  port.close();
  std::string line;
  while (hear(line)) {
  }
  return 0;
}

struct Cost {
  Memory old_owner, new_owner;
  std::vector<std::string> old_owner_calls, new_owner_calls;
};

std::ostream& operator<<(std::ostream& out, const Memory& memory) {
  return out << memory.anonymous_kib << " KiB of its own, " << memory.shared_kib << " KiB shared, " << memory.faults << " page faults";
}

/// How often a process that waits is woken depends on how busy the machine is; far less than once a message it is.
constexpr std::size_t most_waits = 64;

/// Takes out what a loop does to sleep, and when it was woken; how much that was.
std::size_t take_waits(std::vector<std::string>& calls) {
  return std::erase_if(calls, [](const std::string& call) {
    for (const char* const wait : {"epoll_wait(", "membarrier(", " poll(", "recvfrom("})
      if (call.find(wait) != std::string::npos) return true;
    return false;
  });
}

void hand_over(std::size_t messages, bool traced, Cost& cost) {
  BrokerThread broker;
  TemporaryDirectory logs;
  const std::string directory = broker.directory().native();
  const std::string count = std::to_string(messages);
  const auto under = [&](const char* name) {
    return traced ? std::vector<std::string>{"strace", "-f", "-s", "128", "-o", (logs.path() / name).native()} : std::vector<std::string>{};
  };
  Child new_owner("cost_new_owner", {directory, count}, {}, under("new"));
  ASSERT_EQ(new_owner.line(), "ready");
  Child old_owner("cost_old_owner", {directory}, {}, under("old"));
  ASSERT_EQ(old_owner.line(), "ready");
  Child other_side("cost_other_side", {directory, count});
  ASSERT_EQ(other_side.line(), "posted");
  old_owner.send("go");
  cost.new_owner = parse_growth(new_owner.line());
  cost.old_owner = parse_growth(old_owner.line());
  EXPECT_EQ(new_owner.line(), count) << "read in order";
  EXPECT_EQ(other_side.wait(), 0);
  EXPECT_EQ(old_owner.wait(), 0);
  new_owner.close_input();
  EXPECT_EQ(new_owner.wait(), 0);
  if (!traced) return;
  cost.old_owner_calls = marked_system_calls(logs.path() / "old");
  cost.new_owner_calls = marked_system_calls(logs.path() / "new");
  EXPECT_LE(take_waits(cost.old_owner_calls), most_waits);
  EXPECT_LE(take_waits(cost.new_owner_calls), most_waits);
}

std::size_t queue_length() {
  if (available_kib() >= std::int64_t{2} << 20) return 10'000;
  std::cout << "less than 2 GiB of memory available: 1000 messages instead of 10 000\n";
  return 1000;
}

std::string lines(const std::vector<std::string>& list) {
  std::string text;
  for (const std::string& line : list) text += line + "\n";
  return text;
}

TEST(TransferCost, a_full_queue_brings_no_memory_into_the_old_owner_or_the_new_one) {
  if (sanitized) GTEST_SKIP() << "a sanitizer has memory and system calls of its own";
  const std::size_t messages = queue_length();
  Cost empty, full;
  hand_over(0, false, empty);
  ASSERT_FALSE(HasFatalFailure());
  hand_over(messages, false, full);
  ASSERT_FALSE(HasFatalFailure());
  std::cout << "old owner, empty port: " << empty.old_owner << "\n           " << messages << " messages: " << full.old_owner << "\n"
            << "new owner, empty port: " << empty.new_owner << "\n           " << messages << " messages: " << full.new_owner << "\n";
  for (const auto& [without, with] : {std::pair(empty.old_owner, full.old_owner), std::pair(empty.new_owner, full.new_owner)}) {
    EXPECT_GE(with.anonymous_kib, 0);
    EXPECT_LE(with.anonymous_kib, without.anonymous_kib + 128);
    EXPECT_LE(with.shared_kib, without.shared_kib + 128);
    EXPECT_LE(with.faults, without.faults + 64);
  }
}

TEST(TransferCost, a_full_queue_makes_no_system_call_for_a_message) {
  if (sanitized) GTEST_SKIP() << "a sanitizer has memory and system calls of its own";
  if (!can_trace()) GTEST_SKIP() << "needs strace, and the right to trace";
  const std::size_t messages = queue_length();
  Cost empty, full;
  hand_over(0, true, empty);
  ASSERT_FALSE(HasFatalFailure());
  hand_over(messages, true, full);
  ASSERT_FALSE(HasFatalFailure());
  std::cout << "system calls of the old owner: " << empty.old_owner_calls.size() << " for an empty port, " << full.old_owner_calls.size() << " for "
            << messages << " messages; of the new owner: " << empty.new_owner_calls.size() << " and " << full.new_owner_calls.size() << "\n";
  ASSERT_FALSE(empty.old_owner_calls.empty());
  ASSERT_FALSE(empty.new_owner_calls.empty());
  // The rest: what the broker happens to say meanwhile; the old owner lets go of at most eight segments, and the new one maps them.
  EXPECT_LE(full.old_owner_calls.size(), empty.old_owner_calls.size() + 16 + 8 * 2) << lines(full.old_owner_calls);
  EXPECT_LE(full.new_owner_calls.size(), empty.new_owner_calls.size() + 16 + 8 * 10) << lines(full.new_owner_calls);
}

}  // namespace
}  // namespace fairway::test
