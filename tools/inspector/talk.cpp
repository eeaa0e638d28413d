#include "inspector/talk.hpp"

#include <span>
#include <utility>
#include <vector>

#include <fairway/fairway.hpp>
#include <fmt/format.h>

#include "inspector/reader.hpp"

namespace fairway::inspector {

namespace {

Payload payload(const std::string& message, Framing framing) {
  if (framing == Framing::lines) return message;
  return std::as_bytes(std::span(message));
}

std::string_view text(const MessageEvent& event) {
  return {reinterpret_cast<const char*>(event.bytes().data()), event.bytes().size()};
}

[[noreturn]] void throw_gone(const std::string& name, const MessagePort& port) {
  const auto reason = port.close_reason();
  throw Failure(fmt::format("{} is gone: {}", name, reason ? to_string(*reason) : "it closed the channel"));
}

/// As fast as the other side reads: what waits stays within the soft limit.
void post(Context& context, MessagePort& port, const std::string& message, const Conversation& with) {
  for (;;) {
    switch (port.try_post(payload(message, with.framing))) {
      case Status::ok: return;
      case Status::full: break;
      default: throw_gone(with.name, port);
    }
    bool drained = false;
    port.on_drain([&drained] { drained = true; });
    while (!drained && port) context.run_once();
  }
}

}  // namespace

void send(const Conversation& with, std::FILE* in) {
  Context context({.broker = with.broker});
  MessagePort port = context.connect(with.name, with.timeout);
  while (const auto message = read_message(in, with.framing)) post(context, port, *message, with);
}

bool receive(const Conversation& with, std::FILE* out) {
  Context context({.name = with.name, .broker = with.broker});
  std::uint64_t received = 0;
  bool over = with.count == 0u;
  std::vector<MessagePort> ports;
  context.on_connect([&](MessageEvent& event) {
    MessagePort& port = ports.emplace_back(std::move(event.ports.at(0)));
    port.on_message([&](MessageEvent& message) {
      if (over) return;
      write_message(out, with.framing, text(message));
      over = ++received == with.count;
    });
    port.on_close([&](CloseReason) { over = true; });
  });
  while (!over) context.run_once();
  return !with.count || received == *with.count;
}

void call(const Conversation& with, std::FILE* in, std::FILE* out) {
  Context context({.broker = with.broker});
  MessagePort port = context.connect(with.name, with.timeout);
  while (const auto message = read_message(in, with.framing)) {
    post(context, port, *message, with);
    const auto answer = port.receive(with.timeout);
    if (!answer && port.close_reason()) throw_gone(with.name, port);
    if (!answer) throw Failure(fmt::format("{} did not answer in time", with.name));
    write_message(out, with.framing, text(*answer));
  }
}

}  // namespace fairway::inspector
