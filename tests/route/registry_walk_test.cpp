/// Random walks: a few contexts that say what src/client says, with messages crossing the broker's. An honest one is
/// never disconnected, the ledger of segments, links and tables always balances, and when all have left nothing
/// remains. FAIRWAY_LONG=1 walks a hundred times as far.
#include <gtest/gtest.h>

#include <cstdlib>

#include "route/walk.hpp"

namespace fairway::route {
namespace {

void walk(test::Walk walk) {
  const char* const mode = std::getenv("FAIRWAY_LONG");
  const std::uint64_t seeds = mode != nullptr && *mode == '1' ? 10'000 : 100;
  for (walk.seed = 1; walk.seed <= seeds; ++walk.seed) {
    const std::string wrong = test::run(walk);
    ASSERT_TRUE(wrong.empty()) << wrong;
  }
}

TEST(RegistryWalk, HonestContextsAreNeverDisconnectedAndLeaveNothing) { walk({}); }

TEST(RegistryWalk, NorWhereMemoryRunsOut) { walk({.memory_fails = true}); }

TEST(RegistryWalk, NorWhereSegmentsCannotBeMapped) { walk({.mapping_fails = true}); }

TEST(RegistryWalk, NorWhereLinksCannotBeMade) { walk({.links_fail = true}); }

TEST(RegistryWalk, NorWhereParentsDieBeforeTheirChildrenCome) { walk({.parents_die = true}); }

TEST(RegistryWalk, NorByHostileContextsBesideThem) { walk({.honest = 3, .hostile = 2}); }

TEST(RegistryWalk, NorByAllOfThatTogether) {
  walk({.steps = 4000, .honest = 5, .hostile = 2, .mapping_fails = true, .memory_fails = true, .links_fail = true, .parents_die = true});
}

}  // namespace
}  // namespace fairway::route
