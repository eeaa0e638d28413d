#pragma once

#include <cstdint>
#include <cstring>
#include <deque>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>

#include <fairway/fairway.hpp>

#include "bench/row.hpp"

namespace fairway::bench {

inline std::uint64_t number_of(const MessageEvent& event) {
  std::uint64_t value = 0;
  if (event.bytes().size() >= sizeof value) std::memcpy(&value, event.bytes().data(), sizeof value);
  return value;
}

inline void expect(const std::optional<MessageEvent>& event, std::uint64_t expected) {
  if (!event) fail("the other side is gone");
  if (number_of(*event) != expected)
    fail("message " + std::to_string(number_of(*event)) + " arrived for " + std::to_string(expected));
}

/// A row with a context of its own in each process, and a channel between the near and the far one.
class ChannelRow : public Row {
 public:
  ChannelRow(std::filesystem::path broker, Wait wait, std::string name, std::string text, Unit unit, std::size_t count,
             std::size_t quick_count, std::size_t soft_limit = ContextOptions{}.queue_soft_limit)
      : Row(std::move(name), std::move(text), unit, count, quick_count),
        broker_(std::move(broker)),
        wait_(wait),
        soft_limit_(soft_limit) {}

  void open_far() override {
    context_.emplace(ContextOptions{.name = name(), .broker = broker_, .wait = wait_});
    context_->on_connect([this](MessageEvent& event) { connected_.push_back(std::move(event.ports[0])); });
  }
  void open_near() override {
    context_.emplace(ContextOptions{.broker = broker_, .wait = wait_, .queue_soft_limit = soft_limit_});
    port_ = context_->connect(name());
  }

 protected:
  /// For the far side: the next port that somebody has connected, or will.
  MessagePort next_port() {
    while (connected_.empty()) context_->run_once();
    MessagePort port = std::move(connected_.front());
    connected_.pop_front();
    return port;
  }
  /// The near side's end of the channel, and the far side's.
  MessagePort& port() {
    if (!port_) port_ = next_port();
    return *port_;
  }
  Context& context() { return *context_; }

 private:
  std::filesystem::path broker_;
  Wait wait_;
  std::size_t soft_limit_;
  std::optional<Context> context_;
  std::optional<MessagePort> port_;
  std::deque<MessagePort> connected_;
};

}  // namespace fairway::bench
