/// Channels of a broker that died, shown to the next one: what two sides say alike is taken over, what only one says is not.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

#include "route/world.hpp"

namespace fairway::route {
namespace {

using test::Lines;
using test::World;

constexpr Registry::Numbers first{100, 100, 1025};
constexpr std::uint32_t uid = 1000;
constexpr ContextId alice{5}, bob{6}, carol{7};
const PortId p = PortId::of({300}, 1), q = p.opposite();
constexpr LinkId link{9};

constexpr std::int64_t pid_of(ContextId identity) { return 4000 + identity.value; }
constexpr Registry::Memory memory(std::uint64_t object) { return {1, object, true}; }

wire::Hello hello(ContextId identity) {
  wire::Hello message;
  message.identity = identity;
  message.life = 1;
  return message;
}

/// One side's word: it has posted in generation 0 and read from the other's.
wire::Reassert said(PortId port, ContextId peer) {
  wire::Reassert m;
  m.port = port;
  m.peer = peer;
  m.peer_pid = pid_of(peer);
  m.link = link;
  m.next = 1;
  m.opened = m.linked = 1;
  m.shown = 2;
  return m;
}

wire::Shown shown(PortId port, bool reads, Generation generation = 0) {
  wire::Shown m;
  m.port = port;
  m.size = shm::small_segment;
  m.final = wire::unknown_final;
  m.generation = generation;
  m.first = generation == 0;
  m.reads = reads;
  return m;
}

class Rejoin : public testing::Test {
 protected:
  void TearDown() override {
    EXPECT_EQ(world.broken(), "");
    for (std::uint32_t id = first.context; id < first.context + 20; ++id)
      if (world.alive({id})) world.leave({id});
    EXPECT_EQ(world.registry().segments(), 0u);
    EXPECT_EQ(world.registry().channels(), 0u);
    EXPECT_EQ(world.registry().links(), 0u);
    EXPECT_EQ(world.broken(), "");
  }

  ContextId come_back(ContextId identity) {
    const ContextId id = world.join(hello(identity), {uid, pid_of(identity)});
    EXPECT_TRUE(id);
    world.take_all(id);
    return id;
  }
  /// A side with one generation each way: object 1 is what p writes, 2 what q writes.
  void assert_all(ContextId from, const wire::Reassert& m) {
    const std::uint64_t mine = m.port == p ? 1 : 2;
    world.send(from, m);
    world.show(from, shown(m.port, false), memory(mine));
    world.show(from, shown(m.port, true), memory(3 - mine));
  }
  void take_over() {
    a = come_back(alice);
    b = come_back(bob);
    assert_all(a, said(p, bob));
    assert_all(b, said(q, alice));
    EXPECT_EQ(world.take_all(a), Lines{"Reasserted ch-300.1"});
    EXPECT_EQ(world.take_all(b), Lines{"Reasserted ch-300.2"});
  }

  World world{first, {}};
  ContextId a, b;
};

TEST_F(Rejoin, WhatBothSidesSayAlikeIsTakenOver) {
  take_over();
  EXPECT_EQ(world.registry().channels(), 1u);
  EXPECT_EQ(world.registry().segments(), 2u) << "each object once";
  EXPECT_EQ(world.registry().links(), 1u);
  EXPECT_EQ(world.row(p).owner, a);
  EXPECT_EQ(world.row(q).state, shm::PortState::owned);
}

TEST_F(Rejoin, AChannelThatWasTakenOverGrowsMovesAndCloses) {
  take_over();
  const ContextId c = world.join("c");
  const PortId carrier = world.connect(a, "c");
  world.take_all(a), world.take_all(b), world.take_all(c);
  world.bind(a, p, 1, 640);
  EXPECT_EQ(world.take_all(b), Lines{"Install ch-300.2 g1 after g0 at 640"});
  world.take_all(a);
  world.send(a, wire::Detach{p, carrier, 64, shm::Position{0, 128}.pack(), 1, 0, {}});
  EXPECT_EQ(world.take_all(b), (Lines{"LinkDrop 9", "Moved ch-300.2 at g1 64 epoch 1"}));
  world.send(c, wire::Claim{p, carrier.opposite(), 1, 0, 0});
  const Lines lines = world.take_all(c);
  EXPECT_EQ(lines.front(), "Granted ch-300.1 epoch 1 token 1 on ch-1025.2 read g0 128 next g2 peer 0");
  EXPECT_EQ(lines.back(), "Install ch-300.1 g0 first opens 0-0");
  world.take_all(b);
  world.send(c, wire::Close{p, 0, CloseReason::closed, 0});
  EXPECT_EQ(world.take_all(b).front(), "PortClosed ch-300.2 at g1 64 closed");
  world.send(b, wire::End{q});
  EXPECT_EQ(world.registry().channels(), 1u) << "the carrier's";
}

TEST_F(Rejoin, ALinkThatAnotherChannelWaitsForStaysWhenItsFirstOneCloses) {
  take_over();
  const PortId later = PortId::of({301}, 1);
  const auto unopened = [](PortId port, ContextId peer) {
    wire::Reassert m = said(port, peer);
    m.next = m.opened = m.shown = 0;
    return m;
  };
  world.send(a, unopened(later, bob));
  world.send(a, wire::Close{p, 64, CloseReason::closed, 0});
  world.send(b, wire::End{q});
  EXPECT_EQ(world.take_all(b), Lines{"PortClosed ch-300.2 at g0 64 closed"}) << "the link is still there";
  world.send(b, unopened(later.opposite(), alice));
  EXPECT_EQ(world.take_all(a), Lines{"Reasserted ch-301.1"});
  EXPECT_EQ(world.take_all(b), Lines{"Reasserted ch-301.2"});
  EXPECT_EQ(world.registry().links(), 1u);
  world.send(a, wire::Close{later, 0, CloseReason::closed, 0});
  EXPECT_EQ(world.take_all(a), Lines{"LinkDrop 9"});
}

TEST_F(Rejoin, ALinkThatNobodyWaitsForAnyMoreGoes) {
  take_over();
  const PortId later = PortId::of({301}, 1);
  wire::Reassert m = said(later, bob);
  m.next = m.opened = m.shown = 0;
  world.send(a, m);
  world.send(a, wire::Close{p, 64, CloseReason::closed, 0});
  world.send(b, wire::End{q});
  EXPECT_EQ(world.registry().links(), 1u);
  world.send(b, wire::Returned{});  // without that channel
  EXPECT_EQ(world.registry().links(), 0u);
  EXPECT_EQ(world.take_all(a), (Lines{"LinkDrop 9", "Reasserted ch-301.1 over broker_lost"}));
}

TEST_F(Rejoin, NothingIsBelievedOfOneSide) {
  a = come_back(alice);
  assert_all(a, said(p, bob));
  EXPECT_EQ(world.take_all(a), Lines{});
  EXPECT_EQ(world.registry().channels(), 0u);
}

TEST_F(Rejoin, WhatTheOtherSideDoesNotHaveIsOver) {
  a = come_back(alice);
  b = come_back(bob);
  assert_all(a, said(p, bob));
  world.send(a, wire::Returned{});
  EXPECT_EQ(world.take_all(a), Lines{}) << "the other side may still say so";
  world.send(b, wire::Returned{});
  EXPECT_EQ(world.take_all(a), Lines{"Reasserted ch-300.1 over broker_lost"});
  EXPECT_EQ(world.registry().segments(), 0u);
}

TEST_F(Rejoin, WhoComesAfterTheOtherSideHasSaidEverythingHearsSoAtOnce) {
  a = come_back(alice);
  b = come_back(bob);
  world.send(b, wire::Returned{});
  assert_all(a, said(p, bob));
  EXPECT_EQ(world.take_all(a), Lines{"Reasserted ch-300.1 over broker_lost"});
}

TEST_F(Rejoin, OtherMemoryIsNotTheSameChannel) {
  a = come_back(alice);
  b = come_back(bob);
  assert_all(a, said(p, bob));
  world.send(b, said(q, alice));
  world.show(b, shown(q, false), memory(2));
  world.show(b, shown(q, true), memory(77));
  EXPECT_EQ(world.take_all(a), Lines{"Reasserted ch-300.1 over broker_lost"});
  EXPECT_EQ(world.take_all(b), Lines{"Reasserted ch-300.2 over broker_lost"});
}

TEST_F(Rejoin, TheTwoSidesMustSayTheSameOfEachOther) {
  const std::map<std::string, void (*)(wire::Reassert&, wire::Shown&)> lies{
      {"another epoch", [](wire::Reassert& m, wire::Shown&) { m.epoch = 1; }},
      {"another epoch of the other side", [](wire::Reassert& m, wire::Shown&) { m.peer_epoch = 1; }},
      {"a generation too few", [](wire::Reassert& m, wire::Shown&) { m.next = 0; }},
      {"a generation too many", [](wire::Reassert& m, wire::Shown&) { m.next = 2; }},
      {"nothing opened", [](wire::Reassert& m, wire::Shown&) { m.opened = 0; }},
      {"opened for an owner that never was", [](wire::Reassert& m, wire::Shown&) { m.opened_for = 3; }},
      {"has read what was never written", [](wire::Reassert& m, wire::Shown&) { m.read = shm::Position{4, 0}.pack(); }},
      {"a size", [](wire::Reassert&, wire::Shown& g) { g.size += shm::page; }},
      {"a shape", [](wire::Reassert&, wire::Shown& g) { g.linear = 1; }},
      {"an index", [](wire::Reassert&, wire::Shown& g) { g.generation = 1; }},
      {"no control block", [](wire::Reassert&, wire::Shown& g) { g.first = 0; }},
      {"an epoch of the writer", [](wire::Reassert&, wire::Shown& g) { g.epoch = 7; }},
  };
  std::uint32_t next = 10;
  for (const auto& [name, lie] : lies) {
    SCOPED_TRACE(name);
    const ContextId one{next++}, other{next++};
    const ContextId honest = come_back(one), liar = come_back(other);
    assert_all(honest, said(p, other));
    wire::Reassert m = said(q, one);
    wire::Shown written = shown(q, false);
    lie(m, written);
    world.send(liar, m);
    world.show(liar, written, memory(2));
    world.show(liar, shown(q, true), memory(1));
    EXPECT_EQ(world.take_all(honest), Lines{"Reasserted ch-300.1 over broker_lost"});
    EXPECT_EQ(world.take_all(liar), Lines{"Reasserted ch-300.2 over broker_lost"});
    EXPECT_EQ(world.registry().channels(), 0u);
    world.leave(honest);
    world.leave(liar);
  }
}

TEST_F(Rejoin, SomebodyElsesPortIsNotGot) {
  const ContextId c = come_back(carol);
  assert_all(c, said(q, alice));  // bob's, with the very memory
  a = come_back(alice);
  assert_all(a, said(p, bob));
  EXPECT_EQ(world.take_all(c), Lines{"Reasserted ch-300.2 over broker_lost"});
  EXPECT_EQ(world.take_all(a), Lines{});
  b = come_back(bob);
  assert_all(b, said(q, alice));
  EXPECT_EQ(world.take_all(a), Lines{"Reasserted ch-300.1"});
  world.take_all(c);
  world.send(c, said(q, alice));
  EXPECT_EQ(world.take_all(c), Lines{"Reasserted ch-300.2 over broker_lost"}) << "it is bob's";
}

TEST_F(Rejoin, NobodyReturnsAsSomebodyElse) {
  // carol's process says that it was bob and has nothing: the kernel says which process it is.
  const ContextId c = world.join(hello(bob), {uid, pid_of(carol)});
  world.send(c, wire::Returned{});
  a = come_back(alice);
  assert_all(a, said(p, bob));
  EXPECT_EQ(world.take_all(a), Lines{});
  b = come_back(bob);
  assert_all(b, said(q, alice));
  EXPECT_EQ(world.take_all(a), Lines{"Reasserted ch-300.1"});
}

TEST_F(Rejoin, ASecondContextOfThatNumberHasNothingToReturn) {
  a = come_back(alice);
  const ContextId again = come_back(alice);
  world.send(again, said(p, bob));
  EXPECT_EQ(world.disconnected(again), "re-asserted a port and had lost no broker");
}

TEST_F(Rejoin, WhatBreaksTheProtocolDisconnects) {
  const auto why = [&](const char* expected, const std::vector<wire::ClientMessage>& messages) {
    const ContextId c = come_back(carol);
    for (const wire::ClientMessage& message : messages) world.send(c, message);
    EXPECT_EQ(world.disconnected(c), expected);
    if (world.alive(c)) world.leave(c);
  };
  why("re-asserted a port twice", {said(q, alice), said(q, alice)});
  why("re-asserted a port that no broker before has known", {said(PortId::of({first.channel}, 1), alice)});
  why("re-asserted a port that no broker before has known", {said({}, alice)});
  why("re-asserted a port and had lost no broker", {wire::Returned{}, said(q, alice)});
  why("returned and had lost no broker", {wire::Returned{}, wire::Returned{}});
  why("shows less than it said", {said(q, alice), wire::Returned{}});
  why("shows no memory", {shown(q, false)});
  const ContextId fresh = world.join("fresh");
  world.send(fresh, said(q, alice));
  EXPECT_EQ(world.disconnected(fresh), "re-asserted a port and had lost no broker");
}

TEST_F(Rejoin, MemoryThatOthersCanChangeDisconnects) {
  const ContextId c = come_back(carol);
  world.send(c, said(q, alice));
  world.show(c, shown(q, false), Registry::Memory{1, 2, false});
  EXPECT_EQ(world.disconnected(c), "shows memory that no broker has given out");
}

TEST_F(Rejoin, MoreMemoryThanWasSaidDisconnects) {
  const ContextId c = come_back(carol);
  assert_all(c, said(q, alice));
  world.show(c, shown(q, true), memory(1));
  EXPECT_EQ(world.disconnected(c), "shows memory that no broker has given out");
}

TEST_F(Rejoin, AGenerationThatWasOnItsWayIsInstalled) {
  a = come_back(alice);
  b = come_back(bob);
  wire::Reassert m = said(p, bob);
  m.next = 2;
  m.shown = 3;
  world.send(a, m);
  wire::Shown before = shown(p, false);
  before.final = 640;
  world.show(a, before, memory(1));
  world.show(a, shown(p, false, 1), memory(3));
  world.show(a, shown(p, true), memory(2));
  assert_all(b, said(q, alice));
  EXPECT_EQ(world.take_all(b), (Lines{"Reasserted ch-300.2", "Install ch-300.2 g1 after g0 at 640"}));
  world.send(b, wire::Done{q, 0, {}});
  EXPECT_EQ(world.registry().segments(), 3u) << "generation 0 has the words of the pairing";
}

TEST_F(Rejoin, WhatAnOwnerBeforeHasWrittenIsShownByItsReader) {
  a = come_back(alice);
  b = come_back(bob);
  wire::Reassert m = said(p, bob);  // its second owner, in generation 1
  m.epoch = 1;
  m.next = 2;
  world.send(a, m);
  wire::Shown mine = shown(p, false, 1);
  mine.epoch = 1;
  mine.first = 1;
  world.show(a, mine, memory(3));
  wire::Shown theirs = shown(p, true);
  theirs.peer_epoch = 1;
  world.show(a, theirs, memory(2));
  wire::Reassert other = said(q, alice);
  other.peer_epoch = other.opened_for = 1;
  other.shown = 3;
  world.send(b, other);
  wire::Shown own = shown(q, false);
  own.peer_epoch = 1;
  world.show(b, own, memory(2));
  wire::Shown former = shown(q, true);
  former.final = 64;
  world.show(b, former, memory(1));
  wire::Shown newer = mine;
  newer.port = q;
  newer.reads = 1;
  world.show(b, newer, memory(3));
  EXPECT_EQ(world.take_all(a), Lines{"Reasserted ch-300.1"});
  EXPECT_EQ(world.registry().segments(), 3u);
  world.take_all(b);
  world.send(b, wire::Claim{PortId::of({301}, 1), q, 1, 0, 0});
  EXPECT_EQ(world.take_all(b), Lines{"Refused ch-301.1 token 1 on ch-300.2"}) << "who wrote it is nobody's creator";
  world.send(b, wire::Done{q, 0, {}});
  EXPECT_EQ(world.registry().segments(), 2u);
}

TEST_F(Rejoin, WhoCannotShowEverythingGoesOnAloneAndSoDoesItsPeer) {
  a = come_back(alice);
  b = come_back(bob);
  assert_all(a, said(p, bob));
  wire::Reassert m = said(q, alice);
  m.partial = 1;
  m.shown = 0;
  world.send(b, m);
  EXPECT_EQ(world.take_all(a), Lines{"Reasserted ch-300.1 alone"});
  EXPECT_EQ(world.take_all(b), Lines{"Reasserted ch-300.2 alone"});
  EXPECT_EQ(world.registry().segments(), 0u);
}

TEST_F(Rejoin, WhatIsMoreThanTheMemoryOfAContextGoesOnAlone) {
  World small(first, {.memory_per_context = shm::small_segment});
  const ContextId one = small.join(hello(alice), {uid, pid_of(alice)}), other = small.join(hello(bob), {uid, pid_of(bob)});
  for (const ContextId each : {one, other}) {
    const bool mine = each == one;
    small.take_all(each);
    small.send(each, said(mine ? p : q, mine ? bob : alice));
    small.show(each, shown(mine ? p : q, false), memory(mine ? 1 : 2));
    small.show(each, shown(mine ? p : q, true), memory(mine ? 2 : 1));
  }
  EXPECT_EQ(small.take_all(one), Lines{"Reasserted ch-300.1 alone"});
  EXPECT_EQ(small.registry().segments(), 0u);
  EXPECT_EQ(small.broken(), "");
}

TEST_F(Rejoin, APeerThatDoesNotComeBackIsLost) {
  a = come_back(alice);
  assert_all(a, said(p, bob));
  world.send(a, wire::PeerGone{bob, 0, pid_of(bob)});
  EXPECT_EQ(world.take_all(a), Lines{"Reasserted ch-300.1 over peer_lost"});
}

TEST_F(Rejoin, OfAPeerThatHasComeBackOnlyItsConnectionCounts) {
  a = come_back(alice);
  b = come_back(bob);
  assert_all(a, said(p, bob));
  world.send(a, wire::PeerGone{bob, 0, pid_of(bob)});
  EXPECT_EQ(world.take_all(a), Lines{});
  world.leave(b);
  EXPECT_EQ(world.take_all(a), Lines{"Reasserted ch-300.1 over peer_lost"});
}

TEST_F(Rejoin, APortThatClosesBeforeItIsAnsweredTakesItsChannelAlong) {
  a = come_back(alice);
  b = come_back(bob);
  assert_all(a, said(p, bob));
  world.send(a, wire::Returned{});
  world.send(a, wire::Close{p, 64, CloseReason::closed, 0});
  assert_all(b, said(q, alice));
  EXPECT_EQ(world.take_all(b), Lines{"Reasserted ch-300.2 over broker_lost"});
  EXPECT_EQ(world.take_all(a), Lines{});
}

TEST_F(Rejoin, WhatIsSaidOfAChannelThatNobodyShowsIsIgnored) {
  a = come_back(alice);
  const SegmentId lease = world.lease(a);
  world.send(a, wire::End{p});
  world.send(a, wire::Done{p, 0, {}});
  world.send(a, wire::Bind{p, lease, 0, 0, 0, 0});
  EXPECT_TRUE(world.alive(a));
}

TEST_F(Rejoin, BothEndsInOneContext) {
  a = come_back(alice);
  for (const PortId port : {p, q}) {
    wire::Reassert m = said(port, alice);
    m.link = {};
    assert_all(a, m);
  }
  EXPECT_EQ(world.take_all(a), (Lines{"Reasserted ch-300.2", "Reasserted ch-300.1", "Paired ch-300.1 link 0 epoch 0", "Paired ch-300.2 link 0 epoch 0"}));
}

TEST_F(Rejoin, TheLinkServesNewChannelsToo) {
  a = come_back(alice);
  wire::Hello named = hello(bob);
  named.name = wire::Name::of("bob");
  b = world.join(named, {uid, pid_of(bob)});
  assert_all(a, said(p, bob));
  assert_all(b, said(q, alice));
  world.take_all(a);
  const PortId port = world.connect(a, "bob");
  EXPECT_EQ(world.take_all(a), Lines{"Paired ch-1025.1 link 9 epoch 1"});
  world.send(a, wire::Close{port, 0, CloseReason::closed, 0});
  world.send(a, wire::Close{p, 0, CloseReason::closed, 0});
  EXPECT_EQ(world.registry().links(), 0u);
}

TEST_F(Rejoin, ALinkOfWhichAHalfIsMissingIsMadeAnew) {
  a = come_back(alice);
  b = come_back(bob);
  wire::Reassert m = said(p, bob);
  m.linked = 0;
  assert_all(a, m);
  assert_all(b, said(q, alice));
  EXPECT_EQ(world.take_all(a), (Lines{"Reasserted ch-300.1", "Link 100 to 6 ''", "Paired ch-300.1 link 100 epoch 0"}));
}

TEST_F(Rejoin, OfALinkThatOnlyOneSideNamesOneIsMadeAnew) {
  std::uint32_t next = 10;
  for (const LinkId other_link : {LinkId{}, LinkId{10}, LinkId{first.link}}) {
    const ContextId one{next++}, other{next++};
    a = come_back(one);
    b = come_back(other);
    assert_all(a, said(p, other));
    wire::Reassert m = said(q, one);
    m.link = other_link;
    assert_all(b, m);
    EXPECT_EQ(world.take_all(a).size(), 3u) << "Reasserted, Link, Paired";
    EXPECT_EQ(world.registry().links(), 1u);
    world.leave(a);
    world.leave(b);
  }
}

TEST_F(Rejoin, AnEmptyGenerationThatTheBrokerHadDroppedIsNotMissed) {
  a = come_back(alice);
  b = come_back(bob);
  wire::Reassert m = said(p, bob);
  m.next = 3;
  m.shown = 4;
  world.send(a, m);
  for (const Generation index : {Generation{0}, Generation{1}, Generation{2}}) {
    wire::Shown written = shown(p, false, index);
    written.final = index == 0 ? 640 : index == 1 ? 0 : wire::unknown_final;
    world.show(a, written, memory(index == 0 ? 1u : 10u + index));
  }
  world.show(a, shown(p, true), memory(2));
  wire::Reassert other = said(q, alice);
  other.shown = 3;
  world.send(b, other);
  world.show(b, shown(q, false), memory(2));
  world.show(b, shown(q, true), memory(1));
  world.show(b, shown(q, true, 2), memory(12));
  EXPECT_EQ(world.take_all(b), Lines{"Reasserted ch-300.2"});
  EXPECT_EQ(world.registry().segments(), 3u);
}

TEST_F(Rejoin, WhoWasDisconnectedByThisBrokerDoesNotReturn) {
  for (const std::uint64_t life : {2u, 3u}) {
    wire::Hello message = hello(alice);
    message.life = life;
    EXPECT_FALSE(world.join(message, {uid, pid_of(alice)}));
    EXPECT_EQ(static_cast<Errc>(world.refusal.code), Errc::denied);
  }
  wire::Hello unborn = hello({first.context});
  EXPECT_FALSE(world.join(unborn, {uid, 1})) << "a number that this broker gives out";
}

/// Contexts that say anything, of a few ports and objects. The registry stays in order, and nothing is left.
TEST_F(Rejoin, AnythingMayBeSaid) {
  for (unsigned seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    const auto pick = [&](std::uint32_t below) { return static_cast<std::uint32_t>(random() % below); };
    World chaos(first, {});
    std::vector<ContextId> there;
    for (int step = 0; step < 200; ++step) {
      std::erase_if(there, [&](ContextId id) { return !chaos.alive(id); });
      if (there.size() < 3) {
        const ContextId identity{5 + pick(3)};
        if (const ContextId id = chaos.join(hello(identity), {uid, pid_of(identity)})) there.push_back(id);
        continue;
      }
      const ContextId who = there[pick(3)];
      const PortId port = PortId::of({300 + pick(2)}, 1 + static_cast<int>(pick(2)));
      wire::Reassert m = said(port, {5 + pick(3)});
      if (pick(3) == 0) m.linked = 0;
      if (pick(8) == 0) m.epoch = pick(2);
      if (pick(8) == 0) m.partial = 1;
      if (pick(4) == 0) m.link = {};
      switch (pick(10)) {
        case 0: chaos.send(who, wire::Returned{}); break;
        case 1: chaos.send(who, wire::PeerGone{{5 + pick(3)}, 0, pid_of({5 + pick(3)})}); break;
        case 2: chaos.send(who, wire::Close{port, 0, CloseReason::closed, 0}); break;
        case 3: chaos.send(who, wire::End{port}); break;
        case 4: if (pick(8) == 0) chaos.leave(who); break;
        default:
          chaos.send(who, m);
          for (const bool reads : {false, true})
            if (chaos.alive(who) && pick(12) != 0)
              chaos.show(who, shown(port, reads, static_cast<Generation>(pick(10) == 0)), memory((port.value ^ static_cast<std::uint64_t>(reads)) + (pick(10) == 0)));
      }
      ASSERT_EQ(chaos.broken(), "");
    }
    for (const ContextId id : there)
      if (chaos.alive(id)) chaos.leave(id);
    ASSERT_EQ(chaos.registry().segments(), 0u);
    ASSERT_EQ(chaos.registry().channels(), 0u);
    ASSERT_EQ(chaos.registry().links(), 0u);
    ASSERT_EQ(chaos.tables(), 0u);
    ASSERT_EQ(chaos.broken(), "");
  }
}

}  // namespace
}  // namespace fairway::route
