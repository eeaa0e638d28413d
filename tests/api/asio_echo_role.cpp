// The other process: a server of coroutines that sends every message back.
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <fairway/asio.hpp>
#include <fairway/fairway.hpp>

#include "support/child.hpp"

namespace fairway::test {
namespace {

boost::asio::awaitable<void> echo(MessagePort port, std::size_t& open, boost::asio::io_context& io) {
  constexpr auto token = boost::asio::as_tuple(boost::asio::use_awaitable);
  for (;;) {
    const auto [code, event] = co_await async_receive(port, token);
    if (code) break;
    port.post_message(event.string());
  }
  if (--open == 0) io.stop();
}

/// Arguments: broker directory.
FAIRWAY_CHILD(asio_echo) {
  boost::asio::io_context io(1);
  Context context({.name = "echo", .broker = arguments.at(0)});
  const AsioLoop loop(io.get_executor(), context);
  std::size_t open = 0;
  context.on_connect([&](MessageEvent& event) {
    ++open;
    boost::asio::co_spawn(io, echo(std::move(event.ports[0]), open, io), boost::asio::detached);
  });
  say("ready");
  io.run();
  say("done");
  return 0;
}

}  // namespace
}  // namespace fairway::test
