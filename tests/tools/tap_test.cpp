/// Messages as they pass, seen by one who takes no part.
#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/json.hpp>
#include <fairway/fairway.hpp>

#include "inspector/reader.hpp"
#include "inspector/stream_tap.hpp"
#include "support/temporary_directory.hpp"
#include "tools/run.hpp"

namespace fairway::test {
namespace {

namespace json = boost::json;
using inspector::Passing;

constexpr std::chrono::milliseconds moment{1};

/// A player and a sink with a channel between them, whose only channel that is.
class Tapping : public testing::Test {
 protected:
  void SetUp() override {
    sink = std::make_unique<Context>(ContextOptions{.name = "sink", .broker = directory.path()});
    player = std::make_unique<Context>(ContextOptions{.name = "player", .broker = directory.path()});
    sink->on_connect([this](MessageEvent& event) { theirs = std::move(event.ports[0]); });
    mine = player->connect("sink");
    while (!theirs) turn();
    channel = reader.tables().channels.at(0).id;
  }
  void turn() {
    for (Context* const context : {sink.get(), player.get(), third.get()})
      if (context != nullptr) context->run_once(moment);
  }
  /// The side of the player's port: whose messages there are.
  int side() {
    for (;;) {
      const auto now = reader.report(channel, std::optional<inspector::ChannelSnapshot>());
      for (const int candidate : {1, 2})
        if (now && now->now.port[static_cast<std::size_t>(candidate - 1)].half.written.messages != 0) return candidate;
      turn();
    }
  }
  /// Until the sink's half says that so many are read: it gets one only once it reads.
  void await_read(int from, std::uint64_t count) {
    for (;;) {
      const auto now = reader.report(channel, std::optional<inspector::ChannelSnapshot>());
      if (now && now->now.port[static_cast<std::size_t>(2 - from)].half.read.messages == count) return;
      turn();
    }
  }
  inspector::StreamTap tap(int from) { return {reader.segments(), PortId::of(channel, from), *reader.row(channel), 1024}; }
  std::vector<std::string> here(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {"--broker", directory.path().native()});
    return arguments;
  }
  std::string name() const { return to_string(channel); }
  /// Everything that a stream has for the moment.
  static std::vector<Passing> all(inspector::StreamTap& stream) {
    std::vector<Passing> passed;
    while (auto one = stream.next()) passed.push_back(*std::move(one));
    return passed;
  }

  TemporaryDirectory directory;
  Daemon daemon{directory.path()};
  inspector::Reader reader{directory.path()};
  std::unique_ptr<Context> sink;
  std::unique_ptr<Context> player;
  std::unique_ptr<Context> third;
  MessagePort mine;
  MessagePort theirs;
  ChannelId channel;
};

TEST_F(Tapping, ShowsWhatWaitsUnreadAndLeavesItThere) {
  for (const char* const text : {"one", "two", "three"}) mine.post_message(text);
  const int from = side();
  for (int i = 0; i < 2; ++i) {
    const Outcome outcome = inspect(here({"tap", name()}));
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_NE(outcome.out.find("#1 string, 3 bytes: \"one\"\n"), std::string::npos) << outcome.out;
    EXPECT_NE(outcome.out.find("#3 string, 5 bytes: \"three\"\n"), std::string::npos) << outcome.out;
  }
  const Outcome other = inspect(here({"tap", name(), "--from", std::to_string(3 - from)}));
  EXPECT_EQ(other.code, 1);
  EXPECT_EQ(other.err, "fairway: nothing waits in " + name() + "; --follow shows what passes\n");
  for (const char* const text : {"one", "two", "three"}) EXPECT_EQ(theirs.receive(std::chrono::seconds(20))->string(), text);
  await_read(from, 3);
  EXPECT_EQ(inspect(here({"tap", name()})).code, 1);
}

TEST_F(Tapping, ShowsBytesInHexAndNoMoreOfThemThanIsAsked) {
  mine.post_message(std::string(100, 'x'));
  side();
  const Outcome hex = inspect(here({"tap", name(), "--hex", "--bytes", "4"}));
  EXPECT_NE(hex.out.find("  000000  78 78 78 78"), std::string::npos) << hex.out;
  EXPECT_NE(hex.out.find("|xxxx|\n  ...\n"), std::string::npos) << hex.out;
  const json::value object = json::parse(inspect(here({"tap", name(), "--json", "--bytes", "4"})).out);
  EXPECT_EQ(object.at("text").as_string(), "xxxx");
  EXPECT_TRUE(object.at("cut").as_bool());
  EXPECT_EQ(object.at("size").as_int64(), 100);
}

TEST_F(Tapping, ShowsValuesAsPeopleReadThemAndAsJson) {
  mine.post_message(Value::object({{"kind", "frame"}, {"n", Value::bigint(2)}}));
  side();
  const Outcome text = inspect(here({"tap", name()}));
  EXPECT_NE(text.out.find("#1 value, "), std::string::npos) << text.out;
  EXPECT_NE(text.out.find(" bytes: { kind: 'frame', n: 2n }\n"), std::string::npos) << text.out;
  const json::value object = json::parse(inspect(here({"tap", name(), "--json"})).out);
  EXPECT_EQ(json::serialize(object.at("value")), "{\"kind\":\"frame\",\"n\":{\"$bigint\":\"2\"}}");
  const Outcome hex = inspect(here({"tap", name(), "--hex"}));
  EXPECT_NE(hex.out.find("  000000  ff 0f 6f"), std::string::npos) << hex.out;
}

TEST_F(Tapping, ShowsWhatATransferredBufferHolds) {
  ArrayBuffer buffer(std::as_bytes(std::span("abc", 3)));
  mine.post_message(Value::array({"take it", buffer}), {.transfer = {buffer}});
  side();
  const json::value object = json::parse(inspect(here({"tap", name(), "--json"})).out);
  EXPECT_EQ(object.at("cut"), json::value(false));
  EXPECT_EQ(json::serialize(object.at("value")), "[\"take it\",{\"$buffer\":\"616263\"}]");
  const std::string text = inspect(here({"tap", name()})).out;
  EXPECT_NE(text.find(": [ 'take it', ArrayBuffer { <61 62 63>, byteLength: 3 } ]\n"), std::string::npos) << text;
}

/// Its bytes are read whole up to 64 KiB, whatever is shown of other messages; then with --bytes.
TEST_F(Tapping, ALargeValueIsReadWholeWhereThatIsAsked) {
  for (const std::size_t size : {60'000u, 90'000u}) mine.post_message(Value::array({std::string(size, 'x')}));
  std::string lines;
  while (std::ranges::count(lines, '\n') != 2) {  // the broker has brought memory for both
    turn();
    lines = inspect(here({"tap", name(), "--json"})).out;
  }
  const json::value first = json::parse(lines.substr(0, lines.find('\n')));
  EXPECT_EQ(first.at("value").at(0).as_string().size(), 60'000u);
  const json::value second = json::parse(lines.substr(lines.find('\n')));
  EXPECT_TRUE(second.at("cut").as_bool());
  EXPECT_EQ(second.at("hex").as_string().size(), 2048u);
  const std::string size = std::to_string(second.at("size").as_int64());
  const Outcome text = inspect(here({"tap", name()}));
  EXPECT_NE(text.out.find("#2 value, " + size + " bytes: not shown; --bytes " + size + " reads so much\n"), std::string::npos);
  const std::string all = inspect(here({"tap", name(), "--json", "--bytes", size})).out;
  EXPECT_EQ(json::parse(all.substr(all.find('\n'))).at("value").at(0).as_string().size(), 90'000u);
}

TEST_F(Tapping, SeesEveryMessageAcrossGenerationsAndOwners) {
  mine.post_message("1");
  inspector::StreamTap stream = tap(side());
  std::vector<Passing> passed = all(stream);
  const auto post = [&](int from, int to) {
    for (int n = from; n <= to; ++n) {
      mine.post_message(std::to_string(n) + std::string(3000, '.'));
      turn();
    }
  };
  post(2, 40);  // more than the first ring holds
  for (Passing& one : all(stream)) passed.push_back(std::move(one));
  third = std::make_unique<Context>(ContextOptions{.name = "third", .broker = directory.path()});
  MessagePort arrived;
  MessagePort way;
  third->on_connect([&](MessageEvent& event) { way = std::move(event.ports[0]); });
  MessagePort to_third = player->connect("third");
  while (!way) turn();
  to_third.post_message("yours", {.transfer = {mine}});
  std::optional<MessageEvent> letter;
  while (!letter) {
    turn();
    letter = way.try_receive();
  }
  mine = std::move(letter->ports.at(0));  // the third's now
  post(41, 80);
  const auto take = [&] {
    for (Passing& one : all(stream)) passed.push_back(std::move(one));
    turn();
  };
  int received = 0;
  while (received < 80) {
    take();
    if (theirs.try_receive()) ++received;
  }
  take();
  ASSERT_EQ(passed.size(), 80u);
  for (std::size_t i = 0; i < passed.size(); ++i) {
    EXPECT_EQ(passed[i].number, i + 1);
    EXPECT_EQ(std::stoul(passed[i].bytes), i + 1);
    EXPECT_EQ(passed[i].what, Passing::What::message);
  }
}

TEST_F(Tapping, CountsWhatItCouldNotSee) {
  mine.post_message("first");
  inspector::StreamTap stream = tap(side());
  ASSERT_EQ(all(stream).size(), 1u);
  constexpr std::uint64_t posted = 20'000;
  theirs.on_message([](MessageEvent&) {});
  for (std::uint64_t n = 2; n <= posted; ++n) {
    mine.post_message(std::to_string(n));
    if (n % 64 == 0) turn();
  }
  while (mine.buffered_amount() != 0) turn();
  std::uint64_t seen = 1;
  std::uint64_t missed = 0;
  std::uint64_t last = 1;
  const auto count = [&] {
    for (const Passing& one : all(stream)) {
      if (one.what == Passing::What::missed) {
        missed += one.number;
      } else {
        ++seen;
        EXPECT_GT(one.number, last);
        EXPECT_EQ(one.bytes, std::to_string(one.number));
        last = one.number;
      }
    }
  };
  count();
  mine.post_message(std::to_string(posted + 1));
  count();
  EXPECT_GT(missed, 0u);
  EXPECT_EQ(last, posted + 1);
  EXPECT_EQ(seen + missed, posted + 1);
}

TEST_F(Tapping, NamesThePortsThatAMessageCarries) {
  third = std::make_unique<Context>(ContextOptions{.name = "third", .broker = directory.path()});
  third->on_connect([](MessageEvent&) {});
  MessagePort carried = player->connect("third");
  mine.post_message(Value::array({"take it", carried}), {.transfer = {carried}});
  side();
  json::value object;
  for (;;) {
    const Outcome outcome = inspect(here({"tap", name(), "--json"}));
    turn();
    if (outcome.code != 0) continue;
    object = json::parse(outcome.out);
    break;
  }
  EXPECT_EQ(json::serialize(object.at("value")), "[\"take it\",{\"$port\":0}]");
  EXPECT_EQ(object.at("size").as_int64(), 18);
  ASSERT_EQ(object.at("ports").as_array().size(), 1u);
  EXPECT_TRUE(object.at_pointer("/ports/0").as_string().starts_with("ch-"));
}

TEST_F(Tapping, FollowsWhatPassesAndItsNumbersAddUp) {
  auto tapped = std::async(std::launch::async, [all = here({"tap", name(), "--count", "500", "--json"})] { return inspect(all); });
  theirs.on_message([](MessageEvent&) {});
  for (std::uint64_t n = 1; tapped.wait_for(std::chrono::seconds(0)) != std::future_status::ready; ++n) {
    if (mine.buffered_amount() < 100'000) {
      mine.post_message(std::to_string(n));
    } else {
      --n;
    }
    turn();
  }
  const Outcome outcome = tapped.get();
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  std::uint64_t last = 0;
  std::uint64_t seen = 0;
  for (std::size_t at = 0; at < outcome.out.size();) {
    const std::size_t end = outcome.out.find('\n', at);
    const json::value object = json::parse(std::string_view(outcome.out).substr(at, end - at));
    at = end + 1;
    if (object.at("event").as_string() == "missed") {
      last += static_cast<std::uint64_t>(object.at("messages").as_int64());
      continue;
    }
    ++seen;
    const auto number = static_cast<std::uint64_t>(object.at("number").as_int64());
    EXPECT_EQ(json::value_to<std::string>(object.at("text")), std::to_string(number));
    if (last != 0) {
      EXPECT_EQ(number, last + 1);
    }
    last = number;
  }
  EXPECT_EQ(seen, 500u);
}

TEST_F(Tapping, EndsWhenBothPortsAreClosed) {
  mine.post_message("last");
  side();
  auto tapped = std::async(std::launch::async, [all = here({"tap", name(), "--follow"})] { return inspect(all); });
  mine.close();
  while (theirs.receive(std::chrono::seconds(20))) {
  }
  theirs.close();
  while (tapped.wait_for(std::chrono::seconds(0)) != std::future_status::ready) turn();
  const Outcome outcome = tapped.get();
  // Whoever comes late finds no channel.
  if (outcome.code != 1) {
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_NE(outcome.out.find("closed\n"), std::string::npos) << outcome.out;
  }
}

TEST_F(Tapping, WorksWhileTheBrokerIsStopped) {
  mine.post_message("hello");
  side();
  daemon.stop();
  EXPECT_EQ(inspect(here({"tap", name()})).code, 0);
  daemon.resume();
}

TEST_F(Tapping, WhoStopsReadingIsNoError) {
  std::vector<std::string> follow = here({"tap", name(), "--follow"});
  EXPECT_EQ(inspect_into_closed_pipe(follow).code, 0);
}

TEST_F(Tapping, AChannelThatIsNotThereIsNothingFound) {
  const Outcome outcome = inspect(here({"tap", "4711"}));
  EXPECT_EQ(outcome.code, 1);
  EXPECT_NE(outcome.err.find("there is no ch-4711"), std::string::npos) << outcome.err;
  EXPECT_EQ(inspect(here({"tap", "sink"})).code, 2);
  EXPECT_EQ(inspect(here({"tap", name(), "--from", "3"})).code, 2);
}

TEST(TappingPrivately, IsRefusedWithOneLine) {
  const TemporaryDirectory directory;
  const Daemon daemon(directory.path(), {"--private"});
  const Context context({.name = "player", .broker = directory.path()});
  const Outcome outcome = inspect({"--broker", directory.path().native(), "tap", "1"}, Sight::ordinary);
  EXPECT_EQ(outcome.code, 2);
  EXPECT_NE(outcome.err.find("keeps its memory to itself (--private)"), std::string::npos) << outcome.err;
}

}  // namespace
}  // namespace fairway::test
