/// Keeps a worker alive: a child that posts numbers and dies after three of them is started again, until ten have come.
#include <chrono>
#include <cstdio>
#include <cstring>
#include <functional>
#include <optional>
#include <string>

#include <fairway/fairway.hpp>

/// Posts what `next` has, as fast as the other side reads it.
void pump(fairway::MessagePort& port, const std::function<std::optional<std::string>()>& next) {
  auto message = next();
  while (message && port.try_post(*message) == fairway::Status::ok) message = next();
  if (message) port.on_drain([&port, next, message]() mutable {
    if (port.try_post(*message) == fairway::Status::ok) pump(port, next);
  });
}

void keep_alive(fairway::Context& context, fairway::Child& worker, const std::vector<std::string>& command,
                const std::function<void(fairway::MessageEvent&)>& on_message) {
  worker = context.spawn(command);
  worker.port.on_message(on_message);
  worker.port.on_close([&, command](fairway::CloseReason reason) {
    std::fprintf(stderr, "worker %d is gone: %s\n", worker.pid, std::string(to_string(reason)).c_str());
    context.post([&, command] { keep_alive(context, worker, command, on_message); });  // a good place to wait a while
  });
}

int work() {
  fairway::Context context = fairway::Context::from_parent();
  int number = 0;
  pump(context.parent(), [&]() -> std::optional<std::string> {
    return number == 3 ? std::nullopt : std::optional(std::to_string(number++));
  });
  return 0;  // the end of the process is an event at the parent
}

int main(int argc, char** argv) try {
  if (argc == 2 && std::strcmp(argv[1], "work") == 0) return work();
  fairway::Context context;
  fairway::Child worker;
  int left = 10;
  const std::function<void(fairway::MessageEvent&)> count = [&](fairway::MessageEvent& event) {
    if (left == 0) return;  // what came along with the last one
    std::printf("%s\n", std::string(event.string()).c_str());
    if (--left == 0) context.stop();
  };
  keep_alive(context, worker, {argv[0], "work"}, count);
  context.run();
} catch (const std::exception& error) {
  std::fprintf(stderr, "supervisor: %s\n", error.what());
  return 2;
}
