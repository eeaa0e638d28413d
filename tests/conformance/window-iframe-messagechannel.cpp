// After html/infrastructure/safe-passing-of-structured-data/shared-array-buffers/window-iframe-messagechannel.https.html and its
// incrementer; SEMANTICS 28. Contexts of one broker are of one origin, those of a private broker each of its own.
#include <atomic>
#include <cstdint>
#include <stdexcept>

#include "conformance/transports.hpp"

namespace fairway::test {
namespace {

class WindowIframeMessageChannel : public testing::TestWithParam<Transport> {
 protected:
  static Value next(LocalSide& side) {
    const auto event = side.next();
    if (!event || event->kind() == MessageEvent::Kind::error) throw std::runtime_error("nothing came");
    return event->data();
  }
};

TEST_P(WindowIframeMessageChannel, of_the_same_origin_lets_both_see_each_others_modifications) {
  Channel channel(GetParam());
  LocalSide& a = *channel.a;
  const SharedArrayBuffer memory(4);
  const std::atomic_ref number(memory.at<std::int32_t>(0));
  number.store(1);

  a.port().post_message(Value::object({{"message", "initial payload"}, {"sab", memory}}));
  channel.b->increment();
  EXPECT_EQ(next(a), Value::object({{"message", "initial payload received"}, {"value", 1}}));
  EXPECT_EQ(next(a), Value::object({{"message", "changed to 2"}}));
  EXPECT_EQ(number.load(), 2);

  number.store(3);
  a.port().post_message(Value::object({{"message", "changed to 3"}}));
  channel.b->increment();
  EXPECT_EQ(next(a), Value::object({{"message", "changed to 3 received"}, {"value", 3}}));
}

TEST_P(WindowIframeMessageChannel, of_another_origin_gets_a_messageerror) {
  Channel channel(GetParam(), {.private_names = true});
  channel.a->port().post_message(SharedArrayBuffer(10));
  channel.b->bounce();
  const Value answer = next(*channel.a);
  if (GetParam() == Transport::one_context) {
    EXPECT_EQ(answer.type(), ValueType::shared_array_buffer) << "that is no other origin";
  } else {
    EXPECT_EQ(answer, Value("messageerror"));
  }
}

TEST_P(WindowIframeMessageChannel, whose_ports_came_one_after_the_other_carries_it_from_here_to_here) {
  Channel channel(GetParam());
  auto [one, two] = channel.b->make_channel();
  channel.b->post("port1", {*one});
  const auto near = channel.a->take_port();
  const SharedArrayBuffer memory(10);
  dynamic_cast<LocalSide&>(*near).port().post_message(memory);
  channel.b->post("port2", {*two});
  const auto far = channel.a->take_port();
  const Value arrived = next(dynamic_cast<LocalSide&>(*far));
  ASSERT_EQ(arrived.type(), ValueType::shared_array_buffer);
  EXPECT_EQ(arrived.size(), 10u);
  memory.bytes()[9] = std::byte{7};
  EXPECT_EQ(SharedArrayBuffer(arrived).bytes()[9], std::byte{7});
}

FAIRWAY_OVER_TRANSPORTS(WindowIframeMessageChannel);

}  // namespace
}  // namespace fairway::test
