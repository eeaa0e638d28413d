// After webmessaging/message-channels/implied-start.any.js, no-start.any.js, MessagePort_initial_disabled.any.js and
// MessagePort_onmessage_start.any.js; SEMANTICS 2, 4.
#include "conformance/transports.hpp"

namespace fairway::test {
namespace {

using ImpliedStart = OverTransports;

TEST_P(ImpliedStart, setting_on_message_starts_the_port) {
  a.post("early");
  b.listen();
  EXPECT_EQ(b.pump(1), Events{"m:early"});
}

TEST_P(ImpliedStart, receive_starts_the_port) {
  a.post("early");
  EXPECT_EQ(b.receive(), "early");
}

TEST_P(ImpliedStart, receive_ends_when_its_time_is_over) {
  EXPECT_EQ(b.receive(std::chrono::milliseconds(20)), "");
  EXPECT_EQ(b.reason(), "");
}

using NoStart = OverTransports;

TEST_P(NoStart, messages_wait_in_a_port_that_is_not_started) {
  b.listen_for_close();
  a.post("1");
  a.post("2");
  EXPECT_EQ(b.settle(), Events{});
  EXPECT_EQ(a.buffered(), 2u);
  b.start();
  EXPECT_EQ(b.receive(), "1");
  EXPECT_EQ(b.receive(), "2");
}

TEST_P(NoStart, a_started_port_stays_started) {
  b.start();
  b.start();
  a.post("1");
  EXPECT_EQ(b.receive(), "1");
}

FAIRWAY_OVER_TRANSPORTS(ImpliedStart);
FAIRWAY_OVER_TRANSPORTS(NoStart);

}  // namespace
}  // namespace fairway::test
