// The hook that coroutines and foreign loops receive by.
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fairway/fairway.hpp>

#include "support/town.hpp"

namespace fairway::test {
namespace {

class OnReadable : public OverBoth {
 protected:
  /// What was received, "closed" at the end, in the order of the calls.
  void collect_one() {
    mine.on_readable([this](MessagePort& port) {
      const auto event = port.try_receive();
      texts.push_back(event ? std::string(event->string()) : port.close_reason() ? "closed" : "nothing");
    });
  }

  std::vector<std::string> texts;
};

TEST_P(OnReadable, it_is_called_once_and_the_rest_waits) {
  collect_one();
  theirs.post_message("one");
  theirs.post_message("two");
  EXPECT_TRUE(town.until([&] { return !texts.empty(); }));
  for (int i = 0; i < 10; ++i) town.poll_all();
  EXPECT_EQ(texts, std::vector<std::string>{"one"});
  collect_one();
  EXPECT_TRUE(town.until([&] { return texts.size() == 2; }));
  EXPECT_EQ(texts.back(), "two");
}

TEST_P(OnReadable, it_is_called_for_the_end_too_before_and_after_the_end_was_told) {
  collect_one();
  theirs.close();
  EXPECT_TRUE(town.until([&] { return texts.size() == 1; }));
  collect_one();
  EXPECT_TRUE(town.until([&] { return texts.size() == 2; }));
  EXPECT_EQ(texts, (std::vector<std::string>{"closed", "closed"}));
}

TEST_P(OnReadable, taken_back_it_is_not_called_and_the_message_waits) {
  collect_one();
  mine.on_readable(nullptr);
  theirs.post_message("one");
  for (int i = 0; i < 10; ++i) town.poll_all();
  EXPECT_TRUE(texts.empty());
  EXPECT_EQ(town.text(mine), "one");
}

TEST_P(OnReadable, the_message_comes_to_it_and_the_next_to_on_message) {
  mine.on_message([this](MessageEvent& event) { texts.push_back("handler " + std::string(event.string())); });
  collect_one();
  theirs.post_message("one");
  theirs.post_message("two");
  EXPECT_TRUE(town.until([&] { return texts.size() == 2; }));
  EXPECT_EQ(texts, (std::vector<std::string>{"one", "handler two"}));
}

TEST_P(OnReadable, the_handle_may_move_meanwhile) {
  collect_one();
  MessagePort elsewhere = std::move(mine);
  theirs.post_message("one");
  EXPECT_TRUE(town.until([&] { return texts.size() == 1; }));
  EXPECT_EQ(texts, std::vector<std::string>{"one"});
  EXPECT_TRUE(elsewhere);
}

TEST_P(OnReadable, it_is_destroyed_with_its_port_or_its_transfer_or_its_successor) {
  auto token = std::make_shared<int>();
  const auto hold = [&](MessagePort& port) { port.on_readable([token](MessagePort&) { ADD_FAILURE() << "is called"; }); };
  hold(mine);
  EXPECT_EQ(token.use_count(), 2);
  hold(mine);
  EXPECT_EQ(token.use_count(), 2);
  MessageChannel carrier(town[0]);
  carrier.port1.post_message("take it", {.transfer = {mine}});
  EXPECT_EQ(token.use_count(), 1);
  hold(mine);
  EXPECT_EQ(token.use_count(), 1) << "the handle is empty";
  hold(carrier.port1);
  carrier.port1.close();
  EXPECT_EQ(token.use_count(), 1);
}

TEST_P(OnReadable, it_can_end_its_own_port) {
  mine.on_readable([this](MessagePort&) { mine.close(); });
  theirs.post_message("one");
  EXPECT_TRUE(town.until([&] { return !theirs; }));
}

INSTANTIATE_TEST_SUITE_P(, OnReadable, testing::Bool(), kind_of_channel);

TEST(OnMessage, taken_back_with_messages_queued_it_is_not_called) {
  Town town(1);
  MessageChannel channel(town[0]);
  channel.port1.on_message([](MessageEvent&) { ADD_FAILURE() << "is called"; });
  channel.port2.post_message("one");
  channel.port1.on_message(nullptr);
  town.poll_all();
  EXPECT_EQ(town.text(channel.port1), "one");
}

}  // namespace
}  // namespace fairway::test
