// The broker dies and another one comes: what goes on, what works again, what is lost.
#include "multiprocess/mortal_broker.hpp"

namespace fairway::test {
namespace {

TEST(Rejoin, names_connects_and_new_channels_work_again) {
  Contexts town(2);
  auto [old_mine, old_theirs] = town.channel(0, 1);
  town.expect_talk(old_mine, old_theirs);
  town.kill_broker();
  town.poll_all();
  EXPECT_THROW(static_cast<void>(town[0].connect("b")), std::system_error);
  town.expect_talk(old_mine, old_theirs);
  town.start_broker();
  auto [mine, theirs] = town.channel(0, 1);
  town.expect_talk(mine, theirs);
  town.expect_talk(old_mine, old_theirs);
  Context late({.name = "late", .broker = town.directory()});
}

TEST(Rejoin, a_channel_of_before_grows_again) {
  Contexts town(2);
  auto [mine, theirs] = town.channel(0, 1);
  town.expect_talk(mine, theirs);
  town.kill_broker();
  town.poll_all();
  town.start_broker();
  auto [also_mine, also_theirs] = town.channel(0, 1);
  const std::string large(300'000, 'x');
  for (int i = 0; i < 10; ++i) mine.post_message(large);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(town.text(theirs).size(), large.size());
  EXPECT_FALSE(theirs.close_reason());
}

TEST(Rejoin, a_context_of_hundreds_of_channels_keeps_no_descriptors_and_they_go_on_alone) {
  Contexts town(2);
  const std::size_t before = open_descriptors(::getpid());
  std::vector<std::pair<MessagePort, MessagePort>> channels;
  for (int i = 0; i < 300; ++i) channels.push_back(town.channel(0, 1));
  for (auto& [mine, theirs] : channels) town.expect_talk(mine, theirs);
  EXPECT_LT(open_descriptors(::getpid()), before + 24);
  town.kill_broker();
  town.poll_all();
  town.start_broker();
  auto [mine, theirs] = town.channel(0, 1);
  town.expect_talk(mine, theirs);
  for (auto& [old_mine, old_theirs] : channels) town.expect_talk(old_mine, old_theirs);
}

TEST(Rejoin, what_waits_for_a_segment_when_the_broker_dies_arrives_with_the_next_one) {
  Contexts town(2, nullptr);
  auto [mine, theirs] = town.channel(0, 1);
  town.expect_talk(mine, theirs);
  town.kill_broker();
  const std::string large(300'000, 'x');
  for (int i = 0; i < 10; ++i) mine.post_message(large);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(town.text(theirs).size(), large.size());
  EXPECT_NE(town.broker_pid(), 0) << "who needs a broker starts one";
}

TEST(Rejoin, a_buffer_in_transit_dies_with_its_broker_and_one_that_has_arrived_goes_on_with_the_next) {
  Contexts town(2);
  auto [mine, theirs] = town.channel(0, 1);
  town.expect_talk(mine, theirs);
  constexpr std::size_t large = std::size_t{2} << 20;
  ArrayBuffer first(large), second(large);
  first.bytes()[large - 1] = std::byte{1};
  mine.post_message(first, {.transfer = {first}});
  const auto arrived = town.next(theirs);
  ASSERT_TRUE(arrived);
  mine.post_message(second, {.transfer = {second}});
  town.kill_broker();
  town.poll_all();
  const auto lost = town.next(theirs);
  ASSERT_TRUE(lost);
  EXPECT_EQ(lost->kind(), MessageEvent::Kind::error);
  town.start_broker();
  auto [also_mine, also_theirs] = town.channel(0, 1);
  ArrayBuffer back{Value(arrived->data())};
  theirs.post_message(back, {.transfer = {back}});
  const auto again = town.next(mine);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->data().bytes()[large - 1], std::byte{1});
}

TEST(Rejoin, a_port_that_a_former_broker_granted_closes_with_its_message_unread) {
  Contexts town(2, nullptr);
  auto [mine, theirs] = town.channel(0, 1);
  town.expect_talk(mine, theirs);
  MessageChannel channel(town[0]);
  mine.post_message("unread", {.transfer = {channel.port2}});
  const int broker = town.broker_pid();
  ::kill(broker, SIGSTOP);
  EXPECT_FALSE(theirs.try_receive());  // asks for the port
  ::kill(broker, SIGCONT);
  static_cast<void>(town.channel(1, 0));  // and hears what comes behind the answer
  town.kill_broker();
  town.poll_all();
  for (const std::size_t from : {0u, 1u}) static_cast<void>(town.channel(from, 1 - from));
  EXPECT_FALSE(channel.port1.close_reason());
  theirs.close();
  EXPECT_EQ(town.text(channel.port1), "closed");
}

TEST(Rejoin, a_link_is_not_dead_whose_other_side_alone_has_heard_that_it_is_dropped) {
  Contexts town(3);
  auto [mine, theirs] = town.channel(0, 1);
  auto [carrier, end] = town.channel(0, 2);
  town.expect_talk(mine, theirs);
  town.expect_talk(carrier, end);
  std::vector<MessagePort> unheard;  // so many that the broker keeps for b what comes behind them
  for (int i = 0; i < 200; ++i) unheard.push_back(town[2].connect("b"));
  carrier.post_message("yours", {.transfer = {mine}});
  std::optional<MessageEvent> event;
  while (!(event = end.try_receive())) {
    town[0].poll();
    town[2].poll();
  }
  static_cast<void>(town[0].connect("c"));  // and a has heard that the link to b is not needed any more
  town.kill_broker();
  town.poll_all();
  town.start_broker();
  EXPECT_EQ(town.text(theirs), "closed") << "b names who had the port opposite, and c has it";
  EXPECT_EQ(theirs.close_reason(), CloseReason::broker_lost) << "nobody died";
}

TEST(Rejoin, empty_messages_that_wait_in_the_heap_reach_the_hard_limit) {
  Contexts town(2);
  Context writer({.broker = town.directory(), .queue_hard_limit = 640});
  MessagePort mine = writer.connect("b");
  ASSERT_TRUE(town.until([&] { return !town.connected(1).empty(); }));
  MessagePort theirs = std::move(town.connected(1)[0]);
  mine.post_message("hello");
  EXPECT_EQ(town.text(theirs), "hello");
  theirs.post_message("hello");
  ASSERT_TRUE(town.until([&] { return mine.try_receive().has_value(); }));  // nothing is on its way through the broker
  town.kill_broker();
  int posted = 0;
  EXPECT_THROW(
      for (; posted < 1'000'000; ++posted) mine.post_message(""), DOMException);
  EXPECT_GT(posted, 10);
  for (int i = 0; i < posted; ++i) {
    const auto event = town.next(theirs);
    ASSERT_TRUE(event && event->bytes().empty()) << i;
    writer.poll();
  }
}

TEST(Rejoin, a_port_of_before_moves_with_its_queue) {
  Contexts town(3);
  auto [mine, theirs] = town.channel(0, 1);
  auto [carrier, end] = town.channel(1, 2);
  town.expect_talk(mine, theirs);
  town.expect_talk(carrier, end);
  for (int i = 0; i < 3; ++i) mine.post_message("before " + std::to_string(i));
  town.kill_broker();
  town.poll_all();
  for (int i = 3; i < 6; ++i) mine.post_message("before " + std::to_string(i));
  town.start_broker();
  auto [also_carrier, also_end] = town.channel(1, 2);
  carrier.post_message("take it", {.transfer = {theirs}});
  auto event = town.next(end);
  ASSERT_TRUE(event && event->ports.size() == 1);
  MessagePort moved = std::move(event->ports[0]);
  for (int i = 0; i < 6; ++i) EXPECT_EQ(town.text(moved), "before " + std::to_string(i));
  town.expect_talk(mine, moved);
}

TEST(Rejoin, a_port_that_leaves_while_there_is_no_broker_leaves_with_the_next_one) {
  Contexts town(3, nullptr);
  auto [mine, theirs] = town.channel(0, 1);
  auto [carrier, end] = town.channel(1, 2);
  town.expect_talk(mine, theirs);
  town.kill_broker();
  town.poll_all();
  carrier.post_message("take it", {.transfer = {theirs}});
  auto event = town.next(end);
  ASSERT_TRUE(event && event->ports.size() == 1);
  town.expect_talk(mine, event->ports[0]);
}

TEST(Rejoin, a_port_in_transit_closes_with_broker_lost) {
  Contexts town(3);
  auto [mine, theirs] = town.channel(0, 1);
  auto [carrier, end] = town.channel(1, 2);
  town.expect_talk(mine, theirs);
  town.expect_talk(carrier, end);
  carrier.post_message("take it", {.transfer = {theirs}});
  town.kill_broker();
  town.start_broker();
  auto event = town.next(end);
  ASSERT_TRUE(event && event->ports.size() == 1) << "the message itself arrives";
  EXPECT_EQ(town.next(mine), std::nullopt);
  EXPECT_EQ(mine.close_reason(), CloseReason::broker_lost);
  EXPECT_EQ(town.next(event->ports[0]), std::nullopt);
  town.expect_talk(carrier, end);
}

TEST(Rejoin, a_close_while_there_is_no_broker_is_heard_after_what_was_posted) {
  Contexts town(2);
  auto [mine, theirs] = town.channel(0, 1);
  town.expect_talk(mine, theirs);
  town.kill_broker();
  town.poll_all();
  mine.post_message("last");
  mine.close();
  town.start_broker();
  EXPECT_EQ(town.text(theirs), "last");
  EXPECT_EQ(town.next(theirs), std::nullopt);
  EXPECT_EQ(theirs.close_reason(), CloseReason::closed);
}

FAIRWAY_CHILD(rejoin_victim) {
  Context context({.broker = arguments.at(0)});
  MessagePort port = context.connect("a");
  port.post_message("hello");
  while (port.receive()) {
  }
  return 0;
}

TEST(Rejoin, a_peer_that_dies_before_it_returns_is_lost) {
  Contexts town(1);
  Child victim("rejoin_victim", {town.directory().native()});
  ASSERT_TRUE(town.until([&] { return !town.connected(0).empty(); }));
  MessagePort port = std::move(town.connected(0).front());
  ASSERT_EQ(town.text(port), "hello");
  victim.kill(SIGSTOP);
  ASSERT_TRUE(victim.wait_until_stopped());
  town.kill_broker();
  town.poll_all();
  town.start_broker();
  Context other({.name = "other", .broker = town.directory()});
  ASSERT_TRUE(town.until([&] {
    try {
      return static_cast<bool>(town[0].connect("other"));
    } catch (const std::system_error&) {
      return false;
    }
  })) << "back without the one that is stopped";
  port.post_message("are you there");
  EXPECT_FALSE(port.close_reason());
  victim.kill(SIGKILL);
  EXPECT_EQ(town.next(port), std::nullopt);
  EXPECT_EQ(port.close_reason(), CloseReason::peer_lost);
}

TEST(Rejoin, a_name_that_is_taken_meanwhile_is_lost_and_nothing_else) {
  Contexts town(2);
  auto [mine, theirs] = town.channel(0, 1);
  town.expect_talk(mine, theirs);
  town.kill_broker();
  town.start_broker();
  Context thief({.name = "a", .broker = town.directory()});  // town[0] has not noticed yet
  const std::string large(300'000, 'x');
  for (int i = 0; i < 4; ++i) mine.post_message(large);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(town.text(theirs).size(), large.size());
}

}  // namespace
}  // namespace fairway::test
