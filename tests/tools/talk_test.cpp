/// A shell talks to programs, and to itself.
#include <gtest/gtest.h>

#include <future>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fairway/fairway.hpp>

#include "client/endpoint.hpp"
#include "client/port.hpp"
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
        if (message.kind() == MessageEvent::Kind::value) {
          port.post_message(Value::object({{"echo", message.data()}}));
        } else if (message.kind() == MessageEvent::Kind::string) {
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

TEST_F(Talk, ValuesAreLinesOfJsonBothWays) {
  const std::string lines =
      "{\"kind\":\"frame\",\"list\":[1,{\"$undefined\":true},\"x\"]}\n"
      "{\"$id\":1,\"$is\":{\"$map\":[[{\"$bigint\":\"2\"},{\"$ref\":1}]]}}\n"
      "\"text\"\n"
      "{\"$view\":{\"type\":\"Uint8Array\",\"buffer\":{\"$buffer\":\"00ff\"},\"offset\":0,\"length\":2}}\n";
  auto heard = listen({"log", "--value"});
  const Outcome sent = inspect_with(lines, here({"send", "log", "--value", "--timeout", "20"}));
  EXPECT_EQ(sent.code, 0) << sent.err;
  EXPECT_EQ(heard.get().out, lines);
}

TEST_F(Talk, CallsAProgramWithValues) {
  const Echo echo(directory.path());
  const Outcome called = inspect_with("[1]\n{\"$date\":0}", here({"call", "echo", "--value", "--timeout", "20"}));
  EXPECT_EQ(called.code, 0) << called.err;
  EXPECT_EQ(called.out, "{\"echo\":[1]}\n{\"echo\":{\"$date\":0}}\n");
}

TEST_F(Talk, ALineThatIsNoValueIsToldByItsNumber) {
  const std::pair<const char*, const char*> samples[] = {
      {"1\n{\"a\":\n3\n", "fairway: line 2: this is no JSON: incomplete JSON\n"},
      {"1\n\n3\n", "fairway: line 2: this is no JSON: incomplete JSON\n"},
      {"{\"$nothing\":1}\n", "fairway: line 1: $nothing is no tag; an object with such a key is written {\"$object\": [[key, value], ...]}\n"},
      {"{\"$bigint\":\"x\"}\n", "fairway: line 1: SyntaxError: "},
      {"[{\"$port\":0}]\n", "fairway: line 1: there is no port here that could be sent: a value from a stream has none\n"}};
  for (const auto& [input, complaint] : samples) {
    auto heard = listen({"log", "--value"});
    const Outcome sent = inspect_with(input, here({"send", "log", "--value", "--timeout", "20"}));
    EXPECT_EQ(sent.code, 2);
    EXPECT_EQ(sent.err.find(complaint), 0u) << sent.err;
    EXPECT_EQ(heard.get().out, input[0] == '1' ? "1\n" : "");
  }
}

TEST_F(Talk, ValuesAndLengthsDoNotGoTogether) {
  const Outcome outcome = inspect(here({"send", "log", "--value", "--length-prefixed"}));
  EXPECT_EQ(outcome.code, 2);
  EXPECT_NE(outcome.err.find(" excludes "), std::string::npos) << outcome.err;
}

/// Posts to the name "log" one of everything that no line of JSON is, and a value with a port. What is damaged comes as its
/// owner would post it, were it not honest.
void post_oddities(const std::filesystem::path& broker) {
  Context context({.broker = broker});
  MessagePort port = context.connect("log", std::chrono::seconds(20));
  MessageChannel channel(context);
  const auto post_as_value = [&](const std::string& bytes) {
    port.implementation()->endpoint->post(shm::RecordType::value, std::as_bytes(std::span(bytes)));
  };
  port.post_message(Value::object({{"reply", channel.port1}}), {.transfer = {channel.port1}});
  port.post_message("a \"string\"");
  port.post_message(std::as_bytes(std::span("\1\2", 2)));
  post_as_value("\xff\x0f^\7");
  Value deep = Value::array();
  for (int i = 0; i < 600; ++i) deep = Value::array({deep});
  port.post_message(deep);
  port.post_message(SharedBuffer(std::as_bytes(std::span("\1\2", 2))));
  port.post_message(SharedArrayBuffer(1));
  port.post_message(Value("end"));
}

TEST_F(Talk, WhatIsNoValueOrDamagedIsALineThatSaysSo) {
  auto heard = listen({"log", "--value"});
  post_oddities(directory.path());
  EXPECT_EQ(heard.get().out,
            "{\"reply\":{\"$port\":0}}\n\"a \\\"string\\\"\"\n{\"$message\":\"bytes\",\"hex\":\"0102\"}\n{\"$message\":\"damaged\"}\n"
            "{\"$message\":\"value\",\"problem\":\"it is nested too deeply for JSON\"}\n{\"$shared_buffer\":\"0102\"}\n"
            "{\"$shared_array_buffer\":\"00\"}\n\"end\"\n");
}

TEST_F(Talk, AValueThatNobodyAskedForIsALineForPeople) {
  auto heard = listen({"log"});
  post_oddities(directory.path());
  const std::string out = heard.get().out;
  EXPECT_EQ(out.find("{ reply: MessagePort { ports[0] } }\na \"string\"\n\1\2\n<damaged message>\n[ [ [ "), 0u) << out;
  EXPECT_TRUE(out.ends_with(" ] ] ]\nSharedBuffer { <01 02>, byteLength: 2 }\nSharedArrayBuffer { <00>, byteLength: 1 }\n'end'\n")) << out;
}

TEST_F(Talk, BehindALengthAValueIsItsBytes) {
  auto heard = listen({"log", "--length-prefixed"});
  EXPECT_EQ(inspect_with("[1,{\"$date\":0}]\n", here({"send", "log", "--value", "--timeout", "20"})).code, 0);
  EXPECT_EQ(inspect_with(heard.get().out, {"value", "dump", "--json", "--stream"}).out, "[1,{\"$date\":0}]\n");
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
