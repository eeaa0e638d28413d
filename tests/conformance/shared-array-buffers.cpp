// After html/infrastructure/safe-passing-of-structured-data/shared-array-buffers/: window-simple-success, identity-not-preserved;
// no-transferring and window-iframe-messagechannel are files of their own, serialization-via-idb and the like have no counterpart.
// SEMANTICS 16, 28.
#include <atomic>
#include <cstdint>

#include "conformance/transports.hpp"

namespace fairway::test {
namespace {

class SharedMemory : public OverTransports {
 protected:
  Value over_there(const Value& value) {
    a.port().post_message(value);
    b.bounce();
    const auto event = a.next();
    if (!event) throw std::runtime_error("nothing came back");
    EXPECT_EQ(event->kind(), MessageEvent::Kind::value);
    return event->data();
  }
};

TEST_P(SharedMemory, is_shared_with_the_one_that_was_posted) {
  const SharedArrayBuffer memory(64);
  const Value back = over_there(memory);
  ASSERT_EQ(back.type(), ValueType::shared_array_buffer);
  EXPECT_EQ(back.size(), 64u);
  std::atomic_ref(memory.at<std::uint32_t>(60)).store(1234);
  EXPECT_EQ(std::atomic_ref(SharedArrayBuffer(back).at<std::uint32_t>(60)).load(), 1234u);
}

TEST_P(SharedMemory, has_another_identity_over_there) {
  const SharedArrayBuffer memory(8);
  EXPECT_FALSE(over_there(memory).is_same(memory));
}

TEST_P(SharedMemory, keeps_its_identity_within_a_message_and_with_its_views) {
  const SharedArrayBuffer memory(8);
  const Value back = over_there(Value::array({memory, memory, Value::typed_array(ElementType::uint8, memory, 2, 3), Value::data_view(memory)}));
  EXPECT_TRUE(back[0].is_same(back[1]));
  EXPECT_TRUE(back[2].buffer().is_same(back[0]));
  EXPECT_TRUE(back[3].buffer().is_same(back[0]));
  memory.bytes()[3] = std::byte{9};
  EXPECT_EQ(back[2][1].get<int>(), 9);
}

TEST_P(SharedMemory, that_is_frozen_stays_here_and_is_the_same_over_there) {
  for (const std::size_t size : {0, 5, 2 << 20}) {
    ArrayBuffer source(size);
    if (size != 0) source.bytes()[size - 1] = std::byte{3};
    const SharedBuffer frozen(std::move(source));
    for (int i = 0; i < 2; ++i) {
      const Value back = over_there(frozen);
      ASSERT_EQ(back.type(), ValueType::shared_buffer);
      EXPECT_EQ(back, Value(frozen));
    }
    EXPECT_EQ(frozen.size(), size);
  }
}

FAIRWAY_OVER_TRANSPORTS(SharedMemory);

}  // namespace
}  // namespace fairway::test
