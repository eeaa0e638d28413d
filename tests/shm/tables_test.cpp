#include "shm/tables.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>

namespace fairway::shm {
namespace {

ContextInfo sample(std::uint32_t n) {
  return {{n}, static_cast<std::int32_t>(n), n, n, n, std::string(n % 64, static_cast<char>('a' + n % 26)), std::to_string(n)};
}

bool same(const ContextInfo& a, const ContextInfo& b) {
  return a.id == b.id && a.pid == b.pid && a.uid == b.uid && a.joined_ns == b.joined_ns && a.memory == b.memory && a.name == b.name &&
         a.command == b.command;
}

TEST(Tables, ARowComesBackAsItWasWritten) {
  ContextRow row{};
  const ContextInfo info{{17}, 4242, 1000, 123456789, 987654321, "player", "fairway-test"};
  write_row(row, info);
  EXPECT_EQ(row.version.load(), 2u);
  ContextInfo read;
  ASSERT_TRUE(read_row(row, read));
  EXPECT_TRUE(same(info, read));
}

TEST(Tables, AFreeRowIsNoContext) {
  ContextRow row{};
  ContextInfo info;
  EXPECT_FALSE(read_row(row, info));
  write_row(row, sample(5));
  EXPECT_TRUE(read_row(row, info));
  write_row(row, {});
  EXPECT_FALSE(read_row(row, info));
  EXPECT_EQ(row.version.load(), 4u);
}

TEST(Tables, ALongTextIsCutAndTerminated) {
  ContextRow row{};
  ContextInfo info = sample(1);
  info.name = std::string(200, 'n');
  info.command = std::string(200, 'c');
  write_row(row, info);
  ContextInfo read;
  ASSERT_TRUE(read_row(row, read));
  EXPECT_EQ(read.name, std::string(63, 'n'));
  EXPECT_EQ(read.command, std::string(31, 'c'));
  EXPECT_EQ(row.name[63], '\0');
  EXPECT_EQ(row.command[31], '\0');
}

TEST(Tables, AShorterTextLeavesNothingOfTheLongerOne) {
  ContextRow row{};
  ContextInfo info = sample(1);
  info.name = "a-long-name";
  write_row(row, info);
  info.name = "b";
  write_row(row, info);
  for (std::size_t i = 1; i < sizeof row.name; ++i) ASSERT_EQ(row.name[i], '\0') << i;
}

TEST(Tables, ATextWithoutAnEndIsReadToTheEndOfItsField) {
  ContextRow row{};
  write_row(row, sample(1));
  for (char& c : row.name) c = 'x';  // a broker that is not ours
  for (char& c : row.command) c = 'y';
  ContextInfo read;
  ASSERT_TRUE(read_row(row, read));
  EXPECT_EQ(read.name, std::string(64, 'x'));
  EXPECT_EQ(read.command, std::string(32, 'y'));
}

TEST(Tables, ARowThatNeverStandsStillIsGivenUp) {
  ContextRow row{};
  write_row(row, sample(1));
  row.version = 3;  // its writer died in the middle
  ContextInfo read;
  EXPECT_FALSE(read_row(row, read));
}

TEST(Tables, TheNoticesOfARowAreNotPartOfIt) {
  ContextRow row{};
  row.notices = 5;
  write_row(row, sample(1));
  EXPECT_EQ(row.notices.load(), 5u);
}

TEST(Tables, AReaderNeverSeesHalfOfARow) {
  ContextRow row{};
  std::atomic<bool> over = false;
  write_row(row, sample(1));
  std::thread broker([&] {
    for (std::uint32_t n = 1; n <= 100'000; ++n) {
      write_row(row, sample(n % 500 + 1));
      if (n % 64 == 0) std::this_thread::yield();
    }
    over = true;
  });
  std::uint64_t seen = 0;
  std::uint64_t torn = 0;
  while (!over) {
    ContextInfo read;
    if (!read_row(row, read)) continue;
    ++seen;
    if (!same(read, sample(read.id.value))) ++torn;
  }
  broker.join();
  EXPECT_EQ(torn, 0u) << "of " << seen;
  ContextInfo last;
  ASSERT_TRUE(read_row(row, last));
  EXPECT_TRUE(same(last, sample(100'000 % 500 + 1)));
}

TEST(Tables, APortComesBackAsItWasWritten) {
  PortRow row{};
  EXPECT_EQ(read_port(row), PortInfo{});
  const PortInfo info{PortState::transit, 3, {9}, 12};
  write_port(row, info);
  EXPECT_EQ(read_port(row), info);
  write_port(row, {});
  EXPECT_EQ(read_port(row).state, PortState::none);
}

TEST(Tables, ARowKnowsThePortsFormerOwnerAndWhenItChanged) {
  constexpr std::uint64_t second = 1'000'000'000;
  ChannelRow row{};
  write_port(row, 2, {PortState::owned, 0, {9}, 0}, 10 * second);
  row.created_ns = 10 * second;
  row.id = 1;
  EXPECT_FALSE(read_history(row, 2).former);
  EXPECT_EQ(read_history(row, 2).since_ns, 10 * second);

  write_port(row, 2, {PortState::owned, 0, {9}, 1}, 11 * second);  // a generation changes nothing
  EXPECT_EQ(read_history(row, 2).since_ns, 10 * second);
  write_port(row, 2, {PortState::transit, 1, {}, 1}, 12 * second);
  EXPECT_EQ(read_history(row, 2).former, ContextId{9});
  EXPECT_EQ(read_history(row, 2).since_ns, 12 * second);
  write_port(row, 2, {PortState::owned, 1, {5}, 1}, 13 * second);
  EXPECT_EQ(read_history(row, 2).former, ContextId{9});
  EXPECT_EQ(read_history(row, 2).since_ns, 13 * second);
  write_port(row, 2, {PortState::transit, 2, {}, 1}, 14 * second);
  EXPECT_EQ(read_history(row, 2).former, ContextId{5});

  write_port(row, 2, {PortState::owned, 2, {9}, 1}, ~std::uint64_t{0});  // for longer than the field can say
  EXPECT_EQ(read_history(row, 2).since_ns, 10 * second + 0xffff'ffffull * 1'000'000);
  write_port(row, 2, {}, 15 * second);
  EXPECT_FALSE(read_history(row, 2).former);
}

TEST(Tables, WhoSeesAStateSeesItsEpoch) {
  PortRow row{};
  constexpr std::uint32_t last = 200'000;
  std::thread broker([&] {
    for (Epoch epoch = 1; epoch <= last; ++epoch)
      write_port(row, {epoch % 2 != 0 ? PortState::transit : PortState::owned, epoch, {epoch}, epoch});
  });
  std::uint64_t wrong = 0;
  Epoch newest = 0;
  while (newest != last) {
    const PortState before = static_cast<PortState>(row.state.load(std::memory_order_acquire));
    const PortInfo info = read_port(row);
    // The epoch is never older than one that the state was stored with.
    if (info.epoch < newest || info.owner.value < newest || info.generations < newest) ++wrong;
    if (before != PortState::none && info.epoch == 0) ++wrong;
    newest = info.epoch;
  }
  broker.join();
  EXPECT_EQ(wrong, 0u);
}

}  // namespace
}  // namespace fairway::shm
