// Names, spawn, and everything that can be missing.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <sstream>
#include <thread>

#include <fairway/fairway.hpp>

#include "support/broker_thread.hpp"
#include "support/child.hpp"

namespace fairway::test {
namespace {

template <class Action>
std::error_code error_of(Action&& action, std::string* text = nullptr) {
  try {
    action();
  } catch (const std::system_error& error) {
    if (text != nullptr) *text = error.what();
    return error.code();
  }
  return {};
}

TEST(Names, an_unknown_name_and_a_taken_name_say_so) {
  BrokerThread broker;
  Context one({.name = "one", .broker = broker.directory()});
  std::string text;
  EXPECT_EQ(error_of([&] { one.connect("nobody"); }, &text), Errc::unknown_name);
  EXPECT_NE(text.find("'nobody'"), std::string::npos) << text;
  EXPECT_EQ(error_of([&] { Context two({.name = "one", .broker = broker.directory()}); }, &text), Errc::name_taken);
  EXPECT_NE(text.find("'one'"), std::string::npos) << text;
  EXPECT_EQ(error_of([&] { Context two({.name = "no spaces", .broker = broker.directory()}); }), std::errc::invalid_argument);
  EXPECT_EQ(error_of([&] { one.connect(""); }), std::errc::invalid_argument);
}

TEST(Names, a_connect_with_time_waits_for_the_name) {
  BrokerThread broker;
  Context one({.broker = broker.directory()});
  EXPECT_EQ(error_of([&] { one.connect("later", std::chrono::milliseconds(20)); }), Errc::unknown_name);
  Child echo("echo", {broker.directory().native(), "block"});
  MessagePort port = one.connect("echo", std::chrono::seconds(50));
  port.post_message("hello");
  EXPECT_EQ(port.receive()->string(), "hello");
}

TEST(Names, a_context_can_connect_to_itself) {
  BrokerThread broker;
  Context context({.name = "me", .broker = broker.directory()});
  MessagePort other;
  context.on_connect([&](MessageEvent& event) {
    EXPECT_EQ(event.string(), "");
    other = std::move(event.ports.at(0));
  });
  MessagePort port = context.connect("me");
  while (!other) context.run_once();
  port.post_message("hello");
  EXPECT_EQ(other.receive()->string(), "hello");
}

FAIRWAY_CHILD(spawned) {
  Context context = Context::from_parent();
  while (auto question = context.parent().receive())
    context.parent().post_message(std::string("child says ") + std::string(question->string()));
  return 0;
}

std::vector<std::string> spawned_self(const std::string& role) {
  return {std::filesystem::read_symlink("/proc/self/exe"), "--child", role};
}

TEST(Spawn, the_child_already_holds_its_port_and_the_end_is_noticed) {
  BrokerThread broker;
  Context context({.broker = broker.directory()});
  Child child_of_test_suite("echo", {broker.directory().native(), "block"});  // somebody else's child is left alone
  fairway::Child child = context.spawn(spawned_self("spawned"));
  child.port.post_message("hello");
  EXPECT_EQ(child.port.receive()->string(), "child says hello");
  ::kill(child.pid, SIGKILL);
  EXPECT_FALSE(child.port.receive());
  EXPECT_EQ(child.port.close_reason(), CloseReason::peer_lost);
  while (::kill(child.pid, 0) == 0) context.run_once(std::chrono::milliseconds(10));  // reaped by the loop
}

TEST(Spawn, a_program_that_never_asks_for_its_port_closes_it_with_its_end) {
  BrokerThread broker;
  Context context({.broker = broker.directory()});
  fairway::Child child = context.spawn({"/bin/true"});
  std::optional<CloseReason> reason;
  child.port.on_close([&](CloseReason why) { reason = why; });
  while (!reason) ASSERT_TRUE(context.run_once(std::chrono::seconds(50)));
  EXPECT_EQ(*reason, CloseReason::peer_lost);
}

TEST(Spawn, a_missing_program_and_a_missing_parent_are_clear_errors) {
  BrokerThread broker;
  Context context({.broker = broker.directory()});
  std::string text;
  EXPECT_EQ(error_of([&] { context.spawn({"/no/such/program"}); }, &text), std::errc::no_such_file_or_directory);
  EXPECT_NE(text.find("/no/such/program"), std::string::npos) << text;
  EXPECT_EQ(error_of([&] { Context::from_parent({.broker = broker.directory()}); }), Errc::denied);
}

TEST(Missing, a_runtime_directory_that_cannot_be_or_is_too_long_is_a_clear_error) {
  std::string text;
  EXPECT_NE(error_of([&] { Broker broker({.directory = "/proc/fairway"}); }, &text), std::error_code());
  EXPECT_NE(text.find("/proc/fairway"), std::string::npos) << text;
  TemporaryDirectory directory;
  const auto long_path = directory.path() / std::string(150, 'x');
  EXPECT_EQ(error_of([&] { Broker broker({.directory = long_path}); }, &text), std::errc::filename_too_long);
  EXPECT_NE(text.find("at most"), std::string::npos) << text;
}

TEST(Missing, no_broker_and_none_that_could_be_started_is_no_broker) {
  TemporaryDirectory directory;
  ::setenv("FAIRWAYD", "/no/such/fairwayd", 1);
  std::string text;
  EXPECT_EQ(error_of([&] { Context context({.broker = directory.path()}); }, &text), Errc::no_broker);
  ::unsetenv("FAIRWAYD");
  EXPECT_NE(text.find("/no/such/fairwayd"), std::string::npos) << text;
}

TEST(Missing, descriptors_that_run_out_refuse_a_context_and_work_goes_on_when_they_are_back) {
  BrokerThread broker;
  Context one({.name = "one", .broker = broker.directory()});
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  rlimit few = before;
  few.rlim_cur = open_descriptors(::getpid()) + 1;
  ::setrlimit(RLIMIT_NOFILE, &few);
  std::string text;
  const std::error_code error = error_of([&] { Context two({.broker = broker.directory(), .broker_timeout = std::chrono::milliseconds(300)}); }, &text);
  ::setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_NE(error, std::error_code()) << text;
  Context three({.broker = broker.directory()});
  MessagePort port = three.connect("one");
  port.post_message("hello");
  std::optional<MessagePort> other;
  one.on_connect([&](MessageEvent& event) { other = std::move(event.ports[0]); });
  while (!other) one.run_once();
  EXPECT_EQ(other->receive()->string(), "hello");
}

TEST(Fork, the_childs_copies_are_dead_and_the_parent_notices_nothing) {
  BrokerThread broker;
  Child echo("echo", {broker.directory().native(), "block"});
  ASSERT_EQ(echo.line(), "ready");
  Context context({.broker = broker.directory()});
  MessagePort port = context.connect("echo");
  port.post_message("before");
  ASSERT_EQ(port.receive()->string(), "before");
  const pid_t pid = ::fork();
  if (pid == 0) {
    int result = 1;
    try {
      port.post_message("from the child");
    } catch (const DOMException& error) {
      result = error.name() == "InvalidStateError" ? 0 : 2;
    }
    { const MessagePort dies_here = std::move(port); }
    ::_exit(result);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_EQ(WEXITSTATUS(status), 0);
  port.post_message("after");
  EXPECT_EQ(port.receive()->string(), "after");
}

FAIRWAY_CHILD(on_demand) {
  Context context({.name = "c" + arguments.at(1), .broker = arguments.at(0)});
  say("joined");
  std::string line;
  while (hear(line)) {
  }
  return 0;
}

TEST(OnDemand, many_first_programs_start_one_broker) {
  TemporaryDirectory directory;
  std::vector<std::unique_ptr<Child>> children;
  for (int i = 0; i < 8; ++i)
    children.push_back(std::make_unique<Child>("on_demand", std::vector{directory.path().native(), std::to_string(i)}));
  for (auto& child : children) EXPECT_EQ(child->line(), "joined");
  Context context({.broker = directory.path()});
  for (int i = 0; i < 8; ++i) EXPECT_NO_THROW(context.connect("c" + std::to_string(i)));
  // It is somebody else's child: end it by the lock that it holds.
  std::string pid;
  for (const auto& name : std::filesystem::directory_iterator(directory.path() / "tables")) {
    const std::string target = std::filesystem::read_symlink(name.path());
    pid = target.substr(6, target.find('/', 6) - 6);
  }
  ASSERT_FALSE(pid.empty());
  ::kill(std::stoi(pid), SIGTERM);
  while (std::filesystem::exists(directory.path() / "socket")) context.run_once(std::chrono::milliseconds(10));
}

}  // namespace
}  // namespace fairway::test
