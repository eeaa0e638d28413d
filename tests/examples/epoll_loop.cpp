/// The greeter's client in a loop of its own.
#include <sys/epoll.h>
#include <unistd.h>

#include <cstdio>
#include <functional>
#include <string>

#include <fairway/fairway.hpp>

void run_until(const std::function<bool()>& done, fairway::Context& context) {
  const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  epoll_event event{.events = EPOLLIN, .data = {}};
  ::epoll_ctl(epoll, EPOLL_CTL_ADD, context.native_handle(), &event);  // and your own descriptors
  while (!done()) {
    if (context.prepare_to_sleep()) ::epoll_wait(epoll, &event, 1, -1);
    context.poll();
  }
  ::close(epoll);
}

int main(int argc, char** argv) try {
  fairway::Context context;
  auto port = context.connect("greeter", std::chrono::seconds(10));
  int left = argc - 1;
  bool lost = false;
  port.on_message([&](fairway::MessageEvent& event) {
    std::printf("%s\n", std::string(event.string()).c_str());
    --left;
  });
  port.on_close([&](fairway::CloseReason) { lost = true; });
  for (int i = 1; i < argc; ++i) port.post_message(std::string(argv[i]));
  run_until([&] { return left == 0 || lost; }, context);
  return lost ? 1 : 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "epoll_loop: %s\n", error.what());
  return 2;
}
