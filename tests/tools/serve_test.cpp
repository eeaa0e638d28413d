/// A program of any language answers: its standard input and output are joined to a port.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <future>
#include <span>
#include <string>
#include <vector>

#include <fairway/fairway.hpp>

#include "support/temporary_directory.hpp"
#include "tools/run.hpp"

namespace fairway::test {
namespace {

constexpr std::chrono::seconds patience{20};

class Serve : public testing::Test {
 protected:
  /// `fairway serve --once`, in the background.
  std::future<Outcome> serve(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {"--broker", directory.path().native(), "serve", "--once", "service"});
    return std::async(std::launch::async, [arguments] { return inspect(arguments); });
  }

  TemporaryDirectory directory;
  Daemon daemon{directory.path()};
  Context context{ContextOptions{.broker = directory.path()}};
};

TEST_F(Serve, EachLineIsAMessageBothWays) {
  auto served = serve({"--", "sed", "-u", "s/.*/<&>/"});
  MessagePort port = context.connect("service", patience);
  for (const char* const text : {"one", "", "three"}) {
    port.post_message(text);
    EXPECT_EQ(port.receive(patience)->string(), "<" + std::string(text) + ">");
  }
  port.close();
  const Outcome outcome = served.get();
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out + outcome.err, "");
}

TEST_F(Serve, MessagesOfAnyBytesAreToldByTheirLength) {
  using namespace std::string_literals;
  auto served = serve({"--length-prefixed", "--", "cat"});
  MessagePort port = context.connect("service", patience);
  for (const std::string& bytes : {"a\nb\0c"s, ""s, std::string(1 << 20, 'x')}) {
    port.post_message(std::as_bytes(std::span(bytes)));
    const auto answer = port.receive(patience);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->kind(), MessageEvent::Kind::bytes);
    EXPECT_TRUE(std::ranges::equal(answer->bytes(), std::as_bytes(std::span(bytes))));
  }
  port.close();
  EXPECT_EQ(served.get().code, 0);
}

TEST_F(Serve, TheProgramsEndClosesThePortBehindItsLastWords) {
  auto served = serve({"--", "sh", "-c", "echo one; printf two; exit 3"});
  MessagePort port = context.connect("service", patience);
  EXPECT_EQ(port.receive(patience)->string(), "one");
  EXPECT_EQ(port.receive(patience)->string(), "two");
  EXPECT_FALSE(port.receive(patience));
  EXPECT_TRUE(port.close_reason());
  EXPECT_EQ(served.get().code, 3);
}

TEST_F(Serve, AProgramThatWasKilledCountsAsInAShell) {
  auto served = serve({"--", "sh", "-c", "kill -TERM $$"});
  MessagePort port = context.connect("service", patience);
  EXPECT_FALSE(port.receive(patience));
  EXPECT_EQ(served.get().code, 128 + 15);
}

TEST_F(Serve, APortThatClosesEndsTheProgramsInput) {
  auto served = serve({"--", "sh", "-c", "n=0; while read -r line; do n=$((n + 1)); done; exit $n"});
  {
    MessagePort port = context.connect("service", patience);
    for (int i = 0; i < 5; ++i) port.post_message("line");
    port.close();
  }
  while (served.wait_for(std::chrono::seconds(0)) != std::future_status::ready) context.run_once(std::chrono::milliseconds(1));
  EXPECT_EQ(served.get().code, 5);
}

/// A pipe holds 64 KiB, and the program reads nothing until it is told: what is posted waits in the port.
TEST_F(Serve, ReadsNoMoreThanTheProgramTakes) {
  const std::string gate = (directory.path() / "gate").native();
  ASSERT_EQ(::mkfifo(gate.c_str(), 0600), 0);
  auto served = serve({"--", "sh", "-c", "read -r line < '" + gate + "'; cat >/dev/null"});
  MessagePort port = context.connect("service", patience);
  constexpr std::size_t size = 1 << 20;
  for (int i = 0; i < 64; ++i) port.post_message(std::string(size, 'x'));
  while (port.buffered_amount() > 63 * size) context.run_once(std::chrono::milliseconds(1));
  for (int i = 0; i < 100; ++i) context.run_once(std::chrono::milliseconds(1));
  EXPECT_GE(port.buffered_amount(), 62 * size);
  std::ofstream(gate) << "go\n";
  port.close();
  while (served.wait_for(std::chrono::seconds(0)) != std::future_status::ready) context.run_once(std::chrono::milliseconds(1));
  EXPECT_EQ(served.get().code, 0);
}

/// It could write for ever: it is stopped by a pipe that nobody reads, and no message is lost.
TEST_F(Serve, ReadsNoMoreOfTheProgramThanThePortTakes) {
  auto served = serve({"--", "seq", "1", "2000000"});
  MessagePort port = context.connect("service", patience);
  std::uint64_t next = 1;
  while (const auto message = port.receive(patience)) ASSERT_EQ(message->string(), std::to_string(next++));
  EXPECT_EQ(next, 2'000'001u);
  EXPECT_EQ(served.get().code, 0);
}

TEST_F(Serve, AProgramThatIsNotThereIsAnError) {
  auto served = serve({"--", "/nowhere/at/all"});
  MessagePort port = context.connect("service", patience);
  EXPECT_FALSE(port.receive(patience));
  const Outcome outcome = served.get();
  EXPECT_EQ(outcome.code, 2);
  EXPECT_EQ(outcome.err, "fairway: cannot start /nowhere/at/all: No such file or directory\n");
}

TEST_F(Serve, ANameThatIsTakenIsAnError) {
  const Context taken({.name = "service", .broker = directory.path()});
  const Outcome outcome = serve({"--", "cat"}).get();
  EXPECT_EQ(outcome.code, 2);
  EXPECT_NE(outcome.err.find("service"), std::string::npos) << outcome.err;
}

TEST_F(Serve, WithoutAProgramSaysWhatIsMissing) {
  const Outcome outcome = serve({}).get();
  EXPECT_EQ(outcome.code, 2);
  EXPECT_NE(outcome.err.find("CMD"), std::string::npos) << outcome.err;
}

}  // namespace
}  // namespace fairway::test
