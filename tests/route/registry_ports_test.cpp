/// Ports and their streams: generations, connecting by name, inviting a child.
#include <gtest/gtest.h>

#include "route/registry.hpp"
#include "route/world.hpp"

namespace fairway::route {
namespace {

using test::Lines;
using test::World;

constexpr std::uint64_t small = shm::small_segment;
constexpr wire::Secret secret{0x1234, 0x5678};

class RegistryPorts : public testing::Test {
 protected:
  void SetUp() override { world.take_all(a), world.take_all(b); }
  void TearDown() override { EXPECT_EQ(world.broken(), ""); }

  World world;
  const ContextId a = world.join();
  const ContextId b = world.join("b");
};

TEST_F(RegistryPorts, AConnectionIsGrantedLinkedAndPaired) {
  const PortId port = world.create(a);
  EXPECT_EQ(world.send(a, wire::Connect{7, port.opposite(), 0, wire::Name::of("b")}),
            (Lines{"ch-1.2 transit by 0 epoch 1", "ch-1.2 owned by 2 epoch 1", "2 <- Granted ch-1.2 epoch 1 connect", "link 1: 1-2", "1 <- Link 1 to 2 'b'",
                   "2 <- Link 1 to 1 ''", "1 <- Paired ch-1.1 link 1 epoch 1", "2 <- Paired ch-1.2 link 1 epoch 0", "1 <- Reply 7: 0"}));
}

TEST_F(RegistryPorts, AnUnknownNameIsAnsweredAndThePortCloses) {
  const PortId port = world.create(a);
  EXPECT_EQ(world.send(a, wire::Connect{7, port.opposite(), 0, wire::Name::of("nobody")}),
            (Lines{"ch-1.2 transit by 0 epoch 1", "1 <- Reply 7: 2", "ch-1.2 closed by 0 epoch 1", "1 <- PortClosed ch-1.1 at g0 0 dropped"}));
  EXPECT_EQ(world.send(a, wire::Close{port, 0, CloseReason::closed, 0}).back(), "ch-1.2 none by 0 epoch 0");
  EXPECT_EQ(world.registry().channels(), 0u);
}

TEST_F(RegistryPorts, APatientConnectionWaitsForTheName) {
  const PortId port = world.create(a);
  EXPECT_EQ(world.send(a, wire::Connect{7, port.opposite(), 1, wire::Name::of("late")}), (Lines{"ch-1.2 transit by 0 epoch 1", "ch-1.2 transit by 1 epoch 1"}));
  const ContextId late = world.join("late");
  EXPECT_EQ(world.take_all(late), (Lines{"Welcome 3 row 0", "Ids 513+256", "Granted ch-1.2 epoch 1 connect", "Link 1 to 1 ''",
                                         "Paired ch-1.2 link 1 epoch 0"}));
  EXPECT_EQ(world.take_all(a), (Lines{"Link 1 to 3 'late'", "Paired ch-1.1 link 1 epoch 1", "Reply 7: 0"}));
}

TEST_F(RegistryPorts, AllWhoWaitForANameAreConnected) {
  const PortId one = world.create(a);
  const PortId two = world.create(b);
  world.send(a, wire::Connect{1, one.opposite(), 1, wire::Name::of("late")});
  world.send(b, wire::Connect{1, two.opposite(), 1, wire::Name::of("late")});
  const ContextId late = world.join("late");
  EXPECT_EQ(world.row(one.opposite()).owner, late);
  EXPECT_EQ(world.row(two.opposite()).owner, late);
  EXPECT_EQ(world.registry().links(), 2u);
}

TEST_F(RegistryPorts, ACancelledConnectionTakesThePortBack) {
  const PortId port = world.create(a);
  world.send(a, wire::Connect{7, port.opposite(), 1, wire::Name::of("late")});
  EXPECT_EQ(world.send(b, wire::CancelConnect{7}), Lines{}) << "requests are numbered for each context";
  EXPECT_EQ(world.send(a, wire::CancelConnect{8}), Lines{});
  EXPECT_EQ(world.send(a, wire::CancelConnect{7}), (Lines{"ch-1.2 closed by 1 epoch 1", "1 <- PortClosed ch-1.1 at g0 0 dropped"}));
  const ContextId late = world.join("late");
  EXPECT_EQ(world.take_all(late), (Lines{"Welcome 3 row 0", "Ids 513+256"}));
}

TEST_F(RegistryPorts, ACancellationThatCrossesTheAnswerIsIgnored) {
  const PortId port = world.connect(a, "b");
  EXPECT_EQ(world.send(a, wire::CancelConnect{1}), Lines{});
  EXPECT_EQ(world.row(port.opposite()).state, shm::PortState::owned);
}

TEST_F(RegistryPorts, WhoWaitsAndLeavesIsForgotten) {
  const PortId port = world.create(a);
  world.send(a, wire::Connect{7, port.opposite(), 1, wire::Name::of("late")});
  world.leave(a);
  EXPECT_EQ(world.registry().channels(), 0u);
  const ContextId late = world.join("late");
  EXPECT_EQ(world.take_all(late), (Lines{"Welcome 3 row 0", "Ids 513+256"}));
}

TEST_F(RegistryPorts, WhoWaitsAndClosesItsOwnEndConnectsAClosedPort) {
  const PortId port = world.create(a);
  world.send(a, wire::Connect{7, port.opposite(), 1, wire::Name::of("late")});
  world.send(a, wire::Close{port, 0, CloseReason::closed, 0});
  const ContextId late = world.join("late");
  EXPECT_EQ(world.take_all(late), (Lines{"Welcome 3 row 0", "Ids 513+256", "Granted ch-1.2 epoch 1 connect", "PortClosed ch-1.2 at g0 0 closed"}));
  world.send(late, wire::End{port.opposite()});
  EXPECT_EQ(world.registry().channels(), 0u);
}

TEST_F(RegistryPorts, OnesOwnNameIsDenied) {
  const PortId port = world.create(b);
  EXPECT_EQ(world.send(b, wire::Connect{1, port.opposite(), 0, wire::Name::of("b")})[1], "2 <- Reply 1: 4");
}

TEST_F(RegistryPorts, APortThatWasWrittenToOrClosedDoesNotMove) {
  const ContextId c = world.join();
  const PortId written = world.create(a);
  world.bind(a, written);
  world.send(a, wire::Connect{1, written, 0, wire::Name::of("b")});
  EXPECT_EQ(world.disconnected(a), "moved a port by name that was closed or used");
  const PortId closed = world.create(c);
  world.send(c, wire::Close{closed, 0, CloseReason::closed, 0});
  world.send(c, wire::Invite{closed, secret});
  EXPECT_EQ(world.disconnected(c), "moved a port by name that was closed or used");
}

TEST(RegistryPortQuota, AContextSharesAsManyPortsAsTheLimitSays) {
  World world(Limits{2, 100 * small, 100 * small});
  const ContextId a = world.join();
  const ContextId b = world.join("b");
  world.join("c");
  world.connect(a, "b");
  world.connect(a, "c");
  const PortId third = world.create(a);
  EXPECT_EQ(world.send(a, wire::Connect{9, third.opposite(), 0, wire::Name::of("b")})[1], "1 <- Reply 9: 5");
  world.send(a, wire::Close{third, 0, CloseReason::closed, 0});
  const ContextId d = world.join();
  world.connect(d, "b");
  const PortId much = world.create(d);
  EXPECT_EQ(world.send(d, wire::Connect{9, much.opposite(), 0, wire::Name::of("b")})[1], "4 <- Reply 9: 5") << "the other has enough";
  EXPECT_TRUE(world.alive(b));
  EXPECT_EQ(world.broken(), "");
}

// Generations -----------------------------------------------------------------------------------------------

TEST_F(RegistryPorts, AGenerationIsPublishedAndInstalledAtTheReader) {
  const PortId port = world.connect(a, "b");
  const SegmentId first = world.lease(a);
  EXPECT_EQ(world.send(a, wire::Bind{port, first, 0, 0, 0, 1}),
            (Lines{"publish 1 as ch-1.1", "ch-1.1 owned by 1 epoch 0", "2 <- Install ch-1.2 g0 first opens 0-1"}));
  const SegmentId second = world.lease(a, small * 3);
  EXPECT_EQ(world.send(a, wire::Bind{port, second, 8000, 1, 1, 1}),
            (Lines{"publish 2 as ch-1.1.g1", "ch-1.1 owned by 1 epoch 0", "2 <- Install ch-1.2 g1 after g0 at 8000 linear"}));
  EXPECT_EQ(world.row(port).generations, 2u);
}

TEST_F(RegistryPorts, WhatWasWrittenBeforeAMoveIsInstalledAtTheNewOwnerInOrder) {
  const PortId port = world.create(a);
  world.bind(a, port);
  world.bind(a, port, 1, 8000);
  world.send(a, wire::Connect{1, port.opposite(), 0, wire::Name::of("b")});
  EXPECT_EQ(world.take_all(b), (Lines{"Granted ch-1.2 epoch 1 connect", "Link 1 to 1 ''", "Paired ch-1.2 link 1 epoch 0",
                                      "Install ch-1.2 g0 first opens 0-0", "Install ch-1.2 g1 after g0 at 8000"}));
}

TEST_F(RegistryPorts, AGenerationThatIsReadGoesButTheFirstAndTheNewestStay) {
  const PortId port = world.connect(a, "b");
  for (Generation g = 0; g < 4; ++g) world.bind(a, port, g, 100);
  EXPECT_EQ(world.send(b, wire::Done{port.opposite(), 0, {}}), Lines{}) << "it holds the control block";
  EXPECT_EQ(world.send(b, wire::Done{port.opposite(), 1, {}}), (Lines{"memory 1: 36864", "drop 2"}));
  EXPECT_EQ(world.send(b, wire::Done{port.opposite(), 1, {}}), Lines{}) << "gone";
  EXPECT_EQ(world.send(b, wire::Done{port.opposite(), 2, {}}), (Lines{"memory 1: 24576", "drop 3"}));
  world.send(b, wire::Done{port.opposite(), 3, {}});
  EXPECT_EQ(world.disconnected(b), "done with the newest generation");
}

TEST_F(RegistryPorts, ALostSegmentIsFetchedAgain) {
  const PortId port = world.connect(a, "b");
  world.bind(a, port);
  world.bind(a, port, 1, 640);
  EXPECT_EQ(world.send(b, wire::Refetch{port.opposite(), 1, {}}), Lines{"2 <- Install ch-1.2 g1 after g0 at 640"});
  EXPECT_EQ(world.send(b, wire::Refetch{port.opposite(), 2, {}}), Lines{});
}

TEST_F(RegistryPorts, GenerationsComeInOrder) {
  const PortId port = world.create(a);
  world.send(a, wire::Bind{port, world.lease(a), 0, 1, 0, 0});
  EXPECT_EQ(world.disconnected(a), "a generation out of order");
  const PortId other = world.create(b);
  world.bind(b, other);
  world.bind(b, other, 0);
  EXPECT_EQ(world.disconnected(b), "a generation out of order");
}

TEST_F(RegistryPorts, AFinalPositionHas48Bits) {
  const PortId port = world.create(a);
  world.bind(a, port, 0, ~std::uint64_t{0});  // there is no previous one
  EXPECT_TRUE(world.alive(a));
  world.bind(a, port, 1, std::uint64_t{1} << 48);
  EXPECT_EQ(world.disconnected(a), "an impossible final position");
}

TEST_F(RegistryPorts, ARingHasAPowerOfTwoAndALinearSegmentAnySize) {
  const PortId port = world.create(a);
  world.bind(a, port);
  const SegmentId odd = world.lease(a, shm::data_offset + 3 * 4096);
  world.send(a, wire::Bind{port, odd, 0, 1, 1, 0});
  EXPECT_TRUE(world.alive(a));
  world.send(a, wire::Bind{port, world.lease(a, shm::data_offset + 3 * 4096), 0, 2, 0, 0});
  EXPECT_EQ(world.disconnected(a), "a ring whose size is no power of two");
}

TEST_F(RegistryPorts, OnlyASealedLeaseBecomesAGeneration) {
  const PortId port = world.create(a);
  world.send(a, wire::LeaseRequest{small});
  world.send(a, wire::Bind{port, world.take<wire::Lease>(a).segment, 0, 0, 0, 0});
  EXPECT_EQ(world.disconnected(a), "a segment in the wrong state");
}

TEST_F(RegistryPorts, ARequestThatWaitsHasANumberOfItsOwn) {
  const PortId one = world.create(a);
  const PortId two = world.create(a);
  world.send(a, wire::Connect{7, one.opposite(), 1, wire::Name::of("late")});
  world.send(a, wire::Connect{7, two.opposite(), 1, wire::Name::of("later")});
  EXPECT_EQ(world.disconnected(a), "asked twice under one number");
}

TEST_F(RegistryPorts, WhoWaitsForANameIsServedInTheOrderOfComingWithoutWhoGaveUp) {
  std::vector<PortId> ports;
  for (std::uint64_t request = 1; request <= 4; ++request) {
    ports.push_back(world.create(request % 2 == 0 ? a : b));
    world.send(request % 2 == 0 ? a : b, wire::Connect{request, ports.back().opposite(), 1, wire::Name::of("late")});
  }
  world.send(a, wire::CancelConnect{2});
  const ContextId late = world.join("late");
  Lines granted = world.take_all(late);
  std::erase_if(granted, [](const std::string& line) { return !line.starts_with("Granted"); });
  EXPECT_EQ(granted, (Lines{"Granted ch-257.2 epoch 1 connect", "Granted ch-258.2 epoch 1 connect", "Granted ch-2.2 epoch 1 connect"}));
}

// Invitations -----------------------------------------------------------------------------------------------

TEST_F(RegistryPorts, AnInvitedPortWaitsForItsProcess) {
  const PortId port = world.create(a);
  EXPECT_EQ(world.send(a, wire::Invite{port.opposite(), secret}), Lines{"ch-1.2 transit by 0 epoch 1"});
  world.bind(a, port);
  const ContextId child = world.join({}, secret);
  EXPECT_EQ(world.take_all(child), (Lines{"Welcome 3 row 0", "Ids 513+256", "Granted ch-1.2 epoch 1 parent", "Link 1 to 1 ''",
                                          "Paired ch-1.2 link 1 epoch 0", "Install ch-1.2 g0 first opens 0-1"}));
  EXPECT_FALSE(world.join({}, secret)) << "once";
  EXPECT_EQ(static_cast<Errc>(world.refusal.code), Errc::denied);
}

TEST_F(RegistryPorts, ANameThatIsTakenDoesNotUseUpTheInvitation) {
  const PortId port = world.create(a);
  world.send(a, wire::Invite{port.opposite(), secret});
  EXPECT_FALSE(world.join("b", secret));
  EXPECT_TRUE(world.join("c", secret));
}

TEST_F(RegistryPorts, ARevokedInvitationClosesThePort) {
  const PortId port = world.create(a);
  world.send(a, wire::Invite{port.opposite(), secret});
  EXPECT_EQ(world.send(a, wire::Revoke{secret}), (Lines{"ch-1.2 closed by 0 epoch 1", "1 <- PortClosed ch-1.1 at g0 0 peer_lost"}));
  EXPECT_FALSE(world.join({}, secret));
  EXPECT_EQ(world.send(a, wire::Revoke{secret}), Lines{});
  world.send(a, wire::End{port});
  EXPECT_EQ(world.registry().channels(), 0u);
}

TEST_F(RegistryPorts, ARevocationThatCrossesTheChildIsIgnored) {
  const PortId port = world.create(a);
  world.send(a, wire::Invite{port.opposite(), secret});
  const ContextId child = world.join({}, secret);
  EXPECT_EQ(world.send(a, wire::Revoke{secret}), Lines{});
  EXPECT_EQ(world.row(port.opposite()).owner, child);
}

TEST_F(RegistryPorts, AChildFindsWhatItsParentWroteAndClosed) {
  const PortId port = world.create(a);
  world.send(a, wire::Invite{port.opposite(), secret});
  world.bind(a, port);
  world.send(a, wire::Close{port, 640, CloseReason::closed, 0});
  const ContextId child = world.join({}, secret);
  EXPECT_EQ(world.take_all(child), (Lines{"Welcome 3 row 0", "Ids 513+256", "Granted ch-1.2 epoch 1 parent", "Install ch-1.2 g0 first opens 0-1",
                                          "PortClosed ch-1.2 at g0 640 closed"}));
  world.send(child, wire::End{port.opposite()});
  EXPECT_EQ(world.registry().channels(), 0u);
}

TEST_F(RegistryPorts, AnInvitationEndsWithTheLastContextThatCouldUseIt) {
  const PortId port = world.create(a);
  world.send(a, wire::Invite{port.opposite(), secret});
  world.bind(a, port);
  world.leave(a);
  world.leave(b);
  EXPECT_EQ(world.registry().channels(), 0u) << "the parent is gone: nobody is left to revoke it";
  EXPECT_EQ(world.registry().segments(), 0u);
}

TEST_F(RegistryPorts, ASecretInvitesOnce) {
  const PortId one = world.create(a);
  const PortId two = world.create(a);
  world.send(a, wire::Invite{one.opposite(), secret});
  world.send(a, wire::Invite{two.opposite(), secret});
  EXPECT_EQ(world.disconnected(a), "an invitation twice");
  const PortId three = world.create(b);
  world.send(b, wire::Invite{three.opposite(), {}});
  EXPECT_EQ(world.disconnected(b), "an invitation twice") << "a secret of zeros is none";
}

}  // namespace
}  // namespace fairway::route
