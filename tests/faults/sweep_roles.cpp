// The three processes of the kill sweep: a broker, a reader, a writer. Each counts the hooks it passes, and may be told
// to kill or stop itself at one of them.
#include <iostream>
#include <sstream>

#include <fairway/fairway.hpp>

#include "faults/sweep_roles.hpp"
#include "multiprocess/stream_roles.hpp"
#include "support/child.hpp"

namespace fairway::test {

FAIRWAY_CHILD(sweep_broker) {
  install(arguments);
  Broker broker({.directory = arguments.at(0)});
  say("ready");
  const EndOfInput end([&] { broker.stop(); });
  broker.run();
  say(hook_report());
  return 0;
}

FAIRWAY_CHILD(sweep_reader) {
  install(arguments);
  {
    Context context({.name = "reader", .broker = arguments.at(0), .wait = Wait::block});
    std::optional<MessagePort> port;
    MessagePort aside;
    Stream stream(sweep_seed, sweep_largest, sweep_huge);
    std::uint64_t received = 0;
    bool good = true;
    bool closed = false;
    context.on_connect([&](MessageEvent& event) {
      port = std::move(event.ports[0]);
      say("connected");
      port->on_close([&](CloseReason reason) {
        closed = true;
        say("closed " + std::string(to_string(reason)) + " " + std::to_string(received) + (good ? " good" : " bad"));
        context.stop();
      });
      port->on_message([&](MessageEvent& message) {
        if (!message.ports.empty()) {
          aside = std::move(message.ports[0]);
          aside.post_message("got it");
          return;
        }
        good &= stream.is_message(received, message.bytes());
        if (++received % sweep_window == 0) port->post_message(std::to_string(received));
        if (received == sweep_messages / 2) aside.close();  // while the other side has its end
      });
    });
    say("ready");
    const EndOfInput end([&] { context.post([&] { if (!port || closed) context.stop(); }); });
    context.run();
    say("end");
  }
  say(hook_report());
  return 0;
}

FAIRWAY_CHILD(sweep_writer) {
  install(arguments);
  {
    std::optional<Context> context;
    try {
      context.emplace(ContextOptions{.broker = arguments.at(0), .wait = Wait::block, .broker_timeout = std::chrono::seconds(10),
                                     .queue_soft_limit = 40'000});
      MessagePort port = context->connect("reader", std::chrono::seconds(2));
      say("connected");
      // A port goes along, with something in its queue.
      MessageChannel aside(*context);
      aside.port1.post_message("for you");
      port.post_message("a port", {.transfer = {aside.port2}});
      static_cast<void>(aside.port1.receive());
      Stream stream(sweep_seed, sweep_largest, sweep_huge);
      std::uint64_t posted = 0;
      while (posted < sweep_messages) {
        // A window runs ahead of the reader's answers: the ring fills, grows and spills, and both sides sleep.
        Status status = port.try_post(stream.message(posted));
        for (; status == Status::full; status = port.try_post(stream.message(posted))) {
          bool drained = false;
          port.on_drain([&] { drained = true; });
          while (!drained && !port.close_reason()) context->run_once();
        }
        if (status != Status::ok) break;
        ++posted;
        if (posted % sweep_window == 0 && posted > 2 * sweep_window && !port.receive()) break;
      }
      if (posted < sweep_messages)
        while (port.receive()) {
        }
      const auto reason = port.close_reason();
      port.close();
      say("wrote " + std::to_string(posted) + " " + (reason ? std::string(to_string(*reason)) : "open"));
    } catch (const std::system_error& error) {
      say(std::string("error ") + error.what());
    }
  }
  say(hook_report());
  std::string line;
  while (hear(line)) {
  }
  return 0;
}

}  // namespace fairway::test
