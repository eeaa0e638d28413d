// Brokers that are killed under posts, transfers, connects and closes. FAIRWAY_LONG=1 kills 100 of them; FAIRWAY_SEED=n runs
// another schedule.
#include <map>
#include <random>
#include <set>
#include <sstream>

#include "multiprocess/mortal_broker.hpp"

namespace fairway::test {
namespace {

/// Every end of a channel has a number; its other end is the next or the one before. Messages say who posted them, and count.
class MortalTorture {
 public:
  explicit MortalTorture(unsigned seed) : random_(seed), town_(contexts, nullptr) {
    for (std::size_t i = 0; i < contexts; ++i)
      for (std::size_t j = i + 1; j < contexts; ++j) {
        auto [mine, theirs] = town_.channel(i, j);
        carriers_.insert(next_ / 2);
        add(i, std::move(mine), j, std::move(theirs));
      }
  }

  void run(int kills) {
    for (int killed = 0; killed < kills && !testing::Test::HasFailure();) {
      while (held_.size() < 2 * channels) make_channel();
      const std::size_t steps = 30 + pick(120);
      for (std::size_t i = 0; i < steps && !testing::Test::HasFailure(); ++i) step();
      if (town_.kill_broker()) ++killed, ++life_;
    }
    settle();
    // Whoever has connected there and back has shown all that it had, and heard the answers.
    for (std::size_t i = 0; i < contexts; ++i)
      for (std::size_t j = 0; j < contexts; ++j)
        if (i != j) static_cast<void>(town_.channel(i, j));
    settle();
    expect_all_work();
    std::cout << life_ << " brokers died, " << next_ / 2 << " channels, " << posted_ << " messages posted, " << arrived_ << " arrived, "
              << lost_ << " channels lost in transit\n";
    held_.clear();
    town_.expect_nothing_left();
  }

 private:
  static constexpr std::size_t contexts = 3, channels = 10;
  struct Held {
    std::size_t where;
    MessagePort port;
  };

  std::size_t pick(std::size_t count) { return std::uniform_int_distribution<std::size_t>(0, count - 1)(random_); }
  int any() { return std::next(held_.begin(), static_cast<std::ptrdiff_t>(pick(held_.size())))->first; }

  void add(std::size_t one, MessagePort first, std::size_t other, MessagePort second) {
    held_.emplace(next_++, Held{one, std::move(first)});
    held_.emplace(next_++, Held{other, std::move(second)});
  }
  void make_channel() {
    const std::size_t where = pick(contexts);
    if (pick(3) == 0) return connect(where);
    MessageChannel channel(town_[where]);
    add(where, std::move(channel.port1), where, std::move(channel.port2));
  }
  /// A name may be away for a moment, and so may be the broker that knows it.
  void connect(std::size_t from) {
    const std::size_t to = (from + 1 + pick(contexts - 1)) % contexts;
    try {
      MessagePort mine = town_[from].connect(Contexts::name(to));
      const bool there = town_.until([&] { return mine.close_reason() || !town_.connected(to).empty(); });
      EXPECT_TRUE(there) << "a connection comes to nothing";
      if (town_.connected(to).empty()) return;
      MessagePort theirs = std::move(town_.connected(to).back());
      town_.connected(to).clear();
      touched_[next_ / 2] = life_;
      add(from, std::move(mine), to, std::move(theirs));
    } catch (const std::system_error& error) {
      EXPECT_TRUE(error.code() == Errc::no_broker || error.code() == Errc::unknown_name) << error.what();
      town_.poll_all();
    }
  }

  void step() {
    if (held_.empty()) return;
    const int end = any();
    const std::size_t what = pick(100);
    if (what < 2) return close(end);
    if (what < 4) return make_channel();
    if (what < 20) return transfer(end);
    if (what < 60) return post(end);
    if (what < 90) {
      read(end);
    } else {
      town_[pick(contexts)].poll();
    }
  }

  std::string stamp(int end) { return std::to_string(end) + " " + std::to_string(sent_[end]++) + " "; }

  void post(int end) {
    std::string text = "d " + stamp(end);
    text.resize(text.size() + pick(pick(4) == 0 ? 40'000 : 200), '.');
    held_.at(end).port.post_message(text);
    ++posted_;
  }

  void transfer(int end) {
    if (carriers_.contains(end / 2)) return;
    std::vector<int> carriers;
    for (const auto& [other, held] : held_)
      if (held.where == held_.at(end).where && other / 2 != end / 2) carriers.push_back(other);
    if (carriers.empty()) return;
    const int carrier = carriers[pick(carriers.size())];
    Held moving = std::move(held_.at(end));
    try {
      held_.at(carrier).port.post_message("p " + stamp(carrier) + std::to_string(end), {.transfer = {moving.port}});
      held_.erase(end);
      in_message_.insert(end);
      touched_[end / 2] = touched_[(end ^ 1) / 2] = life_;
    } catch (const std::system_error& error) {
      EXPECT_EQ(error.code(), Errc::no_broker) << error.what();
      --sent_[carrier];
      held_.at(end) = std::move(moving);
    }
  }

  void close(int end) {
    if (carriers_.contains(end / 2)) return;
    held_.erase(end);
    closed_.insert(end);
  }

  bool read(int end) {
    auto event = held_.at(end).port.try_receive();
    if (!event) {
      note_end(end);
      return false;
    }
    ++arrived_;
    std::istringstream words{std::string(event->string())};
    std::string kind;
    int from = -1;
    std::uint64_t number = 0;
    words >> kind >> from >> number;
    EXPECT_EQ(from, end ^ 1) << event->string();
    EXPECT_EQ(number, received_[from]++) << "lost, twice or out of order on the way from " << from << ", life " << life_;
    if (kind != "p") return true;
    int moved = -1;
    words >> moved;
    EXPECT_EQ(event->ports.size(), 1u);
    if (event->ports.size() != 1) return true;
    in_message_.erase(moved);
    touched_[moved / 2] = life_;
    held_.emplace(moved, Held{held_.at(end).where, std::move(event->ports[0])});
    return true;
  }

  /// Why a channel may be over: one of its ends was closed, or was in a message when a broker died or its carrier closed.
  void note_end(int end) {
    const auto reason = held_.at(end).port.close_reason();
    if (!reason) return;
    const int channel = end / 2;
    const auto touched = touched_.find(channel);
    const bool in_transit = (touched != touched_.end() && touched->second + 2 >= life_) || in_message_.contains(end ^ 1);
    EXPECT_FALSE(carriers_.contains(channel)) << "a channel that nobody moved is over: " << to_string(*reason) << ", life " << life_;
    if (!closed_.contains(end ^ 1) && !over_.contains(channel)) {
      EXPECT_TRUE(in_transit) << end << " is over without a reason: " << to_string(*reason) << ", life " << life_;
      ++lost_;
    }
    over_.insert(channel);
    held_.erase(end);
    closed_.insert(end);
  }

  void settle() {
    const auto all_arrived = [this] {
      bool quiet = true;
      std::vector<int> ends;
      for (const auto& [end, held] : held_) ends.push_back(end);
      for (const int end : ends) {
        while (held_.contains(end) && read(end)) quiet = false;  // what has come may have brought an end that is not in `ends`
        if (held_.contains(end)) quiet &= held_.contains(end ^ 1) && received_[end ^ 1] == sent_[end ^ 1];
      }
      return quiet || testing::Test::HasFailure();
    };
    EXPECT_TRUE(town_.until(all_arrived)) << state();
  }

  /// Each talks both ways, grows, and moves.
  void expect_all_work() {
    if (testing::Test::HasFailure()) return;
    for (int end = 0; end < next_; end += 2) {
      if (!held_.contains(end) || !held_.contains(end ^ 1)) continue;
      SCOPED_TRACE(end);
      MessagePort& one = held_.at(end).port;
      MessagePort& other = held_.at(end ^ 1).port;
      town_.expect_talk(one, other);
      const std::string large(200'000, 'x');
      for (int i = 0; i < 3; ++i) one.post_message(large);
      for (int i = 0; i < 3; ++i) EXPECT_EQ(town_.text(other).size(), large.size());
      if (carriers_.contains(end / 2)) continue;
      const std::size_t to = (held_.at(end).where + 1) % contexts;
      auto [carrier, arrival] = town_.channel(held_.at(end).where, to);
      carrier.post_message("take it", {.transfer = {one}});
      auto event = town_.next(arrival);
      ASSERT_TRUE(event && event->ports.size() == 1);
      town_.expect_talk(event->ports[0], other);
    }
  }

  std::string state() {
    std::string text;
    for (const auto& [end, held] : held_)
      text += std::to_string(end) + " in " + std::to_string(held.where) + ": " + std::to_string(received_[end ^ 1]) + " of " +
              std::to_string(sent_[end ^ 1]) + (held_.contains(end ^ 1) ? "" : in_message_.contains(end ^ 1) ? " (other end in a message)" : " (other end gone)") + "\n";
    return text;
  }

  std::mt19937 random_;
  Contexts town_;
  int next_ = 0;
  int life_ = 0;
  std::map<int, Held> held_;
  std::set<int> carriers_;  ///< channels that nobody moves or closes: they survive every broker
  std::set<int> closed_, in_message_, over_;
  std::map<int, int> touched_;  ///< in which life one of its ends was moved last
  std::map<int, std::uint64_t> sent_, received_;
  std::uint64_t posted_ = 0, arrived_ = 0, lost_ = 0;
};

TEST(RejoinTorture, brokers_are_killed_under_posts_transfers_connects_and_closes) {
  const char* const seed = std::getenv("FAIRWAY_SEED");
  const std::size_t before = open_descriptors(::getpid());
  {
    MortalTorture torture(seed == nullptr ? 1 : static_cast<unsigned>(std::atoi(seed)));
    torture.run(std::getenv("FAIRWAY_LONG") == nullptr ? 10 : 100);
  }
  EXPECT_EQ(open_descriptors(::getpid()), before) << "descriptors are left";
}

}  // namespace
}  // namespace fairway::test
