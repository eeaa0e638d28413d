/// A program of any language answers: its standard input and output are joined to a port.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <future>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include <fairway/fairway.hpp>

#include "client/endpoint.hpp"
#include "client/port.hpp"
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

TEST_F(Serve, ValuesAreLinesOfJsonBothWays) {
  auto served = serve({"--value", "--", "sed", "-u", "s/.*/[&,1]/"});
  MessagePort port = context.connect("service", patience);
  port.post_message(Value::object({{"at", Value::date(0)}}));
  EXPECT_EQ(port.receive(patience)->data(), Value::array({Value::object({{"at", Value::date(0)}}), 1}));
  port.post_message("text");
  EXPECT_EQ(port.receive(patience)->data(), Value::array({"text", 1}));
  port.close();
  const Outcome outcome = served.get();
  EXPECT_EQ(outcome.code, 0) << outcome.err;
}

TEST_F(Serve, AValueThatNobodyAskedForIsALineForPeople) {
  auto served = serve({"--", "cat"});
  MessagePort port = context.connect("service", patience);
  port.post_message(Value::object({{"at", Value::date(0)}}));
  EXPECT_EQ(port.receive(patience)->string(), "{ at: 1970-01-01T00:00:00.000Z }");
  port.close();
  EXPECT_EQ(served.get().code, 0);
}

TEST_F(Serve, ADamagedValueIsALineThatSaysSoAndNoBytesBehindALength) {
  for (const std::string option : {"--value", "--length-prefixed"}) {
    auto served = serve({option, "--", "cat"});
    MessagePort port = context.connect("service", patience);
    const std::string bytes = "\xff\x0f^\7";
    port.implementation()->endpoint->post(shm::RecordType::value, std::as_bytes(std::span(bytes)));
    const auto answer = port.receive(patience);
    port.close();
    const Outcome outcome = served.get();
    if (option == "--value") {
      // `cat` sends back what it was told, and that is no value of ours.
      EXPECT_EQ(outcome.err, "fairway: cat: line 1: $message is no tag; an object with such a key is written {\"$object\": [[key, value], ...]}\n");
    } else {
      EXPECT_EQ(outcome.err, "fairway: cat: a message is damaged, so there are no bytes of it\n");
    }
    EXPECT_FALSE(answer);
    EXPECT_EQ(outcome.code, 2);
  }
}

/// The rest of what it writes is more than a pipe holds, and is read all the same: it ends.
TEST_F(Serve, ALineOfTheProgramThatIsNoValueEndsTheConversation) {
  auto served = serve({"--value", "--", "sh", "-c", "echo 1; echo no; seq 1 100000; cat >/dev/null"});
  MessagePort port = context.connect("service", patience);
  EXPECT_EQ(port.receive(patience)->data(), Value(1));
  EXPECT_FALSE(port.receive(patience));
  EXPECT_TRUE(port.close_reason());
  const Outcome outcome = served.get();
  EXPECT_EQ(outcome.code, 2);
  EXPECT_EQ(outcome.err, "fairway: sh: line 2: this is no JSON: syntax error\n");
}

/// `fairway serve` for everybody who comes, until the destructor ends it.
class Service {
 public:
  Service(const std::filesystem::path& broker, const std::filesystem::path& complaints, const std::string& rest)
      : shell_(::popen(("echo $$; exec '" FAIRWAY_INSPECTOR "' --broker '" + broker.native() + "' serve service " + rest + " 2>'" + complaints.native() + "'").c_str(), "r")) {
    if (shell_ == nullptr || std::fscanf(shell_, "%d", &pid_) != 1) throw std::runtime_error("the service does not start");
  }
  ~Service() {
    ::kill(pid_, SIGTERM);
    ::pclose(shell_);
  }
  Service(const Service&) = delete;

 private:
  std::FILE* shell_;
  int pid_ = 0;
};

TEST_F(Serve, ALineThatIsNoValueEndsNoOtherConversation) {
  const std::filesystem::path complaints = directory.path() / "complaints";
  const Service service(directory.path(), complaints, "--value -- sed -u 's/\"bad\"/no/'");
  MessagePort one = context.connect("service", patience);
  MessagePort other = context.connect("service", patience);
  one.post_message("bad");
  EXPECT_FALSE(one.receive(patience));
  EXPECT_TRUE(one.close_reason());
  other.post_message("good");
  EXPECT_EQ(other.receive(patience)->data(), Value("good"));
  std::string said;
  std::getline(std::ifstream(complaints), said);
  EXPECT_EQ(said, "fairway: sed: line 1: this is no JSON: syntax error");
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
  constexpr std::uint64_t last = 20'000;
  auto served = serve({"--", "seq", "-f", "%01000.0f", "1", std::to_string(last)});  // 20 MB: a port takes 4 MiB
  MessagePort port = context.connect("service", patience);
  std::uint64_t next = 1;
  while (const auto message = port.receive(patience)) {
    const std::string number = std::to_string(next++);
    ASSERT_EQ(message->string(), std::string(1000 - number.size(), '0') + number);
  }
  EXPECT_EQ(next, last + 1);
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
