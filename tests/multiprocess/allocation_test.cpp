// Every single allocation of a post, of a receive and of a turn of the loop fails once. What throws has done nothing,
// and whatever was posted arrives once, in order.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

#include <fairway/fairway.hpp>

#include "support/broker_thread.hpp"
#include "support/child.hpp"

namespace {
/// How many allocations of this thread still succeed; the one after those fails. Below 0: all do.
thread_local int allocations_left = -1;
}  // namespace

// Not inlined: the compiler would see malloc's memory go to delete, and warn.
[[gnu::noinline]] void* operator new(std::size_t size) {
  if (allocations_left < 0 || allocations_left-- != 0)
    if (void* const memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace fairway::test {
namespace {

/// Two contexts and a channel between them, through a broker.
class Two {
 public:
  Two() {
    there.on_connect([this](MessageEvent& event) { receiver = std::move(event.ports[0]); });
    connect();
  }
  void connect() {
    sender = here.connect("there");
    sender.post_message("hello");
    receiver = {};
    while (!receiver) there.run_once();
    if (next() != "hello") throw std::runtime_error("no hello");
  }
  /// The next message; both contexts take turns until there is one.
  std::string next() {
    const auto end = std::chrono::steady_clock::now() + Child::watchdog() / 4;
    while (std::chrono::steady_clock::now() < end) {
      here.poll();
      if (const auto event = receiver.receive(std::chrono::milliseconds(1)))
        return event->kind() == MessageEvent::Kind::string ? std::string(event->string()) : "error";
      if (receiver.close_reason()) return "closed";
    }
    return "nothing";
  }

  BrokerThread broker;
  Context here{{.broker = broker.directory()}};
  Context there{{.name = "there", .broker = broker.directory()}};
  MessagePort sender;
  MessagePort receiver;
};

enum class Result { done, threw, enough };

/// The n-th allocation of the action fails. Enough: it does not make so many.
template <class Action>
Result without_allocation(int n, Action&& action) {
  Result result = Result::done;
  allocations_left = n;
  try {
    action();
  } catch (const std::bad_alloc&) {
    result = Result::threw;
  }
  const bool failed = allocations_left < 0;
  allocations_left = -1;
  return failed ? result : Result::enough;
}

const std::vector<std::size_t> sizes{10, 300, 30'000, 3'000'000};

TEST(Allocation, a_post_that_throws_has_posted_nothing) {
  for (const std::size_t size : sizes) {
    Two two;
    const std::string message(size, 'm');
    Result result = Result::done;
    for (int n = 0; result != Result::enough; ++n) {
      SCOPED_TRACE("allocation " + std::to_string(n) + " for " + std::to_string(size) + " bytes");
      two.connect();
      result = without_allocation(n, [&] { two.sender.post_message(message); });
      two.sender.post_message("end");
      if (result != Result::threw) {
        ASSERT_EQ(two.next().substr(0, 20), message.substr(0, 20));
      }
      ASSERT_EQ(two.next().substr(0, 20), "end");
    }
  }
}

TEST(Allocation, a_receive_that_throws_has_taken_nothing) {
  for (const std::size_t size : sizes) {
    Two two;
    const std::string message(size, 'm');
    Result result = Result::done;
    for (int n = 0; result != Result::enough; ++n) {
      SCOPED_TRACE("allocation " + std::to_string(n) + " for " + std::to_string(size) + " bytes");
      two.connect();
      two.sender.post_message(message);
      two.sender.post_message("end");
      std::string received;
      result = without_allocation(n, [&] {
        while (received.empty()) {
          auto event = two.receiver.receive(std::chrono::milliseconds(1));
          if (event) received.push_back(event->kind() == MessageEvent::Kind::error ? 'e' : event->string()[0]);
        }
      });
      if (received.empty()) received = two.next().substr(0, 1);
      // A message that there is no memory for is a message error.
      ASSERT_TRUE(received == "m" || (received == "e" && size > 256)) << received;
      ASSERT_EQ(two.next().substr(0, 20), "end");
    }
  }
}

TEST(Allocation, a_turn_of_the_loop_that_throws_is_made_up_for_by_the_next) {
  for (const std::size_t size : sizes) {
    Two two;
    const std::string message(size, 'm');
    Result result = Result::done;
    for (int n = 0; result != Result::enough; ++n) {
      SCOPED_TRACE("allocation " + std::to_string(n) + " for " + std::to_string(size) + " bytes");
      MessagePort sender = two.here.connect("there");
      sender.post_message(message);
      sender.post_message("end");
      two.receiver = {};
      result = without_allocation(n, [&] {
        while (!two.receiver) two.there.run_once(std::chrono::milliseconds(1));
      });
      for (int turns = 0; turns < 1000 && !two.receiver; ++turns) two.there.run_once(std::chrono::milliseconds(10));
      ASSERT_TRUE(two.receiver) << "the connection is lost";
      ASSERT_EQ(two.next().substr(0, 20), message.substr(0, 20));
      ASSERT_EQ(two.next().substr(0, 20), "end");
    }
  }
}

}  // namespace
}  // namespace fairway::test
