// Descriptors run out in one of the processes: what needs them is refused with a word about RLIMIT_NOFILE, what is there goes
// on, and all is well when there are some again.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <deque>
#include <string>
#include <vector>

#include <fairway/fairway.hpp>

#include "multiprocess/starvation.hpp"
#include "multiprocess/village.hpp"
#include "support/child.hpp"

namespace fairway::test {
namespace {

bool echoes(MessagePort& port, std::size_t size) {
  port.post_message(std::vector<std::byte>(size));
  const auto answer = port.receive(Child::watchdog());
  return answer && answer->bytes().size() == size;
}

/// Every free descriptor of this process, until it goes.
class Fillers {
 public:
  Fillers() {
    for (int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC); fd >= 0; fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC)) fds_.push_back(fd);
  }
  ~Fillers() {
    for (const int fd : fds_) ::close(fd);
  }
  Fillers(const Fillers&) = delete;

  std::size_t count() const { return fds_.size(); }

 private:
  std::vector<int> fds_;
};

/// Arguments: directory.
FAIRWAY_CHILD(of_few_descriptors) {
  say_log();
  const rlimit few{16, 16};
  ::setrlimit(RLIMIT_NOFILE, &few);
  Context context({.broker = arguments.at(0)});
  MessagePort port = context.connect("echo");
  MessagePort large = context.connect("echo");
  say(echoes(port, 10) && echoes(large, 10) ? "talks" : "does not talk");
  std::deque<Context> others;
  const std::string error = error_of([&] {
    while (others.size() < 100) others.emplace_back(Context::Options{.broker = arguments.at(0)});
  });
  say(std::to_string(others.size()) + " more: " + error);
  others.clear();
  {
    const Fillers none;
    large.post_message(std::vector<std::byte>(5 * mebibyte));
    bool all = none.count() > 0;
    for (int i = 0; i < 100; ++i) all = echoes(port, 10) && all;
    say(all ? "talks with none" : "does not talk");
  }
  const auto answer = large.receive(Child::watchdog());
  say(answer && answer->bytes().size() == 5 * mebibyte ? "talks again" : "does not talk");
  return 0;
}

TEST(ScarceDescriptors, a_process_of_16_descriptors_talks_and_what_finds_none_waits_or_is_told) {
  Village village("block");
  Child child("of_few_descriptors", {village.directory.path().native()});
  EXPECT_EQ(child.line(), "talks");
  const std::string more = line_with(child, " more: ");
  EXPECT_FALSE(more.starts_with("0 ")) << more;
  EXPECT_NE(more.find("Too many open files"), std::string::npos) << more;
  const std::string complaint = line_with(child, "log: ");
  EXPECT_NE(complaint.find("a segment cannot be mapped"), std::string::npos) << complaint;
  EXPECT_EQ(line_with(child, "talk"), "talks with none");
  EXPECT_EQ(line_with(child, "talk"), "talks again");
  EXPECT_EQ(child.wait(), 0);
}

TEST(ScarceDescriptors, a_broker_without_any_refuses_by_the_limits_name_and_goes_on) {
  Village village("block");
  Context context({.broker = village.directory.path()});
  MessagePort port = context.connect("echo");
  ASSERT_TRUE(echoes(port, 10));
  {
    const Limit limit(village.broker.pid(), RLIMIT_NOFILE, 40);
    std::deque<Context> others;
    const std::string error = error_of([&] {
      while (others.size() < 100) others.emplace_back(Context::Options{.broker = village.directory.path()});
    });
    EXPECT_NE(error.find("RLIMIT_NOFILE"), std::string::npos) << error << " after " << others.size();
    const std::string again = error_of([&] { Context one_more({.broker = village.directory.path()}); });
    EXPECT_NE(again.find("RLIMIT_NOFILE"), std::string::npos) << again << ": the spare descriptor is for every refusal";
    EXPECT_TRUE(echoes(port, 10)) << "channels are none of the broker's business";
    port.post_message(std::vector<std::byte>(5 * mebibyte));  // for which it has no segment
    others.clear();
  }
  const auto answer = port.receive(Child::watchdog());
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->bytes().size(), 5 * mebibyte);
  Context later({.broker = village.directory.path()});
  MessagePort new_port = later.connect("echo");
  EXPECT_TRUE(echoes(new_port, 10));
}

}  // namespace
}  // namespace fairway::test
