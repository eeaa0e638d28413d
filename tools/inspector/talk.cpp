#include "inspector/talk.hpp"

#include <utility>
#include <vector>

#include <fairway/fairway.hpp>
#include <fmt/format.h>

#include "inspector/reader.hpp"

namespace fairway::inspector {

namespace {

/// What stands in the input, one message after the other.
class Input {
 public:
  Input(std::FILE* in, Speech speech) : in_(in), speech_(speech) {}

  std::optional<Spoken> next() {
    auto message = read_message(in_, framing(speech_));
    if (!message) return std::nullopt;
    return std::optional<Spoken>(std::in_place, *std::move(message), speech_, ++number_);
  }

 private:
  std::FILE* in_;
  Speech speech_;
  std::uint64_t number_ = 0;
};

void write(std::FILE* out, const MessageEvent& event, Speech speech) {
  std::string scratch;
  write_message(out, framing(speech), heard(event, speech, scratch));
}

[[noreturn]] void throw_gone(const std::string& name, const MessagePort& port) {
  const auto reason = port.close_reason();
  throw Failure(fmt::format("{} is gone: {}", name, reason ? to_string(*reason) : "it closed the channel"));
}

/// As fast as the other side reads: what waits stays within the soft limit.
void post(Context& context, MessagePort& port, const Spoken& message, const Conversation& with) {
  for (;;) {
    switch (port.try_post(message.payload())) {
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
  Input input(in, with.speech);
  while (const auto message = input.next()) post(context, port, *message, with);
}

bool receive(const Conversation& with, std::FILE* out) {
  Context context({.name = with.name, .broker = with.broker});
  std::uint64_t received = 0;
  bool over = with.count == 0u;
  std::vector<MessagePort> ports;
  const auto show = [&](MessageEvent& message) {
    if (over) return;
    write(out, message, with.speech);
    over = ++received == with.count;
  };
  context.on_connect([&](MessageEvent& event) {
    MessagePort& port = ports.emplace_back(std::move(event.ports.at(0)));
    port.on_message(show);
    port.on_message_error(show);
    port.on_close([&](CloseReason) { over = true; });
  });
  while (!over) context.run_once();
  return !with.count || received == *with.count;
}

void call(const Conversation& with, std::FILE* in, std::FILE* out) {
  Context context({.broker = with.broker});
  MessagePort port = context.connect(with.name, with.timeout);
  Input input(in, with.speech);
  while (const auto message = input.next()) {
    post(context, port, *message, with);
    const auto answer = port.receive(with.timeout);
    if (!answer && port.close_reason()) throw_gone(with.name, port);
    if (!answer) throw Failure(fmt::format("{} did not answer in time", with.name));
    write(out, *answer, with.speech);
  }
}

}  // namespace fairway::inspector
