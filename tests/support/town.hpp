#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include <fairway/fairway.hpp>

#include "support/broker_thread.hpp"
#include "support/child.hpp"

namespace fairway::test {

/// Several contexts in one thread, with a broker of their own. Whoever waits lets all of them run.
class Town {
 public:
  explicit Town(std::size_t contexts, BrokerOptions options = {}) : broker(std::move(options)), connected_(contexts) {
    for (std::size_t i = 0; i < contexts; ++i) {
      contexts_.emplace_back(Context::Options{.name = std::string(1, static_cast<char>('a' + i)), .broker = broker.directory()});
      contexts_.back().on_connect([this, i](MessageEvent& event) { connected_[i] = std::move(event.ports[0]); });
    }
  }

  Context& operator[](std::size_t i) { return contexts_.at(i); }

  void poll_all() {
    for (Context& context : contexts_) context.poll();
  }
  /// False: it did not come true in time.
  [[nodiscard]] bool until(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::min(std::chrono::seconds(20), Child::watchdog());
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      poll_all();
      std::this_thread::yield();
    }
    return true;
  }
  /// A channel from one context to another.
  std::pair<MessagePort, MessagePort> channel(std::size_t from, std::size_t to) {
    MessagePort mine = contexts_.at(from).connect(std::string(1, static_cast<char>('a' + to)));
    MessagePort theirs = accept(to);
    return {std::move(mine), std::move(theirs)};
  }
  /// The port of who has connected to a context, or will.
  MessagePort accept(std::size_t at) {
    EXPECT_TRUE(until([&] { return connected_[at].has_value(); })) << "nobody connects";
    return std::exchange(connected_[at], {}).value_or(MessagePort());
  }
  std::optional<MessageEvent> next(MessagePort& port) {
    std::optional<MessageEvent> event;
    EXPECT_TRUE(until([&] { return (event = port.try_receive()) || port.close_reason(); })) << "nothing comes";
    return event;
  }
  /// The next message as text, "closed" at the end.
  std::string text(MessagePort& port) {
    const auto event = next(port);
    return event ? std::string(event->string()) : "closed";
  }
  /// The only port of the next message.
  MessagePort take(MessagePort& port) {
    auto event = next(port);
    if (!event || event->ports.size() != 1) {
      ADD_FAILURE() << "no message with one port";
      return {};
    }
    return std::move(event->ports[0]);
  }

  BrokerThread broker;

 private:
  std::deque<Context> contexts_;
  std::vector<std::optional<MessagePort>> connected_;
};

/// Two ports that talk: true, inside one context; false, between two.
class OverBoth : public testing::TestWithParam<bool> {
 protected:
  OverBoth() {
    if (GetParam()) {
      MessageChannel channel(town[0]);
      mine = std::move(channel.port1);
      theirs = std::move(channel.port2);
    } else {
      std::tie(mine, theirs) = town.channel(0, 1);
    }
  }

  Town town{2};
  MessagePort mine, theirs;
};

inline std::string kind_of_channel(const testing::TestParamInfo<bool>& inside) { return inside.param ? "inside" : "between"; }

}  // namespace fairway::test
