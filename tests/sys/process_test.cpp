#include "sys/process.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <system_error>

#include "support/child.hpp"
#include "support/temporary_directory.hpp"

namespace fs = std::filesystem;

namespace fairway::sys {
namespace {

const std::string& self() {
  static const std::string path = fs::read_symlink("/proc/self/exe");
  return path;
}

FAIRWAY_CHILD(exits_with) { return std::stoi(arguments.at(0)); }

FAIRWAY_CHILD(exits_when_told) {
  test::say("ready");
  std::string line;
  test::hear(line);
  return 0;
}

FAIRWAY_CHILD(checks_variables) {
  const bool good = std::getenv("FAIRWAY_TEST_ADDED") != nullptr && std::string(std::getenv("FAIRWAY_TEST_ADDED")) == "new=value" &&
                    std::getenv("PATH") != nullptr;
  return good ? 0 : 1;
}

/// A pipe with a name, over which a detached program tells about itself.
class Line {
 public:
  Line() : path_(directory_.path() / "line") {
    if (::mkfifo(path_.c_str(), 0600) != 0) throw std::runtime_error("mkfifo failed");
    fd_ = Fd(::open(path_.c_str(), O_RDWR | O_CLOEXEC));
  }
  const std::string& path() const { return path_.native(); }
  std::string read() const {
    pollfd entry{fd_.get(), POLLIN, 0};
    if (::poll(&entry, 1, 60'000) != 1) throw std::runtime_error("watchdog: nothing came");
    char text[512] = {};
    const ssize_t size = ::read(fd_.get(), text, sizeof text);
    return {text, static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
  }

 private:
  test::TemporaryDirectory directory_;
  fs::path path_;
  Fd fd_;
};

void tell(const std::string& path, const std::string& text) {
  const Fd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  [[maybe_unused]] const ssize_t written = ::write(fd.get(), text.data(), text.size());
}

FAIRWAY_CHILD(is_ready) {
  std::size_t descriptors = 0;
  for ([[maybe_unused]] const auto& entry : fs::directory_iterator("/proc/self/fd")) ++descriptors;
  std::ostringstream about;
  about << "descriptors " << descriptors - 1 << ", directory " << fs::current_path().native() << ", session " << ::getsid(0);
  tell(arguments.at(0), about.str());
  report_ready();
  return 0;
}

FAIRWAY_CHILD(cannot_be_ready) {
  report_failure("the house is full");
  return 1;
}

FAIRWAY_CHILD(is_never_ready) {
  ::alarm(60);
  tell(arguments.at(0), std::to_string(::getpid()));
  for (;;) ::pause();
}

TEST(Process, ItsEndIsSeenAndReapedOnce) {
  const std::int64_t pid = start_process({self(), "--child", "exits_with", "7"}, {});
  const Fd pidfd = open_pidfd(pid);
  ASSERT_TRUE(pidfd);
  EXPECT_NE(::fcntl(pidfd.get(), F_GETFD) & FD_CLOEXEC, 0);
  pollfd entry{pidfd.get(), POLLIN, 0};
  ASSERT_EQ(::poll(&entry, 1, 60'000), 1);
  EXPECT_TRUE(has_ended(pidfd.get()));
  EXPECT_TRUE(reap(pidfd.get()));
  EXPECT_FALSE(reap(pidfd.get()));
  EXPECT_TRUE(has_ended(pidfd.get()));
  EXPECT_EQ(command_of(pid), "");
}

TEST(Process, WhatStillRunsIsNotReaped) {
  test::Child child("exits_when_told");
  ASSERT_EQ(child.line(), "ready");
  const Fd pidfd = open_pidfd(child.pid());
  EXPECT_FALSE(has_ended(pidfd.get()));
  EXPECT_FALSE(reap(pidfd.get()));
  child.kill(SIGSTOP);
  ASSERT_TRUE(child.wait_until_stopped());
  EXPECT_FALSE(has_ended(pidfd.get())) << "a process that is stopped is not dead";
  child.kill(SIGCONT);
  child.close_input();
  EXPECT_EQ(child.wait(), 0) << "somebody else's child is left to them";
}

TEST(Process, NobodyHasNoPidfd) {
  EXPECT_FALSE(open_pidfd(0x3fffffff));
  EXPECT_FALSE(open_pidfd(-1));
  EXPECT_FALSE(has_ended(-1));
}

TEST(Process, ItsEnvironmentIsOursAndWhatIsAdded) {
  ::setenv("FAIRWAY_TEST_ADDED", "old", 1);
  const std::int64_t pid = start_process({self(), "--child", "checks_variables"}, {{"FAIRWAY_TEST_ADDED", "new=value"}});
  ::unsetenv("FAIRWAY_TEST_ADDED");
  int status = -1;
  ASSERT_EQ(::waitpid(static_cast<pid_t>(pid), &status, 0), pid);
  EXPECT_EQ(status, 0);
}

TEST(Process, AProgramThatIsNotThereIsNamed) {
  try {
    start_process({"no-such-program-of-fairway"}, {});
    FAIL();
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), ENOENT);
    EXPECT_NE(std::string(error.what()).find("no-such-program-of-fairway"), std::string::npos);
  }
}

class DetachedProgram : public testing::Test {
 protected:
  std::string why;
};

TEST_F(DetachedProgram, ItSaysWhenItIsReadyAndIsNobodysChild) {
  const Line line;
  EXPECT_EQ(start_detached({self(), "--child", "is_ready", line.path()}, std::chrono::seconds(60), why), Started::ready);
  const std::string about = line.read();
  const std::string before_session = "descriptors 4, directory /, session ";  // three streams and the report
  ASSERT_TRUE(about.starts_with(before_session)) << about;
  EXPECT_NE(std::stoi(about.substr(before_session.size())), ::getsid(0));
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

TEST_F(DetachedProgram, OneThatIsNotThereHasFailed) {
  EXPECT_EQ(start_detached({"no-such-program-of-fairway"}, std::chrono::seconds(60), why), Started::failed);
  EXPECT_EQ(start_detached({"/"}, std::chrono::seconds(60), why), Started::failed);
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
}

TEST_F(DetachedProgram, OneThatEndsBeforeItIsReadyHasFailed) {
  EXPECT_EQ(start_detached({self(), "--child", "exits_with", "0"}, std::chrono::seconds(60), why), Started::failed);
  EXPECT_EQ(why, "");
}

TEST_F(DetachedProgram, OneThatSaysWhyItCannotBeReadyHasFailed) {
  EXPECT_EQ(start_detached({self(), "--child", "cannot_be_ready"}, std::chrono::seconds(60), why), Started::failed);
  EXPECT_EQ(why, "the house is full");
}

TEST_F(DetachedProgram, OneThatSaysNothingTimesOut) {
  const Line line;
  const std::uint64_t start = now_ns();
  EXPECT_EQ(start_detached({self(), "--child", "is_never_ready", line.path()}, std::chrono::milliseconds(50), why), Started::timed_out);
  EXPECT_GE(now_ns() - start, 50'000'000u);
  ::kill(std::stoi(line.read()), SIGKILL);
}

TEST_F(DetachedProgram, APathIsRelativeToTheDirectoryOfWhoStartsIt) {
  const test::TemporaryDirectory directory;
  const Line line;
  fs::create_symlink(self(), directory.path() / "program");
  const fs::path before = fs::current_path();
  fs::current_path(directory.path());
  EXPECT_EQ(start_detached({"./program", "--child", "is_ready", line.path()}, std::chrono::seconds(60), why), Started::ready);
  fs::current_path(before);
}

TEST(Process, AForkedChildKnowsThatItIsOne) {
  count_forks();
  const unsigned before = fork_generation();
  const pid_t child = ::fork();
  if (child == 0) ::_exit(fork_generation() == before + 1 ? 0 : 1);
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(fork_generation(), before);
}

TEST(Process, ItKnowsItselfAndItsTime) {
  EXPECT_EQ(process_id(), ::getpid());
  EXPECT_EQ(user_id(), ::geteuid());
  EXPECT_EQ(command_of(::getpid()), fs::path(self()).filename().native().substr(0, 15));
  const std::uint64_t now = now_ns();
  EXPECT_GE(now_ns(), now);
  EXPECT_NE(random_128(), random_128());
  EXPECT_GT(raise_descriptor_limit(), 0u);
}

TEST(Process, ABarrierNeedsARegistration) {
  if (!register_membarrier()) GTEST_SKIP() << "this kernel has no membarrier";
  EXPECT_TRUE(register_membarrier());
  EXPECT_TRUE(global_barrier());
}

}  // namespace
}  // namespace fairway::sys
