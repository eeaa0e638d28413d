// What a former owner that keeps everything can do to memory and descriptors after its Detach.
#include "multiprocess/hostile_owner.hpp"

namespace fairway::test {
namespace {

TEST_F(HostileFormerOwner, tells_the_truth_and_harms_nobody) {
  ASSERT_NO_FATAL_FAILURE(hand_over(false));
  ASSERT_NO_FATAL_FAILURE(expect(other_side_, "own ", own_words));
  ASSERT_NO_FATAL_FAILURE(expect_peace());
}

TEST_F(HostileFormerOwner, writes_into_every_byte_of_its_old_half_and_nobody_reads_it) {
  ASSERT_NO_FATAL_FAILURE(hand_over(true));
  for (const char* const attack : {"scribble 255", "scribble 0", "forge", "scribble 170", "forge"}) {
    SCOPED_TRACE(attack);
    EXPECT_NE(tell(attack), "0") << "nothing to write to";
    ASSERT_NO_FATAL_FAILURE(expect_peace());
  }
}

class HostileAppender : public HostileFormerOwner, public testing::WithParamInterface<const char*> {};

TEST_P(HostileAppender, goes_on_behind_its_end_while_the_port_is_nobodys_and_nobody_reads_it) {
  ASSERT_NO_FATAL_FAILURE(meet(true));
  ASSERT_NO_FATAL_FAILURE(let_go());
  ASSERT_NO_FATAL_FAILURE(wait_for_news());
  EXPECT_NE(tell(GetParam()), "0");
  EXPECT_FALSE(other_side_.try_receive());
  EXPECT_FALSE(other_side_.close_reason());
  ASSERT_NO_FATAL_FAILURE(arrive());
  ASSERT_NO_FATAL_FAILURE(expect_peace());
}

INSTANTIATE_TEST_SUITE_P(With, HostileAppender, testing::Values("replay", "forge", "scribble 255"), [](const auto& attack) {
  const std::string name = attack.param;
  return name.substr(0, name.find(' '));
});

TEST_F(HostileFormerOwner, changes_its_own_unread_messages_and_nothing_else) {
  ASSERT_NO_FATAL_FAILURE(hand_over(false));
  EXPECT_NE(tell("forge"), "0");
  post(new_owner_, "true ", 3);
  // As many as it had declared, not one more.
  int lies = 0;
  std::string text = town_.text(other_side_);
  for (; text == "lies!" || text.starts_with("own "); text = town_.text(other_side_)) ASSERT_LE(++lies, own_words);
  EXPECT_EQ(lies, own_words);
  EXPECT_EQ(text, "true 0");
  EXPECT_EQ(town_.text(other_side_), "true 1");
  EXPECT_EQ(town_.text(other_side_), "true 2");
  ASSERT_NO_FATAL_FAILURE(expect_peace());
}

TEST_F(HostileFormerOwner, damages_its_half_before_the_news_of_the_move_and_stops_nobody) {
  ASSERT_NO_FATAL_FAILURE(meet(false));
  ASSERT_NO_FATAL_FAILURE(let_go({}, "scribble 255"));
  ASSERT_NO_FATAL_FAILURE(arrive());
  post(new_owner_, "true ", 3);
  std::string text = town_.text(other_side_);
  while (text.starts_with("own ")) text = town_.text(other_side_);
  // What it wrote cannot be read, and the channel says so; or it had been read before.
  if (text == "closed") {
    EXPECT_EQ(other_side_.close_reason(), CloseReason::protocol_error);
  } else {
    EXPECT_EQ(text, "true 0");
  }
}

TEST_F(HostileFormerOwner, rings_doorbells_and_scribbles_over_its_links) {
  ASSERT_NO_FATAL_FAILURE(hand_over(true));
  tell("ring");
  ASSERT_NO_FATAL_FAILURE(expect_peace());
  EXPECT_NE(tell("links"), "0");
  tell("ring");
  ASSERT_NO_FATAL_FAILURE(expect_peace());
}

TEST_F(HostileFormerOwner, sees_nothing_of_what_the_other_side_posts_after_the_move) {
  ASSERT_NO_FATAL_FAILURE(hand_over(true));
  EXPECT_NE(tell("find " + cipher("old 0")), "0") << "what was posted to it must be found";
  new_owner_.post_message("moved");
  ASSERT_EQ(town_.text(other_side_), "moved");
  other_side_.post_message("confidential 4711");
  ASSERT_EQ(town_.text(new_owner_), "confidential 4711");
  EXPECT_EQ(tell("find " + cipher("confidential 4711")), "0");
  new_owner_.post_message("answer 0815");
  ASSERT_EQ(town_.text(other_side_), "answer 0815");
  EXPECT_EQ(tell("find " + cipher("answer 0815")), "0");
}

TEST_F(HostileFormerOwner, sees_nothing_of_what_is_posted_before_the_other_side_has_looked_at_the_news) {
  ASSERT_NO_FATAL_FAILURE(meet(true));
  ASSERT_NO_FATAL_FAILURE(let_go());  // the broker has handled it: it answered what came behind
  other_side_.post_message("confidential 4711");
  EXPECT_EQ(tell("find " + cipher("confidential 4711")), "0");
  ASSERT_NO_FATAL_FAILURE(arrive());
  EXPECT_EQ(town_.text(new_owner_), "confidential 4711");
  EXPECT_EQ(tell("find " + cipher("confidential 4711")), "0");
  ASSERT_NO_FATAL_FAILURE(expect_peace());
}

class HostileKernelCall : public HostileFormerOwner, public testing::WithParamInterface<const char*> {};

TEST_P(HostileKernelCall, on_what_it_kept_fails) {
  ASSERT_NO_FATAL_FAILURE(meet(false));
  ASSERT_NO_FATAL_FAILURE(let_go());
  ASSERT_EQ(tell(GetParam()), "0");
  ASSERT_NO_FATAL_FAILURE(arrive());
  ASSERT_NO_FATAL_FAILURE(expect(other_side_, "own ", own_words));
  ASSERT_EQ(tell(GetParam()), "0");
  ASSERT_NO_FATAL_FAILURE(expect_peace());
}

INSTANTIATE_TEST_SUITE_P(To, HostileKernelCall, testing::Values("truncate", "punch", "map", "unprotect"),
                         [](const auto& call) { return std::string(call.param); });

}  // namespace
}  // namespace fairway::test
