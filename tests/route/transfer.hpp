#pragma once

#include <gtest/gtest.h>

#include "route/registry.hpp"
#include "route/world.hpp"

namespace fairway::route::test {

/// a owns p and sends it over k to b, who owns far_k; x owns q, the port opposite of p.
struct Transfer : testing::Test {
  void SetUp() override {
    for (const ContextId context : {a, b, x, c}) world.take_all(context);
  }
  void TearDown() override {
    EXPECT_EQ(world.broken(), "");
    for (std::uint32_t id = 1; id < 32; ++id)
      if (world.alive({id})) world.leave({id});
    EXPECT_EQ(world.broken(), "");
    EXPECT_EQ(world.registry().channels(), 0u);
    EXPECT_EQ(world.registry().segments(), 0u);
    EXPECT_EQ(world.registry().links(), 0u);
    EXPECT_EQ(world.tables(), 0u);
  }

  Lines detach(ContextId from, PortId port, PortId carrier, std::uint64_t final = 0, std::uint64_t read = 0) {
    return world.send(from, wire::Detach{port, carrier, final, read, world.row(port).epoch + 1, 0, {}});
  }
  Lines claim(ContextId from, PortId port, PortId carrier, Epoch token, Generation generation = 0) {
    return world.send(from, wire::Claim{port, carrier, token, generation, 0});
  }
  Lines unclaim(ContextId from, PortId port, PortId carrier, Epoch token) { return world.send(from, wire::Unclaim{port, carrier, token, 0}); }
  Lines close(ContextId from, PortId port, std::uint64_t final = 0) {
    return world.send(from, wire::Close{port, final, CloseReason::closed, 0});
  }
  void expect_honest() {
    for (const ContextId context : {a, b, x, c}) EXPECT_EQ(world.disconnected(context), std::nullopt);
  }
  static std::uint64_t at(Generation generation, std::uint64_t offset) { return shm::Position{generation, offset}.pack(); }
  /// A new channel: the first context's port; the other one's is opposite.
  PortId channel(ContextId one, const std::string& other) { return world.connect(one, other); }

  World world;
  const ContextId a = world.join("a");
  const ContextId b = world.join("b");
  const ContextId x = world.join("x");
  const ContextId c = world.join("c");
  const PortId q = world.connect(x, "a");      // ch-513
  const PortId p = q.opposite();
  const PortId k = world.connect(a, "b");      // ch-1
  const PortId far_k = k.opposite();
};

}  // namespace fairway::route::test
