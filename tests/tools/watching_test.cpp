// The commands that go on: top, stat --watch, trace.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <boost/json.hpp>
#include <fairway/fairway.hpp>

#include "support/temporary_directory.hpp"
#include "tools/pseudo_terminal.hpp"
#include "tools/run.hpp"

namespace fairway::test {
namespace {

namespace json = boost::json;

/// A broker of its own, and two contexts of this thread with a channel: the player has posted three messages, and the
/// sink has read one.
class Watching : public testing::Test {
 protected:
  Watching() {
    sink_->on_connect([this](MessageEvent& event) { theirs_ = std::move(event.ports[0]); });
    mine_ = player_->connect("sink");
    while (!theirs_) sink_->run_once(std::chrono::seconds(10));
    for (int i = 0; i < 3; ++i) mine_.post_message("message");
    while (!theirs_.try_receive()) run();
    channel_ = json::value_to<std::string>(json::parse(inspect(with({"ls", "--json"})).out).at_pointer("/channels/0/name"));
  }
  void run() {
    player_->run_once(std::chrono::milliseconds(5));
    sink_->run_once(std::chrono::milliseconds(5));
  }
  std::vector<std::string> with(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {"--broker", directory_.path().native()});
    return arguments;
  }
  static std::vector<json::value> objects(const std::string& lines) {
    std::vector<json::value> values;
    for (std::size_t at = 0, end = 0; (end = lines.find('\n', at)) != std::string::npos; at = end + 1)
      if (lines.compare(at, 1, "{") == 0) values.push_back(json::parse(lines.substr(at, lines.find_last_not_of('\r', end - 1) + 1 - at)));
    return values;
  }

  TemporaryDirectory directory_;
  Daemon daemon_{directory_.path()};
  std::unique_ptr<Context> sink_ = std::make_unique<Context>(ContextOptions{.name = "sink", .broker = directory_.path()});
  std::unique_ptr<Context> player_ = std::make_unique<Context>(ContextOptions{.name = "player", .broker = directory_.path()});
  MessagePort mine_;
  MessagePort theirs_;
  std::string channel_;
};

// top -------------------------------------------------------------------------------------------------------

TEST_F(Watching, TopFillsATerminalFollowsKeysAndItsSizeAndLeavesItAsItWas) {
  PseudoTerminal terminal("vt52", 12, 140, with({"top", "--interval", "0.05"}));
  ASSERT_TRUE(terminal.until([&] { return terminal.line(11).starts_with("q quit"); }));
  ASSERT_TRUE(terminal.until_screen_has("player")) << terminal.screen();
  EXPECT_TRUE(terminal.until_screen_has("*MSG/S"));
  EXPECT_FALSE(terminal.as_it_was()) << "it reads keys";
  terminal.type("d");
  EXPECT_TRUE(terminal.until_screen_has("*DEPTH"));
  EXPECT_TRUE(terminal.until([&] { return terminal.line(4).find(" 2 ") != std::string::npos; })) << "what waits comes first:\n" << terminal.screen();
  terminal.type("m");
  EXPECT_TRUE(terminal.until_screen_has("*MEMORY"));
  terminal.resize(7, 90);
  EXPECT_TRUE(terminal.until([&] { return terminal.line(6).starts_with("q quit"); })) << terminal.screen();
  terminal.resize(6, 90);
  ASSERT_TRUE(terminal.until([&] { return terminal.line(5).ends_with("1-1 of 2"); })) << terminal.screen();
  terminal.type("j");
  EXPECT_TRUE(terminal.until([&] { return terminal.line(5).ends_with("2-2 of 2"); }));
  terminal.type("\x1b"
                "A");  // the arrow
  EXPECT_TRUE(terminal.until([&] { return terminal.line(5).ends_with("1-1 of 2"); }));
  terminal.type("q");
  EXPECT_EQ(terminal.end(), 0);
  EXPECT_TRUE(terminal.as_it_was());
}

TEST_F(Watching, TopGivesTheTerminalBackWhenASignalEndsIt) {
  for (const int signal : {SIGTERM, SIGHUP, SIGINT}) {
    PseudoTerminal terminal("xterm", 24, 80, with({"top"}));
    ASSERT_TRUE(terminal.until_output_has("q quit"));
    EXPECT_NE(terminal.output().find("\x1b[?1049h"), std::string::npos);
    EXPECT_FALSE(terminal.as_it_was());
    if (signal == SIGINT) {
      terminal.type("\x03");
    } else {
      ::kill(terminal.pid(), signal);
    }
    EXPECT_EQ(terminal.end(), -signal);
    EXPECT_NE(terminal.output().find("\x1b[?1049l"), std::string::npos);
    EXPECT_TRUE(terminal.as_it_was()) << signal;
  }
}

TEST_F(Watching, TopWritesLinesWhereNoCursorCanBePlaced) {
  PseudoTerminal terminal("dumb", 24, 80, with({"top", "--interval", "0.01", "--count", "2"}));
  EXPECT_EQ(terminal.end(), 0);
  EXPECT_NE(terminal.output().find("2 contexts, 1 channels"), std::string::npos) << terminal.output();
  EXPECT_TRUE(terminal.as_it_was());
}

TEST_F(Watching, TopWritesATableAtEachIntervalIntoAPipe) {
  const Outcome text = inspect(with({"top", "--interval", "0.01", "--count", "3", "--rows", "1"}));
  EXPECT_EQ(text.code, 0) << text.err;
  std::size_t tables = 0;
  for (std::size_t at = 0; (at = text.out.find("PORT ", at)) != std::string::npos; ++at) ++tables;
  EXPECT_EQ(tables, 3u) << text.out;
  EXPECT_EQ(std::ranges::count(text.out, '\n'), 3 * 4) << "sums, head, a row, and how many more";
  EXPECT_EQ(text.out.find('\x1b'), std::string::npos);

  const Outcome machine = inspect(with({"top", "--json", "--interval", "0.01", "--count", "2"}));
  EXPECT_EQ(machine.code, 0) << machine.err;
  const std::vector<json::value> looks = objects(machine.out);
  ASSERT_EQ(looks.size(), 2u);
  std::int64_t unread = 0;
  for (const json::value& direction : looks[1].at("directions").as_array()) unread += direction.at("unread_messages").as_int64();
  EXPECT_EQ(unread, 2);
  EXPECT_EQ(inspect_into_closed_pipe(with({"top", "--interval", "0.01"})).code, 0) << "who closed it has seen enough";
}

TEST_F(Watching, TopGoesOnWhileTheBrokerIsStoppedAndWhenItIsDead) {
  PseudoTerminal terminal("dumb", 24, 200, with({"top", "--json", "--interval", "0.02"}));
  ASSERT_TRUE(terminal.until_output_has(R"("process":"running")"));
  daemon_.stop();
  ASSERT_TRUE(terminal.until_output_has(R"("process":"stopped")"));
  daemon_.kill();
  ASSERT_TRUE(terminal.until_output_has(R"("process":"ended")"));
  const auto posted = [&] {
    std::int64_t unread = 0;
    const std::vector<json::value> looks = objects(terminal.output());
    for (const json::value& direction : looks.back().at("directions").as_array()) unread += direction.at("unread_messages").as_int64();
    return unread;
  };
  EXPECT_EQ(posted(), 2);
  mine_.post_message("running channels go on");
  EXPECT_TRUE(terminal.until([&] { return posted() == 3; }));
  ::kill(terminal.pid(), SIGTERM);
  EXPECT_EQ(terminal.end(), -SIGTERM);
}

TEST_F(Watching, TopSeesAnotherBrokerThatTakesTheDirectory) {
  PseudoTerminal terminal("dumb", 24, 200, with({"top", "--json", "--interval", "0.02"}));
  ASSERT_TRUE(terminal.until_output_has(R"("process":"running")"));
  daemon_.kill();
  const Daemon next(directory_.path());
  const Context other(ContextOptions{.name = "other", .broker = directory_.path()});
  EXPECT_TRUE(terminal.until_output_has("\"pid\":" + std::to_string(next.pid())));
}

// stat --watch ----------------------------------------------------------------------------------------------

TEST_F(Watching, StatLooksAgainUntilTheCountOrTheChannelsEnd) {
  const Outcome text = inspect(with({"stat", channel_, "--watch", "--interval", "0.01", "--count", "2"}));
  EXPECT_EQ(text.code, 0) << text.err;
  EXPECT_NE(text.out.find("unread"), std::string::npos);
  EXPECT_EQ(text.out.find('\x1b'), std::string::npos);
  const Outcome machine = inspect(with({"stat", channel_, "--watch", "--json", "--interval", "0.01", "--count", "3"}));
  EXPECT_EQ(objects(machine.out).size(), 3u);
  EXPECT_EQ(inspect(with({"stat", "ch-999", "--watch"})).code, 1);

  PseudoTerminal watch("xterm", 60, 200, with({"stat", channel_, "--watch", "--interval", "0.02"}));
  ASSERT_TRUE(watch.until_output_has("\x1b[H"));
  mine_.close();
  theirs_.close();
  bool gone = false;
  std::thread look([&] { gone = watch.until_output_has("is closed and gone"); });
  for (int i = 0; i < 20; ++i) run();
  look.join();
  EXPECT_TRUE(gone);
  EXPECT_EQ(watch.end(), 0);
}

// trace -----------------------------------------------------------------------------------------------------

TEST_F(Watching, TraceTellsWhatIsThereWhoJoinsAndWhoLeaves) {
  PseudoTerminal trace("dumb", 24, 200, with({"trace", "--interval", "0.01"}));
  ASSERT_TRUE(trace.until_output_has(channel_ + " is there since then"));
  auto late = std::make_unique<Context>(ContextOptions{.name = "late", .broker = directory_.path()});
  ASSERT_TRUE(trace.until_output_has("context late (context 3, pid "));
  EXPECT_TRUE(trace.until_output_has(" joined"));
  late.reset();
  EXPECT_TRUE(trace.until_output_has(" left: its process runs on"));
  mine_.close();
  theirs_.close();
  for (int i = 0; i < 20; ++i) run();
  EXPECT_TRUE(trace.until_output_has(channel_ + " is gone"));
  daemon_.stop();
  EXPECT_TRUE(trace.until_output_has("): stopped"));
  daemon_.kill();
  EXPECT_TRUE(trace.until_output_has("): ended"));
}

TEST_F(Watching, TraceEndsAfterACountOrATimeInJsonToo) {
  const Outcome counted = inspect(with({"trace", "--json", "--count", "3", "--interval", "0.01"}));
  EXPECT_EQ(counted.code, 0) << counted.err;
  EXPECT_EQ(objects(counted.out).size(), 3u);
  EXPECT_EQ(inspect(with({"trace", "--duration", "0.05", "--interval", "0.01"})).code, 0);
}

TEST_F(Watching, TraceWritesAWholeFileWhenASignalEndsIt) {
  const std::filesystem::path file = directory_.path() / "chrome.json";
  const auto content = [&] {
    std::ifstream stream(file);
    return std::string{std::istreambuf_iterator<char>(stream), {}};
  };
  PseudoTerminal trace("dumb", 24, 200, with({"trace", "--chrome", file.native(), "--interval", "0.01"}));
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (content().find(channel_ + ".2") == std::string::npos) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline) << content();
    ::usleep(1000);  // there is no event for another process's file
  }
  ::kill(trace.pid(), SIGTERM);
  EXPECT_EQ(trace.end(), -SIGTERM);
  const json::value events = json::parse(content());
  EXPECT_GE(events.as_array().size(), 8u) << "two contexts and two ports begin and end";
}

TEST_F(Watching, MisuseIsOneLine) {
  for (const std::vector<std::string>& wrong : {std::vector<std::string>{"top", "--interval", "0"}, {"trace", "--chrome", "/missing/file"}}) {
    const Outcome outcome = inspect(with(wrong));
    EXPECT_EQ(outcome.code, 2);
    EXPECT_EQ(std::ranges::count(outcome.err, '\n'), 1) << outcome.err;
  }
}

}  // namespace
}  // namespace fairway::test
