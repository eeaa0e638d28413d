// Many channels, big messages, silence, and a broker that stands still.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>

#include <csignal>
#include <sstream>
#include <thread>
#include <fstream>
#include <numeric>

#include <fairway/fairway.hpp>

#include "multiprocess/village.hpp"
#include "support/broker_thread.hpp"
#include "support/child.hpp"

namespace fairway::test {
namespace {

bool long_mode() { return std::getenv("FAIRWAY_LONG") != nullptr; }

FAIRWAY_CHILD(broker) {
  Broker broker({.directory = arguments.at(0)});
  say("ready");
  std::thread end([&] {
    std::string line;
    while (hear(line)) {
    }
    broker.stop();
  });
  broker.run();
  end.join();
  return 0;
}

TEST(ManyChannels, eight_thousand_between_two_processes_take_a_few_dozen_descriptors_in_each) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  // The broker needs two for each channel.
  const std::size_t channels = std::min<std::size_t>(8000, (limit.rlim_max - 200) / 2);
  BrokerThread broker;
  Child echo("echo", {broker.directory().native(), "adaptive"});
  ASSERT_EQ(echo.line(), "ready");
  const std::size_t before = open_descriptors(::getpid());
  Context context({.broker = broker.directory()});
  std::vector<MessagePort> ports;
  std::size_t answers = 0;
  for (std::size_t i = 0; i < channels; ++i) {
    ports.push_back(context.connect("echo"));
    ports.back().on_message([&](MessageEvent& event) { answers += event.string() == "hello"; });
  }
  for (MessagePort& port : ports) port.post_message("hello");
  while (answers < channels) ASSERT_TRUE(context.run_once(std::chrono::seconds(50))) << answers << " answers";
  std::cout << channels << " channels; descriptors: " << open_descriptors(echo.pid()) << " in the other process\n";
  EXPECT_LT(open_descriptors(echo.pid()), 48u);
  // This process holds the broker too: two for each channel, and a few dozen.
  EXPECT_LT(open_descriptors(::getpid()), before + 2 * channels + 200);
  for (MessagePort& port : ports) port.close();
  EXPECT_EQ(echo.line(), "done");
}

struct Activity {
  std::uint64_t switches = 0;
  std::uint64_t ticks = 0;
  friend bool operator==(const Activity&, const Activity&) = default;
};

Activity activity_of(int pid) {
  Activity activity;
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string word; status >> word;)
    if (word == "voluntary_ctxt_switches:") status >> activity.switches;
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  std::getline(stat, line);
  std::istringstream fields(line.substr(line.rfind(')') + 2));
  std::string field;
  for (int i = 0; i < 11; ++i) fields >> field;
  std::uint64_t user = 0;
  std::uint64_t system = 0;
  fields >> user >> system;
  activity.ticks = user + system;
  return activity;
}

void let_time_pass(std::chrono::milliseconds time) { ::poll(nullptr, 0, static_cast<int>(time.count())); }

FAIRWAY_CHILD(idle_side) {
  Context context({.broker = arguments.at(0)});
  std::vector<MessagePort> ports;
  for (int i = 0; i < 1000; ++i) {
    ports.push_back(context.connect("echo"));
    ports.back().on_message([](MessageEvent&) {});
    ports.back().post_message("hello");
  }
  say("ready");
  context.run();
  return 0;
}

TEST(Idle, a_thousand_open_channels_cost_no_context_switch_and_no_tick) {
  Village village;
  Child side("idle_side", {village.directory.path().native()});
  ASSERT_EQ(side.line(), "ready");
  const std::vector<int> pids{village.broker.pid(), village.echo.pid(), side.pid()};
  const auto all = [&] {
    std::vector<Activity> result;
    for (const int pid : pids) result.push_back(activity_of(pid));
    return result;
  };
  // Until the echoes have come back and everybody sleeps.
  auto before = all();
  for (int looks = 0; looks < 100; ++looks) {
    let_time_pass(std::chrono::milliseconds(100));
    if (all() == before) break;
    before = all();
  }
  let_time_pass(std::chrono::seconds(long_mode() ? 10 : 2));
  const auto after = all();
  for (std::size_t i = 0; i < pids.size(); ++i) {
    EXPECT_EQ(after[i].switches, before[i].switches) << "process " << i;
    EXPECT_EQ(after[i].ticks, before[i].ticks) << "process " << i;
  }
}

TEST(BigMessages, from_nothing_to_a_gibibyte_arrive_whole) {
  BrokerThread broker;
  Child echo("echo", {broker.directory().native(), "adaptive"});
  ASSERT_EQ(echo.line(), "ready");
  Context context({.broker = broker.directory()});
  MessagePort port = context.connect("echo");
  std::vector<std::size_t> sizes{0, 1, 7, 8, 9, 255, 256, 257, 4095, 4096, 8184, 8192, 65536, 1'000'003, 2'097'144, 2'097'145, 4'194'304, 33'554'432};
  if (long_mode()) sizes.push_back(std::size_t{1} << 30);
  for (const std::size_t size : sizes) {
    std::vector<std::byte> message(size);
    for (std::size_t i = 0; i < size; i += 1 + size / 1000) message[i] = static_cast<std::byte>(i * 31 + size);
    port.post_message(message);
    const auto answer = port.receive(std::chrono::seconds(50));
    ASSERT_TRUE(answer) << size;
    ASSERT_EQ(answer->bytes().size(), size);
    ASSERT_TRUE(std::equal(message.begin(), message.end(), answer->bytes().begin())) << size;
  }
}

TEST(StoppedBroker, a_stream_between_two_processes_does_not_notice) {
  Village village;
  Context context({.broker = village.directory.path()});
  MessagePort port = context.connect("echo");
  std::size_t echoed = 0;
  std::size_t posted = 0;
  port.on_message([&](MessageEvent& event) { echoed += event.bytes().size(); });
  const std::vector<std::byte> message(60'000);
  const auto stream_until = [&](std::size_t total) {
    while (echoed < total) {
      while (posted < total && posted - echoed < 2'000'000 && port.try_post(message) == Status::ok) posted += message.size();
      ASSERT_TRUE(context.run_once(std::chrono::seconds(50)));
    }
  };
  stream_until(100 * message.size());  // the rings have grown to what the window needs
  village.broker.kill(SIGSTOP);
  ASSERT_TRUE(village.broker.wait_until_stopped());
  stream_until(100 * message.size() + (long_mode() ? 18'000 : 1000) * message.size());
  village.broker.kill(SIGCONT);
}

TEST(DeadBroker, running_channels_go_on_notice_each_others_death_and_new_ones_say_no_broker) {
  ::setenv("FAIRWAYD", "/bin/false", 1);  // no second one comes
  Village village;
  Context context({.broker = village.directory.path(), .broker_timeout = std::chrono::milliseconds(200)});
  MessagePort port = context.connect("echo");
  port.post_message("before");
  ASSERT_EQ(port.receive()->string(), "before");
  village.broker.kill(SIGKILL);
  village.broker.wait();
  for (int i = 0; i < 1000; ++i) {
    port.post_message(std::to_string(i));
    ASSERT_EQ(port.receive()->string(), std::to_string(i));
  }
  try {
    context.connect("echo");
    ADD_FAILURE() << "connected without a broker";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), Errc::no_broker) << error.what();
  }
  village.echo.kill(SIGKILL);
  EXPECT_FALSE(port.receive());
  EXPECT_EQ(port.close_reason(), CloseReason::peer_lost);
  ::unsetenv("FAIRWAYD");
}

/// Found by reading: what the loop was going on with closed itself in the news of the death, and was gone (ASan).
TEST(DeadBroker, a_closed_port_that_waits_for_its_memory_outlives_the_news_of_the_death) {
  Village village;
  Context context({.broker = village.directory.path(), .broker_timeout = std::chrono::milliseconds(200)});
  MessagePort port = context.connect("echo");
  port.post_message("before");
  ASSERT_EQ(port.receive()->string(), "before");
  bool closed = false;
  context.post([&] {  // in a callback a close waits for nothing
    village.broker.kill(SIGSTOP);
    ASSERT_TRUE(village.broker.wait_until_stopped());
    port.post_message(std::vector<std::byte>(1'000'000));
    port.close();
    village.broker.kill(SIGKILL);
    village.broker.wait();
    closed = true;
  });
  while (!closed) context.run_once();
  context.poll();
  MessageChannel channel(context);
  channel.port1.post_message("goes on");
  EXPECT_EQ(channel.port2.receive()->string(), "goes on");
}

}  // namespace
}  // namespace fairway::test
