/// What a context can say of tokens that no library of ours says, and what an honest one can be made to say.
#include <string>
#include <utility>
#include <vector>

#include "route/transfer.hpp"

namespace fairway::route {
namespace {

using test::Lines;
using HostileTransfer = test::Transfer;

TEST_F(HostileTransfer, ADetachIsOfOnesOwnPortOnOnesOwnPort) {
  const PortId mine = world.connect(c, "b");
  const PortId fresh = world.create(c);
  const std::vector<std::pair<wire::Detach, const char*>> attempts = {
      {{p, mine, 0, 0, 2, 0, {}}, "a port that is not its own"},
      {{mine, k, 0, 0, 1, 0, {}}, "a port that is not its own"},
      {{mine, far_k, 0, 0, 1, 0, {}}, "a port that is not its own"},
      {{{0}, mine, 0, 0, 1, 0, {}}, "a port that does not exist"},
      {{mine, PortId::of({200}, 1), 0, 0, 1, 0, {}}, "a port that does not exist"},
      {{mine, mine, 0, 0, 1, 0, {}}, "sent a port over its own channel"},
      {{fresh, fresh.opposite(), 0, 0, 1, 0, {}}, "sent a port over its own channel"},
      {{fresh, mine, 0, 0, 0, 0, {}}, "detached a port of another epoch"},
      {{fresh, mine, 0, 0, 2, 0, {}}, "detached a port of another epoch"},
      {{fresh, mine, std::uint64_t{1} << 48, 0, 1, 0, {}}, "an impossible final position"},
      {{fresh, mine, 0, 1, 1, 0, {}}, "has read what was never written"},
      {{fresh, mine, 0, at(1, 0), 1, 0, {}}, "has read what was never written"},
  };
  for (const auto& [attempt, why] : attempts) {
    test::World copy = world;
    const Lines lines = copy.send(c, attempt);
    EXPECT_EQ(copy.disconnected(c), why);
    EXPECT_EQ(copy.row(p).owner, a);
    EXPECT_EQ(copy.row(far_k).owner, b);
    EXPECT_EQ(copy.broken(), "");
  }
}

TEST_F(HostileTransfer, APortThatWasDetachedIsOutOfReach) {
  detach(a, p, k);
  const std::vector<wire::ClientMessage> attempts = {
      wire::Detach{p, k, 0, 0, 3, 0, {}}, wire::Close{p, 0, CloseReason::closed, 0}, wire::End{p}, wire::Done{p, 0, {}},
      wire::Detach{k, p, 0, 0, 1, 0, {}}, wire::Claim{k, p, 1, 0, 0},                 wire::Unclaim{k, p, 1, 0},
      wire::Connect{9, p, 0, wire::Name::of("b")}, wire::Invite{p, {1, 2}}};
  for (const wire::ClientMessage& attempt : attempts) {
    test::World copy = world;
    copy.send(a, attempt);
    EXPECT_EQ(copy.disconnected(a), "a port that is not its own") << attempt.index();
    EXPECT_EQ(copy.row(p).state, shm::PortState::transit);
    EXPECT_EQ(copy.broken(), "");
  }
}

TEST_F(HostileTransfer, WhatWasReadIsNotUnread) {
  world.bind(x, q);
  world.bind(x, q, 1, 640);
  detach(a, p, k, 0, at(1, 64));
  claim(b, p, far_k, 2);
  detach(b, p, far_k, 0, at(1, 8));
  EXPECT_EQ(world.disconnected(b), "has unread what was read");
}

TEST_F(HostileTransfer, ATokenIsClaimedOnlyOnItsCarrierByItsReader) {
  detach(a, p, k);
  const PortId other = world.connect(a, "c");
  world.bind(a, other);
  EXPECT_EQ(claim(c, p, other.opposite(), 2), Lines{"4 <- Refused " + to_string(p) + " token 2 on " + to_string(other.opposite())})
      << "a record on another stream names it";
  claim(b, p, far_k, 1);
  EXPECT_EQ(world.take<wire::Refused>(b).epoch, 1u) << "another epoch";
  claim(b, p, far_k, 3);
  EXPECT_EQ(world.take<wire::Refused>(b).epoch, 3u);
  EXPECT_EQ(world.row(p).state, shm::PortState::transit);
  expect_honest();
  claim(c, p, far_k, 2);
  EXPECT_EQ(world.disconnected(c), "a port that is not its own");
}

TEST_F(HostileTransfer, ATokenIsGrantedOnce) {
  detach(a, p, k);
  claim(b, p, far_k, 2);
  world.take<wire::Granted>(b);
  claim(b, p, far_k, 2);
  EXPECT_EQ(world.take<wire::Refused>(b).port, p);
  EXPECT_EQ(world.row(p).owner, b);
}

TEST_F(HostileTransfer, ATokenThatWaitsIsClaimedOnce) {
  world.bind(a, k);
  claim(b, p, far_k, 2);
  claim(b, p, far_k, 2);
  EXPECT_EQ(world.disconnected(b), "claimed a token twice");
}

TEST_F(HostileTransfer, ARecordThatNamesNothingIsItsWritersFault) {
  world.bind(a, k);
  for (const PortId port : {PortId{0}, PortId::of({200}, 1), PortId{~std::uint64_t{0}}, far_k, k, q}) {
    claim(b, port, far_k, 2);
    EXPECT_EQ(world.take<wire::Refused>(b).port, port);
  }
  for (const Epoch epoch : {0u, 1u, 3u, ~0u}) {
    claim(b, p, far_k, epoch);
    EXPECT_EQ(world.take<wire::Refused>(b).epoch, epoch);
  }
  claim(b, p, far_k, 2, 7);
  EXPECT_EQ(world.take<wire::Refused>(b).epoch, 2u) << "a generation that is not there";
  expect_honest();
}

TEST_F(HostileTransfer, ARecordThatNamesAPortOfOthersDoesNotWaitForIt) {
  const PortId port = world.connect(c, "x");
  world.bind(a, k);
  claim(b, port, far_k, 1);
  EXPECT_EQ(world.take<wire::Refused>(b).port, port);
  EXPECT_EQ(world.row(port).owner, c);
  expect_honest();
}

TEST_F(HostileTransfer, ATokenInTwoStreamsGoesWhereItsDetachSays) {
  const PortId other = world.connect(a, "c");
  world.bind(a, k);
  world.bind(a, other);
  claim(b, p, far_k, 2);
  claim(c, p, other.opposite(), 2);
  world.take_all(c);
  detach(a, p, other);
  EXPECT_EQ(world.take<wire::Refused>(b).port, p);
  EXPECT_EQ(world.take<wire::Granted>(c).port, p);
  expect_honest();
}

TEST_F(HostileTransfer, AClaimThatWaitsIsAnsweredWhateverItsWriterDoes) {
  const std::vector<std::pair<const char*, wire::ClientMessage>> ways = {
      {"closes", wire::Close{p, 0, CloseReason::closed, 0}},
      {"connects", wire::Connect{9, p, 0, wire::Name::of("c")}},
      {"waits to connect", wire::Connect{9, p, 1, wire::Name::of("nobody")}},
      {"invites", wire::Invite{p, {1, 2}}},
      {"breaks the protocol", wire::Hello{}},
  };
  for (const auto& [name, way] : ways) {
    test::World copy = world;
    copy.bind(a, k);
    copy.send(b, wire::Claim{p, far_k, 2, 0, 0});
    copy.send(a, way);
    EXPECT_NO_THROW(copy.take<wire::Refused>(b)) << name;
    EXPECT_EQ(copy.broken(), "");
  }
  world.bind(a, k);
  claim(b, p, far_k, 2);
  close(x, q);
  world.send(a, wire::End{p});
  EXPECT_NO_THROW(world.take<wire::Refused>(b)) << "its channel is over";
}

TEST_F(HostileTransfer, OnlyWhatWasGrantedAndNotUsedGoesBack) {
  detach(a, p, k);
  unclaim(c, p, far_k, 2);
  EXPECT_EQ(world.disconnected(c), "a port that is not its own");
  EXPECT_EQ(unclaim(b, p, far_k, 2), Lines{}) << "not claimed";
  EXPECT_EQ(unclaim(b, q, far_k, 2), Lines{}) << "somebody else's";
  claim(b, p, far_k, 2);
  EXPECT_EQ(unclaim(b, p, far_k, 1), Lines{}) << "another token";
  world.bind(b, p);
  unclaim(b, p, far_k, 2);
  EXPECT_EQ(world.disconnected(b), "returned a port that it uses");
}

TEST_F(HostileTransfer, AGenerationIsForAnOwnerThatWas) {
  world.bind(x, q);
  world.send(x, wire::Bind{q, world.lease(x), 8, 1, 0, 2});
  EXPECT_EQ(world.disconnected(x), "a generation for an owner that never was");
  const PortId port = world.connect(b, "c");
  world.bind(b, port);
  world.send(b, wire::Bind{port, world.lease(b), 8, 1, 0, 0});
  EXPECT_EQ(world.disconnected(b), "a generation for an owner that never was") << "the last one was for a later owner";
}

TEST_F(HostileTransfer, AStrangerThatGuessesNumbersGetsNothing) {
  detach(a, p, k);
  world.take_all(c);
  claim(c, p, k, 2);
  EXPECT_FALSE(world.alive(c));
  EXPECT_EQ(world.row(p).state, shm::PortState::transit);
}

}  // namespace
}  // namespace fairway::route
