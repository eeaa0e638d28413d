/// Links and ends: a link for each pair, and every order in which a channel can come to its end.
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "route/registry.hpp"
#include "route/world.hpp"

namespace fairway::route {
namespace {

using test::Lines;
using test::World;

constexpr wire::Secret secret{1, 2};

wire::Close close(PortId port, std::uint64_t final = 0) { return {port, final, CloseReason::closed, 0}; }

struct RegistryEnds : testing::Test {
  void TearDown() override {
    EXPECT_EQ(world.broken(), "");
    for (const ContextId context : {a, b, c}) EXPECT_EQ(world.disconnected(context), std::nullopt);
  }

  World world;
  const ContextId a = world.join("a");
  const ContextId b = world.join("b");
  const ContextId c = world.join("c");
};

// Links -----------------------------------------------------------------------------------------------------

TEST_F(RegistryEnds, TwoContextsHaveOneLinkHoweverManyChannels) {
  const PortId one = world.connect(a, "b");
  const PortId two = world.connect(b, "a");
  EXPECT_EQ(world.registry().links(), 1u);
  world.connect(a, "c");
  EXPECT_EQ(world.registry().links(), 2u);
  world.send(a, close(one));
  EXPECT_EQ(world.registry().links(), 2u);
  const Lines last = world.send(a, close(two.opposite()));
  EXPECT_EQ(world.registry().links(), 1u);
  EXPECT_EQ(Lines(last.end() - 3, last.end()), (Lines{"1 <- LinkDrop 1", "2 <- LinkDrop 1", "unlink 1"}));
  world.connect(a, "b");
  EXPECT_EQ(world.registry().links(), 2u) << "a new one";
}

TEST_F(RegistryEnds, AHalfOfALinkIsPublishedAndInstalledAtTheOtherSide) {
  world.connect(b, "a");
  const SegmentId mine = world.lease(b);
  EXPECT_EQ(world.send(b, wire::LinkBind{{1}, 0, mine}), (Lines{"publish 1 as link-1.2", "1 <- LinkInstall 1"}));
  EXPECT_EQ(world.send(a, wire::RefetchLink{{1}}), Lines{"1 <- LinkInstall 1"});
  EXPECT_EQ(world.send(b, wire::RefetchLink{{1}}), Lines{}) << "the other half is not there yet";
  const SegmentId theirs = world.lease(a);
  EXPECT_EQ(world.send(a, wire::LinkBind{{1}, 0, theirs}), (Lines{"publish 2 as link-1.1", "2 <- LinkInstall 1"}));
}

TEST_F(RegistryEnds, TheHalvesOfALinkGoWithIt) {
  const PortId port = world.connect(a, "b");
  world.send(a, wire::LinkBind{{1}, 0, world.lease(a)});
  world.send(b, wire::LinkBind{{1}, 0, world.lease(b)});
  EXPECT_EQ(world.send(a, close(port)),
            (Lines{"ch-1.1 closed by 1 epoch 0", "2 <- PortClosed ch-1.2 at g0 0 closed", "memory 1: 0", "drop 1", "memory 2: 0", "drop 2",
                   "1 <- LinkDrop 1", "2 <- LinkDrop 1", "unlink 1"}));
}

TEST_F(RegistryEnds, AHalfForALinkThatWasDroppedMeanwhileIsTakenBack) {
  const PortId port = world.connect(a, "b");
  world.send(a, close(port));
  const SegmentId late = world.lease(b);
  EXPECT_EQ(world.send(b, wire::LinkBind{{1}, 0, late}), (Lines{"memory 2: 0", "drop 1"}));
  EXPECT_EQ(world.send(b, wire::RefetchLink{{1}}), Lines{});
}

TEST_F(RegistryEnds, ALinkThatCannotBeMadeClosesItsChannelAndNothingElse) {
  const PortId good = world.connect(a, "c");
  world.no_links = true;
  const PortId port = world.connect(a, "b");
  EXPECT_EQ(world.take<wire::PortClosed>(a).reason, CloseReason::broker_refused);
  EXPECT_EQ(world.take<wire::PortClosed>(b).reason, CloseReason::broker_refused);
  EXPECT_EQ(world.registry().links(), 1u);
  // Both read to the end, in any order, and a message of one crosses the news.
  world.send(b, wire::End{port.opposite()});
  world.bind(a, port);
  world.send(a, wire::End{port});
  EXPECT_EQ(world.disconnected(a), std::nullopt);
  EXPECT_EQ(world.registry().channels(), 1u);
  EXPECT_EQ(world.row(good).state, shm::PortState::owned);
}

// Ends ------------------------------------------------------------------------------------------------------

TEST_F(RegistryEnds, AClosedPortEndsWhenTheOtherSideHasReadIt) {
  const PortId port = world.connect(a, "b");
  world.bind(a, port);
  world.bind(b, port.opposite());
  EXPECT_EQ(world.send(a, close(port, 640)),
            (Lines{"ch-1.1 closed by 1 epoch 0", "memory 2: 0", "drop 2", "2 <- PortClosed ch-1.2 at g0 640 closed", "1 <- LinkDrop 1",
                   "2 <- LinkDrop 1", "unlink 1"}))
      << "nobody is left to read the other stream";
  EXPECT_EQ(world.send(b, wire::End{port.opposite()}),
            (Lines{"memory 1: 0", "drop 1", "ch-1.1 none by 0 epoch 0", "ch-1.2 none by 0 epoch 0"}));
  EXPECT_EQ(world.registry().channels(), 0u);
}

TEST_F(RegistryEnds, WhatCrossesTheNewsOfACloseIsIgnored) {
  const PortId port = world.connect(a, "b");
  world.bind(a, port);
  world.bind(a, port, 1);
  world.bind(b, port.opposite());
  world.bind(b, port.opposite(), 1);
  world.send(a, close(port));
  // b does not know yet.
  world.bind(b, port.opposite(), 2);
  EXPECT_EQ(world.send(b, wire::Done{port.opposite(), 0, {}}), Lines{});
  world.send(b, close(port.opposite()));
  EXPECT_EQ(world.registry().channels(), 0u);
  EXPECT_EQ(world.registry().segments(), 0u);
}

TEST_F(RegistryEnds, WhatAClosedPortsOwnerStillSendsIsIgnored) {
  const PortId port = world.connect(a, "b");
  world.send(a, close(port));
  EXPECT_EQ(world.send(a, wire::Done{port, 0, {}}), Lines{});
  EXPECT_EQ(world.send(a, wire::End{port}), Lines{});
  EXPECT_EQ(world.send(a, close(port)), Lines{});
  EXPECT_EQ(world.send(a, wire::Refetch{port, 0, {}}), Lines{});
  const SegmentId late = world.lease(a);
  EXPECT_EQ(world.send(a, wire::Bind{port, late, 0, 0, 0, 0}), (Lines{"memory 1: 0", "drop 1"}));
}

TEST_F(RegistryEnds, ASegmentIsFetchedAgainForAPortThatIsOverMeanwhile) {
  // The retry timer of a context that could not map an Install fires after the port was closed on both sides.
  const PortId port = world.connect(a, "b");
  world.bind(a, port);
  world.send(b, close(port.opposite()));
  world.send(a, wire::End{port});
  EXPECT_EQ(world.registry().channels(), 0u);
  EXPECT_EQ(world.send(b, wire::Refetch{port.opposite(), 0, {}}), Lines{});
}

TEST_F(RegistryEnds, AContextThatLeavesLosesItsPortsAndLeavesItsStream) {
  const PortId port = world.connect(a, "b");
  world.bind(a, port);
  world.lease(a);
  Lines lines = world.leave(a);
  std::erase_if(lines, [](const std::string& line) { return line.starts_with("memory 1"); });  // nobody is there to have any
  EXPECT_EQ(lines, (Lines{"ch-1.1 closed by 1 epoch 0", "2 <- PortClosed ch-1.2 at g0 unknown peer_lost", "1 <- LinkDrop 1",
                          "2 <- LinkDrop 1 peer gone", "unlink 1", "drop 2"}));
  EXPECT_EQ(world.registry().segments(), 1u) << "it is still read";
  world.send(b, wire::End{port.opposite()});
  EXPECT_EQ(world.registry().segments(), 0u);
  EXPECT_EQ(world.registry().channels(), 0u);
}

struct Step {
  const char* name;
  std::function<void(World&, ContextId, ContextId, PortId)> run;
};

TEST(RegistryEndOrders, EveryOrderOfEndsLeavesNothing) {
  const Step close_a{"a closes", [](World& w, ContextId a, ContextId, PortId p) { w.send(a, close(p, 8)); }};
  const Step close_b{"b closes", [](World& w, ContextId, ContextId b, PortId p) { w.send(b, close(p.opposite(), 8)); }};
  const Step end_a{"a ends", [](World& w, ContextId a, ContextId, PortId p) { w.send(a, wire::End{p}); }};
  const Step end_b{"b ends", [](World& w, ContextId, ContextId b, PortId p) { w.send(b, wire::End{p.opposite()}); }};
  const Step error_a{"a sees damage", [](World& w, ContextId a, ContextId, PortId p) {
                       w.send(a, wire::Close{p, 8, CloseReason::protocol_error, 0});
                     }};
  const Step leave_a{"a leaves", [](World& w, ContextId a, ContextId, PortId) { w.leave(a); }};
  const Step leave_b{"b leaves", [](World& w, ContextId, ContextId b, PortId) { w.leave(b); }};
  const std::vector<std::vector<Step>> orders = {
      {close_a, end_b},  {close_b, end_a},  {close_a, close_b}, {close_b, close_a}, {error_a, end_b},   {error_a, close_b},
      {leave_a, end_b},  {leave_b, end_a},  {leave_a, close_b}, {leave_a, leave_b}, {leave_b, leave_a}, {close_a, leave_b},
      {close_a, leave_a, end_b}, {close_a, leave_a, leave_b},   {close_b, end_a, leave_a}, {leave_b, leave_a},
      {close_a, end_b, leave_a, leave_b},
  };
  for (const auto& order : orders) {
    for (int generations_of_a = 0; generations_of_a < 4; ++generations_of_a) {
      for (int generations_of_b = 0; generations_of_b < 3; ++generations_of_b) {
        World world;
        const ContextId a = world.join();
        const ContextId b = world.join("b");
        const PortId port = world.connect(a, "b");
        for (Generation g = 0; g < generations_of_a; ++g) world.bind(a, port, g, 8);
        for (Generation g = 0; g < generations_of_b; ++g) world.bind(b, port.opposite(), g, 8);
        if (generations_of_a > 2) world.send(b, wire::Done{port.opposite(), 1, {}});
        std::string name;
        for (const Step& step : order) {
          name += std::string(step.name) + ", ";
          step.run(world, a, b, port);
        }
        EXPECT_EQ(world.registry().channels(), 0u) << name;
        EXPECT_EQ(world.registry().links(), 0u) << name;
        EXPECT_EQ(world.registry().segments(), 0u) << name;
        EXPECT_EQ(world.disconnected(a), std::nullopt) << name;
        EXPECT_EQ(world.disconnected(b), std::nullopt) << name;
        EXPECT_EQ(world.broken(), "") << name;
        world.leave(a), world.leave(b);
        EXPECT_EQ(world.tables(), 0u) << name;
      }
    }
  }
}

TEST(RegistryEndOrders, AContextCanLeaveInEveryState) {
  const std::vector<std::pair<const char*, std::function<void(World&, ContextId)>>> states = {
      {"just joined", [](World&, ContextId) {}},
      {"with a lease that is not mapped", [](World& w, ContextId x) { w.send(x, wire::LeaseRequest{shm::small_segment}); }},
      {"with a lease", [](World& w, ContextId x) { w.lease(x); }},
      {"with a channel of its own", [](World& w, ContextId x) { w.bind(x, w.create(x)); }},
      {"with one end closed", [](World& w, ContextId x) { w.send(x, close(w.create(x))); }},
      {"connected", [](World& w, ContextId x) { w.bind(x, w.connect(x, "b")); }},
      {"linked", [](World& w, ContextId x) { w.connect(x, "b"), w.send(x, wire::LinkBind{{1}, 0, w.lease(x)}); }},
      {"waiting for a name", [](World& w, ContextId x) { w.send(x, wire::Connect{1, w.create(x).opposite(), 1, wire::Name::of("late")}); }},
      {"with a child that came", [](World& w, ContextId x) { w.send(x, wire::Invite{w.create(x).opposite(), secret}), w.join("child", secret); }},
      {"with a child that is to come", [](World& w, ContextId x) { w.send(x, wire::Invite{w.create(x).opposite(), secret}); }},
  };
  for (const auto& [name, prepare] : states) {
    World world;
    const ContextId b = world.join("b");
    const ContextId x = world.join("x");
    prepare(world, x);
    world.leave(x);
    EXPECT_TRUE(world.join("x")) << name;
    EXPECT_EQ(world.broken(), "") << name;
    for (std::uint32_t id = 1; id < 10; ++id)
      if (world.alive({id})) world.leave({id});
    EXPECT_EQ(world.registry().contexts(), 0u) << name;
    EXPECT_EQ(world.registry().channels(), 0u) << name;
    EXPECT_EQ(world.registry().links(), 0u) << name;
    EXPECT_EQ(world.registry().segments(), 0u) << name;
    EXPECT_EQ(world.tables(), 0u) << name;
    EXPECT_EQ(world.disconnected(b), std::nullopt);
  }
}

}  // namespace
}  // namespace fairway::route
