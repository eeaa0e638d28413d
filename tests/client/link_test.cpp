/// When a link says that the other side is dead.
#include "client/link.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <utility>

namespace fairway::client {
namespace {

struct LinkEnds : testing::Test {
  const PortId port = PortId::of({1}, 1);

  void SetUp() override {
    const sys::Fd fd = sys::create_memory("fairway:test", shm::small_segment);
    near.bind(sys::Mapping(fd.get(), shm::small_segment, sys::Mapping::Access::write), false);
  }

  std::pair<sys::Fd, sys::Fd> doorbells = sys::doorbell_pair();
  Link near{{1}, {2}, 0, "far", std::move(doorbells.first), {}};
  sys::Fd& far = doorbells.second;
};

TEST_F(LinkEnds, WhoseDoorbellIsClosedIsDead) {
  EXPECT_TRUE(near.notify(port));
  EXPECT_FALSE(near.peer_dead);
  far.close();
  near.notify(port);
  EXPECT_TRUE(near.peer_dead);
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
