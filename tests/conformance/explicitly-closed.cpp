// After webmessaging/message-channels/close-event/explicitly-closed.tentative.window.js; SEMANTICS 9.
#include <csignal>

#include "conformance/transports.hpp"

namespace fairway::test {
namespace {

using ExplicitlyClosed = OverTransports;

TEST_P(ExplicitlyClosed, the_close_event_fires_on_the_other_port_once) {
  a.listen_for_close();
  b.listen_for_close();
  a.close();
  EXPECT_EQ(b.pump(1), Events{"c:closed"});
  EXPECT_EQ(b.settle(), Events{});
  EXPECT_EQ(a.settle(), Events{});
}

TEST_P(ExplicitlyClosed, it_fires_after_everything_that_was_queued_has_been_read) {
  b.listen();
  b.listen_for_close();
  a.post("1");
  a.post("2");
  a.close();
  EXPECT_EQ(b.pump(3), (Events{"m:1", "m:2", "c:closed"}));
}

TEST_P(ExplicitlyClosed, it_fires_at_once_on_a_port_that_was_never_started_and_has_nothing_unread) {
  b.listen_for_close();
  a.close();
  EXPECT_EQ(b.pump(1), Events{"c:closed"});
}

TEST_P(ExplicitlyClosed, it_waits_on_a_port_that_was_never_started_and_has_unread_messages) {
  b.listen_for_close();
  a.post("unread");
  a.close();
  EXPECT_EQ(b.settle(), Events{});
  b.listen();
  EXPECT_EQ(b.pump(2), (Events{"m:unread", "c:closed"}));
}

TEST_P(ExplicitlyClosed, on_close_does_not_start_the_queue) {
  b.listen_for_close();
  a.post("unread");
  EXPECT_EQ(b.settle(), Events{});
  EXPECT_EQ(b.receive(), "unread");
}

TEST_P(ExplicitlyClosed, both_sides_closing_at_once_fires_at_neither) {
  a.listen_for_close();
  b.listen_for_close();
  b.stand_still();
  a.close();
  b.close();
  EXPECT_EQ(a.settle(), Events{});
  EXPECT_EQ(b.settle(), Events{});
}

TEST_P(ExplicitlyClosed, a_post_after_the_close_is_silent_and_try_post_says_so) {
  b.close();
  a.listen_for_close();
  EXPECT_EQ(a.pump(1), Events{"c:closed"});
  EXPECT_NO_THROW(a.post("into the void"));
  EXPECT_EQ(a.try_post("into the void"), "closed");
  EXPECT_EQ(a.reason(), "closed");
  a.close();
  EXPECT_EQ(a.try_post("no handle"), "detached");
}

FAIRWAY_OVER_TRANSPORTS(ExplicitlyClosed);

TEST(StoppedPeer, is_not_closed) {
  Channel channel(Transport::two_processes);
  auto& remote = dynamic_cast<RemoteSide&>(*channel.b);
  channel.a->listen_for_close();
  remote.child().kill(SIGSTOP);
  ASSERT_TRUE(remote.child().wait_until_stopped());
  channel.a->post("wait");
  EXPECT_EQ(channel.a->pump(1, std::chrono::milliseconds(200)), Events{});
  remote.child().kill(SIGCONT);
  EXPECT_EQ(remote.receive(), "wait");
}

TEST(KilledPeer, what_it_had_posted_arrives_then_the_close_says_peer_lost) {
  Channel channel(Transport::two_processes);
  auto& remote = dynamic_cast<RemoteSide&>(*channel.b);
  for (int i = 0; i < 20; ++i) remote.post("m" + std::to_string(i));
  remote.child().kill(SIGKILL);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(channel.a->receive(), "m" + std::to_string(i));
  EXPECT_EQ(channel.a->receive(), "");
  EXPECT_EQ(channel.a->reason(), "peer_lost");
}

}  // namespace
}  // namespace fairway::test
