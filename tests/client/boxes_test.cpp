// What a context does when its broker dies while it gets ready to let memory go.
#include <csignal>
#include <thread>

#include "client/context.hpp"
#include "multiprocess/mortal_broker.hpp"

namespace fairway::test {
namespace {

TEST(Boxes, a_broker_that_dies_when_their_numbers_are_asked_for_costs_the_post_and_nothing_else) {
  Contexts town(1);
  Context writer({.broker = town.directory(), .broker_timeout = std::chrono::milliseconds(200)});
  MessagePort mine = writer.connect("a");
  ASSERT_TRUE(town.until([&] { return !town.connected(0).empty(); }));
  MessageChannel inside(writer);
  ArrayBuffer buffer(std::size_t{1} << 20);
  inside.port1.post_message(buffer, {.transfer = {buffer}});

  ASSERT_EQ(::kill(town.broker_pid(), SIGSTOP), 0);
  std::size_t channels = 0;  // as many as it has numbers for: what is asked for next has to wait
  EXPECT_THROW(
      for (;; ++channels) writer.implementation().create_channels(channels), std::system_error);
  EXPECT_GT(channels, 100u);
  town.kill_broker();
  EXPECT_THROW(mine.post_message("take it", {.transfer = {inside.port2}}), std::system_error);
  ASSERT_TRUE(inside.port2);
  const auto event = inside.port2.try_receive();
  ASSERT_TRUE(event);
  EXPECT_EQ(event->data().size(), std::size_t{1} << 20);
}

}  // namespace
}  // namespace fairway::test
