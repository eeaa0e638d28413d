/// Every order in which two ends of a channel, and who has them one after the other, can pass buffers back and forth, drop them
/// and leave: each buffer arrives where its message is read, and what nobody has any more, nobody keeps. Without each of the
/// rules (PROTOCOL.md, rule 20) that is found out.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <deque>
#include <iostream>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "client/lending.hpp"

namespace fairway::client {
namespace {

/// Left out: what the exploration is to find.
enum class Without { nothing, boxes_at_detach, relinquishing_at_detach, forgetting_what_went_back, telling_what_is_gone };

struct Action {
  enum class What { post, drop, read, tell, leave } what;
  int end;
};

/// Memory as one process has it mapped.
struct Mapped : graph::Memory {
  explicit Mapped(int number) : object(number) {}
  std::span<std::byte> bytes() const noexcept override { return {}; }
  bool is_object() const noexcept override { return true; }
  int object;
};

struct Record {
  std::vector<PortId> tokens;
  int object = -1;  ///< -1: it relinquishes them
  PortId lent = {};
};

struct End {
  Lending lending;
  std::vector<std::shared_ptr<Mapped>> held;
  std::deque<Record> unread;  ///< what the other end has posted
  std::set<PortId> borrowed;  ///< as its `lending` should know
  std::vector<Number> free;   ///< numbers that were used
  int owners_left = 2;
};

class Channel {
 public:
  explicit Channel(Without without) : without_(without) {
    for (End& end : ends_) end.lending.memory_came();
    for (const int object : {0, 1}) ends_[0].held.push_back(std::make_shared<Mapped>(object));
  }

  bool possible(Action action) const {
    const End& end = ends_[static_cast<std::size_t>(action.end)];
    switch (action.what) {
      case Action::What::post: return !end.held.empty() && posts_left_ > 0;
      case Action::What::drop: return !end.held.empty();
      case Action::What::read: return !end.unread.empty();
      case Action::What::tell: return gone(end) != 0 && without_ != Without::telling_what_is_gone;
      case Action::What::leave: return end.owners_left > 0;
    }
    return false;
  }

  void carry_out(Action action) {
    End& end = ends_[static_cast<std::size_t>(action.end)];
    switch (action.what) {
      case Action::What::post: return post(action.end);
      case Action::What::drop: end.held.erase(end.held.begin()); break;
      case Action::What::read: return read(action.end);
      case Action::What::tell: return tell(action.end);
      case Action::What::leave: return leave(action.end);
    }
  }

  /// Everything is read, dropped and told.
  void settle() {
    for (int turn = 0; turn < 8; ++turn)
      for (const int end : {0, 1}) {
        while (!ends_[static_cast<std::size_t>(end)].unread.empty()) read(end);
        ends_[static_cast<std::size_t>(end)].held.clear();
        if (possible({Action::What::tell, end})) tell(end);
      }
    for (const End& end : ends_)
      if (!end.lending.lent().empty()) fail("memory is kept that nobody will send back");
    if (!boxes_.empty()) fail("the broker keeps memory that nobody will claim");
  }

  const std::string& failed() const { return failed_; }

  /// All that what comes next depends on.
  std::string state() const {
    std::string text = std::to_string(posts_left_);
    const auto add = [&text](std::uint64_t number) { text.append(" ").append(std::to_string(number)); };
    for (const End& end : ends_) {
      text += "|";
      add(static_cast<std::uint64_t>(end.owners_left));
      add(end.lending.worthwhile());
      for (const auto& [number, memory] : end.lending.lent()) add(number.id.value), add(static_cast<std::uint64_t>(static_cast<Mapped&>(*memory).object));
      text += " held";
      for (const auto& memory : end.held) add(static_cast<std::uint64_t>(memory->object)), add(end.lending.number_of(*memory).value_or(PortId{}).value);
      text += " borrowed";
      for (const PortId number : end.borrowed) add(number.value);
      text += " free";
      for (const Number& number : end.free) add(number.id.value);
      for (const Record& record : end.unread) {
        text += " record";
        for (const PortId token : record.tokens) add(token.value);
        add(static_cast<std::uint64_t>(record.object + 1));
        add(record.lent.value);
      }
    }
    text += "|";
    for (const auto& [token, object] : boxes_) add(token.second.value), add(static_cast<std::uint64_t>(object));
    return text;
  }

 private:
  static std::size_t gone(const End& end) {
    return end.borrowed.size() - static_cast<std::size_t>(std::ranges::count_if(
                                     end.held, [&](const auto& memory) { return end.lending.number_of(*memory).has_value(); }));
  }

  PortId fresh() { return PortId::of({++last_number_}, 2); }
  std::deque<Record>& stream_of(int writer) { return ends_[static_cast<std::size_t>(1 - writer)].unread; }

  void post(int writer) {
    End& end = ends_[static_cast<std::size_t>(writer)];
    --posts_left_;
    std::shared_ptr<Mapped> memory = std::move(end.held.front());
    end.held.erase(end.held.begin());
    Record record{{}, memory->object};
    if (const auto number = end.lending.number_of(*memory)) {
      record.tokens = {*number};
      if (without_ != Without::forgetting_what_went_back) end.lending.gave_back(*number);
      end.borrowed.erase(*number);
    } else {
      record.tokens = {fresh()};
      boxes_[{writer, record.tokens[0]}] = memory->object;
    }
    if (end.lending.worthwhile()) {
      const Number number = end.free.empty() ? Number{fresh(), 1} : end.free.back();
      if (!end.free.empty()) end.free.pop_back();
      record.lent = number.id;
      end.lending.lend(number, std::move(memory));
    }
    stream_of(writer).push_back(std::move(record));
  }

  void read(int reader) {
    End& end = ends_[static_cast<std::size_t>(reader)];
    const Record record = std::move(end.unread.front());
    end.unread.pop_front();
    std::vector<route::Token> tokens;
    for (const PortId token : record.tokens) tokens.push_back({token, wire::lent_epoch});
    const std::vector<PortId> out = end.lending.out(tokens);
    for (const PortId token : record.tokens) {
      const bool ours = std::ranges::find(out, token) != out.end();
      if (record.object < 0) {
        if (ours) end.free.push_back(*end.lending.relinquished(token));
        boxes_.erase({1 - reader, token});
        continue;
      }
      std::shared_ptr<Mapped> memory;
      if (ours) {
        const auto lent = end.lending.take_back(token);
        memory = std::static_pointer_cast<Mapped>(lent->memory);
        end.free.push_back(lent->number);
      } else if (const auto box = boxes_.extract({1 - reader, token})) {
        memory = std::make_shared<Mapped>(box.mapped());
      }
      if (!memory || memory->object != record.object) return fail(memory ? "a message has the memory of another one" : "memory does not arrive");
      if (record.lent) {
        end.lending.borrow(record.lent, memory);
        end.borrowed.insert(record.lent);
      }
      end.held.push_back(std::move(memory));
    }
  }

  void tell(int writer) {
    End& end = ends_[static_cast<std::size_t>(writer)];
    Record record{end.lending.take_kept()};
    for (const PortId number : record.tokens)
      if (end.borrowed.erase(number) == 0) fail("relinquished what has gone back");
    if (!record.tokens.empty()) stream_of(writer).push_back(std::move(record));
  }

  void leave(int leaving) {
    End& end = ends_[static_cast<std::size_t>(leaving)];
    if (without_ != Without::relinquishing_at_detach) {
      end.lending.keep_all();
      tell(leaving);
    }
    for (const auto& [number, memory] : end.lending.lent())
      if (without_ != Without::boxes_at_detach) boxes_[{1 - leaving, number.id}] = static_cast<Mapped&>(*memory).object;
    end.lending = {};
    end.lending.memory_came();
    end.borrowed.clear();
    end.free.clear();
    end.held.clear();
    --end.owners_left;
  }

  void fail(const char* what) {
    if (failed_.empty()) failed_ = what;
  }

  Without without_;
  std::array<End, 2> ends_;
  std::map<std::pair<int, PortId>, int> boxes_;  ///< at the broker, by the end that writes the token
  std::uint64_t last_number_ = 0;
  int posts_left_ = 7;
  std::string failed_;
};

constexpr std::array all_actions = [] {
  std::array<Action, 10> actions{};
  for (int i = 0; i < 10; ++i) actions[static_cast<std::size_t>(i)] = {static_cast<Action::What>(i / 2), i % 2};
  return actions;
}();

struct Found {
  std::size_t states = 0;
  std::string failed;  ///< what, and after which actions; empty: nothing did
};

/// Weak pointers cannot be copied with what they watch: each state is reached anew.
Found explore(Without without) {
  Found found;
  std::set<std::string> seen;
  std::deque<std::vector<Action>> ways{{}};
  while (!ways.empty()) {
    const std::vector<Action> way = std::move(ways.front());
    ways.pop_front();
    const auto reach = [&] {
      Channel channel(without);
      for (const Action action : way) channel.carry_out(action);
      return channel;
    };
    Channel channel = reach();
    if (!seen.insert(channel.state()).second && channel.failed().empty()) continue;
    for (const Action action : all_actions) {
      if (!channel.possible(action)) continue;
      ways.push_back(way);
      ways.back().push_back(action);
    }
    channel.settle();
    if (channel.failed().empty()) continue;
    found.failed = channel.failed() + " after";
    for (const Action action : way) found.failed.append(" ").append(1, "pdrtl"[static_cast<int>(action.what)]).append(std::to_string(action.end));
    break;
  }
  found.states = seen.size();
  return found;
}

TEST(LendingExplorer, EveryBufferArrivesAndNothingIsKept) {
  const Found found = explore(Without::nothing);
  std::cout << found.states << " states\n";
  EXPECT_EQ(found.failed, "");
  EXPECT_GT(found.states, 10'000u);
}

TEST(LendingExplorer, WithoutEachRuleSomethingIsLostOrKept) {
  EXPECT_EQ(explore(Without::boxes_at_detach).failed.substr(0, 22), "memory does not arrive");
  EXPECT_EQ(explore(Without::relinquishing_at_detach).failed.substr(0, 14), "memory is kept");
  EXPECT_EQ(explore(Without::telling_what_is_gone).failed.substr(0, 14), "memory is kept");
  EXPECT_NE(explore(Without::forgetting_what_went_back).failed, "");
}

}  // namespace
}  // namespace fairway::client
