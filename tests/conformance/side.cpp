#include "conformance/side.hpp"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <iostream>
#include <sstream>
#include <stdexcept>

namespace fairway::test {

namespace {

using Clock = std::chrono::steady_clock;
/// How long one context of a thread waits before it lets the others run.
constexpr std::chrono::milliseconds slice{2};

PostOptions options_for(const Transfer& transfer) {
  PostOptions options;
  for (Side& side : transfer) options.transfer.emplace_back(dynamic_cast<LocalSide&>(side).port());
  return options;
}

}  // namespace

std::unique_ptr<Side> Side::take_port() {
  Message message = take();
  if (message.ports.size() != 1)
    throw std::runtime_error("a message with one port was expected, and '" + message.text + "' came with " +
                             std::to_string(message.ports.size()));
  return std::move(message.ports[0]);
}

std::unique_ptr<LocalSide> LocalSide::beside(MessagePort port) const {
  return std::make_unique<LocalSide>(locals_, *context_, std::move(port));
}

void LocalSide::do_post(const std::string& text, const Transfer& transfer) { port_.post_message(text, options_for(transfer)); }

std::string LocalSide::do_try_post(const std::string& text, const Transfer& transfer) {
  return std::string(to_string(port_.try_post(text, options_for(transfer))));
}

void LocalSide::post_many(std::size_t count, std::size_t size) {
  for (std::size_t i = 0; i < count; ++i) {
    std::string text = "m" + std::to_string(i);
    text.resize(std::max(size, text.size()), 'x');
    port_.post_message(text);
  }
}

std::pair<std::unique_ptr<Side>, std::unique_ptr<Side>> LocalSide::make_channel() {
  MessageChannel channel(*context_);
  return {beside(std::move(channel.port1)), beside(std::move(channel.port2))};
}

void LocalSide::listen() {
  port_.on_message_error([this](MessageEvent&) { events_.push_back("e"); });
  port_.on_drain([this] { events_.push_back("d"); });
  port_.on_message([this](MessageEvent& event) { events_.push_back("m:" + std::string(event.string())); });
}

void LocalSide::listen_for_close() {
  port_.on_close([this](CloseReason reason) { events_.push_back("c:" + std::string(to_string(reason))); });
}

void LocalSide::listen_and_leave_over(Side& carrier) {
  port_.on_message([this, &carrier](MessageEvent& event) {
    events_.push_back("m:" + std::string(event.string()));
    carrier.post("the rest", {*this});
  });
}

Events LocalSide::do_pump(std::size_t count, std::chrono::milliseconds patience) {
  auto deadline = Clock::now() + patience;
  while (events_.size() < count) {
    locals_->poll_all_but(context_);
    if (context_->run_once(locals_->several() ? std::min(slice, patience) : patience)) {
      deadline = Clock::now() + patience;
    } else if (Clock::now() >= deadline) {
      break;
    }
  }
  return std::exchange(events_, {});
}

std::optional<MessageEvent> LocalSide::next(std::chrono::milliseconds timeout) {
  const auto deadline = Clock::now() + timeout;
  for (;;) {
    locals_->poll_all_but(context_);
    const auto patience = locals_->several() ? std::min(slice, timeout) : timeout;
    const auto began = Clock::now();
    if (auto event = port_.receive(patience)) return event;
    const auto now = Clock::now();
    if (now >= deadline || now - began < patience) return {};  // before its time: nothing can come
  }
}

Message LocalSide::do_take(std::chrono::milliseconds timeout) {
  auto event = next(timeout);
  if (!event) return {};
  Message message{std::string(event->string()), {}};
  for (MessagePort& port : event->ports) message.ports.push_back(beside(std::move(port)));
  return message;
}

void LocalSide::bounce() {
  auto event = next();
  if (!event) throw std::runtime_error("no message came that could be posted back");
  PostOptions options;
  for (MessagePort& port : event->ports) options.transfer.emplace_back(port);
  if (event->kind() == MessageEvent::Kind::error) {
    port_.post_message("messageerror");
  } else {
    Value data = event->data();
    if (data.is(Value::Type::array_buffer)) options.transfer.emplace_back(data);
    port_.post_message(data, std::move(options));
  }
}

void LocalSide::increment() {
  const auto event = next();
  if (!event || event->kind() != MessageEvent::Kind::value) throw std::runtime_error("nothing came that an incrementer understands");
  const Value data = event->data();
  const std::string message = data["message"].get<std::string>();
  if (message == "initial payload") incremented_ = SharedArrayBuffer(data["sab"]);
  const std::atomic_ref number(incremented_.at<std::int32_t>(0));
  port_.post_message(Value::object({{"message", message + " received"}, {"value", number.load()}}));
  if (message != "initial payload") return;
  number.store(2);
  port_.post_message(Value::object({{"message", "changed to 2"}}));
}

std::string LocalSide::reason() {
  const auto reason = port_.close_reason();
  return reason ? std::string(to_string(*reason)) : "";
}

int LocalSide::pid() { return ::getpid(); }

Agent::Agent(std::shared_ptr<Locals> locals, std::vector<std::string> arguments)
    : locals_(std::move(locals)), child_("conformance_side", std::move(arguments)) {
  if (child_.line() != "ready") throw std::runtime_error("the child did not start");
}

std::string Agent::line() {
  const auto deadline = Clock::now() + Child::watchdog();
  while (Clock::now() < deadline && !child_.says_something(slice)) locals_->poll_all_but(nullptr);
  return child_.line();
}

std::string Agent::ask(const std::string& request) {
  for (; owed_ != 0; --owed_) line();
  child_.send(request);
  const std::string answer = line();
  if (answer.starts_with('!')) throw DOMException(answer.substr(1), "thrown at the other side");
  return answer.empty() ? answer : answer.substr(1);
}

void Agent::ask_later(const std::string& request) {
  child_.send(request);
  ++owed_;
}

RemoteSide::~RemoteSide() {
  if (number_ != 0) agent_->ask_later("forget " + std::to_string(number_));
}

std::string RemoteSide::ask(const std::string& verb, const std::string& rest) {
  return agent_->ask(verb + " " + std::to_string(number_) + (rest.empty() ? "" : " " + rest));
}

std::string RemoteSide::with_ports(const std::string& text, const Transfer& transfer) const {
  std::string words = std::to_string(transfer.size());
  for (Side& side : transfer) words += " " + std::to_string(dynamic_cast<RemoteSide&>(side).number_);
  return words + " " + text;
}

void RemoteSide::post_many(std::size_t count, std::size_t size) {
  agent_->ask_later("post_many " + std::to_string(number_) + " " + std::to_string(count) + " " + std::to_string(size));
}

std::pair<std::unique_ptr<Side>, std::unique_ptr<Side>> RemoteSide::make_channel() {
  std::istringstream numbers(ask("make_channel"));
  int one = 0;
  int two = 0;
  numbers >> one >> two;
  return {beside(one), beside(two)};
}

void RemoteSide::listen_and_leave_over(Side& carrier) {
  ask("listen_and_leave_over", std::to_string(dynamic_cast<RemoteSide&>(carrier).number_));
}

void RemoteSide::end_context() {
  child().close_input();
  child().wait();
}

Events RemoteSide::do_pump(std::size_t count, std::chrono::milliseconds patience) {
  const std::string size = ask("pump", std::to_string(count) + " " + std::to_string(patience.count()));
  Events events;
  for (std::size_t left = size.empty() ? 0 : std::stoul(size); left != 0; --left) events.push_back(agent_->line());
  return events;
}

Message RemoteSide::do_take(std::chrono::milliseconds timeout) {
  std::istringstream words(ask("take", std::to_string(timeout.count())));
  Message message;
  std::size_t ports = 0;
  for (words >> ports; ports != 0; --ports) {
    int number = 0;
    words >> number;
    message.ports.push_back(beside(number));
  }
  words.ignore();
  std::getline(words, message.text);
  return message;
}

std::string name_of(Transport transport) {
  switch (transport) {
    case Transport::one_context: return "one_context";
    case Transport::two_contexts: return "two_contexts";
    case Transport::two_processes: return "two_processes";
    case Transport::three_contexts: return "three_contexts";
    case Transport::three_processes: return "three_processes";
  }
  return "?";
}

namespace {

/// A channel from a context of this process to another party.
std::pair<std::unique_ptr<LocalSide>, std::unique_ptr<Side>> reach(Transport transport, const std::string& name, Context& context,
                                                                   const std::shared_ptr<Locals>& locals, const std::string& broker) {
  switch (transport) {
    case Transport::one_context: {
      MessageChannel channel(context);
      return {std::make_unique<LocalSide>(locals, context, std::move(channel.port1)),
              std::make_unique<LocalSide>(locals, context, std::move(channel.port2))};
    }
    case Transport::two_contexts:
    case Transport::three_contexts: {
      Context& other = locals->add({.name = name, .broker = broker});
      std::optional<MessagePort> port;
      other.on_connect([&](MessageEvent& event) { port = std::move(event.ports[0]); });
      auto near = std::make_unique<LocalSide>(locals, context, context.connect(name));
      while (!port) other.run_once();
      other.on_connect({});
      return {std::move(near), std::make_unique<LocalSide>(locals, other, *std::move(port))};
    }
    case Transport::two_processes:
    case Transport::three_processes: {
      auto agent = std::make_shared<Agent>(locals, std::vector{broker, name});
      auto near = std::make_unique<LocalSide>(locals, context, context.connect(name));
      return {std::move(near), std::make_unique<RemoteSide>(std::move(agent), 0)};
    }
  }
  throw std::logic_error("no such transport");
}

}  // namespace

Channel::Channel(Transport transport, BrokerOptions options)
    : broker(std::make_unique<BrokerThread>(std::move(options))), context(&locals->add({.name = "side-a", .broker = broker->directory()})) {
  std::tie(a, b) = reach(transport, "side-b", *context, locals, broker->directory());
  if (transport == Transport::two_processes) std::cout << "pids " << a->pid() << " and " << b->pid() << "\n";
}

Channel::~Channel() = default;

Trio::Trio(Transport transport)
    : broker(std::make_unique<BrokerThread>()), context(&locals->add({.name = "side-a", .broker = broker->directory()})) {
  std::tie(to_b, b) = reach(transport, "side-b", *context, locals, broker->directory());
  std::tie(to_c, c) = reach(transport, "side-c", *context, locals, broker->directory());
  if (transport == Transport::three_processes)
    std::cout << "pids " << to_b->pid() << ", " << b->pid() << " and " << c->pid() << "\n";
}

Trio::~Trio() = default;

}  // namespace fairway::test
