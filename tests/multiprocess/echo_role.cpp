// The other process of several tests: sends every message back.
#include <fairway/fairway.hpp>

#include "support/child.hpp"

namespace fairway::test {

/// Arguments: broker directory, "poll", "block" or "adaptive".
FAIRWAY_CHILD(echo) {
  const Wait wait = arguments.at(1) == "poll" ? Wait::poll : arguments.at(1) == "block" ? Wait::block : Wait::adaptive;
  Context context({.name = "echo", .broker = arguments.at(0), .wait = wait});
  std::vector<MessagePort> ports;
  std::size_t open = 0;
  context.on_connect([&](MessageEvent& event) {
    const std::size_t index = ports.size();
    ports.push_back(std::move(event.ports[0]));
    ++open;
    ports[index].on_message([&ports, index](MessageEvent& message) {
      if (message.kind() == MessageEvent::Kind::string) {
        ports[index].post_message(message.string());
      } else {
        ports[index].post_message(message.bytes());
      }
    });
    ports[index].on_close([&](CloseReason) {
      if (--open == 0) context.stop();
    });
  });
  say("ready");
  context.run();
  say("done");
  std::string line;
  while (hear(line)) {
  }
  return 0;
}

}  // namespace fairway::test
