/// What a context can say that no library of ours says: it loses its own connection, and nobody else loses anything.
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "route/registry.hpp"
#include "route/world.hpp"

namespace fairway::route {
namespace {

using test::Lines;
using test::World;

constexpr wire::Secret secret{1, 2};

struct HostileContext : testing::Test {
  void TearDown() override {
    EXPECT_EQ(world.broken(), "");
    for (const ContextId context : {a, b}) EXPECT_EQ(world.disconnected(context), std::nullopt) << "an honest one";
  }
  void expect_nothing_left() {
    for (std::uint32_t id = 1; id < 20; ++id)
      if (world.alive({id})) world.leave({id});
    EXPECT_EQ(world.registry().channels(), 0u);
    EXPECT_EQ(world.registry().links(), 0u);
    EXPECT_EQ(world.registry().segments(), 0u);
  }

  World world;
  const ContextId a = world.join("a");
  const ContextId b = world.join("b");
  const ContextId hostile = world.join("hostile");
};

TEST_F(HostileContext, APortOfOthersIsOutOfReach) {
  const PortId port = world.connect(a, "b");
  world.bind(a, port);
  const std::vector<wire::ClientMessage> attempts = {
      wire::Close{port, 0, CloseReason::closed, 0},
      wire::End{port},
      wire::Done{port, 0, {}},
      wire::Refetch{port, 0, {}},
      wire::Connect{1, port, 0, wire::Name::of("b")},
      wire::Invite{port, secret},
      wire::LinkBind{{1}, 0, {1}},
      wire::RefetchLink{{1}},
      wire::LeaseMapped{{1}},
      wire::LeaseReturned{{1}},
      wire::Create{{1}},
  };
  for (const wire::ClientMessage& attempt : attempts) {
    const ContextId stranger = world.join();
    const Lines lines = world.send(stranger, attempt);
    EXPECT_TRUE(world.disconnected(stranger)) << attempt.index();
    for (const std::string& line : lines) EXPECT_FALSE(line.starts_with("1 <-") || line.starts_with("2 <-")) << line;
  }
  EXPECT_EQ(world.row(port).owner, a);
  EXPECT_EQ(world.row(port.opposite()).owner, b);
  EXPECT_EQ(world.registry().segments(), 1u);
}

TEST_F(HostileContext, APortOfNobodyDisconnects) {
  for (const PortId port : {PortId{0}, PortId{1}, PortId::of({200}, 1), PortId{~std::uint64_t{0}}}) {
    const ContextId stranger = world.join();
    world.send(stranger, wire::Close{port, 0, CloseReason::closed, 0});
    EXPECT_EQ(world.disconnected(stranger), "a port that does not exist") << port.value;
  }
}

TEST_F(HostileContext, ALinkIsBoundOnceAndOnlyByItsSides) {
  world.connect(a, "b");
  world.send(hostile, wire::LinkBind{{1}, 0, world.lease(hostile)});
  EXPECT_EQ(world.disconnected(hostile), "bound a link between others");
  const ContextId second = world.join();
  world.connect(second, "b");
  world.send(second, wire::LinkBind{{2}, 0, world.lease(second)});
  world.send(second, wire::LinkBind{{2}, 0, world.lease(second)});
  EXPECT_EQ(world.disconnected(second), "bound its half of a link twice");
  for (const std::uint32_t link : {0u, 77u}) {
    const ContextId third = world.join();
    world.send(third, wire::LinkBind{{link}, 0, world.lease(third)});
    EXPECT_EQ(world.disconnected(third), "bound a link that never was");
  }
}

TEST_F(HostileContext, APortThatWasGivenAwayCannotBeTakenBackByWaitingForAName) {
  const PortId port = world.create(hostile);
  world.send(hostile, wire::Connect{1, port.opposite(), 1, wire::Name::of("ghost")});
  world.send(hostile, wire::Connect{2, port.opposite(), 0, wire::Name::of("a")});
  if (world.alive(hostile)) {
    ASSERT_EQ(world.row(port.opposite()).owner, a);
    world.join("ghost");
    EXPECT_EQ(world.row(port.opposite()).owner, a);
  }
  world.send(a, wire::Close{port.opposite(), 0, CloseReason::closed, 0});
  EXPECT_EQ(world.disconnected(a), std::nullopt);
}

TEST_F(HostileContext, APortThatWasGivenAwayCannotBeClosedByCancelling) {
  const PortId port = world.create(hostile);
  world.send(hostile, wire::Connect{1, port.opposite(), 1, wire::Name::of("ghost")});
  world.send(hostile, wire::Connect{2, port.opposite(), 0, wire::Name::of("a")});
  if (!world.alive(hostile)) return;
  world.send(hostile, wire::CancelConnect{1});
  EXPECT_EQ(world.row(port.opposite()).state, shm::PortState::owned);
}

TEST_F(HostileContext, APortThatAChildTookCannotBeTakenBackByWaitingForAName) {
  const PortId port = world.create(hostile);
  world.send(hostile, wire::Connect{1, port.opposite(), 1, wire::Name::of("ghost")});
  world.send(hostile, wire::Invite{port.opposite(), secret});
  if (!world.alive(hostile)) return;
  const ContextId child = world.join({}, secret);
  world.join("ghost");
  EXPECT_EQ(world.row(port.opposite()).owner, child);
}

TEST_F(HostileContext, AChannelThatIsOverWhileItWaitsForANameIsNotRemembered) {
  const PortId port = world.create(hostile);
  world.send(hostile, wire::Connect{1, port.opposite(), 1, wire::Name::of("ghost")});
  world.send(hostile, wire::End{port});
  if (world.alive(hostile)) world.send(hostile, wire::End{port.opposite()});
  EXPECT_NO_THROW(world.join("ghost")) << "the broker dies";
}

TEST_F(HostileContext, AChannelThatIsOverWhileItWaitsForANameIsNotCancelled) {
  const PortId port = world.create(hostile);
  world.send(hostile, wire::Connect{1, port.opposite(), 1, wire::Name::of("ghost")});
  world.send(hostile, wire::End{port});
  if (world.alive(hostile)) world.send(hostile, wire::End{port.opposite()});
  if (!world.alive(hostile)) return;
  EXPECT_NO_THROW(world.send(hostile, wire::CancelConnect{1})) << "the broker dies";
}

TEST_F(HostileContext, APortThatWaitsForANameIsNotWrittenToMeanwhile) {
  const PortId port = world.create(hostile);
  const SegmentId segment = world.lease(hostile);
  world.send(hostile, wire::Connect{1, port.opposite(), 1, wire::Name::of("ghost")});
  world.send(hostile, wire::Bind{port.opposite(), segment, 0, 0, 0, 0});
  const ContextId ghost = world.join("ghost");
  if (world.row(port.opposite()).owner == ghost) world.bind(ghost, port.opposite());
  EXPECT_EQ(world.disconnected(ghost), std::nullopt) << "its first generation is 0, as it must be";
}

TEST_F(HostileContext, APortThatWaitsForANameIsNotReadToItsEndMeanwhile) {
  const PortId port = world.create(hostile);
  world.send(hostile, wire::Connect{1, port.opposite(), 1, wire::Name::of("ghost")});
  world.send(hostile, wire::End{port.opposite()});
  const ContextId ghost = world.join("ghost");
  if (world.alive(hostile)) world.send(hostile, wire::Close{port, 0, CloseReason::closed, 0});
  if (world.row(port.opposite()).owner == ghost) {
    EXPECT_NO_THROW(world.take<wire::PortClosed>(ghost));
    world.send(ghost, wire::End{port.opposite()});
  }
  EXPECT_EQ(world.disconnected(ghost), std::nullopt);
}

TEST_F(HostileContext, AnInvitationToAChannelThatIsOverIsNone) {
  const PortId port = world.create(hostile);
  world.send(hostile, wire::End{port.opposite()});
  if (world.alive(hostile)) world.send(hostile, wire::Invite{port.opposite(), secret});
  if (world.alive(hostile)) world.send(hostile, wire::Close{port, 0, CloseReason::closed, 0});
  EXPECT_NO_THROW(world.join({}, secret)) << "the broker dies";
}

TEST_F(HostileContext, APortThatHasReadItsEndIsNotGivenToSomebodyElse) {
  const PortId port = world.create(hostile);
  world.send(hostile, wire::End{port.opposite()});
  if (world.alive(hostile)) world.send(hostile, wire::Connect{1, port.opposite(), 0, wire::Name::of("b")});
  if (world.alive(hostile)) world.send(hostile, wire::Close{port, 0, CloseReason::closed, 0});
  if (world.row(port.opposite()).owner == b) world.send(b, wire::End{port.opposite()});
  EXPECT_EQ(world.disconnected(b), std::nullopt);
}

TEST_F(HostileContext, BothEndsMoveToOneContextThatTalksToItselfThen) {
  const PortId port = world.create(hostile);
  world.send(hostile, wire::Connect{1, port.opposite(), 0, wire::Name::of("b")});
  world.take_all(b);
  world.send(hostile, wire::Connect{2, port, 0, wire::Name::of("b")});
  EXPECT_EQ(world.take_all(b), (Lines{"LinkDrop 1", "Granted ch-513.1 epoch 1 connect", "Paired ch-513.1 link 0 epoch 1", "Paired ch-513.2 link 0 epoch 1"}));
  world.send(b, wire::Close{port, 0, CloseReason::closed, 0});
  world.send(b, wire::End{port.opposite()});
  expect_nothing_left();
}

TEST_F(HostileContext, APortThatMovesOnTakesItsLinkWithIt) {
  const PortId port = world.connect(a, "hostile");
  world.send(hostile, wire::Connect{1, port.opposite(), 0, wire::Name::of("b")});
  if (!world.alive(hostile)) return;
  EXPECT_EQ(world.registry().links(), 1u) << "nothing is left between the first two";
  world.send(a, wire::Close{port, 0, CloseReason::closed, 0});
  EXPECT_EQ(world.registry().links(), 0u);
}

TEST_F(HostileContext, APortWaitsForOneNameOnly) {
  const PortId port = world.create(hostile);
  for (std::uint64_t request = 1; request <= 1000 && world.alive(hostile); ++request)
    world.send(hostile, wire::Connect{request, port.opposite(), 1, wire::Name::of("ghost" + std::to_string(request))});
  EXPECT_TRUE(world.disconnected(hostile)) << "it fills the broker's memory";
}

TEST(HostileContextQuota, ChannelsThatAreNeverSharedAreCountedToo) {
  World world(Limits{100, 1 << 30, 1 << 30});
  const ContextId hostile = world.join();
  for (int i = 0; i < 1000 && world.alive(hostile); ++i) world.create(hostile);
  EXPECT_TRUE(world.disconnected(hostile)) << "it fills the broker's memory and descriptors";
}

TEST(HostileContextQuota, InvitedPortsAreCountedToo) {
  World world(Limits{100, 1 << 30, 1 << 30});
  const ContextId hostile = world.join();
  for (std::uint64_t i = 1; i <= 1000; ++i) {
    const PortId port = world.create(hostile);
    if (!world.alive(hostile)) break;
    world.send(hostile, wire::Invite{port.opposite(), {i, i}});
  }
  EXPECT_LE(world.registry().channels(), 200u);
}

TEST_F(HostileContext, AnEndThatIsNoneHurtsNobodyElse) {
  const PortId port = world.connect(a, "hostile");
  world.bind(a, port);
  world.send(hostile, wire::End{port.opposite()});
  world.bind(a, port, 1, 640);
  world.bind(a, port, 2, 640);
  if (world.alive(hostile)) world.leave(hostile);
  EXPECT_NO_THROW(world.take<wire::PortClosed>(a)) << "it is told when the other side is really gone";
  world.send(a, wire::End{port});
  expect_nothing_left();
}

}  // namespace
}  // namespace fairway::route
