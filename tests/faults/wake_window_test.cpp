// Something happens at the very moment at which a context is on its way to sleep: it must not sleep on it.
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <tuple>

#include <fairway/fairway.hpp>

#include "faults/hooks.hpp"
#include "support/broker_thread.hpp"

namespace fairway::test {
namespace {

/// Does something in this thread when it passes a hook for the first time.
class AtHook {
 public:
  AtHook(hooks::Point point, std::function<void()> action) : point_(point), action_(std::move(action)) { current = this; }
  ~AtHook() { current = nullptr; }
  bool reached() const { return !action_; }

  static void install() {
    hooks::handler = [](hooks::Point point) {
      AtHook* const plan = current;
      if (plan == nullptr || point != plan->point_ || !plan->action_) return;
      std::exchange(plan->action_, {})();
    };
  }

 private:
  static inline thread_local AtHook* current = nullptr;
  hooks::Point point_;
  std::function<void()> action_;
};

using Point = hooks::Point;
using Case = std::tuple<std::string_view, Point>;

class WakeWindow : public testing::TestWithParam<Case> {
 protected:
  static void SetUpTestSuite() { AtHook::install(); }
  static void TearDownTestSuite() { hooks::handler = nullptr; }

  WakeWindow() {
    reader.on_connect([this](MessageEvent& event) { in = std::move(event.ports[0]); });
    out = writer.connect("reader");
    while (!in) reader.run_once();
    // Both directions are opened and every answer of the broker has come: from here on no other event wakes anybody.
    for (int round = 0; round < 3; ++round) {
      out.post_message("there");
      while (!in.receive(std::chrono::milliseconds(1))) writer.poll();
      in.post_message("back");
      while (!out.receive(std::chrono::milliseconds(1))) reader.poll();
    }
  }

  static constexpr std::chrono::seconds lost{20};

  BrokerThread broker;
  Context reader{{.name = "reader", .broker = broker.directory(), .wait = Wait::block}};
  Context writer{{.broker = broker.directory(), .wait = Wait::block, .queue_soft_limit = 4000}};
  MessagePort in, out;
};

TEST_P(WakeWindow, nothing_is_slept_on) {
  const auto& [event, point] = GetParam();
  bool seen = false;
  if (event == "message_received") {
    const AtHook plan(point, [&] { out.post_message("x"); });
    seen = in.receive(lost).has_value();
    EXPECT_TRUE(plan.reached());
  } else if (event == "message_handled") {
    in.on_message([&](MessageEvent&) { seen = true; });
    const AtHook plan(point, [&] { out.post_message("x"); });
    while (!seen && reader.run_once(lost)) {
    }
    EXPECT_TRUE(plan.reached());
  } else if (event == "close") {
    in.on_close([&](CloseReason) { seen = true; });
    const AtHook plan(point, [&] { out.close(); });
    while (!seen && reader.run_once(lost)) {
    }
    EXPECT_TRUE(plan.reached());
  } else {
    const std::string text(1000, 'x');
    while (out.try_post(text) == Status::ok) {
    }
    out.on_drain([&] { seen = true; });
    const AtHook plan(point, [&] {
      while (in.receive(Timeout::zero())) {
      }
    });
    while (!seen && writer.run_once(lost)) {
    }
    EXPECT_TRUE(plan.reached());
  }
  EXPECT_TRUE(seen);
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const std::string_view event : {"message_received", "message_handled", "close", "drain"})
    for (const Point point : {Point::sleep_begun, Point::arm_before, Point::arm_published, Point::sleep_published,
                              Point::sleep_barrier_passed, Point::sleep_waiting})
      all.emplace_back(event, point);
  return all;
}

INSTANTIATE_TEST_SUITE_P(, WakeWindow, testing::ValuesIn(cases()), [](const auto& window) {
  return std::string(std::get<0>(window.param)) + "_at_" + std::string(hook_names[static_cast<std::size_t>(std::get<1>(window.param))]);
});

}  // namespace
}  // namespace fairway::test
