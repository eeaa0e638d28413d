// What the sweep over system calls found, by name: each of these failures once broke something, hung, or was told wrongly.
#include <gtest/gtest.h>

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>

#include <fairway/fairway.hpp>

#include "faults/call_faults.hpp"
#include "support/broker_thread.hpp"
#include "support/child.hpp"
#include "sys/poller.hpp"
#include "sys/process.hpp"
#include "sys/runtime_dir.hpp"
#include "sys/socket.hpp"

namespace fairway::test {
namespace {

using sys::Call;

constexpr auto call_count = static_cast<std::size_t>(Call::count);
std::array<std::atomic<int>, call_count> failures_left;
std::array<std::atomic<int>, call_count> failure_error;
std::array<std::atomic<int>, call_count> calls_made;

/// Before any thread is there.
[[maybe_unused]] const bool installed = [] {
  sys::fault = [](Call call) -> int {
    const auto index = static_cast<std::size_t>(call);
    ++calls_made[index];
    int left = failures_left[index];
    while (left > 0 && !failures_left[index].compare_exchange_weak(left, left - 1)) {
    }
    return left > 0 ? failure_error[index].load() : 0;
  };
  return true;
}();

/// The next calls of that name fail, in whatever thread.
class Failing {
 public:
  Failing(Call call, int error, int times = 1) : index_(static_cast<std::size_t>(call)) {
    failure_error[index_] = error;
    failures_left[index_] = times;
  }
  ~Failing() { failures_left[index_] = 0; }
  Failing(const Failing&) = delete;

  bool over() const { return failures_left[index_] == 0; }

 private:
  std::size_t index_;
};

template <class Action>
std::string error_of(Action&& action) {
  try {
    action();
  } catch (const std::system_error& error) {
    return error.what();
  }
  return {};
}

/// Waits for another thread; false: it does not come to it.
template <class Condition>
bool comes_true(Condition&& condition) {
  const auto end = std::chrono::steady_clock::now() + Child::watchdog() / 2;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

bool echoes(MessagePort& port, const std::string& text) {
  port.post_message(text);
  const auto answer = port.receive(Child::watchdog() / 2);
  return answer && answer->string() == text;
}

/// A broker, and a context that talks to an echo in another process.
class CallFault : public testing::Test {
 protected:
  CallFault() {
    if (echo_.line() != "ready") throw std::runtime_error("no echo");
    held_ = holder_.connect("echo");
  }

  BrokerThread broker_;
  Child echo_{"echo", {broker_.directory().native(), "block"}};
  Context holder_{{.broker = broker_.directory()}};
  MessagePort held_;  ///< an echo ends with its last port
  Context context_{{.broker = broker_.directory(), .wait = Wait::block}};
};

TEST_F(CallFault, a_message_to_or_from_the_broker_that_the_kernel_has_no_memory_for_comes_later) {
  for (const int error : {ENOMEM, ENOBUFS, ETOOMANYREFS}) {
    const Failing sends(Call::sendmsg, error, 3);
    const Failing receives(Call::recvmsg, ENOMEM, 3);
    MessagePort port = context_.connect("echo");
    EXPECT_TRUE(echoes(port, "hello"));
    EXPECT_TRUE(sends.over());
  }
}

TEST_F(CallFault, a_loop_of_somebody_else_sleeps_again_when_the_broker_has_taken_what_the_kernel_refused) {
  MessagePort port = context_.connect("echo");
  ASSERT_TRUE(echoes(port, "hello"));
  MessageChannel channel(context_);
  const Failing sends(Call::sendmsg, EAGAIN);
  port.post_message("take it", {.transfer = {channel.port2}});
  ASSERT_TRUE(sends.over());
  EXPECT_TRUE(comes_true([&] {
    context_.poll();
    return context_.prepare_to_sleep();
  }));
}

TEST_F(CallFault, a_doorbell_that_the_kernel_has_no_memory_for_is_rung_again) {
  MessagePort port = context_.connect("echo");
  ASSERT_TRUE(echoes(port, "hello"));
  const Failing rings(Call::send_doorbell, ENOBUFS);
  do {  // one that is still awake needs no ring
    ASSERT_TRUE(echoes(port, "once more"));
  } while (!rings.over());
}

TEST_F(CallFault, a_doorbell_that_cannot_be_watched_is_looked_at_now_and_then) {
  const Failing watches(Call::epoll_add, ENOSPC);
  MessagePort port = context_.connect("echo");
  EXPECT_TRUE(echoes(port, "hello"));
  EXPECT_TRUE(watches.over());
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(echoes(port, std::to_string(i)));
}

TEST_F(CallFault, a_child_that_cannot_be_watched_is_ended) {
  const Failing opens(Call::pidfd_open, EMFILE);
  const std::string error = error_of([&] { context_.spawn({"/bin/sleep", "1000"}); });
  EXPECT_NE(error.find("pidfd_open: /bin/sleep"), std::string::npos) << error;
  echo_.kill(SIGKILL);
  echo_.wait();
  errno = 0;
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD) << "it runs, or nobody has reaped it";
}

TEST_F(CallFault, a_broker_whose_spare_descriptor_was_taken_accepts_nobody_until_it_has_it_back) {
  std::atomic<int>& spares = calls_made[static_cast<std::size_t>(Call::open_spare)];
  for (int round = 0; round < 2; ++round) {
    const int before = spares;
    const Failing accepts(Call::accept, EMFILE);
    const Failing opens(Call::open_spare, EMFILE, 3);
    const std::string error = error_of([&] { Context another({.broker = broker_.directory()}); });
    EXPECT_NE(error.find("RLIMIT_NOFILE"), std::string::npos) << error;
    EXPECT_TRUE(comes_true([&] { return spares == before + 4; })) << "it does not ask again";
    MessagePort port = Context({.broker = broker_.directory()}).connect("echo");
  }
}

TEST_F(CallFault, a_name_that_cannot_be_removed_goes_when_it_can_be) {
  const std::filesystem::path folder = sys::segments_path(broker_.directory());
  {
    const Failing removes(Call::unlink_name, EPERM, 2);
    {
      Context another({.broker = broker_.directory()});
      MessagePort port = another.connect("echo");
      ASSERT_TRUE(echoes(port, "hello"));
    }
    EXPECT_TRUE(comes_true([&] { return removes.over(); }));
  }
  {
    Context another({.broker = broker_.directory()});
    MessagePort port = another.connect("echo");
    ASSERT_TRUE(echoes(port, "hello"));
  }
  EXPECT_TRUE(comes_true([&] { 
    return std::ranges::all_of(sys::list_names(folder), [](const std::string& name) { return name.starts_with("link-1."); });
  })) << "nothing is left but the link of who holds the echo";
}

TEST(CallFaultInSys, an_interruption_is_no_failure) {
  sys::WakeUp wake_up;
  const Failing writes(Call::eventfd_write, EINTR);
  wake_up.set();
  EXPECT_TRUE(sys::wait_readable(wake_up.fd(), Timeout::zero()));

  const std::int64_t pid = sys::start_process({"/bin/true"}, {});
  const sys::Fd pidfd = sys::open_pidfd(pid);
  ASSERT_TRUE(sys::wait_readable(pidfd.get(), Child::watchdog()));
  const Failing waits(Call::waitid_child, EINTR);
  EXPECT_TRUE(sys::reap(pidfd.get()));

  const TemporaryDirectory directory;
  const Failing locks(Call::flock_broker, EINTR);
  EXPECT_TRUE(sys::try_lock(directory.path())) << "nobody else has it";
}

using Step = std::tuple<Call, int, std::string>;

class StartFault : public testing::TestWithParam<Step> {};

TEST_P(StartFault, who_cannot_start_a_broker_hears_which_call_failed) {
  const auto& [call, error, name] = GetParam();
  const TemporaryDirectory directory;
  ::setenv("FAIRWAYD", "/bin/true", 1);
  const Failing fails(call, error);
  const std::string text = error_of([&] { Context context({.broker = directory.path()}); });
  ::unsetenv("FAIRWAYD");
  EXPECT_NE(text.find("/bin/true could not be started there: " + name + ": "), std::string::npos) << text;
  EXPECT_NE(text.find(std::generic_category().message(error)), std::string::npos) << text;
}

INSTANTIATE_TEST_SUITE_P(, StartFault,
                         testing::Values(Step{Call::pipe_report, EMFILE, "pipe2"}, Step{Call::fork_middle, EAGAIN, "fork"},
                                         Step{Call::fork_program, ENOMEM, "fork"}, Step{Call::open_null, ENFILE, "open: /dev/null"},
                                         Step{Call::dup_report, EMFILE, "dup2"}, Step{Call::dup_null, EMFILE, "dup2"},
                                         Step{Call::chdir, ENOMEM, "chdir: /"}, Step{Call::execvp, ENOMEM, "execvp"}),
                         [](const auto& step) { return std::string(call_points[static_cast<std::size_t>(std::get<0>(step.param))].name); });

}  // namespace
}  // namespace fairway::test
