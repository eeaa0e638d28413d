/// Every interleaving of a small world, and random walks through larger ones, over the registry and the claims that are
/// shipped: one owner or one token; what is delivered is a prefix of what was posted; nobody honest is disconnected; in
/// the end every claim is answered, every closed port says so, and nothing remains. Then the same with one rule left out
/// each time, to show that its absence is seen. FAIRWAY_LONG=1: larger worlds.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <random>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "route/rules.hpp"
#include "route/transfer_model.hpp"

namespace fairway::route {
namespace {

using test::Habit;
using test::TransferModel;
using Step = TransferModel::Step;

bool thorough() {
  const char* const mode = std::getenv("FAIRWAY_LONG");
  return mode != nullptr && *mode == '1';
}

struct Found {
  std::string violation;  ///< empty: none, in every state
  std::size_t states = 0;
  bool complete = true;
};

std::string with_trace(const std::string& what, const std::vector<Step>& steps) {
  std::string text = what + "\n";
  for (const Step& step : steps) text += "  " + TransferModel::to_text(step) + "\n";
  return text;
}

std::string fault(const TransferModel& model) {
  if (!model.violation().empty()) return model.violation();
  return model.quiet() ? model.unsettled() : std::string();
}

Found explore(const TransferModel& start, std::size_t most_states) {
  struct Origin {
    std::size_t from;
    Step step;
  };
  Found found;
  std::vector<Origin> origins{{0, {}}};
  std::vector<std::pair<std::size_t, TransferModel>> layer{{0, start}};
  std::unordered_set<std::size_t> seen{std::hash<std::string>()(start.fingerprint())};
  while (!layer.empty()) {
    std::vector<std::pair<std::size_t, TransferModel>> next;
    for (const auto& [number, model] : layer) {
      for (const Step& step : model.steps()) {
        TransferModel after = model;
        after.take(step);
        if (!seen.insert(std::hash<std::string>()(after.fingerprint())).second) continue;
        origins.push_back({number, step});
        if (const std::string what = fault(after); !what.empty()) {
          std::vector<Step> trace;
          for (std::size_t at = origins.size() - 1; at != 0; at = origins[at].from) trace.push_back(origins[at].step);
          std::ranges::reverse(trace);
          return {with_trace(what, trace), origins.size(), false};
        }
        next.emplace_back(origins.size() - 1, std::move(after));
        if (origins.size() >= most_states) return {{}, origins.size(), false};
      }
    }
    layer = std::move(next);
  }
  found.states = origins.size();
  return found;
}

std::string walk(const TransferModel& start, std::uint64_t seed, int most_steps) {
  std::mt19937_64 random(seed);
  TransferModel model = start;
  std::vector<Step> trace;
  for (int i = 0; i < most_steps; ++i) {
    std::vector<Step> steps = model.steps();
    if (steps.empty()) break;
    // Deaths and closes are rare, or little else would happen.
    const auto rare = [](const Step& step) { return step.kind == Step::Kind::die || step.kind == Step::Kind::close; };
    if (random() % 16 != 0 && !std::ranges::all_of(steps, rare)) std::erase_if(steps, rare);
    const Step step = steps[random() % steps.size()];
    trace.push_back(step);
    model.take(step);
    if (const std::string what = fault(model); !what.empty()) return with_trace("seed " + std::to_string(seed) + ": " + what, trace);
  }
  return {};
}

// a, b, x: the carrier is ch-1 of a and b; p is ch-2.1 of a, its other end is x's.
TransferModel three(TransferModel::Budget budget, std::uint32_t left_out = 0) { return {3, {{0, 1}, {0, 2}}, budget, left_out}; }
// The same, and two ways on from b: back to a, and to c.
TransferModel four(TransferModel::Budget budget, std::uint32_t left_out = 0) {
  return {4, {{0, 1}, {0, 2}, {1, 3}, {2, 3}}, budget, left_out};
}

struct Scene {
  const char* name;
  TransferModel model;
};

std::vector<Scene> scenes() {
  if (thorough())
    return {
        {"two transfers, a post, a close", three({.posts = 1, .transfers = 2, .closes = 1})},
        {"two transfers, a post, a death", three({.posts = 1, .transfers = 2, .deaths = 1})},
        {"two transfers, posts", three({.posts = 2, .transfers = 2})},
        {"three transfers", three({.transfers = 3})},
        {"two transfers in a ring, a death", four({.transfers = 2, .deaths = 1})},
        {"one transfer, a post, a close, deaths", three({.posts = 1, .transfers = 1, .closes = 1, .deaths = 2})},
        {"two transfers, a post, a close, a death", three({.posts = 1, .transfers = 2, .closes = 1, .deaths = 1})},
    };
  return {
      {"one transfer, posts, a death", three({.posts = 2, .transfers = 1, .deaths = 1})},
      {"two transfers, a post", three({.posts = 1, .transfers = 2})},
      {"two transfers, a close", three({.transfers = 2, .closes = 1})},
      {"two transfers, a death", three({.transfers = 2, .deaths = 1})},
      {"two transfers in a ring", four({.transfers = 2})},
  };
}

TEST(TransferExplorer, NoInterleavingOfASmallWorldBreaksIt) {
  const std::size_t most = thorough() ? 12'000'000 : 300'000;
  for (const Scene& scene : scenes()) {
    const Found found = explore(scene.model, most);
    EXPECT_TRUE(found.violation.empty()) << scene.name << ": " << found.violation;
    EXPECT_TRUE(found.complete || !found.violation.empty()) << scene.name << " is too large to be looked through";
    std::printf("%s: %zu states\n", scene.name, found.states);
    std::fflush(stdout);
  }
}

TEST(TransferExplorer, NoWalkThroughALargerWorldBreaksIt) {
  const std::uint64_t seeds = thorough() ? 2'000'000 : 20'000;
  const TransferModel::Budget budgets[] = {{.posts = 12, .transfers = 12, .closes = 1, .deaths = 1},
                                           {.posts = 6, .transfers = 30},
                                           {.posts = 20, .transfers = 20, .closes = 4},
                                           {.posts = 8, .transfers = 20, .closes = 2, .deaths = 3}};
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    const std::string wrong = walk(four(budgets[seed % 4]), seed, 4000);
    ASSERT_TRUE(wrong.empty()) << wrong;
  }
}

/// What a search of all scenes, and of walks, finds first.
std::string sought(std::uint32_t habits_left_out) {
  for (std::uint64_t seed = 1; seed <= 4000; ++seed) {
    const auto budget = seed % 2 == 0 ? TransferModel::Budget{.posts = 6, .transfers = 8, .closes = 1, .deaths = 1}
                                      : TransferModel::Budget{.posts = 2, .transfers = 3, .closes = 1, .deaths = 1};
    std::string wrong = walk(seed % 4 < 2 ? three(budget, habits_left_out) : four(budget, habits_left_out), seed, 1000);
    if (!wrong.empty()) return wrong;
  }
  return {};
}

TEST(TransferExplorer, TheAbsenceOfEachRuleOfTheRegistryIsSeen) {
  const std::pair<Rule, const char*> rules[] = {
      {Rule::far_end_closes, "far_end_closes"}, {Rule::reader_closes, "reader_closes"},     {Rule::end_closes, "end_closes"},
      {Rule::claims_wait, "claims_wait"},       {Rule::claims_end, "claims_end"},           {Rule::unclaim_returns, "unclaim_returns"},
      {Rule::rings_close, "rings_close"},       {Rule::old_end_counts, "old_end_counts"}};
  for (const auto& [rule, name] : rules) {
    rules_left_out = static_cast<std::uint32_t>(rule);
    const std::string wrong = sought(0);
    rules_left_out = 0;
    EXPECT_NE(wrong, "") << name;
    std::printf("without %s: %s\n", name, wrong.substr(0, wrong.find('\n')).c_str());
  }
}

TEST(TransferExplorer, TheAbsenceOfEachHabitOfTheContextsIsSeen) {
  const std::pair<Habit, const char*> habits[] = {{Habit::detaches_first, "detaches_first"},
                                                  {Habit::waits_for_grants, "waits_for_grants"},
                                                  {Habit::unclaims, "unclaims"},
                                                  {Habit::broker_drains, "broker_drains"}};
  for (const auto& [habit, name] : habits) {
    const std::string wrong = sought(static_cast<std::uint32_t>(habit));
    EXPECT_NE(wrong, "") << name;
    std::printf("without %s: %s\n", name, wrong.substr(0, wrong.find('\n')).c_str());
  }
}

}  // namespace
}  // namespace fairway::route
