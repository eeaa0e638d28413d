// Processes that may not do everything: a filter forbids them a system call, they live in another pid namespace, or a control
// group limits their memory.
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <fairway/fairway.hpp>

#include "multiprocess/starvation.hpp"
#include "multiprocess/stream_roles.hpp"
#include "shm/layout.hpp"
#include "support/broker_thread.hpp"
#include "support/child.hpp"
#include "support/sanitized.hpp"
#include "support/temporary_directory.hpp"
#include "sys/memory.hpp"
#include "sys/runtime_dir.hpp"

namespace fairway::test {
namespace {

/// From here on that system call fails in this process, and in what it starts. False: filters are not to be had.
bool forbid(long call, int error) {
  const auto number = static_cast<std::uint32_t>(call);
  const auto result = SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(error);
  sock_filter program[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                           BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1), BPF_STMT(BPF_RET | BPF_K, result),
                           BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  const sock_fprog filter{4, program};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

/// A role with a system call forbidden. Arguments: call, errno, role, its arguments.
FAIRWAY_CHILD(filtered) {
  if (!forbid(std::stol(arguments.at(0)), std::stoi(arguments.at(1)))) {
    say("no filters");
    return 0;
  }
  return roles().at(arguments.at(2))({arguments.begin() + 3, arguments.end()});
}

std::vector<std::string> under_filter(long call, int error, std::vector<std::string> role) {
  role.insert(role.begin(), {std::to_string(call), std::to_string(error)});
  return role;
}

/// Many round trips, between which both sides sleep.
bool echoes(MessagePort& port, int times) {
  for (int i = 0; i < times; ++i) {
    port.post_message(std::to_string(i));
    const auto answer = port.receive(Child::watchdog());
    if (!answer || answer->string() != std::to_string(i)) return false;
  }
  return true;
}

/// Arguments: directory.
FAIRWAY_CHILD(talker) {
  Context context({.broker = arguments.at(0), .wait = Wait::block});
  MessagePort port = context.connect("echo");
  say(echoes(port, 1000) ? "talked" : "did not talk");
  std::string line;
  hear(line);
  return 0;
}

/// What the halves of the only link say of membarrier, in the order of their sides.
std::string halves(const std::filesystem::path& directory) {
  std::string all;
  for (const char* const name : {"link-1.1", "link-1.2"}) {
    const sys::Fd fd = sys::open_name(sys::segments_path(directory) / name);
    const sys::Mapping memory(fd.get(), shm::small_segment, sys::Mapping::Access::read);
    all += std::to_string(reinterpret_cast<const shm::LinkSegment*>(memory.bytes().data())->membarrier.load());
  }
  return all;
}

class Filter : public testing::TestWithParam<int> {};

TEST_P(Filter, without_membarrier_in_either_process_nothing_is_slept_on_and_the_other_side_knows) {
  for (const bool writer : {true, false}) {
    BrokerThread broker;
    const std::string directory = broker.directory().native();
    const auto start = [&](bool filtered, const std::vector<std::string>& role) {
      const std::vector<std::string> arguments(role.begin() + 1, role.end());
      return filtered ? std::make_unique<Child>("filtered", under_filter(SYS_membarrier, GetParam(), role))
                      : std::make_unique<Child>(role[0], arguments);
    };
    const auto echo = start(!writer, {"echo", directory, "block"});
    std::string line = echo->line();
    if (line == "no filters") GTEST_SKIP() << "this system has no seccomp filters";
    ASSERT_EQ(line, "ready");
    const auto talker = start(writer, {"talker", directory});
    ASSERT_EQ(talker->line(), "talked");
    EXPECT_EQ(halves(broker.directory()), writer ? "10" : "01") << "the echo came first";
    talker->close_input();
    EXPECT_EQ(talker->wait(), 0);
  }
}

TEST_P(Filter, without_memfd_create_in_the_broker_every_context_gets_one_clear_error_and_in_a_context_nothing_changes) {
  {
    TemporaryDirectory directory;
    Child broker("filtered", under_filter(SYS_memfd_create, GetParam(), {"broker", directory.path().native()}));
    const std::string line = broker.line();
    if (line == "no filters") GTEST_SKIP() << "this system has no seccomp filters";
    ASSERT_EQ(line, "ready");
    for (int i = 0; i < 2; ++i) {
      const std::string error = error_of([&] { Context context({.broker = directory.path()}); });
      EXPECT_NE(error.find("memfd_create"), std::string::npos) << error;
      EXPECT_NE(error.find(std::generic_category().message(GetParam())), std::string::npos) << error;
    }
    broker.close_input();
    EXPECT_EQ(broker.line(), "done");
  }
  BrokerThread broker;
  Child echo("filtered", under_filter(SYS_memfd_create, GetParam(), {"echo", broker.directory().native(), "block"}));
  ASSERT_EQ(echo.line(), "ready");
  Context context({.broker = broker.directory()});
  MessagePort port = context.connect("echo");
  EXPECT_TRUE(echoes(port, 10));
}

INSTANTIATE_TEST_SUITE_P(, Filter, testing::Values(EPERM, ENOSYS), [](const auto& error) {
  return std::string(error.param == EPERM ? "eperm" : "enosys");
});

// Pid namespaces --------------------------------------------------------------------------------------------

/// The program that runs another one as the first process of its own pid namespace; empty: this system does not let us.
std::vector<std::string> own_pids() {
  std::vector<std::string> words{"unshare", "--pid", "--fork", "--kill-child"};
  if (::geteuid() != 0) words.insert(words.begin() + 1, {"--user", "--map-current-user"});
  std::string command;
  for (const std::string& word : words) command += word + " ";
  return std::system((command + "true > /dev/null 2>&1").c_str()) == 0 ? words : std::vector<std::string>();
}

TEST(PidNamespace, of_a_context_is_no_barrier_and_its_death_is_noticed) {
  const auto unshare = own_pids();
  if (unshare.empty()) GTEST_SKIP() << "this system lets us make no pid namespace";
  BrokerThread broker;
  Child echo("echo", {broker.directory().native(), "block"}, {}, unshare);
  ASSERT_EQ(echo.line(), "ready");
  Context context({.broker = broker.directory(), .wait = Wait::block});
  MessagePort port = context.connect("echo");
  EXPECT_TRUE(echoes(port, 100));
  echo.kill(SIGKILL);
  EXPECT_FALSE(port.receive(Child::watchdog()));
  EXPECT_EQ(port.close_reason(), CloseReason::peer_lost);
}

TEST(PidNamespace, of_the_broker_is_no_barrier_and_deaths_are_noticed_through_it) {
  const auto unshare = own_pids();
  if (unshare.empty()) GTEST_SKIP() << "this system lets us make no pid namespace";
  TemporaryDirectory directory;
  Child broker("broker", {directory.path().native()}, {}, unshare);
  ASSERT_EQ(broker.line(), "ready");
  Child echo("echo", {directory.path().native(), "block"});
  ASSERT_EQ(echo.line(), "ready");
  Context context({.broker = directory.path(), .wait = Wait::block});
  MessagePort port = context.connect("echo");
  EXPECT_TRUE(echoes(port, 100));
  echo.kill(SIGKILL);
  EXPECT_FALSE(port.receive(Child::watchdog()));
  EXPECT_EQ(port.close_reason(), CloseReason::peer_lost);
  broker.close_input();
  EXPECT_EQ(broker.line(), "done") << "without a complaint";
}

// Control groups --------------------------------------------------------------------------------------------

/// A control group whose processes together have 64 MiB.
class LimitedGroup {
 public:
  LimitedGroup() {
    std::ifstream own("/proc/self/cgroup");  // "NUMBER:CONTROLLERS:PATH", of version 2 without controllers
    for (std::string line; launcher_.empty() && std::getline(own, line);) {
      const std::size_t first = line.find(':'), second = line.find(':', first + 1);
      const std::string controllers = line.substr(first + 1, second - first - 1), path = line.substr(second + 1);
      if (controllers.empty()) make("/sys/fs/cgroup" + path, "memory.max");
      if (controllers == "memory") make("/sys/fs/cgroup/memory" + path, "memory.limit_in_bytes");
    }
    if (launcher_.empty() && std::system("systemd-run --user --scope --quiet -p MemoryMax=64M true > /dev/null 2>&1") == 0)
      launcher_ = {"systemd-run", "--user", "--scope", "--quiet", "-p", "MemoryMax=64M", "-p", "MemorySwapMax=0"};
  }
  ~LimitedGroup() {
    if (!directory_.empty()) std::filesystem::remove(directory_);
  }

  /// What runs a program in it; empty: the memory controller is not ours to use.
  const std::vector<std::string>& launcher() const { return launcher_; }

 private:
  void make(const std::filesystem::path& parent, const char* limit) {
    const std::filesystem::path group = parent / ("fairway-test-" + std::to_string(::getpid()));
    std::error_code error;
    if (!std::filesystem::create_directory(group, error)) return;
    if (!(std::ofstream(group / limit) << "64M" << std::flush)) {
      std::filesystem::remove(group);
      return;
    }
    directory_ = group;
    launcher_ = {"sh", "-c", "echo $$ > " + (group / "cgroup.procs").native() + " && exec \"$@\"", "sh"};
  }

  std::filesystem::path directory_;
  std::vector<std::string> launcher_;
};

/// Posts more than its control group lets it have, to somebody who does not read. Arguments: directory.
FAIRWAY_CHILD(glutton) {
  Context context({.broker = arguments.at(0)});
  MessagePort port = context.connect("reader");
  Stream stream(1, 3000, 4 * mebibyte);
  say(error_of([&] {
    for (std::uint64_t n = 0; n < 20'000; ++n) port.post_message(stream.message(n));
  }));
  return 0;
}

TEST(ControlGroup, whose_memory_is_used_up_costs_its_process_and_nobody_else) {
  if (sanitized) GTEST_SKIP() << "sanitizers need memory of their own";
  const LimitedGroup group;
  if (group.launcher().empty()) GTEST_SKIP() << "no control group is ours to limit, and systemd-run --user --scope fails";
  BrokerThread broker;
  Context context({.name = "reader", .broker = broker.directory()});
  MessagePort port;
  context.on_connect([&](MessageEvent& event) { port = std::move(event.ports[0]); });
  Child glutton("glutton", {broker.directory().native()}, {}, group.launcher());
  while (!port) ASSERT_TRUE(context.run_once(Child::watchdog()));
  EXPECT_TRUE(glutton.wait() == -SIGKILL || !glutton.line().empty()) << "it is ended by the kernel, or told";
  Stream stream(1, 3000, 4 * mebibyte);
  std::uint64_t count = 0;
  while (const auto event = port.receive(Child::watchdog())) EXPECT_TRUE(stream.is_message(count++, event->bytes()));
  EXPECT_TRUE(port.close_reason().has_value()) << "what it had posted came, and then the end";
  Child echo("echo", {broker.directory().native(), "block"});
  ASSERT_EQ(echo.line(), "ready");
  MessagePort other = context.connect("echo");
  EXPECT_TRUE(echoes(other, 10)) << "the broker goes on";
}

}  // namespace
}  // namespace fairway::test
