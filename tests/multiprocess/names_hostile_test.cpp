// Segments opened by their names in the runtime directory, by processes that no broker has given them to.
#include <gtest/gtest.h>

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>

#include <fairway/fairway.hpp>

#include "support/child.hpp"
#include "support/temporary_directory.hpp"

namespace fairway::test {
namespace {

constexpr unsigned another_user = 65534;

/// From here on this process is as weak as any other of its user.
void be_ordinary() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[2]{};
  ::syscall(SYS_capset, &header, none);
  ::prctl(PR_SET_DUMPABLE, 1);  // which the loss of capabilities, or a change of the user, takes away
}

FAIRWAY_CHILD(names_broker) {
  be_ordinary();
  Broker broker({.directory = arguments.at(0), .private_names = arguments.at(1) == "private"});
  say("ready");
  broker.run();
  return 0;
}

/// Opens each path that it is told, and says how much it can do with it.
FAIRWAY_CHILD(stranger) {
  if (arguments.at(0) == "of another user" && ::setresuid(another_user, another_user, another_user) != 0) return 1;
  be_ordinary();
  say("ready");
  for (std::string path; hear(path);) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    const int writable = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
    const bool maps = writable >= 0 && ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, writable, 0) != MAP_FAILED;
    say(maps ? "writes" : fd >= 0 || writable >= 0 ? "reads" : "nothing");
  }
  return 0;
}

/// Two contexts, a channel between them, and a broker in a process of its own.
class SegmentNames : public testing::Test {
 protected:
  void start(const std::string& kind) {
    broker_.emplace("names_broker", std::vector<std::string>{directory_.path().native(), kind});
    ASSERT_EQ(broker_->line(), "ready");
    for (const char* const name : {"a", "b"}) contexts_.emplace_back(Context::Options{.name = name, .broker = directory_.path()});
    port_ = contexts_[0].connect("b");
    port_.post_message("confidential 4711");
    const auto deadline = std::chrono::steady_clock::now() + Child::watchdog();
    const auto half = [](const auto& entry) { return entry.path().filename().native().starts_with("ch-"); };
    while (paths_.empty() && std::chrono::steady_clock::now() < deadline) {
      for (Context& context : contexts_) context.poll();
      for (const auto& entry : std::filesystem::directory_iterator(directory_.path() / "segments"))
        if (half(entry)) paths_.insert(paths_.end(), {entry.path(), std::filesystem::read_symlink(entry.path())});
    }
    ASSERT_FALSE(paths_.empty());
  }
  void expect_of(const std::string& stranger, const std::string& what) {
    Child child("stranger", {stranger});
    ASSERT_EQ(child.line(), "ready");
    for (const std::filesystem::path& path : paths_) EXPECT_EQ(child.ask(path.native()), what) << path;
  }

  TemporaryDirectory directory_;
  std::optional<Child> broker_;
  std::deque<Context> contexts_;
  MessagePort port_;
  std::vector<std::filesystem::path> paths_;  ///< their names, and what these lead to
};

TEST_F(SegmentNames, of_a_private_broker_open_for_nobody) {
  ASSERT_NO_FATAL_FAILURE(start("private"));
  expect_of("of the same user", "nothing");
}

TEST_F(SegmentNames, can_be_read_and_not_written_by_the_same_user) {
  ASSERT_NO_FATAL_FAILURE(start("open"));
  expect_of("of the same user", "reads");
}

TEST_F(SegmentNames, open_for_no_other_user) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can be another user";
  ASSERT_NO_FATAL_FAILURE(start("open"));
  expect_of("of another user", "nothing");
}

}  // namespace
}  // namespace fairway::test
