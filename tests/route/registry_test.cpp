/// Who is there: joining, names, leases and their accounts, channel numbers and their tables.
#include "route/registry.hpp"

#include <gtest/gtest.h>

#include <string>

#include "route/world.hpp"

namespace fairway::route {
namespace {

using test::Lines;
using test::World;

constexpr std::uint64_t small = shm::small_segment;

class RegistryTest : public testing::Test {
 protected:
  void TearDown() override { EXPECT_EQ(world.broken(), ""); }
  World world;
};

wire::Refusal refused(const wire::Hello& hello) {
  Registry registry({});
  Actions actions;
  wire::Refusal refusal;
  EXPECT_FALSE(registry.join(hello, {1000, 1}, 0, actions, refusal));
  EXPECT_TRUE(actions.empty());
  EXPECT_EQ(registry.contexts(), 0u);
  return refusal;
}

TEST_F(RegistryTest, AContextThatJoinsIsWelcomedAndGetsChannelNumbers) {
  const ContextId a = world.join();
  EXPECT_EQ(world.take_all(a), (Lines{"Welcome 1 row 0", "Ids 1+256"}));
  EXPECT_EQ(world.tables(), 1u);
}

TEST_F(RegistryTest, NoNumberIsGivenTwice) {
  world.leave(world.join());
  EXPECT_EQ(world.tables(), 0u);
  const ContextId b = world.join();
  EXPECT_EQ(world.take_all(b), (Lines{"Welcome 2 row 0", "Ids 257+256"}));
}

TEST_F(RegistryTest, ATakenNameIsRefusedAndItsOwnerIsNamed) {
  const ContextId a = world.join("player");
  EXPECT_FALSE(world.join("player"));
  EXPECT_EQ(static_cast<Errc>(world.refusal.code), Errc::name_taken);
  EXPECT_EQ(world.refusal.detail.view(), "the name 'player' is taken by pid 4242");
  EXPECT_EQ(world.registry().contexts(), 1u);
  world.leave(a);
  EXPECT_TRUE(world.join("player")) << "a name is free when its context has left";
}

TEST_F(RegistryTest, AnyNumberOfContextsHasNoName) {
  EXPECT_TRUE(world.join());
  EXPECT_TRUE(world.join());
}

TEST_F(RegistryTest, AnotherVersionIsRefused) {
  wire::Hello protocol;
  protocol.protocol = protocol.oldest_protocol = 2;
  EXPECT_EQ(static_cast<Errc>(refused(protocol).code), Errc::version);
  wire::Hello layout;
  layout.layout = layout.oldest_layout = 7;
  EXPECT_EQ(static_cast<Errc>(refused(layout).code), Errc::version);
  EXPECT_NE(refused(layout).detail.view().find("layout 7"), std::string_view::npos);
}

TEST_F(RegistryTest, AnInvitationOfNobodyIsRefused) {
  wire::Hello hello;
  hello.invitation = {1, 2};
  EXPECT_EQ(static_cast<Errc>(refused(hello).code), Errc::denied);
}

TEST_F(RegistryTest, ASecondHelloDisconnects) {
  const ContextId a = world.join();
  EXPECT_EQ(world.send(a, wire::Hello{}).front(), "disconnect 1: a second Hello");
  EXPECT_FALSE(world.alive(a));
}

TEST_F(RegistryTest, CreditIsNotTheRegistrysBusiness) {
  const ContextId a = world.join();
  EXPECT_EQ(world.send(a, wire::Credit{8}), Lines{});
}

// Leases ----------------------------------------------------------------------------------------------------

TEST_F(RegistryTest, ALeaseIsAllocatedGivenSealedAndReturned) {
  const ContextId a = world.join();
  EXPECT_EQ(world.send(a, wire::LeaseRequest{small}), (Lines{"memory 1: 12288", "allocate 1: 12288", "1 <- Lease 1: 12288"}));
  EXPECT_EQ(world.send(a, wire::LeaseMapped{{1}}), Lines{"seal 1"});
  EXPECT_EQ(world.send(a, wire::LeaseReturned{{1}}), (Lines{"memory 1: 0", "drop 1"}));
  EXPECT_EQ(world.registry().segments(), 0u);
}

TEST_F(RegistryTest, ALeaseThatCouldNotBeMappedIsReturned) {
  const ContextId a = world.join();
  world.send(a, wire::LeaseRequest{small});
  EXPECT_EQ(world.send(a, wire::LeaseReturned{{1}}), (Lines{"memory 1: 0", "drop 1"}));
}

TEST_F(RegistryTest, LeasesHaveWholePagesAndALimit) {
  for (const std::uint64_t size : {std::uint64_t{0}, std::uint64_t{4096}, small - 4096, small + 1, std::uint64_t{1} << 48, ~std::uint64_t{4095}}) {
    const ContextId a = world.join();
    world.send(a, wire::LeaseRequest{size});
    EXPECT_EQ(world.disconnected(a), "a lease of an impossible size") << size;
  }
}

TEST_F(RegistryTest, MemoryThatCannotBeAllocatedIsRefusedAndNotCharged) {
  const ContextId a = world.join();
  world.no_memory = true;
  EXPECT_EQ(world.send(a, wire::LeaseRequest{small}),
            (Lines{"memory 1: 12288", "allocate 1: 12288", "memory 1: 0", "drop 1", "1 <- LeaseRefused 12288: there is none"}));
  EXPECT_EQ(world.registry().segments(), 0u);
}

TEST_F(RegistryTest, ALeaseThatCannotBeSealedDisconnects) {
  const ContextId a = world.join();
  world.send(a, wire::LeaseRequest{small});
  world.send(a, wire::LeaseMapped{{1}});
  Actions actions;
  world.registry().sealing_failed({1}, actions);
  ASSERT_EQ(actions.size(), 1u);
  EXPECT_EQ(test::to_text(actions[0]), "disconnect 1: a lease came back with holes or of another size");
}

TEST(RegistryQuota, MemoryOfAContextIsLimitedAndTheLimitIsNamed) {
  World world(Limits{100, 2 * small, 100 * small});
  const ContextId a = world.join();
  world.lease(a);
  const SegmentId second = world.lease(a);
  EXPECT_EQ(world.send(a, wire::LeaseRequest{small}),
            Lines{"1 <- LeaseRefused 12288: the broker's limit memory_per_context is reached"});
  world.send(a, wire::LeaseReturned{second});
  world.lease(a);
  EXPECT_EQ(world.broken(), "");
}

TEST(RegistryQuota, MemoryOfAUserIsLimitedAndTheLimitIsNamed) {
  World world(Limits{100, 100 * small, 2 * small});
  const ContextId a = world.join("a", {}, 1000);
  const ContextId b = world.join("b", {}, 1000);
  const ContextId other = world.join("c", {}, 1001);
  world.lease(a);
  world.lease(b);
  EXPECT_EQ(world.send(b, wire::LeaseRequest{small}), Lines{"2 <- LeaseRefused 12288: the broker's limit memory_per_user is reached"});
  world.lease(other);
  world.leave(a);
  world.lease(b);
  EXPECT_EQ(world.broken(), "");
}

TEST(RegistryQuota, SegmentsThatOutliveTheirContextCountForItsUser) {
  World world(Limits{100, 100 * small, 3 * small});
  const ContextId reader = world.join("reader");
  const ContextId writer = world.join();
  const PortId port = world.connect(writer, "reader");
  world.bind(writer, port);
  world.bind(writer, port, 1);
  world.leave(writer);  // the reader may still read both
  EXPECT_EQ(world.registry().segments(), 2u);
  world.lease(reader);
  world.send(reader, wire::LeaseRequest{small});
  EXPECT_LE(world.live_memory(), 3 * small) << "whoever leaves and comes again gets any amount of memory";
}

TEST_F(RegistryTest, ASegmentIsMappedOnceByItsOwner) {
  const ContextId a = world.join();
  const ContextId b = world.join();
  const SegmentId segment = world.lease(a);
  world.send(b, wire::LeaseMapped{segment});
  EXPECT_EQ(world.disconnected(b), "a segment that is not its own");
  world.send(a, wire::LeaseMapped{segment});
  EXPECT_EQ(world.disconnected(a), "a segment in the wrong state");
  EXPECT_EQ(world.registry().segments(), 0u);
}

TEST_F(RegistryTest, OnlyALeaseOfOnesOwnIsReturned) {
  const ContextId a = world.join();
  const ContextId b = world.join();
  const SegmentId segment = world.lease(a);
  world.send(b, wire::LeaseReturned{segment});
  EXPECT_EQ(world.disconnected(b), "returned a segment that is not its own");
  const PortId port = world.create(a);
  world.send(a, wire::Bind{port, segment, 0, 0, 0, 0});
  world.send(a, wire::LeaseReturned{segment});
  EXPECT_EQ(world.disconnected(a), "returned a segment that is no lease");
}

// Channel numbers -------------------------------------------------------------------------------------------

TEST_F(RegistryTest, AChannelIsItsCreatorsOnBothEnds) {
  const ContextId a = world.join();
  EXPECT_EQ(world.send(a, wire::Create{{1}}), (Lines{"ch-1.1 owned by 1 epoch 0", "ch-1.2 owned by 1 epoch 0"}));
  EXPECT_EQ(world.registry().channels(), 1u);
}

TEST_F(RegistryTest, NewNumbersComeBeforeTheOldOnesAreUsedUp) {
  const ContextId a = world.join();
  for (int i = 0; i < 127; ++i) world.create(a);
  world.take_all(a);
  world.create(a);
  EXPECT_EQ(world.take_all(a), Lines{"Ids 257+256"});
  for (int i = 0; i < 255; ++i) world.create(a);
  EXPECT_EQ(world.take_all(a), Lines{});
  world.create(a);
  EXPECT_EQ(world.take_all(a), Lines{"Ids 513+256"});
}

TEST_F(RegistryTest, ANumberOfSomebodyElseDisconnects) {
  world.join();
  for (const std::uint64_t number : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{256}, std::uint64_t{100'000}, ~std::uint64_t{0}}) {
    const ContextId b = world.join();
    world.send(b, wire::Create{{number}});
    EXPECT_EQ(world.disconnected(b), "a channel number that it was not given") << number;
  }
}

TEST_F(RegistryTest, ANumberIsUsedOnce) {
  const ContextId a = world.join();
  world.send(a, wire::Create{{1}});
  world.send(a, wire::Create{{1}});
  EXPECT_EQ(world.disconnected(a), "a channel number twice");
  EXPECT_EQ(world.registry().channels(), 0u);
}

TEST_F(RegistryTest, ATableLivesAsLongAsItsChannels) {
  const ContextId b = world.join("b");
  const ContextId a = world.join();
  const PortId port = world.connect(a, "b");
  EXPECT_EQ(world.tables(), 2u);
  world.leave(a);
  EXPECT_EQ(world.tables(), 2u) << "the other side has not read to the end";
  world.send(b, wire::End{port.opposite()});
  EXPECT_EQ(world.tables(), 1u);
  world.leave(b);
  EXPECT_EQ(world.tables(), 0u);
}

TEST_F(RegistryTest, AContextThatOpensAndClosesForEverNeedsFewTables) {
  const ContextId a = world.join();
  for (int i = 0; i < 10 * 256; ++i) {
    const PortId port = world.create(a);
    world.send(a, wire::Close{port, 0, CloseReason::closed, 0});
    world.send(a, wire::Close{port.opposite(), 0, CloseReason::closed, 0});
  }
  EXPECT_EQ(world.registry().channels(), 0u);
  EXPECT_LE(world.tables(), 3u) << "a table whose numbers are used up and whose channels are over is of no use";
}

}  // namespace
}  // namespace fairway::route
