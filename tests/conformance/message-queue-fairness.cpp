// SEMANTICS 10; after the task-queue behaviour that webmessaging/message-channels/worker-post-after-close.any.js and
// html/webappapis/scripting/event-loops/fully_active_document.window.js rely on.
#include <functional>
#include <thread>
#include <vector>

#include "conformance/transports.hpp"

namespace fairway::test {
namespace {

TEST(Fairness, a_handler_that_reposts_for_ever_does_not_starve_another_port_or_a_callback) {
  BrokerThread broker;
  Context context({.broker = broker.directory()});
  MessageChannel busy(context);
  MessageChannel calm(context);
  int reposts = 0;
  busy.port2.on_message([&](MessageEvent&) {
    ++reposts;
    busy.port1.post_message("again");
  });
  busy.port1.post_message("first");
  bool calm_ran = false;
  calm.port2.on_message([&](MessageEvent&) { calm_ran = true; });
  calm.port1.post_message("now");
  bool callback_ran = false;
  context.post([&] { callback_ran = true; });
  for (int turn = 0; turn < 3; ++turn) context.poll();
  EXPECT_TRUE(calm_ran);
  EXPECT_TRUE(callback_ran);
  EXPECT_LE(reposts, 3 * 1000);
  EXPECT_GE(reposts, 3);
}

TEST(Fairness, a_flood_from_another_context_does_not_starve_the_others) {
  Channel flooded(Transport::two_contexts);
  flooded.b->listen();
  for (int i = 0; i < 5000; ++i) flooded.a->post("flood");
  auto& side = dynamic_cast<LocalSide&>(*flooded.b);
  // At most 1000 of them in one turn, although all are there.
  const Events turn = side.pump(1, std::chrono::milliseconds(100));
  EXPECT_LE(turn.size(), 1000u);
  EXPECT_GE(turn.size(), 1u);
}

TEST(Loop, run_within_a_callback_is_an_InvalidStateError_and_receive_is_fine) {
  BrokerThread broker;
  Context context({.broker = broker.directory()});
  MessageChannel one(context);
  MessageChannel two(context);
  two.port1.post_message("inner");
  std::string name;
  std::string inner;
  one.port2.on_message([&](MessageEvent&) {
    try {
      context.run();
    } catch (const DOMException& error) {
      name = error.name();
    }
    inner = two.port2.receive()->string();
    context.stop();
  });
  one.port1.post_message("outer");
  context.run();
  EXPECT_EQ(name, "InvalidStateError");
  EXPECT_EQ(inner, "inner");
}

TEST(Loop, an_exception_from_a_callback_leaves_run_and_loses_nothing) {
  BrokerThread broker;
  Context context({.broker = broker.directory()});
  MessageChannel channel(context);
  std::string received;
  channel.port2.on_message([&](MessageEvent& event) {
    received += event.string();
    if (event.string() == "2") throw std::runtime_error("two");
    if (event.string() == "3") context.stop();
  });
  for (const char* const text : {"1", "2", "3"}) channel.port1.post_message(text);
  EXPECT_THROW(context.run(), std::runtime_error);
  EXPECT_EQ(received, "12");
  context.run();
  EXPECT_EQ(received, "123");
}

TEST(Loop, a_call_from_another_thread_is_an_InvalidStateError) {
  BrokerThread broker;
  Context context({.broker = broker.directory()});
  MessageChannel channel(context);
  std::string name;
  std::thread([&] {
    try {
      channel.port1.post_message("wrong thread");
    } catch (const DOMException& error) {
      name = error.name();
    }
  }).join();
  EXPECT_EQ(name, "InvalidStateError");
}

TEST(Loop, handlers_set_and_ends_asked_for_on_another_thread_are_an_InvalidStateError) {
  BrokerThread broker;
  Context context({.broker = broker.directory()});
  MessageChannel channel(context);
  MessagePort& port = channel.port1;
  const std::vector<std::function<void()>> calls = {
      [&] { port.on_message_error([](MessageEvent&) {}); }, [&] { port.on_close([](CloseReason) {}); },
      [&] { port.on_drain([] {}); }, [&] { static_cast<void>(port.close_reason()); }};
  std::thread([&] {
    for (const auto& call : calls) EXPECT_EQ(error_of(call), "InvalidStateError");
  }).join();
}

TEST(Loop, a_handle_that_goes_on_another_thread_closes_its_port_in_the_loop) {
  BrokerThread broker;
  Context context({.broker = broker.directory()});
  MessageChannel channel(context);
  std::thread([port = std::move(channel.port1)] {}).join();
  EXPECT_TRUE(channel.port2);
  while (!channel.port2.close_reason()) context.poll();
  EXPECT_EQ(channel.port2.close_reason(), CloseReason::closed);
}

TEST(Loop, a_close_handler_that_is_set_late_is_called_all_the_same_and_once) {
  BrokerThread broker;
  Context context({.broker = broker.directory()});
  MessageChannel channel(context);
  channel.port1.close();
  while (context.poll() != 0 || !channel.port2.close_reason()) {
  }
  int closes = 0;
  channel.port2.on_close([&](CloseReason) { ++closes; });
  while (closes == 0) ASSERT_TRUE(context.run_once(std::chrono::seconds(20)));
  channel.port2.on_close([&](CloseReason) { ++closes; });
  context.poll();
  EXPECT_EQ(closes, 1);
}

TEST(Loop, a_thread_that_ends_closes_its_context) {
  BrokerThread broker;
  Context context({.name = "main", .broker = broker.directory()});
  MessagePort port;
  bool connected = false;
  context.on_connect([&](MessageEvent& event) {
    port = std::move(event.ports[0]);
    connected = true;
  });
  std::unique_ptr<Context> left_behind;
  MessagePort handle;
  std::thread([&] {
    left_behind = std::make_unique<Context>(Context::Options{.broker = broker.directory()});
    handle = left_behind->connect("main");
    handle.post_message("last words");
  }).join();
  EXPECT_FALSE(handle);
  EXPECT_THROW(left_behind->poll(), DOMException);
  while (!connected) ASSERT_TRUE(context.run_once(std::chrono::seconds(20)));
  const auto event = port.receive(std::chrono::seconds(20));
  ASSERT_TRUE(event);
  EXPECT_EQ(event->string(), "last words");
  EXPECT_FALSE(port.receive(std::chrono::seconds(20)));
  EXPECT_EQ(port.close_reason(), CloseReason::closed);
}

}  // namespace
}  // namespace fairway::test
