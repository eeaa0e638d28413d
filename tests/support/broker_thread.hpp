#pragma once

#include <thread>

#include <fairway/broker.hpp>

#include "support/temporary_directory.hpp"

namespace fairway::test {

/// An embedded broker in a thread of this process, in a directory of its own.
class BrokerThread {
 public:
  explicit BrokerThread(BrokerOptions options = {}) : broker_(in(directory_, std::move(options))) { start(); }
  ~BrokerThread() { stop(); }

  void start() {
    thread_ = std::thread([this] { broker_.run(); });
  }
  /// It stands still, and knows everything when it starts again.
  void stop() {
    if (!thread_.joinable()) return;
    broker_.stop();
    thread_.join();
  }
  const std::filesystem::path& directory() const { return directory_.path(); }

 private:
  static BrokerOptions in(const TemporaryDirectory& directory, BrokerOptions options) {
    options.directory = directory.path();
    return options;
  }

  TemporaryDirectory directory_;
  Broker broker_;
  std::thread thread_;
};

}  // namespace fairway::test
