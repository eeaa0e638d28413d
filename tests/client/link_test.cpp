/// When a link says that the other side is dead.
#include "client/link.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <utility>

namespace fairway::client {
namespace {

struct LinkEnds : testing::Test {
  const PortId port = PortId::of({1}, 1);

  void SetUp() override { near.bind(half(sys::Mapping::Access::write), false); }
  static sys::Mapping half(sys::Mapping::Access access) {
    return sys::Mapping(sys::create_memory("fairway:test", shm::small_segment).get(), shm::small_segment, access);
  }
  /// Without a half of the other side each is a ring.
  void hear_of_far() { near.install(half(sys::Mapping::Access::read)); }

  std::pair<sys::Fd, sys::Fd> doorbells = sys::doorbell_pair();
  Link near{{1}, {2}, 0, "far", std::move(doorbells.first), {}};
  sys::Fd& far = doorbells.second;
};

TEST_F(LinkEnds, WhoseDoorbellIsClosedIsDead) {
  hear_of_far();
  EXPECT_TRUE(near.reaches());
  EXPECT_EQ(near.answer(), sys::Doorbell::silent);
  far.close();
  EXPECT_EQ(near.answer(), sys::Doorbell::gone);
}

TEST_F(LinkEnds, WhoMayNeverHaveGotItsEndIsNotDead) {
  EXPECT_TRUE(near.notify(port));
  far.close();  // by the broker that still had it, and died
  near.notify(port);
  EXPECT_FALSE(near.peer_dead);
  EXPECT_EQ(near.answer(), sys::Doorbell::let_go);
  EXPECT_FALSE(near.reaches());
}

TEST_F(LinkEnds, WhoHearsNoRingsAnyMoreIsDeadToo) {
  ASSERT_EQ(::shutdown(far.get(), SHUT_RD), 0);
  near.notify(port);
  EXPECT_TRUE(near.peer_dead) << "each ring would else be for nothing";
}

TEST_F(LinkEnds, WhoHasLetGoBeforeIsNot) {
  for (int i = 0; i < 200; ++i) ASSERT_EQ(sys::ring(far.get()), sys::Sent::ok);  // unheard so far
  sys::let_go(far.get());
  far.close();
  for (int i = 0; i < 2; ++i) near.notify(port);
  EXPECT_FALSE(near.peer_dead);
  EXPECT_EQ(near.answer(), sys::Doorbell::let_go) << "its end means nothing any more";
}

}  // namespace
}  // namespace fairway::client
