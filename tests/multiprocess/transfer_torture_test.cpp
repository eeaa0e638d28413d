// Random schedules of posts, transfers, reads and closes over several contexts. FAIRWAY_LONG=1 runs many more seeds;
// FAIRWAY_SEED=n runs that one. A failure prints its seed: keep it as a named test.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <random>
#include <set>
#include <sstream>

#include "support/child.hpp"
#include "support/town.hpp"

namespace fairway::test {
namespace {

struct Mix {
  std::size_t contexts = 3;
  int channels = 4;
  int steps = 300;
  int transfers = 3;  ///< of ten
  int closes = 0;     ///< of a hundred
  std::size_t largest = 200;
};

/// Every end of a channel has a number; its other end is the next or the one before. Messages say who posted them.
class Torture {
 public:
  Torture(unsigned seed, const Mix& mix) : random_(seed), mix_(mix), town_(mix.contexts), sent_(ends()), received_(ends()) {
    for (std::size_t i = 0; i < mix.contexts; ++i)
      for (std::size_t j = i + 1; j < mix.contexts; ++j) {
        auto [mine, theirs] = town_.channel(i, j);
        add_carrier(i, std::move(mine));
        add_carrier(j, std::move(theirs));
      }
    for (int i = 0; i < mix.channels; ++i) {
      const std::size_t where = pick(mix.contexts);
      MessageChannel channel(town_[where]);
      own(2 * i, where, std::move(channel.port1));
      own(2 * i + 1, where, std::move(channel.port2));
    }
  }

  void run() {
    for (int i = 0; i < mix_.steps && !testing::Test::HasFailure(); ++i) step();
    settle();
  }

 private:
  struct Held {
    std::size_t where;
    MessagePort port;
  };

  std::size_t ends() const { return 2 * (static_cast<std::size_t>(mix_.channels) + mix_.contexts * (mix_.contexts - 1) / 2); }
  std::size_t pick(std::size_t count) { return std::uniform_int_distribution<std::size_t>(0, count - 1)(random_); }

  void add_carrier(std::size_t where, MessagePort port) {
    const int end = 2 * mix_.channels + carriers_++;
    own(end, where, std::move(port));
  }
  void own(int end, std::size_t where, MessagePort port) {
    EXPECT_TRUE(held_.emplace(end, Held{where, std::move(port)}).second) << end << " has two owners";
  }

  void step() {
    if (held_.empty()) return;
    const int end = any();
    const std::size_t what = pick(100);
    if (what < static_cast<std::size_t>(mix_.closes)) return close(end);
    const std::size_t kind = pick(10);
    if (kind < static_cast<std::size_t>(mix_.transfers)) return transfer(end);
    if (kind < 6) return post(end);
    if (kind < 9) {
      read(end);
    } else {
      town_[pick(mix_.contexts)].poll();
    }
  }

  int any() { return std::next(held_.begin(), static_cast<std::ptrdiff_t>(pick(held_.size())))->first; }

  void post(int end) {
    std::string text = "d " + std::to_string(end) + " " + std::to_string(sent_[static_cast<std::size_t>(end)]++) + " ";
    text.resize(text.size() + pick(mix_.largest), '.');
    held_.at(end).port.post_message(text);
  }

  void transfer(int end) {
    std::vector<int> carriers;
    for (const auto& [other, held] : held_)
      if (held.where == held_.at(end).where && other / 2 != end / 2) carriers.push_back(other);
    if (carriers.empty()) return;
    const int carrier = carriers[pick(carriers.size())];
    Held moving = std::move(held_.at(end));
    held_.erase(end);
    held_.at(carrier).port.post_message("p " + std::to_string(carrier) + " " + std::to_string(sent_[static_cast<std::size_t>(carrier)]++) +
                                            " " + std::to_string(end),
                                        {.transfer = {moving.port}});
    EXPECT_FALSE(moving.port);
    carrier_[end] = carrier;
    if (pick(2) == 0) moving.port.post_message("a dead handle says nothing");
  }

  void close(int end) {
    held_.erase(end);
    closed_.insert(end);
  }

  bool read(int end) {
    Held& held = held_.at(end);
    auto event = held.port.try_receive();
    if (!event) return false;
    std::istringstream words{std::string(event->string())};
    std::string kind;
    int from = -1;
    std::uint64_t number = 0;
    words >> kind >> from >> number;
    EXPECT_EQ(from, end ^ 1) << event->string();
    EXPECT_EQ(number, received_[static_cast<std::size_t>(from)]++) << "lost, twice or out of order on the way from " << from;
    if (kind == "p") {
      int arrived = -1;
      words >> arrived;
      EXPECT_EQ(event->ports.size(), 1u);
      if (event->ports.size() == 1) own(arrived, held.where, std::move(event->ports[0]));
    }
    return true;
  }

  /// Everybody reads on until everything that can arrive has arrived.
  void settle() {
    const auto all_arrived = [this] {
      bool quiet = true;
      std::vector<int> ends;
      for (const auto& [end, held] : held_) ends.push_back(end);
      for (const int end : ends) {
        while (read(end)) {
        }
        const auto from = static_cast<std::size_t>(end ^ 1);
        quiet &= received_[from] == sent_[from] || held_.at(end).port.close_reason().has_value();
      }
      for (const auto& [end, held] : held_)
        if (!held_.contains(end ^ 1)) quiet &= held.port.close_reason().has_value();  // closed, or lost with a message
      return quiet || testing::Test::HasFailure();
    };
    EXPECT_TRUE(town_.until(all_arrived)) << state();
    // What was posted by an end that closed in good order has arrived in full.
    for (const auto& [end, held] : held_) {
      const auto from = static_cast<std::size_t>(end ^ 1);
      if (!closed_.contains(end ^ 1)) continue;
      EXPECT_EQ(received_[from], sent_[from]) << "from " << (end ^ 1);
    }
  }

  std::string state() {
    std::string text;
    for (const auto& [end, held] : held_) {
      const auto from = static_cast<std::size_t>(end ^ 1);
      text += std::to_string(end) + " in " + std::to_string(held.where) + ": " + std::to_string(received_[from]) + " of " +
              std::to_string(sent_[from]) + (held.port.close_reason() ? " closed" : "") + (held_.contains(end ^ 1) ? "" : " (other end gone)") + "\n";
    }
    for (const auto& [end, carrier] : carrier_)
      if (!held_.contains(end) && !closed_.contains(end)) text += std::to_string(end) + " is in a message to " + std::to_string(carrier ^ 1) + "\n";
    return text;
  }

  std::mt19937 random_;
  Mix mix_;
  Town town_;
  int carriers_ = 0;
  std::map<int, Held> held_;
  std::set<int> closed_;
  std::map<int, int> carrier_;  ///< on which an end that is not held was sent last
  std::vector<std::uint64_t> sent_, received_;
};

void run_seeds(const Mix& mix, unsigned count) {
  const char* const only = std::getenv("FAIRWAY_SEED");
  if (std::getenv("FAIRWAY_LONG") != nullptr) count *= 25;
  const std::size_t before = open_descriptors(::getpid());
  for (unsigned seed = only ? static_cast<unsigned>(std::atoi(only)) : 1; seed <= (only ? seed : count); ++seed) {
    SCOPED_TRACE("FAIRWAY_SEED=" + std::to_string(seed));
    Torture(seed, mix).run();
    if (testing::Test::HasFailure()) return;
    ASSERT_EQ(open_descriptors(::getpid()), before) << "descriptors are left";
    if (only) break;
  }
}

TEST(TransferTorture, posts_and_transfers) { run_seeds({}, 60); }
TEST(TransferTorture, mostly_transfers) { run_seeds({.contexts = 4, .channels = 6, .steps = 400, .transfers = 6}, 40); }
TEST(TransferTorture, large_messages_grow_the_rings_meanwhile) { run_seeds({.steps = 200, .largest = 60'000}, 20); }
TEST(TransferTorture, ports_close_meanwhile) { run_seeds({.channels = 8, .steps = 300, .closes = 4}, 60); }

}  // namespace
}  // namespace fairway::test
