// Memory that is not what the message with it says.
#include "client/buffer_memory.hpp"
#include "support/town.hpp"
#include "value/heap.hpp"

namespace fairway::test {
namespace {

std::optional<MessageEvent> received(std::shared_ptr<graph::Memory> memory, graph::Sharing called) {
  Town town(2);
  auto [mine, theirs] = town.channel(0, 1);
  mine.post_message(graph::make_buffer({{}, 0, false, std::move(memory), {}, called}));
  return town.next(theirs);
}

TEST(HostileMemory, called_frozen_that_its_sender_writes_on) {
  const auto memory = client::BufferMemory::create(std::size_t{2} << 20);
  ASSERT_TRUE(memory);
  const auto event = received(memory, graph::Sharing::frozen);
  ASSERT_TRUE(event);
  EXPECT_EQ(event->kind(), MessageEvent::Kind::error);
}

TEST(HostileMemory, called_writable_that_is_frozen) {
  const auto memory = client::BufferMemory::create(std::size_t{2} << 20);
  ASSERT_TRUE(memory && memory->freeze());
  const auto event = received(memory, graph::Sharing::writable);
  ASSERT_TRUE(event);
  EXPECT_EQ(event->kind(), MessageEvent::Kind::error);
}

}  // namespace
}  // namespace fairway::test
