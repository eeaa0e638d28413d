// Every single allocation of a post, of a receive and of a turn of the loop fails once. What throws has done nothing, and
// what was posted arrives once, in order; or the channel closes, when there is no memory for what the others have to know.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include <fairway/fairway.hpp>

#include "support/broker_thread.hpp"
#include "support/child.hpp"

namespace {
/// How many allocations of this thread still succeed; the one after those fails. Below 0: all do.
thread_local int allocations_left = -1;
}  // namespace

// Not inlined: the compiler would see malloc's memory go to delete, and warn. Both: AddressSanitizer has each of its own.
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return allocations_left < 0 || allocations_left-- != 0 ? std::malloc(size) : nullptr;
}
[[gnu::noinline]] void* operator new(std::size_t size) {
  if (void* const memory = ::operator new(size, std::nothrow)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace fairway::test {
namespace {

/// Two contexts and a channel between them, through a broker.
class Two {
 public:
  explicit Two(const std::filesystem::path& broker) : here({.broker = broker}), there({.name = "there", .broker = broker}) {
    there.on_connect([this](MessageEvent& event) { receiver = std::move(event.ports[0]); });
  }
  void connect() {
    sender = here.connect("there");
    sender.post_message("hello");
    while (!receiver) there.run_once();
    if (next() != "hello") throw std::runtime_error("no hello");
  }
  /// How the next message begins, or "closed".
  std::string next() {
    const auto end = std::chrono::steady_clock::now() + Child::watchdog() / 4;
    while (std::chrono::steady_clock::now() < end) {
      here.poll();
      if (const auto event = receiver.receive(std::chrono::milliseconds(1)))
        return event->kind() == MessageEvent::Kind::string ? std::string(event->string().substr(0, 5)) : "error";
      if (receiver.close_reason()) return "closed";
    }
    return "nothing";
  }

  Context here;
  Context there;
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
  } catch (const DOMException&) {
    result = Result::threw;
  }
  const bool failed = allocations_left < 0;
  allocations_left = -1;
  return failed ? result : Result::enough;
}

/// Of two contexts only the one that is looked at is short of memory.
template <class Action>
void with_all_memory(Action&& action) {
  const int left = std::exchange(allocations_left, -1);
  action();
  allocations_left = left;
}

class Allocation : public testing::TestWithParam<std::size_t> {
 protected:
  /// With one allocation failing after another, until there are no more.
  template <class Once>
  void for_each_allocation(Once&& once) {
    Result result = Result::done;
    for (int n = 0; result != Result::enough; ++n) {
      SCOPED_TRACE("allocation " + std::to_string(n));
      Two two(broker_.directory());
      once(two, n, result);
      if (HasFatalFailure()) return;
    }
  }

  BrokerThread broker_;
  const std::string message_ = std::string(GetParam(), 'm');
  const std::string begin_ = message_.substr(0, 5);
};

TEST_P(Allocation, a_post_that_throws_has_posted_nothing) {
  for_each_allocation([this](Two& two, int n, Result& result) {
    two.connect();
    result = without_allocation(n, [&] { two.sender.post_message(message_); });
    two.sender.post_message("end");
    std::string next = two.next();
    if (result != Result::threw && next != "closed") {
      ASSERT_EQ(next, begin_);
      next = two.next();
    }
    ASSERT_TRUE(next == "end" || next == "closed") << next;
  });
}

TEST_P(Allocation, a_post_with_a_port_that_throws_has_posted_nothing_and_the_port_is_still_there) {
  for_each_allocation([this](Two& two, int n, Result& result) {
    two.connect();
    MessageChannel other(two.here);
    other.port1.post_message("before");
    result = without_allocation(n, [&] { two.sender.post_message(message_, {.transfer = {other.port2}}); });
    two.sender.post_message("end");
    if (result == Result::threw) {
      ASSERT_TRUE(other.port2);
      const auto event = other.port2.receive(std::chrono::seconds(5));
      ASSERT_TRUE(event);
      EXPECT_EQ(event->string(), "before");
    }
    std::string next = two.next();
    if (result != Result::threw && next != "closed") {
      ASSERT_EQ(next, begin_);
      next = two.next();
    }
    ASSERT_TRUE(next == "end" || next == "closed") << next;
  });
}

TEST_P(Allocation, a_post_with_a_buffer_that_throws_has_posted_nothing_and_the_buffer_is_still_there) {
  for_each_allocation([this](Two& two, int n, Result& result) {
    two.connect();
    MessageChannel local(two.here);
    result = Result::enough;
    for (MessagePort* const port : {&two.sender, &local.port1}) {
      ArrayBuffer buffer(GetParam());
      buffer.bytes()[0] = std::byte{7};
      const Value value = Value::array({buffer});
      const Result once = without_allocation(n, [&] { port->post_message(value, {.transfer = {buffer}}); });
      if (once != Result::enough) result = once;
      ASSERT_EQ(buffer.detached(), once != Result::threw);
      if (once == Result::threw) {
        ASSERT_EQ(buffer.bytes()[0], std::byte{7});
        ASSERT_EQ(buffer.size(), GetParam());
      }
    }
    two.sender.post_message("end");
    std::string next = two.next();
    if (next == "error") next = two.next();  // no string
    ASSERT_TRUE(next == "end" || next == "closed") << next;
  });
}

TEST_P(Allocation, a_receive_that_throws_has_taken_nothing) {
  for_each_allocation([this](Two& two, int n, Result& result) {
    two.connect();
    two.sender.post_message(message_);
    two.sender.post_message("end");
    std::string received;
    result = without_allocation(n, [&] {
      while (received.empty() && !two.receiver.close_reason()) {
        if (auto event = two.receiver.receive(std::chrono::milliseconds(1)))
          received.push_back(event->kind() == MessageEvent::Kind::error ? 'e' : event->string()[0]);
        with_all_memory([&] { two.here.poll(); });
      }
    });
    const std::string next = received.empty() ? two.next() : received;
    if (next == "closed") return;
    // A message that there is no memory for is a message error.
    ASSERT_TRUE(next[0] == 'm' || next[0] == 'e') << next;
    const std::string last = two.next();
    ASSERT_TRUE(last == "end" || last == "closed") << last;
  });
}

TEST_P(Allocation, a_turn_of_the_loop_that_throws_is_made_up_for_by_the_next) {
  for_each_allocation([this](Two& two, int n, Result& result) {
    two.sender = two.here.connect("there");
    two.sender.post_message(message_);
    two.sender.post_message("end");
    result = without_allocation(n, [&] {
      while (!two.receiver && !two.sender.close_reason()) {
        two.there.run_once(std::chrono::milliseconds(1));
        with_all_memory([&] { two.here.poll(); });
      }
    });
    for (int turns = 0; turns < 1000 && !two.receiver && !two.sender.close_reason(); ++turns) {
      two.there.run_once(std::chrono::milliseconds(5));
      two.here.poll();
    }
    if (two.sender.close_reason()) return;
    ASSERT_TRUE(two.receiver) << "the connection is lost";
    std::string next = two.next();
    if (next == "closed") return;
    ASSERT_EQ(next, begin_);
    next = two.next();
    ASSERT_TRUE(next == "end" || next == "closed") << next;
  });
}

INSTANTIATE_TEST_SUITE_P(OfBytes, Allocation, testing::Values(10, 300, 30'000, 3'000'000), testing::PrintToStringParamName());

}  // namespace
}  // namespace fairway::test
