/// A port changes hands: detached, claimed, granted; its streams, its neighbour, and what can come between.
#include <algorithm>
#include <string>
#include <vector>

#include "route/transfer.hpp"

namespace fairway::route {
namespace {

using test::Lines;
using RegistryTransfer = test::Transfer;

TEST_F(RegistryTransfer, ADetachedPortIsInTransitAndItsNeighbourIsTold) {
  EXPECT_EQ(detach(a, p, k),
            (Lines{"ch-513.2 transit by 0 epoch 2", "1 <- LinkDrop 1", "3 <- LinkDrop 1", "unlink 1", "3 <- Moved ch-513.1 at g0 0 epoch 2"}));
  expect_honest();
}

TEST_F(RegistryTransfer, ItIsGrantedToWhoeverReachesItsRecord) {
  world.bind(a, k);
  detach(a, p, k);
  EXPECT_EQ(claim(b, p, far_k, 2),
            (Lines{"ch-513.2 owned by 2 epoch 2", "2 <- Granted ch-513.2 epoch 2 token 2 on ch-1.2 read g0 0 next g0 peer 0",
                   "link 3: 2-3", "3 <- Link 3 to 2 'b'", "2 <- Link 3 to 3 'x'", "3 <- Paired ch-513.1 link 3 epoch 2",
                   "2 <- Paired ch-513.2 link 3 epoch 0"}));
  expect_honest();
}

TEST_F(RegistryTransfer, AClaimThatComesBeforeItsDetachWaitsForIt) {
  world.bind(a, k);
  EXPECT_EQ(claim(b, p, far_k, 2), Lines{});
  detach(a, p, k);
  EXPECT_EQ(world.take<wire::Granted>(b).port, p);
  EXPECT_EQ(world.row(p).owner, b);
  EXPECT_EQ(world.take<wire::Moved>(x).peer_epoch, 2u) << "where the old stream ends";
  EXPECT_EQ(world.take<wire::Paired>(x).peer_epoch, 2u);
  expect_honest();
}

TEST_F(RegistryTransfer, AClaimThatComesBeforeTheVeryChannelWaitsForIt) {
  world.bind(a, k);
  const PortId unborn = PortId::of({2}, 2);
  const PortId never = PortId::of({3}, 1);
  EXPECT_EQ(claim(b, unborn, far_k, 1), Lines{});
  EXPECT_EQ(claim(b, never, far_k, 1), Lines{});
  EXPECT_EQ(claim(b, PortId::of({4}, 1), far_k, 2), Lines{"2 <- Refused ch-4.1 token 2 on ch-1.2"}) << "no first move";
  EXPECT_EQ(claim(b, PortId::of({300}, 1), far_k, 1), Lines{"2 <- Refused ch-300.1 token 1 on ch-1.2"}) << "not the writer's to create";
  world.send(a, wire::Create{{2}});
  detach(a, unborn, k);
  EXPECT_EQ(world.take<wire::Granted>(b).port, unborn);
  world.take_all(b);
  world.leave(a);
  EXPECT_EQ(world.take<wire::Refused>(b).port, never);
  expect_honest();
}

TEST_F(RegistryTransfer, AClaimOfAChannelThatIsNotThereYetIsTakenBack) {
  world.bind(a, k);
  const PortId unborn = PortId::of({2}, 2);
  EXPECT_EQ(claim(b, unborn, far_k, 1), Lines{});
  EXPECT_EQ(unclaim(b, unborn, far_k, 1), Lines{});
  EXPECT_EQ(claim(b, unborn, far_k, 1), Lines{}) << "reached once more";
  EXPECT_EQ(close(b, far_k).empty(), false);
  world.send(a, wire::Create{{2}});
  detach(a, unborn, k);
  EXPECT_EQ(world.row(unborn).state, shm::PortState::closed) << "nobody reads its carrier";
  expect_honest();
}

TEST_F(RegistryTransfer, TheNewOwnerGetsWhatTheOldOneHadNotRead) {
  world.bind(x, q);
  world.bind(x, q, 1, 640);
  world.bind(x, q, 2, 320);
  world.bind(a, p);
  world.send(a, wire::Done{p, 0, {}});
  detach(a, p, k, 128, at(1, 64));
  EXPECT_EQ(world.registry().segments(), 3u) << "what was read is gone, with the control block";
  world.take_all(b);
  claim(b, p, far_k, 2);
  const auto granted = world.take<wire::Granted>(b);
  EXPECT_EQ(granted.read, at(1, 64));
  EXPECT_EQ(granted.generation, 1u);
  EXPECT_EQ(granted.unread, 1u);
  world.take<wire::Paired>(b);
  EXPECT_EQ(world.take_all(b), (Lines{"Link 3 to 3 'x'", "Install ch-513.2 g1 first", "Install ch-513.2 g2 after g1 at 320"}));
  expect_honest();
}

TEST_F(RegistryTransfer, GenerationsAreCountedAroundAndAPinnedOneIsNotTakenForANewOne) {
  constexpr std::uint32_t around = std::uint32_t{1} << 16;
  for (std::uint32_t g = 0; g <= around + 2; ++g) {
    world.bind(x, q, static_cast<Generation>(g), 640);
    if (g != 0) world.send(a, wire::Done{p, static_cast<Generation>(g - 1), {}});
    EXPECT_EQ(world.registry().segments(), g == 0 ? 1u : 2u) << "the newest, and the first with its words, at " << g;
    world.take_all(a);
    if (HasFailure() || world.disconnected(a) || world.disconnected(x)) break;
  }
  EXPECT_EQ(world.send(a, wire::Refetch{p, 2, {}}), Lines{"1 <- Install ch-513.2 g2 after g0 at 640"});
  world.bind(x, q, 3, 320);
  detach(a, p, k, 0, at(2, 64));
  world.take_all(b);
  claim(b, p, far_k, 2);
  const auto granted = world.take<wire::Granted>(b);
  EXPECT_EQ(granted.read, at(2, 64));
  world.take<wire::Paired>(b);
  EXPECT_EQ(world.take_all(b), (Lines{"Link 3 to 3 'x'", "Install ch-513.2 g2 first", "Install ch-513.2 g3 after g2 at 320"}));
  expect_honest();
}

TEST_F(RegistryTransfer, EachPairingHasAControlBlockOfItsOwn) {
  world.bind(x, q);
  world.bind(a, p);
  detach(a, p, k, 128, 0);
  claim(b, p, far_k, 2);
  world.take_all(x), world.take_all(b);
  world.bind(b, p, 1);
  EXPECT_EQ(world.take_all(x).back(), "Install ch-513.1 g1 after g0 at 128 opens 2-0");
  world.bind(x, q, 1, 640);
  EXPECT_EQ(world.take_all(b).back(), "Install ch-513.2 g1 after g0 at 640 opens 0-2");
  world.bind(x, q, 2, 640);
  EXPECT_EQ(world.take_all(b).back(), "Install ch-513.2 g2 after g1 at 640");
  // Read to the end, and still there: the words in it are looked at.
  world.send(b, wire::Done{p, 0, {}});
  world.send(b, wire::Done{p, 1, {}});
  EXPECT_EQ(world.send(b, wire::Refetch{p, 1, {}}), Lines{"2 <- Install ch-513.2 g1 first opens 0-2"});
  EXPECT_EQ(world.send(b, wire::Refetch{p, 0, {}}), Lines{});
  expect_honest();
}

TEST_F(RegistryTransfer, WhoHasNotHeardOfTheMoveGoesOnInTheOldPairing) {
  world.bind(x, q);
  detach(a, p, k);
  world.send(x, wire::Bind{q, world.lease(x), 640, 1, 0, 1});  // grown while the news was on its way
  claim(b, p, far_k, 2);
  EXPECT_EQ(world.take_all(b).back(), "Install ch-513.2 g1 after g0 at 640");
  world.bind(x, q, 2, 64);
  EXPECT_EQ(world.take_all(b).back(), "Install ch-513.2 g2 after g1 at 64 opens 0-2");
  expect_honest();
}

TEST_F(RegistryTransfer, WhatTheFormerOwnerWroteEndsWhereItSaid) {
  world.bind(a, p);
  detach(a, p, k, 128);
  EXPECT_EQ(world.take<wire::Moved>(x).final, 128u);
  claim(b, p, far_k, 2);
  world.bind(b, p, 1, 77777);  // it cannot know
  EXPECT_EQ(world.take_all(x).back(), "Install ch-513.1 g1 after g0 at 128 opens 2-0");
  expect_honest();
}

TEST_F(RegistryTransfer, AnOwnerThatOpenedNothingClosesWhereItsPredecessorEnded) {
  for (const bool dies : {false, true}) {
    const PortId other = world.connect(x, "a");
    world.bind(a, other.opposite());
    detach(a, other.opposite(), k, 128);
    claim(b, other.opposite(), far_k, 2);
    const Lines lines = dies ? world.leave(b) : close(b, other.opposite(), 99999);
    EXPECT_NE(std::ranges::find(lines, "3 <- PortClosed " + to_string(other) + " at g0 128 " + (dies ? "peer_lost" : "closed")), lines.end());
  }
}

TEST_F(RegistryTransfer, AGenerationThatNobodyWroteToGoesAtOnce) {
  world.bind(x, q);
  world.bind(a, p);
  detach(a, p, k, 64, at(0, 8));
  claim(b, p, far_k, 2);
  PortId carrier = world.connect(b, "c");
  ContextId owner = b;
  Generation next = 1;
  for (int hop = 0; hop < 20; ++hop) {  // read a little, forward
    world.bind(owner, p, next++);
    const std::size_t before = world.registry().segments();
    detach(owner, p, carrier, 0, at(0, 16 + 8 * static_cast<std::uint64_t>(hop)));
    EXPECT_EQ(world.registry().segments(), before - 1) << hop;
    const ContextId to = owner == b ? c : b;
    claim(to, p, carrier.opposite(), world.row(p).epoch);
    ASSERT_EQ(world.row(p).owner, to);
    owner = to;
    carrier = carrier.opposite();
  }
  world.bind(owner, p, next);
  EXPECT_EQ(world.take_all(x).back(), "Install ch-513.1 g21 after g0 at 64 opens 22-0") << "the generations between are empty";
  expect_honest();
}

TEST_F(RegistryTransfer, ADoneThatCrossesAnEmptyGenerationIsIgnored) {
  world.bind(a, p);
  detach(a, p, k, 64);
  claim(b, p, far_k, 2);
  world.bind(b, p, 1);
  const PortId carrier = world.connect(b, "c");
  detach(b, p, carrier, 0);
  world.send(x, wire::Done{q, 0, {}});  // x had generation 1, and went on to it
  expect_honest();
}

TEST_F(RegistryTransfer, APortIsForwardedUnread) {
  world.bind(x, q);
  detach(a, p, k);
  claim(b, p, far_k, 2);
  const PortId on = world.connect(b, "c");
  detach(b, p, on);
  world.take_all(c);
  claim(c, p, on.opposite(), 3);
  EXPECT_EQ(world.take<wire::Granted>(c).epoch, 3u);
  EXPECT_EQ(world.row(p).owner, c);
  EXPECT_EQ(world.take<wire::Install>(c).generation, 0u) << "from the beginning";
  expect_honest();
}

TEST_F(RegistryTransfer, AChainOfCarriersKeepsWhatIsInThem) {
  // r rides in a message to p, p in one to far_k: b claims p, and then r on p.
  world.bind(x, q);
  const PortId r = world.connect(c, "x").opposite();
  detach(x, r, q);
  detach(a, p, k);
  claim(b, p, far_k, 2);
  claim(b, r, p, 2);
  EXPECT_EQ(world.row(r).owner, b);
  expect_honest();
}

TEST_F(RegistryTransfer, BothEndsMoveAtTheSameTime) {
  const PortId m = world.connect(x, "c");
  detach(a, p, k);
  detach(x, q, m);
  EXPECT_EQ(claim(b, p, far_k, 2).back(), "2 <- Granted ch-513.2 epoch 2 token 2 on ch-1.2 read g0 0 next g0 peer 1");
  EXPECT_EQ(claim(c, q, m.opposite(), 1).back(), "2 <- Paired ch-513.2 link 4 epoch 1");
  expect_honest();
}

TEST_F(RegistryTransfer, APortThatComesHomeTalksToItsOwnContext) {
  const PortId home = world.connect(a, "x");
  world.bind(x, q);
  detach(a, p, home);
  const Lines lines = claim(x, p, home.opposite(), 2);
  EXPECT_EQ(Lines(lines.begin() + 2, lines.end()), (Lines{"3 <- Paired ch-513.1 link 0 epoch 2", "3 <- Paired ch-513.2 link 0 epoch 0",
                                                          "3 <- Install ch-513.2 g0 first opens 0-1"}));
  world.bind(x, p, 0);
  EXPECT_EQ(world.take_all(x).back(), "Install ch-513.1 g0 first opens 2-0");
  // And leaves again, by the hand that owns both: that one knows.
  for (const std::string& line : detach(x, p, home.opposite(), 8)) EXPECT_EQ(line.find("Moved"), std::string::npos) << line;
  claim(a, p, home, 3);
  EXPECT_EQ(world.row(p).owner, a);
  expect_honest();
}

// Returned --------------------------------------------------------------------------------------------------

TEST_F(RegistryTransfer, AnUnclaimedPortGoesBackToItsMessage) {
  world.bind(a, k);
  detach(a, p, k);
  claim(b, p, far_k, 2);
  world.take_all(x);
  unclaim(b, p, far_k, 2);
  EXPECT_EQ(world.row(p), (shm::PortInfo{shm::PortState::transit, 3, {}, 0}));
  EXPECT_EQ(world.take<wire::Moved>(x).peer_epoch, 3u);
  const PortId on = world.connect(b, "c");
  detach(b, far_k, on);
  world.take_all(c);
  claim(c, far_k, on.opposite(), 2);
  claim(c, p, far_k, 2);
  const auto granted = world.take<wire::Granted>(c);
  EXPECT_EQ(granted.port, far_k);
  EXPECT_EQ(world.take<wire::Granted>(c).epoch, 3u) << "the same token, a later epoch";
  EXPECT_EQ(world.row(p).owner, c);
  expect_honest();
}

TEST_F(RegistryTransfer, AnUnclaimedClaimThatWaitedIsForgotten) {
  world.bind(a, k);
  claim(b, p, far_k, 2);
  unclaim(b, p, far_k, 2);
  detach(a, p, k);
  EXPECT_EQ(world.row(p).state, shm::PortState::transit);
  EXPECT_THROW(world.take<wire::Granted>(b), std::runtime_error);
  expect_honest();
}

TEST_F(RegistryTransfer, AnUnclaimThatCrossesARefusalIsIgnored) {
  world.bind(a, k);
  claim(b, p, far_k, 2);
  close(a, p);
  EXPECT_EQ(unclaim(b, p, far_k, 2), Lines{});
  close(x, q);
  EXPECT_EQ(unclaim(b, p, far_k, 2), Lines{}) << "the channel is forgotten";
  expect_honest();
}

TEST_F(RegistryTransfer, AClaimThatWaitsIsLostWithItsPort) {
  world.bind(a, k);
  claim(b, p, far_k, 2);
  const PortId on = world.connect(b, "c");
  detach(b, far_k, on);
  detach(a, p, k);
  EXPECT_EQ(world.row(p).state, shm::PortState::transit) << "who gets the port reads the record again";
  claim(c, far_k, on.opposite(), 2);
  claim(c, p, far_k, 2);
  EXPECT_EQ(world.row(p).owner, c);
  expect_honest();
}

// Closed ----------------------------------------------------------------------------------------------------

TEST_F(RegistryTransfer, ADetachOntoAStreamWithoutAReaderClosesThePort) {
  close(b, far_k);
  EXPECT_EQ(detach(a, p, k).back(), "3 <- PortClosed ch-513.1 at g0 0 dropped");
  expect_honest();
}

TEST_F(RegistryTransfer, SoDoesOneOntoAChannelThatIsOver) {
  close(b, far_k);
  world.send(a, wire::End{k});
  EXPECT_EQ(detach(a, p, k).back(), "3 <- PortClosed ch-513.1 at g0 0 dropped");
  EXPECT_EQ(claim(b, p, far_k, 2), Lines{"2 <- Refused ch-513.2 token 2 on ch-1.2"}) << "and so is the claim of it";
  expect_honest();
}

TEST_F(RegistryTransfer, AReaderThatClosesTakesWhatIsUnreadWithIt) {
  const PortId r = world.connect(c, "x").opposite();
  detach(x, r, q);  // rides towards p, which rides towards far_k
  detach(a, p, k);
  const Lines lines = close(b, far_k);
  EXPECT_NE(std::ranges::find(lines, "3 <- PortClosed ch-513.1 at g0 0 dropped"), lines.end());
  EXPECT_EQ(world.row(r).state, shm::PortState::closed) << "and what is unread in that, too";
  EXPECT_EQ(world.take<wire::PortClosed>(c).reason, CloseReason::dropped);
  expect_honest();
}

TEST_F(RegistryTransfer, ALongChainClosesWithoutRecursion) {
  PortId carrier = k;
  std::vector<PortId> chain;
  for (int i = 0; i < 2000; ++i) {  // each rides in a message to the one before
    const PortId next = world.create(a);
    detach(a, next.opposite(), carrier);
    chain.push_back(next.opposite());
    carrier = next;
  }
  close(b, far_k);
  for (const PortId port : chain) ASSERT_EQ(world.row(port).state, shm::PortState::closed);
  for (const PortId port : chain) world.send(a, wire::End{port.opposite()});
  expect_honest();
}

TEST_F(RegistryTransfer, AWriterThatDiesBeforeItsRecordLeavesAPortThatClosesAtTheEnd) {
  world.bind(a, k);
  detach(a, p, k);
  world.leave(a);
  EXPECT_EQ(world.row(p).state, shm::PortState::transit) << "its record may be there";
  world.take_all(x);
  world.send(b, wire::End{far_k});
  EXPECT_EQ(world.take<wire::PortClosed>(x).reason, CloseReason::dropped);
}

TEST_F(RegistryTransfer, AWriterThatDiesAfterItsRecordLosesNothing) {
  world.bind(a, k);
  detach(a, p, k);
  world.leave(a);
  claim(b, p, far_k, 2);
  EXPECT_EQ(world.row(p).owner, b);
}

TEST_F(RegistryTransfer, AWriterThatDiesBeforeItsDetachLeavesAClosedPort) {
  world.bind(a, k);
  claim(b, p, far_k, 2);
  world.leave(a);
  EXPECT_EQ(world.take<wire::Refused>(b).port, p);
  EXPECT_EQ(world.take<wire::PortClosed>(x).reason, CloseReason::peer_lost);
}

TEST_F(RegistryTransfer, AClaimantThatDiesTakesThePortWithIt) {
  world.bind(a, k);
  detach(a, p, k);
  claim(b, p, far_k, 2);
  world.take_all(x);
  world.leave(b);
  EXPECT_EQ(world.take<wire::PortClosed>(x).reason, CloseReason::peer_lost);
}

TEST_F(RegistryTransfer, ANeighbourThatDiesIsReadToItsEnd) {
  world.bind(x, q);
  detach(a, p, k);
  world.leave(x);
  claim(b, p, far_k, 2);
  EXPECT_EQ(world.take<wire::Install>(b).generation, 0u);
  EXPECT_EQ(world.take<wire::PortClosed>(b).final, wire::unknown_final);
}

TEST_F(RegistryTransfer, APortThatHasReadItsEndArrivesClosed) {
  close(x, q);
  world.send(a, wire::End{p});
  EXPECT_EQ(world.send(a, wire::Detach{p, k, 0, 0, 2, 0, {}}), Lines{}) << "the channel is over";
  EXPECT_EQ(claim(b, p, far_k, 2), Lines{"2 <- Refused ch-513.2 token 2 on ch-1.2"});
  expect_honest();
}

// Rings -----------------------------------------------------------------------------------------------------

/// a owns both ports of two channels, and sends one port of each over the other one.
TEST_F(RegistryTransfer, PortsThatOnlyEachOthersMessagesHoldClose) {
  const PortId one = world.create(a);
  const PortId two = world.create(a);
  detach(a, one.opposite(), two);
  EXPECT_EQ(world.row(one.opposite()).state, shm::PortState::transit);
  detach(a, two.opposite(), one);
  EXPECT_EQ(world.row(one.opposite()).state, shm::PortState::closed);
  EXPECT_EQ(world.row(two.opposite()).state, shm::PortState::closed);
  expect_honest();
}

TEST_F(RegistryTransfer, ARingThatIsDeeperThanABrokerFollowsClosesToo) {
  for (const bool leaves : {false, true}) {
    std::vector<PortId> ring;
    for (int i = 0; i < 700; ++i) ring.push_back(world.create(a));
    for (std::size_t i = 1; i < ring.size(); ++i) detach(a, ring[i].opposite(), ring[i - 1]);
    detach(a, ring[0].opposite(), ring.back());
    if (leaves) world.leave(c);
    // Work is bounded for each message: another deep one, or a context that leaves, finds what was not followed.
    PortId carrier = k;
    for (int i = 0; i < 300; ++i) {
      const PortId next = world.create(a);
      detach(a, next.opposite(), carrier);
      carrier = next;
    }
    for (const PortId port : ring) ASSERT_EQ(world.row(port.opposite()).state, shm::PortState::closed);
  }
}

TEST_F(RegistryTransfer, AClaimantAtItsLimitIsRefused) {
  test::World small(Limits{3, 1 << 30, 1 << 30});
  const ContextId one = small.join("one");
  const ContextId two = small.join("two");
  const PortId carrier = small.connect(one, "two");
  small.connect(two, "one"), small.connect(two, "one");
  const PortId third = small.create(one);
  small.send(one, wire::Detach{third.opposite(), carrier, 0, 0, 1, 0, {}});
  small.send(two, wire::Claim{third.opposite(), carrier.opposite(), 1, 0, 0});
  EXPECT_EQ(small.take<wire::Refused>(two).port, third.opposite());
  EXPECT_EQ(small.take<wire::PortClosed>(one).reason, CloseReason::broker_refused);
  EXPECT_EQ(small.broken(), "");
}

TEST_F(RegistryTransfer, ASenderAtItsLimitHasItsPortsClosed) {
  test::World small(Limits{4, 1 << 30, 1 << 30});
  const ContextId one = small.join("one");
  small.join("two");
  const PortId carrier = small.connect(one, "two");
  for (int i = 0; i < 10; ++i) {
    const PortId port = small.create(one);
    small.send(one, wire::Detach{port.opposite(), carrier, 0, 0, 1, 0, {}});
    if (i >= 4) { EXPECT_EQ(small.take<wire::PortClosed>(one).reason, CloseReason::broker_refused) << i; }
  }
  EXPECT_TRUE(small.alive(one));
  EXPECT_EQ(small.broken(), "");
}

}  // namespace
}  // namespace fairway::route
