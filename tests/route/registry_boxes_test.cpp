/// Memory that changes hands: a token of it is granted like that of a port, and whatever becomes of it, it is freed once.
#include <string>

#include "route/transfer.hpp"

namespace fairway::route {
namespace {

using test::Lines;

struct RegistryBoxes : test::Transfer {
  static constexpr std::uint64_t size = 1 << 20;
  const PortId box = PortId::of({2}, 2);

  void SetUp() override {
    Transfer::SetUp();
    world.bind(a, k);
    world.take_all(b);
  }
  Lines put(bool there = true) { return world.box(a, {box, k, size}, there); }
};

TEST_F(RegistryBoxes, AreGrantedWithTheirMemoryToWhoeverReachesTheRecord) {
  EXPECT_EQ(put(), (Lines{"memory 1: " + std::to_string(shm::small_segment + size), "ch-2.1 memory by 1 epoch 0", "ch-2.2 transit by 0 epoch 1"}));
  EXPECT_EQ(claim(b, box, far_k, 1),
            (Lines{"ch-2.2 owned by 2 epoch 1", "2 <- Boxed ch-2.2 " + std::to_string(size),
                   "2 <- Granted ch-2.2 epoch 1 token 1 on ch-1.2 read g0 0 next g0 peer 0"}));
  EXPECT_EQ(close(b, box), (Lines{"ch-2.2 closed by 2 epoch 1", "ch-2.1 none by 0 epoch 0", "ch-2.2 none by 0 epoch 0",
                                  "memory 1: " + std::to_string(shm::small_segment), "drop 2"}));
  expect_honest();
}

TEST_F(RegistryBoxes, AreWaitedForByAClaimThatComesFirst) {
  EXPECT_EQ(claim(b, box, far_k, 1), Lines{});
  EXPECT_EQ(claim(b, box.opposite(), far_k, 1), Lines{}) << "who knows";
  put();
  EXPECT_EQ(world.take_all(b), (Lines{"Refused ch-2.1 token 1 on ch-1.2", "Boxed ch-2.2 " + std::to_string(size),
                                      "Granted ch-2.2 epoch 1 token 1 on ch-1.2 read g0 0 next g0 peer 0"}));
  expect_honest();
}

TEST_F(RegistryBoxes, AreSentOnceMoreToWhoCouldNotTakeThem) {
  put();
  claim(b, box, far_k, 1);
  EXPECT_EQ(world.send(b, wire::Refetch{box, 0, {}}), Lines{"2 <- Boxed ch-2.2 " + std::to_string(size) + " again"});
  EXPECT_EQ(world.send(c, wire::Refetch{box, 0, {}}).front(), "disconnect 4: a port that is not its own");
}

TEST_F(RegistryBoxes, GoBackWithTheirMessageAndAreGrantedAgain) {
  put();
  claim(b, box, far_k, 1);
  unclaim(b, box, far_k, 1);
  EXPECT_EQ(world.row(box).state, shm::PortState::transit);
  EXPECT_EQ(world.registry().segments(), 2u);
  detach(b, far_k, channel(b, "c"));  // unread, with the message in it
  EXPECT_EQ(world.registry().segments(), 2u);
  expect_honest();
}

TEST_F(RegistryBoxes, OutliveWhoSentThem) {
  put();
  world.leave(a);
  EXPECT_EQ(world.registry().segments(), 2u) << "the stream, and the box on it";
  claim(b, box, far_k, 1);
  EXPECT_EQ(world.take<wire::Boxed>(b).size, size);
  EXPECT_EQ(world.disconnected(b), std::nullopt);
}

TEST_F(RegistryBoxes, MayStandInTheStreamThatTheirSenderReadsForWhoReadsOn) {
  const PortId next = channel(b, "c");
  const PortId lent = PortId::of({258}, 2), unused = PortId::of({259}, 2);
  for (const PortId each : {lent, unused})
    EXPECT_EQ(world.box(b, {each, k, size, wire::lent_epoch, 0}, true).back(), to_string(each) + " transit by 0 epoch 1");
  detach(b, far_k, next);
  claim(c, far_k, next.opposite(), 2);
  world.take_all(c);
  EXPECT_EQ(claim(c, lent, far_k, 1), Lines{"4 <- Refused ch-258.2 token 1 on ch-1.2"}) << "that is no box";
  EXPECT_EQ(claim(c, lent, far_k, wire::lent_epoch).front(), "ch-258.2 owned by 4 epoch 1");
  EXPECT_EQ(world.take<wire::Boxed>(c).size, size);
  close(c, lent);
  EXPECT_EQ(world.row(unused).state, shm::PortState::transit) << "it may come";
  close(a, k);
  world.send(c, wire::End{far_k});
  EXPECT_EQ(world.row(unused).state, shm::PortState::none) << "nothing comes any more";
  EXPECT_EQ(world.box(c, {PortId::of({770}, 2), p, size, wire::lent_epoch, 0}, true).front(), "disconnect 4: a port that is not its own");
}

TEST_F(RegistryBoxes, ThatWereLentAreWaitedForByNobody) {
  const PortId of_a = PortId::of({2}, 2);
  EXPECT_EQ(claim(b, of_a, far_k, wire::lent_epoch), Lines{"2 <- Refused ch-2.2 token 2147483648 on ch-1.2"}) << "unborn";
  EXPECT_EQ(claim(b, p, far_k, wire::lent_epoch), Lines{"2 <- Refused " + to_string(p) + " token 2147483648 on ch-1.2"}) << "a port of the writer's";
  expect_honest();
}

TEST_F(RegistryBoxes, OfAReaderThatDiesBeforeItsPortLeftAreForNobody) {
  const PortId lent = PortId::of({257}, 2);
  world.box(b, {lent, k, size, wire::lent_epoch, 0}, true);
  world.leave(b);
  EXPECT_EQ(world.row(lent).state, shm::PortState::none);
  expect_honest();
}

TEST_F(RegistryBoxes, GoWithTheStreamThatNobodyReads) {
  put();
  close(b, far_k);
  EXPECT_EQ(world.registry().segments(), 0u);
  EXPECT_EQ(world.row(box).state, shm::PortState::none);
  put();
  EXPECT_EQ(world.disconnected(a), "a channel number twice");
}

TEST_F(RegistryBoxes, GoWithWhoWasGrantedThem) {
  put();
  claim(b, box, far_k, 1);
  world.leave(b);
  EXPECT_EQ(world.registry().segments(), 0u);
  expect_honest();
}

TEST_F(RegistryBoxes, ForANobodyAreClosedAtOnce) {
  close(b, far_k);
  world.take_all(b);
  put();
  EXPECT_EQ(world.registry().segments(), 0u);
  expect_honest();
}

TEST_F(RegistryBoxes, WithoutTheirMemoryAreTokensOfAClosedPort) {
  put(false);
  EXPECT_EQ(claim(b, box, far_k, 1), Lines{"2 <- Refused ch-2.2 token 1 on ch-1.2"});
  expect_honest();
}

TEST_F(RegistryBoxes, CountAgainstTheLimitsOfWhoSendsThem) {
  test::World small(Limits{10, shm::small_segment * 4, shm::small_segment * 100});
  const ContextId from = small.join("from"), to = small.join("to");
  const PortId mine = small.connect(from, "to");
  small.bind(from, mine);
  small.take_all(to);
  const auto send = [&](std::uint64_t channel, std::uint64_t bytes) {
    small.box(from, {PortId::of({channel}, 2), mine, bytes}, true);
    small.send(to, wire::Claim{PortId::of({channel}, 2), mine.opposite(), 1, 0, 0});
  };
  send(5, shm::small_segment * 3);
  EXPECT_EQ(small.take<wire::Boxed>(to).size, shm::small_segment * 3);
  send(6, shm::page);
  EXPECT_EQ(small.take<wire::Refused>(to).port, PortId::of({6}, 2));
  send(7, ~std::uint64_t{0} - shm::page);
  EXPECT_EQ(small.take<wire::Refused>(to).port, PortId::of({7}, 2));
  EXPECT_EQ(small.disconnected(from), std::nullopt);
  EXPECT_EQ(small.broken(), "");
}

TEST_F(RegistryBoxes, AreNotForWhoDoesNotKnowThem) {
  wire::Hello old;
  old.name = wire::Name::of("old");
  old.features = wire::feature::rejoin;
  const ContextId d = world.join(old, {1000, 4242});
  const PortId to_old = world.connect(a, "old");
  world.bind(a, to_old);
  world.take_all(d);
  const PortId other = PortId::of({3}, 2);
  world.box(a, {other, to_old, size}, true);
  EXPECT_EQ(claim(d, other, to_old.opposite(), 1).front(), "5 <- Refused ch-3.2 token 1 on " + to_string(to_old.opposite()));
  EXPECT_EQ(world.row(other).state, shm::PortState::none);
}

TEST_F(RegistryBoxes, HaveANumberOfTheirOwn) {
  EXPECT_EQ(world.box(a, {PortId::of({2}, 1), k, size}, true).front(), "disconnect 1: a box in the place of another port");
  EXPECT_EQ(world.box(b, {PortId::of({2}, 2), far_k, size}, true).front(), "disconnect 2: a channel number that it was not given");
  EXPECT_EQ(world.box(x, {p, q, size}, true).front(), "disconnect 3: a box in the place of another port");
}

TEST_F(RegistryBoxes, AreNeitherConnectedNorLeases) {
  put();
  claim(b, box, far_k, 1);
  EXPECT_EQ(world.send(b, wire::Connect{9, box, 0, wire::Name::of("c")}).front(), "disconnect 2: moved a box by name");
  EXPECT_EQ(world.send(a, wire::LeaseReturned{{2}}).front(), "disconnect 1: returned a segment that is not its own");
}

TEST_F(RegistryBoxes, ComeWithMemoryOrNotAtAll) {
  Actions actions;
  world.registry().handle(a, wire::Box{box, k, size}, actions);
  ASSERT_EQ(actions.size(), 1u);
  EXPECT_EQ(test::to_text(actions[0]), "disconnect 1: a box without its memory");
}

}  // namespace
}  // namespace fairway::route
