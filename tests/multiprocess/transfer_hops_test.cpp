// A port with a long queue goes a long way: a thousand hops between three contexts.
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <random>

#include "support/child.hpp"
#include "support/town.hpp"

namespace fairway::test {
namespace {

constexpr std::uint64_t queue_length = 10'000;
constexpr int hops = 1000;

std::vector<std::string> segments(const Town& town) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(town.broker.directory() / "segments")) names.push_back(entry.path().filename());
  return names;
}

/// What x posts, and what the owners of the port post to x: numbered each way.
struct Numbers {
  std::uint64_t posted = 0;
  std::uint64_t read = 0;

  void post(MessagePort& port, int count) {
    for (int i = 0; i < count; ++i) port.post_message(std::to_string(posted++));
  }
  void expect_next(Town& town, MessagePort& port) {
    const auto event = town.next(port);
    ASSERT_TRUE(event) << "closed before " << read;
    ASSERT_EQ(event->string(), std::to_string(read));
    ++read;
  }
};

/// `travellers`: the first contexts of the town; x lives in the last one, which may be one of them.
void travel(std::size_t contexts, unsigned seed) {
  constexpr std::size_t travellers = 3;
  std::mt19937 random(seed);
  SCOPED_TRACE("seed " + std::to_string(seed));
  Town town(contexts);
  town.poll_all();
  const std::size_t descriptors = open_descriptors(::getpid());
  const std::size_t home = contexts - 1;
  std::size_t owner = 0;
  {
    std::array<std::array<MessagePort, travellers>, travellers> carriers;
    for (std::size_t i = 0; i < travellers; ++i)
      for (std::size_t j = i + 1; j < travellers; ++j) std::tie(carriers[i][j], carriers[j][i]) = town.channel(i, j);
    auto [x, port] = town.channel(home, owner);
    Numbers there, back;
    there.post(x, static_cast<int>(queue_length));
    for (int hop = 0; hop < hops; ++hop) {
      const std::size_t next = (owner + 1 + random() % (travellers - 1)) % travellers;
      carriers[owner][next].post_message("here", {.transfer = {port}});
      ASSERT_FALSE(port);
      port = town.take(carriers[next][owner]);
      ASSERT_TRUE(port) << "hop " << hop;
      owner = next;
      if (random() % 3 != 0) continue;  // forwarded unread
      const int few = 1 + static_cast<int>(random() % 7);
      for (int i = 0; i < few; ++i) {
        ASSERT_NO_FATAL_FAILURE(there.expect_next(town, port)) << "hop " << hop;
      }
      back.post(port, few);
      there.post(x, few);
    }
    while (there.read < there.posted) ASSERT_NO_FATAL_FAILURE(there.expect_next(town, port));
    back.post(port, 1);
    while (back.read < back.posted) ASSERT_NO_FATAL_FAILURE(back.expect_next(town, x));
    EXPECT_FALSE(port.try_receive());
    port.close();
    EXPECT_EQ(town.text(x), "closed");
    EXPECT_EQ(x.close_reason(), CloseReason::closed);
  }
  // With their channels, the links go.
  EXPECT_TRUE(town.until([&] { return segments(town).empty(); })) << testing::PrintToString(segments(town));
  const std::size_t spare_segments = 66 * contexts;  // at most, that contexts keep in hand when they need many; gone with them
  EXPECT_TRUE(town.until([&] { return open_descriptors(::getpid()) <= descriptors + spare_segments; }))
      << open_descriptors(::getpid()) << " descriptors, " << descriptors << " before";
}

TEST(TransferHops, a_thousand_between_three_contexts_keep_ten_thousand_queued_messages_in_order) { travel(4, 1); }
TEST(TransferHops, a_thousand_that_often_come_home_keep_ten_thousand_queued_messages_in_order) { travel(3, 2); }

}  // namespace
}  // namespace fairway::test
