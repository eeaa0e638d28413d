/// The greeter's client as a coroutine.
#include <cstdio>
#include <string>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <fairway/asio.hpp>
#include <fairway/fairway.hpp>

boost::asio::awaitable<void> ask(fairway::MessagePort port, std::vector<std::string> names) {
  for (const std::string& name : names) {
    port.post_message(name);
    const fairway::MessageEvent answer = co_await fairway::async_receive(port, boost::asio::use_awaitable);
    std::printf("%s\n", std::string(answer.string()).c_str());
  }
}

void ask_all(const std::vector<std::string>& names) {
  boost::asio::io_context io(1);
  fairway::Context context;
  fairway::AsioLoop loop(io.get_executor(), context);
  boost::asio::co_spawn(io, ask(context.connect("greeter", std::chrono::seconds(10)), names), [&](std::exception_ptr error) {
    loop.stop();  // nothing is left to do: io.run returns
    if (error) std::rethrow_exception(error);
  });
  io.run();
}

int main(int argc, char** argv) try {
  ask_all({argv + 1, argv + argc});
} catch (const std::exception& error) {
  std::fprintf(stderr, "asio_loop: %s\n", error.what());
  return 2;
}
