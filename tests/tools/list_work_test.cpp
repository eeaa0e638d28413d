// `fairway ls` on many channels: its work grows with them, and by how much. Counted, not timed.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <deque>
#include <iostream>
#include <vector>

#include <boost/json.hpp>
#include <fairway/fairway.hpp>

#include "support/broker_thread.hpp"
#include "support/sanitized.hpp"
#include "support/tracing.hpp"
#include "tools/run.hpp"

namespace fairway::test {
namespace {

/// So many channels between two contexts of this thread, each used both ways: both halves are open.
class ManyChannels {
 public:
  explicit ManyChannels(std::size_t channels) {
    sink_.on_connect([this](MessageEvent& event) {
      theirs_.push_back(std::move(event.ports[0]));
      theirs_.back().on_message([&port = theirs_.back()](MessageEvent& heard) { port.post_message(heard.string()); });
    });
    for (std::size_t i = 0; i < channels; ++i) {
      mine_.push_back(player_.connect("sink"));
      mine_.back().on_message([this](MessageEvent&) { ++answers_; });
      mine_.back().post_message("hello");
    }
    while (answers_ < channels) {
      sink_.run_once(std::chrono::milliseconds(5));
      player_.run_once(std::chrono::milliseconds(5));
    }
  }
  std::string directory() const { return broker_.directory().native(); }

 private:
  BrokerThread broker_;
  Context sink_{ContextOptions{.name = "sink", .broker = broker_.directory()}};
  Context player_{ContextOptions{.name = "player", .broker = broker_.directory()}};
  std::deque<MessagePort> theirs_;
  std::deque<MessagePort> mine_;
  std::size_t answers_ = 0;
};

/// Of the children that have ended.
double processor_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_CHILDREN, &usage);
  const auto seconds = [](const timeval& time) { return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

std::uint64_t calls_of_ls(std::size_t channels) {
  const ManyChannels many(channels);
  TemporaryDirectory directory;
  const std::filesystem::path summary = directory.path() / "calls";
  const std::string command = "strace -f -c -o " + summary.native() + " " FAIRWAY_INSPECTOR " --broker " + many.directory() + " ls > /dev/null";
  EXPECT_EQ(std::system(command.c_str()), 0);
  return system_calls(summary);
}

TEST(ListWork, a_channel_costs_sixteen_system_calls) {
  if (sanitized) GTEST_SKIP() << "a sanitizer has system calls of its own";
  if (!can_trace()) GTEST_SKIP() << "strace is missing, or may not trace here";
  const std::uint64_t few = calls_of_ls(20);
  const std::uint64_t more = calls_of_ls(220);
  ASSERT_GT(more, few);
  std::cout << static_cast<double>(more - few) / 200 << " system calls for each channel\n";
  EXPECT_LE(more - few, 200u * 17);
}

TEST(ListWork, eight_thousand_channels_are_all_listed) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  // The broker, in this process, needs two descriptors for each channel.
  const std::size_t channels = std::min<std::size_t>(std::getenv("FAIRWAY_LONG") != nullptr ? 8000 : 1000, (limit.rlim_max - 200) / 2);
  const ManyChannels many(channels);
  const auto start = std::chrono::steady_clock::now();
  const double used = processor_seconds();
  const Outcome text = inspect({"--broker", many.directory(), "ls"});
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  ASSERT_EQ(text.code, 0) << text.err;
  EXPECT_EQ(static_cast<std::size_t>(std::ranges::count(text.out, '\n')), 2 * channels + 7);
  std::cout << channels << " channels listed in " << seconds.count() << " s, " << processor_seconds() - used << " s of processor time\n";
  const auto list = boost::json::parse(inspect({"--broker", many.directory(), "ls", "--json"}).out);
  ASSERT_EQ(list.at("channels").as_array().size(), channels);
  for (const boost::json::value& channel : list.at("channels").as_array())
    for (const boost::json::value& port : channel.at("ports").as_array()) ASSERT_EQ(port.at("memory").as_string(), "readable");
}

}  // namespace
}  // namespace fairway::test
