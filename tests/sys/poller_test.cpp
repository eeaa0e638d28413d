#include "sys/poller.hpp"

#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <system_error>
#include <thread>

#include "sys/process.hpp"
#include "sys/socket.hpp"

namespace fairway::sys {
namespace {

TEST(Poller, ItReportsWhatIsReadableByItsKey) {
  Poller poller;
  auto [a, b] = doorbell_pair();
  auto [c, d] = doorbell_pair();
  poller.add(b.get(), 7);
  poller.add(d.get(), ~std::uint64_t{0});
  EXPECT_TRUE(poller.wait(Timeout::zero()).empty());
  ring(c.get());
  const auto& events = poller.wait(Timeout::max());
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].key, ~std::uint64_t{0});
  EXPECT_TRUE(events[0].readable);
  EXPECT_FALSE(events[0].writable);
  EXPECT_EQ(poller.wait(Timeout::zero()).size(), 1u) << "until it is taken";
  quiet(d.get());
  EXPECT_TRUE(poller.wait(Timeout::zero()).empty());
}

TEST(Poller, InterestInWritingComesAndGoes) {
  Poller poller;
  auto [a, b] = doorbell_pair();
  poller.add(a.get(), 1, Poller::Interest::read_write);
  ASSERT_EQ(poller.wait(Timeout::zero()).size(), 1u);
  EXPECT_TRUE(poller.wait(Timeout::zero())[0].writable);
  poller.change(a.get(), 2, Poller::Interest::read);
  EXPECT_TRUE(poller.wait(Timeout::zero()).empty());
  ring(b.get());
  EXPECT_EQ(poller.wait(Timeout::zero())[0].key, 2u);
  poller.remove(a.get());
  EXPECT_TRUE(poller.wait(Timeout::zero()).empty());
  poller.remove(a.get());
}

TEST(Poller, AHangUpIsReadable) {
  Poller poller;
  auto [a, b] = doorbell_pair();
  poller.add(a.get(), 1);
  b.close();
  ASSERT_EQ(poller.wait(Timeout::max()).size(), 1u);
  EXPECT_TRUE(poller.wait(Timeout::zero())[0].readable);
}

TEST(Poller, MoreEventsThanItTakesAtOnceComeLater) {
  Poller poller;
  std::vector<std::pair<Fd, Fd>> pairs;
  for (std::uint64_t key = 0; key < 200; ++key) {
    pairs.push_back(doorbell_pair());
    poller.add(pairs.back().second.get(), key);
    ring(pairs.back().first.get());
  }
  std::vector<bool> seen(pairs.size());
  for (std::size_t count = 0; count < pairs.size();) {
    const auto events = poller.wait(Timeout::zero());
    ASSERT_FALSE(events.empty());
    for (const Poller::Event& event : events) {
      EXPECT_FALSE(seen[event.key]);
      seen[event.key] = true;
      quiet(pairs[event.key].second.get());
      ++count;
    }
  }
}

TEST(Poller, AWaitEndsNotBeforeItsTime) {
  Poller poller;
  for (const Timeout timeout : {Timeout(1), Timeout(1'500'000), Timeout(20'000'000)}) {
    const std::uint64_t start = now_ns();
    EXPECT_TRUE(poller.wait(timeout).empty());
    EXPECT_GE(now_ns() - start, static_cast<std::uint64_t>(timeout.count()));
  }
  EXPECT_TRUE(poller.wait(Timeout(-5)).empty()) << "the past is now";
}

TEST(Poller, ASignalLooksLikeTimeThatIsOver) {
  struct sigaction action {};
  struct sigaction before {};
  action.sa_handler = [](int) {};
  ::sigaction(SIGUSR1, &action, &before);
  std::atomic<bool> over = false;
  const pthread_t waiting = ::pthread_self();
  std::thread sender([&] {
    while (!over) {
      ::pthread_kill(waiting, SIGUSR1);
      std::this_thread::yield();
    }
  });
  Poller poller;
  EXPECT_TRUE(poller.wait(Timeout::max()).empty());
  over = true;
  sender.join();
  ::sigaction(SIGUSR1, &before, nullptr);
}

TEST(Poller, ADescriptorThatIsNoneIsAnError) {
  Poller poller;
  EXPECT_THROW(poller.add(-1, 1), std::system_error);
  EXPECT_THROW(poller.change(-1, 1, Poller::Interest::read), std::system_error);
}

TEST(WakeUp, AnotherThreadEndsAWait) {
  Poller poller;
  WakeUp wake_up;
  poller.add(wake_up.fd(), 3);
  std::thread other([&] { wake_up.set(); });
  EXPECT_EQ(poller.wait(Timeout::max()).size(), 1u);
  other.join();
  for (int i = 0; i < 100; ++i) wake_up.set();
  wake_up.clear();
  EXPECT_TRUE(poller.wait(Timeout::zero()).empty()) << "however often it was set";
  wake_up.clear();
}

}  // namespace
}  // namespace fairway::sys
