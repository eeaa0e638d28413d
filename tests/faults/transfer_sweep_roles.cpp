// The three contexts of the transfer sweep. The other side never pauses; the port opposite goes from its old owner to its new
// one in the middle of the stream.
#include <optional>
#include <string>

#include <fairway/fairway.hpp>

#include "faults/sweep_roles.hpp"
#include "faults/transfer_sweep_roles.hpp"
#include "multiprocess/stream_roles.hpp"

namespace fairway::test {

namespace {

constexpr std::chrono::seconds patience{2};

std::string reason_of(const MessagePort& port) { return port.close_reason() ? std::string(to_string(*port.close_reason())) : "open"; }

ContextOptions options(const std::vector<std::string>& arguments, const char* name) {
  return {.name = name, .broker = arguments.at(0), .wait = Wait::block, .broker_timeout = std::chrono::seconds(10)};
}

/// A context that somebody connects to, unless the test gives up waiting for that.
struct Host {
  Context context;
  bool over = false;
  EndOfInput end{[this] { context.post([this] { over = true; }); }};

  std::optional<MessagePort> accept() {
    std::optional<MessagePort> port;
    context.on_connect([&](MessageEvent& event) { port = std::move(event.ports.at(0)); });
    say("ready");
    while (!port && !over) context.run_once();
    context.on_connect({});
    return port;
  }
};

/// Reads the stream from `next` up to `end`; false: it ended before, or is not what was posted.
struct Reading {
  Stream stream{sweep_seed, sweep_largest};
  std::uint64_t next = 0;
  bool good = true;

  bool read(MessagePort& port, std::uint64_t end) {
    while (next < end) {
      const auto message = port.receive();
      if (!message) return false;
      good &= stream.is_message(next, message->bytes());
      ++next;
    }
    return true;
  }
};

template <class Part>
int play(const std::vector<std::string>& arguments, Part&& part) {
  install(arguments);
  try {
    part();
  } catch (const std::system_error& error) {
    say(std::string("error ") + error.what());
  }
  say(hook_report());
  return 0;
}

}  // namespace

FAIRWAY_CHILD(sweep_other_side) {
  return play(arguments, [&] {
    Context context(options(arguments, ""));
    MessagePort port = context.connect("old", patience);
    Stream stream(sweep_seed, sweep_largest);
    for (std::uint64_t n = 0; n < moved_messages; ++n) port.post_message(stream.message(n));
    std::string heard;
    while (const auto message = port.receive()) {
      heard += " " + std::string(message->string());
      if (message->string() == "done") break;
    }
    say("other " + reason_of(port) + heard);
  });
}

FAIRWAY_CHILD(sweep_old_owner) {
  return play(arguments, [&] {
    Host host{Context(options(arguments, "old"))};
    auto port = host.accept();
    if (!port) return;
    MessagePort carrier = host.context.connect("new", patience);
    Reading reading;
    reading.read(*port, read_by_old);
    port->post_message("old");
    const std::string good = reading.good ? " good" : " bad";
    say("old " + std::to_string(reading.next) + good);
    if (reading.next != read_by_old) return;  // the other side is gone
    carrier.post_message(std::to_string(reading.next), {.transfer = {*port}});
    while (carrier.receive()) {
    }
  });
}

FAIRWAY_CHILD(sweep_new_owner) {
  return play(arguments, [&] {
    Host host{Context(options(arguments, "new"))};
    auto carrier = host.accept();
    if (!carrier) return;
    auto message = carrier->receive();
    if (!message) return say("new nothing " + reason_of(*carrier));
    MessagePort port = std::move(message->ports.at(0));
    Reading reading;
    const std::uint64_t first = reading.next = std::stoull(std::string(message->string()));
    port.post_message("new");
    if (reading.read(port, moved_messages)) port.post_message("done");
    while (port.receive()) {
    }
    say("new " + std::to_string(first) + " " + std::to_string(reading.next) + (reading.good ? " good " : " bad ") + reason_of(port));
  });
}

}  // namespace fairway::test
