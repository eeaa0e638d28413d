/// Libraries of different versions that meet at one broker. A newer one is this one that says it is newer.
#include <gtest/gtest.h>

#include <algorithm>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <fairway/fairway.hpp>

#include "broker/server.hpp"
#include "client/context.hpp"
#include "support/temporary_directory.hpp"

namespace fairway::client {
namespace {

constexpr wire::Versions present{};
constexpr wire::Versions newer{present.protocol + 1, present.protocol, present.layout + 1, present.layout, ~std::uint64_t{0}};
constexpr wire::Versions without_features{present.protocol, present.protocol, present.layout, present.layout, 0};
constexpr wire::Versions alien{present.protocol + 2, present.protocol + 2, present.layout + 2, present.layout + 2, ~std::uint64_t{0}};

/// What was logged while it lives.
class Log {
 public:
  Log() {
    set_log(LogLevel::warning, [this](LogLevel, std::string_view line) {
      const std::lock_guard lock(mutex_);
      lines_.emplace_back(line);
    });
  }
  ~Log() { set_log(LogLevel::error, [](LogLevel, std::string_view) {}); }
  bool has(std::string_view text) {
    const std::lock_guard lock(mutex_);
    return std::ranges::any_of(lines_, [text](const std::string& line) { return line.find(text) != std::string::npos; });
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> lines_;
};

class Town {
 public:
  explicit Town(const wire::Versions& broker) : server_({.directory = directory_.path()}, broker), thread_([this] { server_.run(); }) {}
  ~Town() {
    server_.stop();
    thread_.join();
  }
  ContextOptions named(std::string name) const { return {.name = std::move(name), .broker = directory_.path()}; }

 private:
  fairway::test::TemporaryDirectory directory_;
  broker::Server server_;
  std::thread thread_;
};

/// A message there and its answer back.
void expect_talk(const Town& town, const wire::Versions& one, const wire::Versions& other) {
  Context server(town.named("server"), {}, one);
  Context client(town.named("client"), {}, other);
  MessagePort theirs;
  server.on_connect([&](MessageEvent& event) { theirs = std::move(event.ports[0]); });
  MessagePort mine(client.connect("server", std::chrono::seconds(20)));
  mine.post_message("across versions");
  while (!theirs) server.run_once(std::chrono::seconds(1));
  const auto event = theirs.receive(std::chrono::seconds(20));
  ASSERT_TRUE(event);
  EXPECT_EQ(event->string(), "across versions");
  theirs.post_message(event->string());
  const auto answer = mine.receive(std::chrono::seconds(20));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->string(), "across versions");
}

TEST(Versions, ANewerBrokerKeepsAnOlderContextTalking) { expect_talk(Town(newer), present, present); }
TEST(Versions, AnOlderBrokerKeepsANewerContextTalking) { expect_talk(Town(present), newer, newer); }
TEST(Versions, AnOlderContextTalksToANewerOne) { expect_talk(Town(newer), present, newer); }
TEST(Versions, AContextOfBeforeTheFeaturesTalksToOneWithThem) { expect_talk(Town(present), without_features, present); }

TEST(Versions, WhereNothingFitsBothSidesSayBothVersionsOnce) {
  Town town(present);
  Log log;
  try {
    Context context(town.named("alien"), {}, alien);
    ADD_FAILURE() << "it was let in";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), Errc::version);
    EXPECT_NE(std::string(error.what()).find("this broker speaks protocol 1, layout 1; the context protocol 3, layout 3"), std::string::npos)
        << error.what();
  }
  EXPECT_TRUE(log.has("is refused: this broker speaks protocol 1, layout 1; the context protocol 3, layout 3"));
}

}  // namespace
}  // namespace fairway::client
