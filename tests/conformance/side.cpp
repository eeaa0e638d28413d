#include "conformance/side.hpp"

#include <unistd.h>

#include <iostream>
#include <sstream>

namespace fairway::test {

void LocalSide::listen() {
  port_.on_message_error([this](MessageEvent&) { events_.push_back("e"); });
  port_.on_drain([this] { events_.push_back("d"); });
  port_.on_message([this](MessageEvent& event) { events_.push_back("m:" + std::string(event.string())); });
}

void LocalSide::listen_for_close() {
  port_.on_close([this](CloseReason reason) { events_.push_back("c:" + std::string(to_string(reason))); });
}

Events LocalSide::do_pump(std::size_t count, std::chrono::milliseconds patience) {
  while (events_.size() < count && context_->run_once(patience)) {
  }
  return std::exchange(events_, {});
}

std::string LocalSide::do_receive(std::chrono::milliseconds timeout) {
  const auto event = port_.receive(timeout);
  return event ? std::string(event->string()) : "";
}

std::string LocalSide::reason() {
  const auto reason = port_.close_reason();
  return reason ? std::string(to_string(*reason)) : "";
}

int LocalSide::pid() { return ::getpid(); }

Events RemoteSide::do_pump(std::size_t count, std::chrono::milliseconds patience) {
  child_->send("pump " + std::to_string(count) + " " + std::to_string(patience.count()));
  Events events;
  for (std::string line = child_->line(); line != "." && !line.empty(); line = child_->line()) events.push_back(line);
  return events;
}

/// Holds the other port and does what the test says.
FAIRWAY_CHILD(conformance_side) {
  auto context = std::make_shared<Context>(ContextOptions{.name = "side-b", .broker = arguments.at(0)});
  std::optional<MessagePort> connected;  // a port that is closed again already is one too
  context->on_connect([&](MessageEvent& event) { connected = std::move(event.ports[0]); });
  say("ready");
  while (!connected) context->run_once();
  LocalSide side(context, *std::move(connected));
  for (std::string line; hear(line);) {
    std::istringstream words(line);
    std::string verb;
    words >> verb;
    if (verb == "post") {
      side.post(line.substr(5));
      say("ok");
    } else if (verb == "try_post") {
      say(side.try_post(line.substr(9)));
    } else if (verb == "start") {
      side.start();
      say("ok");
    } else if (verb == "listen") {
      side.listen();
      say("ok");
    } else if (verb == "listen_for_close") {
      side.listen_for_close();
      say("ok");
    } else if (verb == "pump") {
      std::size_t count = 0;
      long patience = 0;
      words >> count >> patience;
      for (const std::string& event : side.pump(count, std::chrono::milliseconds(patience))) say(event);
      say(".");
    } else if (verb == "receive") {
      long timeout = 0;
      words >> timeout;
      say(side.receive(std::chrono::milliseconds(timeout)));
    } else if (verb == "close") {
      side.close();
      say("ok");
    } else if (verb == "reason") {
      say(side.reason());
    } else if (verb == "buffered") {
      say(std::to_string(side.buffered()));
    } else {
      say("?");
    }
  }
  return 0;
}

std::string name_of(Transport transport) {
  switch (transport) {
    case Transport::one_context: return "one_context";
    case Transport::two_contexts: return "two_contexts";
    case Transport::two_processes: return "two_processes";
  }
  return "?";
}

Channel::Channel(Transport transport) : broker(std::make_unique<BrokerThread>()) {
  context = std::make_shared<Context>(ContextOptions{.name = "side-a", .broker = broker->directory()});
  switch (transport) {
    case Transport::one_context: {
      MessageChannel channel(*context);
      a = std::make_unique<LocalSide>(context, std::move(channel.port1));
      b = std::make_unique<LocalSide>(context, std::move(channel.port2));
      break;
    }
    case Transport::two_contexts: {
      auto other = std::make_shared<Context>(ContextOptions{.name = "side-b", .broker = broker->directory()});
      std::optional<MessagePort> port;
      other->on_connect([&](MessageEvent& event) { port = std::move(event.ports[0]); });
      a = std::make_unique<LocalSide>(context, context->connect("side-b"));
      while (!port) other->run_once();
      other->on_connect({});
      b = std::make_unique<LocalSide>(other, *std::move(port));
      break;
    }
    case Transport::two_processes: {
      auto child = std::make_unique<Child>("conformance_side", std::vector{broker->directory().native()});
      if (child->line() != "ready") throw std::runtime_error("the child did not start");
      a = std::make_unique<LocalSide>(context, context->connect("side-b"));
      b = std::make_unique<RemoteSide>(std::move(child));
      std::cout << "pids " << a->pid() << " and " << b->pid() << "\n";
      break;
    }
  }
}

Channel::~Channel() = default;

}  // namespace fairway::test
