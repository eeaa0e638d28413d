// What a 64-byte message costs while both sides are awake: no allocation, no system call, few instructions.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <new>

#include <fairway/fairway.hpp>

#include "support/broker_thread.hpp"
#include "support/child.hpp"
#include "support/sanitized.hpp"
#include "support/tracing.hpp"

namespace {
std::atomic<std::uint64_t> allocations{0};
}  // namespace

// Not inlined: the compiler would see malloc's memory go to delete, and warn.
[[gnu::noinline]] void* operator new(std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* const memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace fairway::test {
namespace {

void round_trips(MessagePort& port, int count) {
  std::array<std::byte, 64> message{};
  for (int i = 0; i < count; ++i) {
    port.post_message(message);
    const auto answer = port.receive();
    ASSERT_TRUE(answer);
    ASSERT_EQ(answer->bytes().size(), message.size());
  }
}

TEST(HotPath, a_64_byte_message_allocates_nothing) {
  BrokerThread broker;
  Child echo("echo", {broker.directory().native(), "poll"});
  ASSERT_EQ(echo.line(), "ready");
  Context context({.broker = broker.directory(), .wait = Wait::poll});
  MessagePort port = context.connect("echo");
  round_trips(port, 1000);
  const std::uint64_t before = allocations.load();
  round_trips(port, 5'000);
  EXPECT_LE(allocations.load() - before, 100u);  // the loop looks at its descriptors ten times a second
}

FAIRWAY_CHILD(traced_round_trips) {
  Context context({.broker = arguments.at(0), .wait = Wait::poll});
  MessagePort port = context.connect("echo");
  round_trips(port, std::stoi(arguments.at(1)));
  return testing::Test::HasFailure() ? 1 : 0;
}

TEST(HotPath, a_64_byte_message_makes_no_system_call) {
  if (sanitized) GTEST_SKIP() << "a sanitizer has system calls of its own";
  if (!can_trace()) GTEST_SKIP() << "needs strace, and the right to trace";
  BrokerThread broker;
  const auto calls_for = [&broker](const std::string& trips) {
    Child echo("echo", {broker.directory().native(), "poll"});
    EXPECT_EQ(echo.line(), "ready");
    const auto calls = system_calls_of("traced_round_trips " + broker.directory().native() + " " + trips);
    echo.close_input();
    return calls.value_or(0);
  };
  const std::uint64_t few = calls_for("1000");
  const std::uint64_t more = calls_for("11000");
  std::cout << "system calls: " << few << " for 1000 round trips, " << more << " for 11000\n";
  ASSERT_GT(few, 0u);
  ASSERT_GT(more, 0u);
  EXPECT_LT(more, few + 1000);  // far less than one for each
}

FAIRWAY_CHILD(counted_messages) {
  Context one({.name = "one", .broker = arguments.at(0), .wait = Wait::poll});
  Context two({.broker = arguments.at(0), .wait = Wait::poll});
  MessagePort from;
  one.on_connect([&](MessageEvent& event) { from = std::move(event.ports[0]); });
  MessagePort to = two.connect("one");
  while (!from) one.run_once();
  std::array<std::byte, 64> message{};
  const int count = std::stoi(arguments.at(1));
  for (int i = 0; i < count; ++i) {
    to.post_message(message);
    while (!from.try_receive()) two.poll();  // until the broker has given it its first segment
  }
  return 0;
}

std::uint64_t instructions(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::string word;
  while (in >> word)
    if (word == "summary:" || word == "totals:") {
      std::uint64_t count = 0;
      in >> count;
      return count;
    }
  return 0;
}

TEST(HotPath, posting_and_receiving_64_bytes_stays_within_its_instruction_budget) {
  if (sanitized) GTEST_SKIP() << "valgrind cannot run what a sanitizer has instrumented";
  if (!has_program("valgrind")) GTEST_SKIP() << "needs valgrind";
  BrokerThread broker;
  TemporaryDirectory output;
  std::uint64_t counts[2] = {};
  for (const int turn : {0, 1}) {
    const std::string file = (output.path() / std::to_string(turn)).native();
    const std::string messages = turn == 0 ? "2000" : "102000";
    ASSERT_TRUE(run_under("valgrind --tool=callgrind --callgrind-out-file=" + file,
                          "counted_messages " + broker.directory().native() + " " + messages));
    counts[turn] = instructions(file);
  }
  // So many that what the two contexts spin until they have met does not count.
  const std::uint64_t each = (counts[1] - counts[0]) / 100'000;
  std::cout << "instructions for a 64-byte message, posted and received: " << each << "\n";
  EXPECT_GT(each, 50u);
#if defined(__OPTIMIZE__) && !defined(__clang__)
  EXPECT_LT(each, 650u);
#elif defined(__OPTIMIZE__)
  EXPECT_LT(each, 720u);  // not optimized across the layers
#endif
}

}  // namespace
}  // namespace fairway::test
