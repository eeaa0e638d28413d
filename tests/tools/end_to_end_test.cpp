#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/json.hpp>
#include <fairway/fairway.hpp>

#include "shm/layout.hpp"
#include "support/broker_thread.hpp"
#include "support/temporary_directory.hpp"
#include "tools/run.hpp"

namespace fairway::test {
namespace {

namespace json = boost::json;

using testing::AssertionFailure;
using testing::AssertionResult;
using testing::AssertionSuccess;

AssertionResult contains(const std::string& text, const std::string& part) {
  if (text.find(part) != std::string::npos) return AssertionSuccess();
  return AssertionFailure() << "no \"" << part << "\" in:\n" << text;
}

AssertionResult one_line(const Outcome& outcome, int code, const std::string& part) {
  if (outcome.code != code)
    return AssertionFailure() << "exit code " << outcome.code << "\n" << outcome.out << outcome.err;
  if (!outcome.out.empty()) return AssertionFailure() << "output:\n" << outcome.out;
  if (outcome.err.find('\n') != outcome.err.size() - 1 || !outcome.err.starts_with("fairway: "))
    return AssertionFailure() << "not one line:\n" << outcome.err;
  return contains(outcome.err, part);
}

/// Two contexts of this thread with a channel between them: the player's end, and the sink's, which is not started.
struct Pair {
  explicit Pair(const std::filesystem::path& directory, const std::string& from = "player", const std::string& to = "sink",
                std::size_t hard_limit = ContextOptions().queue_hard_limit) {
    sink = std::make_unique<Context>(ContextOptions{.name = to, .broker = directory});
    player = std::make_unique<Context>(ContextOptions{.name = from, .broker = directory, .queue_hard_limit = hard_limit});
    sink->on_connect([this](MessageEvent& event) { theirs = std::move(event.ports[0]); });
    mine = player->connect(to);
    while (!theirs) sink->run_once(std::chrono::seconds(10));
  }
  /// Lets both run until it holds; the test's time-out is the watchdog.
  template <class Condition>
  void run_until(Condition&& condition) {
    while (!condition()) {
      player->run_once(std::chrono::milliseconds(5));
      sink->run_once(std::chrono::milliseconds(5));
    }
  }
  /// Until one port has opened its half. The other one's owner has nothing to say while it neither reads nor writes.
  void settle(const std::filesystem::path& directory) {
    run_until([&] {
      const json::value list = json::parse(inspect({"ls", "--json", "--broker", directory.native()}).out);
      return list.at_pointer("/channels/0/ports/0/memory").as_string() == "readable" ||
             list.at_pointer("/channels/0/ports/1/memory").as_string() == "readable";
    });
  }

  std::unique_ptr<Context> sink;
  std::unique_ptr<Context> player;
  MessagePort mine;
  MessagePort theirs;
};

class Inspect : public testing::Test {
 protected:
  Outcome run(std::vector<std::string> arguments, Sight sight = Sight::all) const {
    arguments.insert(arguments.begin(), {"--broker", directory.path().native()});
    return inspect(arguments, sight);
  }
  /// The name of the only channel.
  std::string channel() const {
    const json::value list = json::parse(run({"ls", "--json"}).out);
    return json::value_to<std::string>(list.at_pointer("/channels/0/name"));
  }

  TemporaryDirectory directory;
};

TEST(InspectEmbeddedBroker, ListsContextsAndChannelsWithWhatIsUnread) {
  BrokerThread broker;
  Pair pair(broker.directory());
  for (int i = 0; i < 3; ++i) pair.mine.post_message("hello");
  pair.settle(broker.directory());
  const std::vector<std::string> options{"--broker", broker.directory().native()};

  const Outcome text = inspect({"ls", options[0], options[1]});
  EXPECT_EQ(text.code, 0) << text.err;
  EXPECT_EQ(text.err, "");
  for (const char* const part : {"player", "sink", "owned", "running", "ch-"}) EXPECT_TRUE(contains(text.out, part));

  const Outcome machine = inspect({"ls", "--json", options[0], options[1]});
  EXPECT_EQ(machine.code, 0) << machine.err;
  const json::value list = json::parse(machine.out);
  EXPECT_EQ(list.at("contexts").as_array().size(), 2u);
  ASSERT_EQ(list.at("channels").as_array().size(), 1u);
  std::int64_t unread = 0;
  for (const json::value& port : list.at_pointer("/channels/0/ports").as_array())
    unread += port.at("unread_messages").as_int64();
  EXPECT_EQ(unread, 3);

  const std::string channel = json::value_to<std::string>(list.at_pointer("/channels/0/name"));
  const Outcome stuck = inspect({"stat", channel, options[0], options[1]});
  EXPECT_EQ(stuck.code, 0) << stuck.err;
  EXPECT_TRUE(contains(stuck.out, "has 3 unread"));
  EXPECT_TRUE(contains(stuck.out, "start()"));
  EXPECT_TRUE(contains(stuck.out, channel + ".1"));

  for (int i = 0; i < 3; ++i) ASSERT_TRUE(pair.theirs.receive(std::chrono::seconds(10)));
  const Outcome idle = inspect({"stat", channel.substr(3), "--json", options[0], options[1]});
  EXPECT_EQ(idle.code, 0) << idle.err;
  const json::value report = json::parse(idle.out);
  EXPECT_EQ(report.at("diagnosis").as_string(), "idle: everything that was posted is read");
  // The player's port moved nowhere: which side it has is the library's choice.
  const json::array& directions = report.at_pointer("/channel/directions").as_array();
  const json::value& used =
      directions[directions[0].at("messages_posted").is_int64() && directions[0].at("messages_posted").as_int64() == 3
                     ? 0
                     : 1];
  EXPECT_EQ(used.at("messages_posted").as_int64(), 3);
  EXPECT_EQ(used.at("messages_read").as_int64(), 3);
  EXPECT_EQ(used.at("bytes_posted").as_int64(), 15);
  EXPECT_EQ(used.at("unread_messages").as_int64(), 0);
  EXPECT_TRUE(used.at("started").as_bool());
  EXPECT_EQ(used.at("segments").as_array().size(), 1u);
  EXPECT_EQ(used.at_pointer("/segments/0/size_bytes").as_int64(), 12288);
}

TEST(InspectEmbeddedBroker, ShowsTheMemoryThatAMessageCarriesAsWhatItIs) {
  BrokerThread broker;
  Pair pair(broker.directory());
  pair.mine.post_message(SharedBuffer(std::vector<std::byte>(std::size_t{1} << 20)));
  json::value box;
  pair.run_until([&] {
    const json::value list = json::parse(inspect({"ls", "--json", "--broker", broker.directory().native()}).out);
    const json::array& channels = list.at("channels").as_array();
    if (channels.size() > 1) box = channels.back();
    return channels.size() > 1;
  });
  EXPECT_EQ(box.at_pointer("/ports/0/state").as_string(), "memory");
  EXPECT_EQ(box.at_pointer("/ports/0/owner").as_string(), "player");
  const Outcome report = inspect({"stat", json::value_to<std::string>(box.at("name")), "--broker", broker.directory().native()});
  EXPECT_TRUE(contains(report.out, "memory that a message carries"));
}

TEST_F(Inspect, ShowsTheGenerationsOfAStreamThatGrew) {
  const Daemon daemon(directory.path());
  Pair pair(directory.path());
  for (int i = 0; i < 100; ++i) pair.mine.post_message(std::string(1000, 'x'));
  std::size_t segments = 0;
  std::int64_t unread = 0;
  pair.settle(directory.path());
  pair.run_until([&] {
    const json::value report = json::parse(run({"stat", "--json", channel()}).out);
    segments = 0;
    unread = 0;
    for (const json::value& direction : report.at_pointer("/channel/directions").as_array()) {
      segments = std::max(segments, direction.at("segments").as_array().size());
      unread += direction.at("unread_messages").as_int64();
    }
    return segments >= 2;
  });
  EXPECT_EQ(unread, 100);
}

/// The only port that has changed owner `epoch` times, and the channel that it is of.
json::object moved_port(const json::value& list, std::int64_t epoch, std::string& channel) {
  json::object found;
  for (const json::value& candidate : list.at("channels").as_array())
    for (const json::value& port : candidate.at("ports").as_array())
      if (port.at("epoch").as_int64() == epoch) {
        found = port.as_object();
        channel = json::value_to<std::string>(candidate.at("name"));
      }
  return found;
}

TEST_F(Inspect, ShowsAPortInTransitAndItsNextOwner) {
  const Daemon daemon(directory.path());
  Pair way(directory.path());
  Pair stream(directory.path(), "stream", "mover");
  for (int i = 0; i < 5; ++i) stream.mine.post_message("message");
  for (int i = 0; i < 2; ++i) stream.run_until([&] { return stream.theirs.try_receive().has_value(); });
  Context& mover = *stream.sink;
  MessagePort to_player = mover.connect("player");
  std::optional<MessagePort> from_mover;
  way.player->on_connect([&](MessageEvent& event) { from_mover = std::move(event.ports[0]); });
  stream.run_until([&] {
    way.player->poll();
    return from_mover.has_value();
  });

  to_player.post_message("the port", {.transfer = {stream.theirs}});
  std::string channel;
  json::object transit;  // when the broker has heard of it
  while (transit.empty()) transit = moved_port(json::parse(run({"ls", "--json"}).out), 2, channel);
  EXPECT_EQ(transit.at("state").as_string(), "transit");
  EXPECT_TRUE(transit.at("pid").is_null());
  EXPECT_EQ(transit.at("former_owner").as_string(), "mover");
  EXPECT_TRUE(transit.at("state_age_ns").is_int64());
  const Outcome text = run({"stat", channel});
  EXPECT_TRUE(contains(text.out, "transit for "));
  EXPECT_TRUE(contains(text.out, "mover): nobody has taken it from its message or invitation yet"));

  // Sums go on where the former owner stopped.
  std::optional<MessagePort> moved;
  for (int i = 0; i < 3; ++i)
    stream.run_until([&] {
      way.player->poll();
      if (!moved)
        if (auto event = from_mover->try_receive()) moved = std::move(event->ports[0]);
      return moved && moved->try_receive().has_value();
    });
  const json::object owned = moved_port(json::parse(run({"ls", "--json"}).out), 2, channel);
  ASSERT_FALSE(owned.empty());
  EXPECT_EQ(owned.at("state").as_string(), "owned");
  EXPECT_EQ(owned.at("owner").as_string(), "player");
  EXPECT_EQ(owned.at("former_owner").as_string(), "mover");
  stream.mine.post_message("message");
  stream.run_until([&] {
    way.player->poll();
    return moved->try_receive().has_value();
  });
  const json::value report = json::parse(run({"stat", "--json", channel}).out);
  const std::size_t side = owned.at("side").as_int64() == 1 ? 1 : 0;
  const json::value& direction = report.at_pointer("/channel/directions").as_array()[side];
  EXPECT_EQ(direction.at("messages_posted").as_int64(), 6);
  EXPECT_EQ(direction.at("messages_read").as_int64(), 6);
  EXPECT_EQ(direction.at("bytes_read").as_int64(), 42);
  EXPECT_EQ(direction.at("unread_messages").as_int64(), 0);
  const json::array& segments = direction.at("segments").as_array();
  ASSERT_FALSE(segments.empty());
  EXPECT_EQ(segments.back().at("for_epoch").as_int64(), 2);
  EXPECT_TRUE(segments.back().at("first").as_bool());
}

TEST_F(Inspect, WorksWhileTheBrokerIsStopped) {
  Daemon daemon(directory.path());
  Pair pair(directory.path());
  pair.mine.post_message("hello");
  pair.settle(directory.path());
  daemon.stop();
  const Outcome list = run({"ls"});
  EXPECT_EQ(list.code, 0) << list.err;
  EXPECT_TRUE(contains(list.out, "pid " + std::to_string(daemon.pid()) + " (fairwayd), stopped"));
  EXPECT_TRUE(contains(list.out, "player"));
  const Outcome stat = run({"stat", channel()});
  EXPECT_EQ(stat.code, 0) << stat.err;
  EXPECT_TRUE(contains(stat.out, "has 1 unread"));
  daemon.resume();
}

/// What the owner of a port in this process can write of its half.
shm::HalfSegment* writable_half(PortId port) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    std::uintptr_t from = 0;
    char access[5] = {};
    if (line.find("fairway:segment") == std::string::npos || std::sscanf(line.c_str(), "%lx-%*x %4s", &from, access) != 2) continue;
    auto* const half = reinterpret_cast<shm::HalfSegment*>(from);
    if (access[1] == 'w' && half->header.kind == shm::SegmentKind::half && half->header.subject == port.value) return half;
  }
  return nullptr;
}

TEST_F(Inspect, ShowsTheErrorsOfAPort) {
  const Daemon daemon(directory.path());
  Pair pair(directory.path(), "player", "sink", 1000);
  pair.mine.post_message(std::string(2000, 'x'));  // one message may pass the limit
  for (int i = 0; i < 3; ++i) EXPECT_THROW(pair.mine.post_message("hello"), DOMException);
  EXPECT_THROW(pair.mine.post_message("itself", {.transfer = {pair.mine}}), DOMException);
  pair.settle(directory.path());
  const json::value report = json::parse(run({"stat", "--json", channel()}).out);
  const json::array& errors = report.at_pointer("/channel/errors").as_array();
  ASSERT_EQ(errors.size(), 2u) << report;
  EXPECT_EQ(errors[0].at("error").as_string(), "DataCloneError") << "the last one first";
  EXPECT_EQ(errors[1].at("error").as_string(), "QuotaExceededError");
  EXPECT_EQ(errors[1].at("count").as_int64(), 3);
  EXPECT_TRUE(contains(run({"stat", channel()}).out, "QuotaExceededError: the hard limit"));
}

TEST_F(Inspect, ShowsThatTheOtherSideBreaksTheProtocol) {
  const Daemon daemon(directory.path());
  Pair pair(directory.path());
  pair.theirs.post_message("so that its half is open");
  ASSERT_TRUE(pair.mine.receive(std::chrono::seconds(10)));
  pair.mine.post_message("hello");
  pair.run_until([&] { return pair.theirs.try_receive().has_value(); });
  const json::value list = json::parse(run({"ls", "--json"}).out);
  const std::size_t side = list.at_pointer("/channels/0/ports/0/owner").as_string() == "player" ? 1 : 2;
  const PortId port = PortId::of({std::stoull(channel().substr(3))}, static_cast<int>(side));
  shm::HalfSegment* const half = writable_half(port);
  ASSERT_NE(half, nullptr);
  // The record behind "hello" is none of ours.
  reinterpret_cast<std::uint64_t*>(reinterpret_cast<std::byte*>(half) + shm::data_offset)[2] = ~std::uint64_t{0};
  while (!pair.theirs.close_reason()) {
    EXPECT_FALSE(pair.theirs.try_receive());
    pair.sink->run_once(std::chrono::milliseconds(5));
  }
  EXPECT_EQ(pair.theirs.close_reason(), CloseReason::protocol_error);
  const std::string text = run({"stat", channel()}).out;
  EXPECT_TRUE(contains(text, to_string(port.opposite()) + "  1 "));
  EXPECT_TRUE(contains(text, "protocol_error: the other side wrote a record that no Fairway library writes"));
}

TEST_F(Inspect, NoContextIsNothingFound) {
  const Daemon daemon(directory.path());
  EXPECT_TRUE(one_line(run({"ls"}), 1, "no context is at " + directory.path().native()));
  const Outcome machine = run({"ls", "--json"});
  EXPECT_EQ(machine.code, 1);
  EXPECT_EQ(json::parse(machine.out).at("contexts").as_array().size(), 0u);
  EXPECT_TRUE(one_line(run({"stat", "17"}), 1, "there is no ch-17"));
  { const Context context(ContextOptions{.name = "short", .broker = directory.path()}); }
  // The broker notices the end in its own time.
  Outcome left = run({"ls"});
  while (left.code == 0) left = run({"ls"});
  EXPECT_TRUE(one_line(left, 1, "no context is at "));
}

TEST_F(Inspect, AKilledBrokerLeavesNamesThatDangle) {
  Daemon daemon(directory.path());
  const int pid = daemon.pid();
  const Pair pair(directory.path());
  daemon.kill();
  const std::string expected = "is gone: its names lead to pid " + std::to_string(pid) + ", which has ended";
  EXPECT_TRUE(one_line(run({"ls"}), 2, expected));
  EXPECT_TRUE(one_line(run({"stat", "1"}), 2, expected));
}

TEST_F(Inspect, APrivateBrokerShowsNothing) {
  const Daemon daemon(directory.path(), {"--private"});
  const Context context(ContextOptions{.name = "player", .broker = directory.path()});
  EXPECT_TRUE(one_line(run({"ls"}, Sight::ordinary), 2, "keeps its memory to itself (--private)"));
  EXPECT_TRUE(one_line(run({"stat", "1"}, Sight::ordinary), 2, "keeps its memory to itself (--private)"));
}

TEST_F(Inspect, WithoutABrokerSaysWhatToDo) {
  EXPECT_TRUE(one_line(inspect({"ls", "--broker", (directory.path() / "none").native()}), 2, "no broker has been at "));
  std::filesystem::create_directory(directory.path() / "tables");
  EXPECT_TRUE(one_line(run({"ls"}), 2, "no broker is at "));
}

TEST_F(Inspect, MisuseIsOneLine) {
  EXPECT_TRUE(one_line(run({"stat", "player"}), 2, "'player' is no channel; say 17 or ch-17"));
  EXPECT_TRUE(one_line(run({"stat"}), 2, "CHANNEL"));
  EXPECT_TRUE(one_line(run({"lss"}), 2, "lss"));
  EXPECT_TRUE(one_line(run({"ls", "--yaml"}), 2, "--yaml"));
  EXPECT_TRUE(one_line(run({}), 2, "--help"));
}

TEST_F(Inspect, HelpHasExamplesAndTheVersionIsTheLibrarys) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"--help"}, {"ls", "--help"}, {"tree", "--help"}, {"stat", "--help"}, {"tap", "--help"}, {"send", "--help"},
        {"recv", "--help"}, {"call", "--help"}, {"serve", "--help"}, {"doctor", "--help"}, {"completion", "--help"}}) {
    const Outcome help = inspect(arguments);
    EXPECT_EQ(help.code, 0);
    EXPECT_TRUE(contains(help.out, "Example"));
  }
  const Outcome asked = inspect({"--version"});
  EXPECT_EQ(asked.code, 0);
  EXPECT_EQ(asked.out, "fairway " + std::string(version()) + "\n");
}

TEST_F(Inspect, ABrokenPipeIsSuccessAndAFullDiskIsNot) {
  const Daemon daemon(directory.path());
  const Context context(ContextOptions{.name = "player", .broker = directory.path()});
  const Outcome closed = inspect_into_closed_pipe({"ls", "--broker", directory.path().native()});
  EXPECT_EQ(closed.code, 0);
  EXPECT_EQ(closed.err, "");
  for (const char* const command : {"tree", "--help", "doctor", "completion"}) {
    std::vector<std::string> words{command, "--broker", directory.path().native()};
    if (words[0] == "completion") words.push_back("zsh");
    const Outcome outcome = inspect_into_closed_pipe(words);
    EXPECT_EQ(outcome.code, 0) << command;
    EXPECT_EQ(outcome.err, "") << command;
  }
  EXPECT_TRUE(
      one_line(inspect_into("/dev/full", {"ls", "--broker", directory.path().native()}), 2, "cannot write the output"));
}

}  // namespace
}  // namespace fairway::test
