// <fairway/asio.hpp>: each kind of completion token, cancellation, and ends in the middle.
#include <fairway/asio.hpp>

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/system/system_error.hpp>

#include <fairway/fairway.hpp>

#include "support/broker_thread.hpp"
#include "support/child.hpp"

namespace fairway::test {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

class Asio : public testing::Test {
 protected:
  /// False: the watchdog was quicker than `io.stop`.
  [[nodiscard]] bool run() {
    io.run_for(std::min(std::chrono::seconds(50), Child::watchdog()));
    return io.stopped();
  }
  /// Runs a coroutine to its end.
  void run(asio::awaitable<void> body) {
    bool done = false;
    asio::co_spawn(io, std::move(body), [&](std::exception_ptr error) {
      done = true;
      io.stop();
      if (error) std::rethrow_exception(error);
    });
    EXPECT_TRUE(run());
    EXPECT_TRUE(done) << "the coroutine hangs";
    io.restart();
  }
  /// What a callback token leaves behind.
  struct Result {
    int calls = 0;
    error_code code;
    std::string text;
    auto token(asio::io_context& where) {
      return asio::bind_executor(where, [this](error_code error, MessageEvent event) { take(error, std::move(event)); });
    }
    void take(error_code error, MessageEvent event) {
      ++calls;
      code = error;
      if (!error) text = event.string();
    }
  };
  /// What is ready now, and nothing that has to be waited for.
  void poll_for_a_while() {
    for (int i = 0; i < 20; ++i) io.poll();
  }

  BrokerThread broker;
  asio::io_context io{1};
  std::optional<Context> context{std::in_place, ContextOptions{.name = "me", .broker = broker.directory()}};
  std::optional<AsioLoop> loop{std::in_place, io.get_executor(), *context};
};

TEST_F(Asio, a_coroutine_talks_to_coroutines_in_another_process) {
  Child echo("asio_echo", {broker.directory().native()});
  ASSERT_EQ(echo.line(), "ready");
  run([](Context& me) -> asio::awaitable<void> {
    MessagePort port = me.connect("echo");
    for (int i = 0; i < 1000; ++i) {
      port.post_message(std::to_string(i));
      const MessageEvent answer = co_await async_receive(port, asio::use_awaitable);
      EXPECT_EQ(answer.string(), std::to_string(i));
    }
    for (int i = 0; i < 1000; ++i) port.post_message(std::to_string(i));  // in one go
    for (int i = 0; i < 1000; ++i)
      EXPECT_EQ((co_await async_receive(port, asio::use_awaitable)).string(), std::to_string(i));
  }(*context));
  EXPECT_EQ(echo.line(), "done");
  EXPECT_EQ(echo.wait(), 0);
}

TEST_F(Asio, a_killed_peer_ends_the_receive_after_what_it_sent) {
  Child echo("asio_echo", {broker.directory().native()});
  ASSERT_EQ(echo.line(), "ready");
  run([](Context& me, Child& child) -> asio::awaitable<void> {
    constexpr auto token = asio::as_tuple(asio::use_awaitable);
    MessagePort port = me.connect("echo");
    port.post_message("one");
    EXPECT_FALSE(std::get<0>(co_await async_receive(port, token)));
    child.kill(SIGKILL);
    const auto [code, event] = co_await async_receive(port, token);
    EXPECT_EQ(code, CloseReason::peer_lost);
    EXPECT_EQ(code.message(), "the channel has ended: peer_lost");
    EXPECT_EQ(std::get<0>(co_await async_receive(port, token)), CloseReason::peer_lost) << "and says so again";
  }(*context, echo));
}

TEST_F(Asio, without_as_tuple_the_end_is_an_exception) {
  MessageChannel channel(*context);
  channel.port2.post_message("last");
  channel.port2.close();
  run([](MessagePort port) -> asio::awaitable<void> {
    EXPECT_EQ((co_await async_receive(port, asio::use_awaitable)).string(), "last");
    error_code code;
    try {
      co_await async_receive(port, asio::use_awaitable);
    } catch (const boost::system::system_error& error) {
      code = error.code();
    }
    EXPECT_EQ(code, CloseReason::closed);
    EXPECT_NE(code, CloseReason::peer_lost);
  }(std::move(channel.port1)));
}

TEST_F(Asio, a_future_is_fulfilled_while_another_thread_waits_for_it) {
  MessageChannel channel(*context);
  auto future = async_receive(channel.port1, asio::use_future);
  std::thread other([&] {
    EXPECT_EQ(future.get().string(), "hello");
    io.stop();
  });
  channel.port2.post_message("hello");
  EXPECT_TRUE(run());
  other.join();
}

TEST_F(Asio, a_callback_is_never_called_inside_the_call_that_starts_it) {
  MessageChannel channel(*context);
  channel.port2.post_message("there already");
  Result result;
  async_receive(channel.port1, result.token(io));
  EXPECT_EQ(result.calls, 0);
  poll_for_a_while();
  EXPECT_EQ(result.calls, 1);
  EXPECT_EQ(result.text, "there already");
}

TEST_F(Asio, a_callback_without_an_executor_is_called_by_the_contexts_loop) {
  MessageChannel channel(*context);
  channel.port2.post_message("hello");
  std::string text;
  std::thread::id thread;
  async_receive(channel.port1, [&](error_code code, MessageEvent event) {
    EXPECT_FALSE(code);
    text = event.string();
    thread = std::this_thread::get_id();
  });
  EXPECT_EQ(text, "");
  poll_for_a_while();
  EXPECT_EQ(text, "hello");
  EXPECT_EQ(thread, std::this_thread::get_id());
}

TEST_F(Asio, a_deferred_receive_starts_when_it_is_called) {
  MessageChannel channel(*context);
  auto operation = async_receive(channel.port1, asio::deferred);
  channel.port2.post_message("hello");
  Result result;
  std::move(operation)(result.token(io));
  poll_for_a_while();
  EXPECT_EQ(result.text, "hello");
}

TEST_F(Asio, ports_travel_in_what_is_received) {
  MessageChannel channel(*context), other(*context);
  channel.port2.post_message("take it", {.transfer = {other.port2}});
  run([](MessagePort port, MessagePort mine) -> asio::awaitable<void> {
    MessageEvent event = co_await async_receive(port, asio::use_awaitable);
    event.ports.at(0).post_message("from afar");
    EXPECT_EQ((co_await async_receive(mine, asio::use_awaitable)).string(), "from afar");
  }(std::move(channel.port1), std::move(other.port1)));
}

TEST_F(Asio, a_cancelled_receive_is_aborted_and_loses_no_message) {
  for (const auto type : {asio::cancellation_type::terminal, asio::cancellation_type::partial, asio::cancellation_type::total}) {
    MessageChannel channel(*context);
    asio::cancellation_signal signal;
    Result cancelled, next;
    async_receive(channel.port1, asio::bind_cancellation_slot(signal.slot(), cancelled.token(io)));
    poll_for_a_while();
    signal.emit(type);
    EXPECT_EQ(cancelled.calls, 0);
    channel.port2.post_message("hello");
    poll_for_a_while();
    EXPECT_EQ(cancelled.calls, 1);
    EXPECT_EQ(cancelled.code, asio::error::operation_aborted);
    signal.emit(type);  // too late
    async_receive(channel.port1, next.token(io));
    poll_for_a_while();
    EXPECT_EQ(next.text, "hello");
    EXPECT_EQ(cancelled.calls, 1);
  }
}

TEST_F(Asio, a_signal_after_the_end_of_the_operation_does_nothing) {
  MessageChannel channel(*context);
  asio::cancellation_signal signal;
  Result result;
  async_receive(channel.port1, asio::bind_cancellation_slot(signal.slot(), result.token(io)));
  channel.port2.post_message("hello");
  poll_for_a_while();
  signal.emit(asio::cancellation_type::all);
  poll_for_a_while();
  EXPECT_EQ(result.calls, 1);
  EXPECT_EQ(result.text, "hello");
}

TEST_F(Asio, a_timeout_is_the_other_branch_of_a_race) {
  MessageChannel channel(*context);
  run([](MessagePort port, MessagePort& other) -> asio::awaitable<void> {
    using namespace asio::experimental::awaitable_operators;
    asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::milliseconds(5));
    const auto first = co_await (async_receive(port, asio::use_awaitable) || timer.async_wait(asio::use_awaitable));
    EXPECT_EQ(first.index(), 1u);
    other.post_message("later");
    EXPECT_EQ((co_await async_receive(port, asio::use_awaitable)).string(), "later");
  }(std::move(channel.port1), channel.port2));
}

TEST_F(Asio, the_former_of_two_receives_is_aborted) {
  MessageChannel channel(*context);
  Result former, latter;
  async_receive(channel.port1, former.token(io));
  async_receive(channel.port1, latter.token(io));
  channel.port2.post_message("hello");
  poll_for_a_while();
  EXPECT_EQ(former.code, asio::error::operation_aborted);
  EXPECT_EQ(latter.text, "hello");
}

TEST_F(Asio, an_empty_a_closed_and_a_transferred_port_abort_at_once_or_meanwhile) {
  MessagePort none;
  Result empty, closed, transferred;
  async_receive(none, empty.token(io));
  MessageChannel one(*context), two(*context);
  async_receive(one.port1, closed.token(io));
  one.port1.close();
  async_receive(two.port1, transferred.token(io));
  MessageChannel carrier(*context);
  carrier.port1.post_message("take it", {.transfer = {two.port1}});
  EXPECT_EQ(empty.calls + closed.calls + transferred.calls, 0);
  poll_for_a_while();
  for (const Result* result : {&empty, &closed, &transferred}) EXPECT_EQ(result->code, asio::error::operation_aborted);
}

TEST_F(Asio, a_context_that_ends_aborts_the_receives_of_its_ports) {
  MessageChannel channel(*context);
  Result result;
  async_receive(channel.port1, result.token(io));
  poll_for_a_while();
  loop.reset();
  context.reset();
  EXPECT_EQ(result.calls, 0);
  io.run();  // nothing keeps it
  EXPECT_EQ(result.calls, 1);
  EXPECT_EQ(result.code, asio::error::operation_aborted);
}

/// Counts its instances: coroutine frames that nobody destroys would keep theirs.
struct Witness {
  explicit Witness(int& count) : count_(&count) { ++*count_; }
  Witness(Witness&& other) noexcept : count_(std::exchange(other.count_, nullptr)) {}
  ~Witness() {
    if (count_ != nullptr) --*count_;
  }
  int* count_;
};

TEST(AsioEnd, coroutines_that_wait_are_destroyed_with_the_program_in_every_order) {
  BrokerThread broker;
  for (const bool loop_first : {true, false}) {
    int alive = 0;
    {
      asio::io_context io;
      std::optional<Context> context(std::in_place, ContextOptions{.broker = broker.directory()});
      std::optional<AsioLoop> loop(std::in_place, io.get_executor(), *context);
      MessageChannel channel(*context);
      asio::co_spawn(
          io, [](MessagePort port, Witness) -> asio::awaitable<void> { co_await async_receive(port, asio::use_awaitable); }(
                  std::move(channel.port1), Witness(alive)),
          asio::detached);
      io.poll();
      io.poll();
      EXPECT_EQ(alive, 1);
      if (loop_first) loop.reset();
    }
    EXPECT_EQ(alive, 0);
  }
}

TEST_F(Asio, an_exception_of_a_callback_leaves_run_and_run_goes_on) {
  MessageChannel channel(*context);
  int calls = 0;
  channel.port1.on_message([&](MessageEvent& event) {
    if (++calls == 1) throw std::runtime_error(std::string(event.string()));
    io.stop();
  });
  channel.port2.post_message("one");
  channel.port2.post_message("two");
  EXPECT_THROW(io.run(), std::runtime_error);
  EXPECT_TRUE(run());
  EXPECT_EQ(calls, 2);
}

TEST_F(Asio, another_thread_that_runs_it_is_told) {
  std::thread other([&] { EXPECT_THROW(io.run(), DOMException); });
  other.join();
}

TEST_F(Asio, a_stopped_loop_lets_run_return_and_the_context_goes_on_without) {
  poll_for_a_while();
  loop->stop();
  io.run();
  MessageChannel channel(*context);
  channel.port2.post_message("hello");
  EXPECT_EQ(channel.port1.receive()->string(), "hello");
}

TEST_F(Asio, work_made_by_other_handlers_while_the_loop_sleeps_is_done) {
  Child echo("asio_echo", {broker.directory().native()});
  ASSERT_EQ(echo.line(), "ready");
  MessagePort port = context->connect("echo");
  std::size_t answers = 0;
  port.on_message([&](MessageEvent&) {
    if (++answers == 40) io.stop();
  });
  asio::steady_timer timer(io, std::chrono::milliseconds(5));
  timer.async_wait([&](error_code) {
    for (int i = 0; i < 40; ++i) port.post_message(std::string(1'000'000, 'x'));  // more than fits: a backlog
  });
  EXPECT_TRUE(run());
  EXPECT_EQ(answers, 40u);
}

TEST_F(Asio, thousands_of_ports_wait_at_once) {
  constexpr std::size_t count = 4000;
  std::vector<MessagePort> others;
  std::size_t left = count;
  for (std::size_t i = 0; i < count; ++i) {
    MessageChannel channel(*context);
    others.push_back(std::move(channel.port2));
    asio::co_spawn(
        io, [](MessagePort port, std::size_t number) -> asio::awaitable<void> {
          for (int round = 0; round < 3; ++round)
            EXPECT_EQ((co_await async_receive(port, asio::use_awaitable)).string(), std::to_string(number));
        }(std::move(channel.port1), i),
        [&](std::exception_ptr error) {
          EXPECT_FALSE(error);
          if (--left == 0) io.stop();
        });
  }
  poll_for_a_while();
  for (int round = 0; round < 3; ++round) {
    for (std::size_t i = count; i-- > 0;) others[i].post_message(std::to_string(i));
    poll_for_a_while();
  }
  EXPECT_TRUE(run());
  EXPECT_EQ(left, 0u);
}

}  // namespace
}  // namespace fairway::test
