/// A shell talks to programs, and to itself.
#include <gtest/gtest.h>

#include <future>
#include <string>
#include <thread>
#include <vector>

#include <fairway/fairway.hpp>

#include "support/temporary_directory.hpp"
#include "tools/run.hpp"

namespace fairway::test {
namespace {

class Talk : public testing::Test {
 protected:
  std::vector<std::string> here(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {"--broker", directory.path().native()});
    return arguments;
  }
  /// `fairway recv`, in the background.
  std::future<Outcome> listen(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "recv");
    return std::async(std::launch::async, [all = here(std::move(arguments))] { return inspect(all); });
  }

  TemporaryDirectory directory;
  Daemon daemon{directory.path()};
};

/// Answers every message by the same in brackets, on a thread of its own, until who connected closes.
class Echo {
 public:
  explicit Echo(const std::filesystem::path& broker) : thread_([broker] {
    Context context({.name = "echo", .broker = broker});
    bool over = false;
    MessagePort port;
    context.on_connect([&](MessageEvent& event) {
      port = std::move(event.ports.at(0));
      port.on_message([&](MessageEvent& message) {
        if (message.kind() == MessageEvent::Kind::string) {
          port.post_message("<" + std::string(message.string()) + ">");
        } else {
          port.post_message(message.bytes());
        }
      });
      port.on_close([&](CloseReason) { over = true; });
    });
    while (!over) context.run_once();
  }) {}
  ~Echo() { thread_.join(); }

 private:
  std::thread thread_;
};

TEST_F(Talk, WhatOneSendsTheOtherPrints) {
  auto heard = listen({"log"});
  std::string lines;
  for (int i = 0; i < 20'000; ++i) lines += "line " + std::to_string(i) + "\n";
  const Outcome sent = inspect_with(lines, here({"send", "log", "--timeout", "20"}));
  EXPECT_EQ(sent.code, 0) << sent.err;
  const Outcome received = heard.get();
  EXPECT_EQ(received.code, 0) << received.err;
  EXPECT_EQ(received.out, lines);
}

TEST_F(Talk, WhatFollowsTheLastNewlineCountsAndEmptyLinesDo) {
  auto heard = listen({"log"});
  EXPECT_EQ(inspect_with("\n\nlast", here({"send", "log", "--timeout", "20"})).code, 0);
  EXPECT_EQ(heard.get().out, "\n\nlast\n");
}

TEST_F(Talk, BytesAreToldByTheirLength) {
  using namespace std::string_literals;
  const std::string messages = "\x03\0\0\0a\n\0"s + "\0\0\0\0"s + "\x01\0\0\0\xff"s;
  auto heard = listen({"log", "--length-prefixed"});
  EXPECT_EQ(inspect_with(messages, here({"send", "log", "--length-prefixed", "--timeout", "20"})).code, 0);
  EXPECT_EQ(heard.get().out, messages);
}

TEST_F(Talk, AnInputThatEndsInsideOfAMessageIsAnError) {
  using namespace std::string_literals;
  for (const std::string& input : {"\x03\0"s, "\x03\0\0\0ab"s, "\xff\xff\xff\xff"s}) {
    auto heard = listen({"log"});
    const Outcome sent = inspect_with(input, here({"send", "log", "--length-prefixed", "--timeout", "20"}));
    EXPECT_EQ(sent.code, 2);
    EXPECT_EQ(sent.err, "fairway: the input ends inside of a message\n");
    EXPECT_EQ(heard.get().code, 0);
  }
}

TEST_F(Talk, ReceivesAsManyAsIsAsked) {
  auto heard = listen({"log", "--count", "2"});
  inspect_with("1\n2\n3\n", here({"send", "log", "--timeout", "20"}));
  const Outcome enough = heard.get();
  EXPECT_EQ(enough.code, 0);
  EXPECT_EQ(enough.out, "1\n2\n");
  heard = listen({"log", "--count", "2"});
  EXPECT_EQ(inspect_with("1\n", here({"send", "log", "--timeout", "20"})).code, 0);
  const Outcome missing = heard.get();
  EXPECT_EQ(missing.code, 1);
  EXPECT_EQ(missing.err, "fairway: who connected has closed before\n");
}

TEST_F(Talk, CallsAProgramLineByLine) {
  const Echo echo(directory.path());
  const Outcome called = inspect_with("one\ntwo\n", here({"call", "echo", "--timeout", "20"}));
  EXPECT_EQ(called.code, 0) << called.err;
  EXPECT_EQ(called.out, "<one>\n<two>\n");
}

TEST_F(Talk, ANameThatNobodyHasIsNothingFound) {
  for (const char* const command : {"send", "call"}) {
    const Outcome outcome = inspect_with("x\n", here({command, "nobody"}));
    EXPECT_EQ(outcome.code, 1);
    EXPECT_NE(outcome.err.find("nobody"), std::string::npos) << outcome.err;
  }
}

TEST_F(Talk, ANameThatIsTakenIsAnError) {
  const Context context({.name = "log", .broker = directory.path()});
  const Outcome outcome = inspect(here({"recv", "log"}));
  EXPECT_EQ(outcome.code, 2);
  EXPECT_NE(outcome.err.find("log"), std::string::npos) << outcome.err;
}

}  // namespace
}  // namespace fairway::test
