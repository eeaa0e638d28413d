/// Who gets a lease when many wait for one.
#include "client/lease_queue.hpp"

#include "client/context.hpp"
#include "client/outgoing.hpp"
#include "support/town.hpp"

namespace fairway::client {
namespace {

using Turn = LeaseQueue::Turn;
using test::Town;

struct LeaseQueueOrder : testing::Test {
  Town town{1};
  Context& context = town[0].implementation();
  Endpoint a{context}, b{context}, c{context};
  LeaseQueue queue;
};

TEST_F(LeaseQueueOrder, FirstComeFirstServedForEachSize) {
  queue.wait(c, 10, Turn::of_the_loop);
  queue.wait(a, 20, Turn::of_the_loop);
  queue.wait(b, 10, Turn::of_the_loop);
  queue.wait(c, 10, Turn::of_the_loop);
  EXPECT_EQ(queue.size(), 3u);
  EXPECT_EQ(queue.size_after(0), 10u);
  EXPECT_EQ(queue.size_after(10), 20u);
  EXPECT_EQ(queue.size_after(20), 0u);
  EXPECT_TRUE(queue.has(20));
  EXPECT_FALSE(queue.has(15));
  EXPECT_EQ(queue.take(10), &c) << "it has kept its place";
  EXPECT_EQ(queue.take(10), &b);
  EXPECT_EQ(queue.take(10), nullptr);
  EXPECT_EQ(queue.take(20), &a);
  EXPECT_EQ(queue.size(), 0u);
}

TEST_F(LeaseQueueOrder, WhoseCallerStandsWaitingComesBeforeTheOthers) {
  queue.wait(a, 10, Turn::of_the_loop);
  queue.wait(b, 10, Turn::of_the_loop);
  queue.wait(b, 10, Turn::at_once);
  queue.wait(c, 10, Turn::at_once);
  queue.wait(c, 10, Turn::of_the_loop);
  EXPECT_EQ(queue.take(10), &b);
  EXPECT_EQ(queue.take(10), &c) << "its place does not get worse";
  EXPECT_EQ(queue.take(10), &a);
}

TEST_F(LeaseQueueOrder, WhoWaitsForAnotherSizeOrNoLongerHasNoPlace) {
  queue.wait(a, 10, Turn::of_the_loop);
  queue.wait(a, 20, Turn::of_the_loop);
  queue.wait(b, 20, Turn::of_the_loop);
  EXPECT_EQ(queue.take(10), nullptr);
  queue.forget(a);
  queue.forget(a);
  EXPECT_FALSE(queue.waits(a));
  EXPECT_TRUE(queue.waits(b));
  EXPECT_EQ(queue.take(20), &b);
}

TEST(LeaseTurns, ALeaseThatWasTakenIsNotAskedForAgain) {
  Town town(2);
  auto [mine, theirs] = town.channel(0, 1);
  mine.post_message(std::string(40'000, 'x'));
  EXPECT_EQ(town.text(theirs).size(), 40'000u);
  static_cast<void>(town.channel(0, 1));  // what was asked for before has come
  for (std::uint64_t capacity = 2 * shm::first_capacity; capacity <= Outgoing::largest_ring; capacity *= 2)
    EXPECT_FALSE(town[0].implementation().leases().has(shm::data_offset + capacity)) << capacity;
}

}  // namespace
}  // namespace fairway::client
