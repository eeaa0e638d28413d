// The processes of the sweep over system calls: a broker, a host, a guest. In one of them a call fails once; each says how
// its work ended, and what it left.
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <utility>

#include "faults/call_sweep_roles.hpp"
#include "faults/sweep_roles.hpp"
#include "multiprocess/stream_roles.hpp"

namespace fairway::test {

void begin_starved(const std::vector<std::string>& arguments) {
  set_log(LogLevel::warning, [](LogLevel, std::string_view message) { say("log " + std::string(message)); });
  install_fault({std::stoi(arguments.at(4)), std::stoul(arguments.at(2)), std::stoull(arguments.at(3))});
}

namespace {

std::string reason_of(const MessagePort& port) {
  return port.close_reason() ? std::string(to_string(*port.close_reason())) : "stuck";
}

/// In memory of its own.
constexpr std::size_t starved_buffer = std::size_t{1} << 20;

ArrayBuffer marked_buffer() {
  ArrayBuffer buffer(starved_buffer);
  buffer.bytes().back() = std::byte{42};
  return buffer;
}

/// What the guest does with its channel; how it ended.
std::string use(Context& context, MessagePort& port) {
  MessageChannel aside(context);
  aside.port1.post_message("for you");
  port.post_message("a port", {.transfer = {aside.port2}});
  ArrayBuffer buffer = marked_buffer();
  port.post_message(buffer, {.transfer = {buffer}});
  port.post_message(SharedBuffer(marked_buffer()));
  Stream stream(sweep_seed, starved_largest, starved_huge);
  for (std::uint64_t n = 0; n < starved_messages; ++n) port.post_message(stream.message(n));
  if (!aside.port1.receive(starved_patience)) return "aside " + reason_of(aside.port1);
  if (!port.receive(starved_patience)) return reason_of(port);
  fairway::Child child = context.spawn({std::filesystem::read_symlink("/proc/self/exe"), "--child", "starved_child"});
  const auto greeting = child.port.receive(starved_patience);
  if (!greeting) return "child " + reason_of(child.port);
  child.port.close();
  while (::kill(static_cast<pid_t>(child.pid), 0) == 0) context.run_once(std::chrono::milliseconds(5));  // reaped by the loop
  port.close();
  return "ok";
}

}  // namespace

std::size_t mapped_segments(int pid) {
  std::ifstream maps("/proc/" + std::to_string(pid) + "/maps");
  std::size_t count = 0;
  for (std::string line; std::getline(maps, line);) count += line.find("/memfd:fairway") != std::string::npos;
  return count;
}

FAIRWAY_CHILD(starved_broker) {
  begin_starved(arguments);
  try {
    Broker broker({.directory = arguments.at(0)});
    say("ready");
    const EndOfInput end([&] { broker.stop(); });
    try {
      broker.run();
    } catch (const std::exception& error) {
      say(std::string("broken ") + error.what());
      ::_exit(1);
    }
  } catch (const std::system_error& error) {
    say(std::string("error ") + error.what());
  }
  say(call_report());
  return 0;
}

FAIRWAY_CHILD(starved_child) {
  Context context = Context::from_parent();
  context.parent().post_message("hello");
  while (context.parent().receive()) {
  }
  return 0;
}

FAIRWAY_CHILD(starved_host) {
  return play_starved(arguments, [&] {
    std::atomic<bool> over = false;
    std::optional<EndOfInput> end;  // outlives the context: who waits for it holds nothing
    Context context(starved_options(arguments, "host"));
    std::optional<MessagePort> port;
    context.on_connect([&](MessageEvent& event) { port = std::move(event.ports.at(0)); });
    say("ready");
    end.emplace([&] { over = true; });
    while (!port && !over) context.run_once(std::chrono::milliseconds(20));
    if (!port) return say("host nobody");
    Stream stream(sweep_seed, starved_largest, starved_huge);
    MessagePort aside;
    std::uint64_t received = 0;
    bool good = true;
    int buffers = 0;
    while (auto message = port->receive(starved_patience)) {
      if (message->ports.empty() && buffers < 2) {
        ++buffers;
        if (message->kind() == MessageEvent::Kind::error) {
          say("log a buffer is lost");
        } else {
          good &= message->data().size() == starved_buffer && message->data().bytes().back() == std::byte{42};
        }
        continue;
      }
      if (!message->ports.empty()) {
        aside = std::move(message->ports[0]);
        const auto greeting = aside.receive(starved_patience);
        good &= !greeting || greeting->string() == "for you";
        aside.post_message("got it");
        continue;
      }
      good &= stream.is_message(received, message->bytes());
      if (++received == starved_messages) port->post_message("all");
    }
    say("host " + reason_of(*port) + " " + std::to_string(received) + (good ? " good" : " bad"));
  });
}

FAIRWAY_CHILD(starved_guest) {
  return play_starved(arguments, [&] {
    Context context(starved_options(arguments, "guest"));
    MessagePort port = context.connect("host");
    try {
      const Context second(starved_options(arguments, "host"));
      say("log the name was free: the host has ended");
    } catch (const std::system_error& error) {
      if (error.code() != Errc::name_taken) say(std::string("error ") + error.what());
    }
    say("guest " + use(context, port));
  });
}

}  // namespace fairway::test
