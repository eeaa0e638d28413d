// What a former owner can say to the broker: in its Detach, and after it.
#include "multiprocess/hostile_owner.hpp"

namespace fairway::test {
namespace {

class HostileWords : public HostileFormerOwner, public testing::WithParamInterface<std::string> {};

TEST_P(HostileWords, about_the_port_end_its_connection_and_touch_nobody) {
  ASSERT_NO_FATAL_FAILURE(hand_over(true));
  ASSERT_NO_FATAL_FAILURE(expect_peace());
  EXPECT_EQ(tell("say " + GetParam()), "dead") << "the broker goes on talking to it";
  ASSERT_NO_FATAL_FAILURE(expect_peace());
}

std::vector<std::string> all_words() {
  std::vector<std::string> names;
  for (const auto& [name, message] : words_about(PortId{2}, PortId{4}, {})) names.push_back(name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(Former, HostileWords, testing::ValuesIn(all_words()), [](const auto& name) { return name.param; });

using HostileClaim = HostileFormerOwner;

TEST_F(HostileClaim, of_what_it_gave_away_is_refused_to_its_own_carrier) {
  ASSERT_NO_FATAL_FAILURE(meet(true));
  ASSERT_NO_FATAL_FAILURE(let_go());
  EXPECT_EQ(tell("claim own"), "refused");
  ASSERT_NO_FATAL_FAILURE(arrive());
  EXPECT_EQ(tell("claim own"), "refused");
  ASSERT_NO_FATAL_FAILURE(expect_peace());
}

TEST_F(HostileClaim, before_it_lets_go_does_not_get_it_then) {
  ASSERT_NO_FATAL_FAILURE(meet(true));
  EXPECT_NE(tell("claim own"), "granted");
  ASSERT_NO_FATAL_FAILURE(let_go());
  ASSERT_NO_FATAL_FAILURE(arrive());
  ASSERT_NO_FATAL_FAILURE(expect_peace());
}

TEST_F(HostileClaim, in_the_name_of_the_new_owner_ends_its_connection) {
  ASSERT_NO_FATAL_FAILURE(meet(true));
  ASSERT_NO_FATAL_FAILURE(let_go());
  EXPECT_EQ(tell("claim foreign"), "dead");
  ASSERT_NO_FATAL_FAILURE(arrive());
  ASSERT_NO_FATAL_FAILURE(expect_peace());
}

using HostileEnd = HostileFormerOwner;

TEST_F(HostileEnd, in_front_of_unread_words_loses_its_own_and_nothing_else) {
  ASSERT_NO_FATAL_FAILURE(meet(false));
  ASSERT_NO_FATAL_FAILURE(let_go({.final = 3 * word_size}));
  ASSERT_NO_FATAL_FAILURE(wait_for_news());
  ASSERT_NO_FATAL_FAILURE(arrive());
  ASSERT_NO_FATAL_FAILURE(expect(other_side_, "own ", 3));
  ASSERT_NO_FATAL_FAILURE(expect_peace());
}

TEST_F(HostileEnd, in_front_of_what_is_read_closes_the_channel) {
  ASSERT_NO_FATAL_FAILURE(meet(true));
  ASSERT_NO_FATAL_FAILURE(let_go({.final = 3 * word_size}));
  ASSERT_NO_FATAL_FAILURE(wait_for_news());
  ASSERT_NO_FATAL_FAILURE(arrive());
  ASSERT_NO_FATAL_FAILURE(expect_protocol_error());
}

TEST_F(HostileEnd, within_a_record_closes_the_channel_in_front_of_it) {
  ASSERT_NO_FATAL_FAILURE(meet(false));
  ASSERT_NO_FATAL_FAILURE(let_go({.final = own_final - 8}));
  ASSERT_NO_FATAL_FAILURE(wait_for_news());
  ASSERT_NO_FATAL_FAILURE(arrive());
  ASSERT_NO_FATAL_FAILURE(expect(other_side_, "own ", own_words - 1));
  ASSERT_NO_FATAL_FAILURE(expect_protocol_error());
}

TEST_F(HostileEnd, behind_what_it_wrote_closes_the_channel) {
  ASSERT_NO_FATAL_FAILURE(meet(true));
  ASSERT_NO_FATAL_FAILURE(let_go({.final = own_final + word_size}));
  ASSERT_NO_FATAL_FAILURE(wait_for_news());
  ASSERT_NO_FATAL_FAILURE(arrive());
  ASSERT_NO_FATAL_FAILURE(expect_protocol_error());
}

TEST_F(HostileEnd, beyond_its_segment_does_not_let_it_go_on_for_ever) {
  ASSERT_NO_FATAL_FAILURE(meet(true));
  ASSERT_NO_FATAL_FAILURE(let_go({.final = std::uint64_t{1} << 40}, "forge"));
  ASSERT_NO_FATAL_FAILURE(arrive());
  std::string text = town_.text(other_side_);
  for (std::uint64_t lies = 0; text == "lies!"; ++lies) {
    ASSERT_LE(lies, 4 * first_ring / word_size) << "as if it were the owner still";
    text = town_.text(other_side_);
  }
  EXPECT_EQ(text, "closed");
  ASSERT_NO_FATAL_FAILURE(expect_protocol_error());
}

TEST_F(HostileEnd, that_no_position_can_name_ends_its_connection) {
  ASSERT_NO_FATAL_FAILURE(meet(true));
  EXPECT_EQ(tell("detach " + std::to_string(std::uint64_t{1} << shm::Position::offset_bits) + " 0"), "dead");
  EXPECT_EQ(town_.text(other_side_), "closed");
  EXPECT_EQ(other_side_.close_reason(), CloseReason::peer_lost);
}

TEST_F(HostileEnd, of_reading_in_a_generation_that_nobody_wrote_ends_its_connection) {
  ASSERT_NO_FATAL_FAILURE(meet(true));
  EXPECT_EQ(tell("detach " + std::to_string(own_final) + " " + std::to_string(shm::Position{7, 0}.pack())), "dead");
  EXPECT_EQ(town_.text(other_side_), "closed");
  EXPECT_EQ(other_side_.close_reason(), CloseReason::peer_lost);
}

/// Where it says that it has stopped reading what the other side wrote.
class HostileReading : public HostileFormerOwner, public testing::WithParamInterface<std::uint64_t> {};

TEST_P(HostileReading, up_to_where_no_record_ends_closes_the_channel) {
  ASSERT_NO_FATAL_FAILURE(meet(true));
  ASSERT_NO_FATAL_FAILURE(let_go({.read = {0, GetParam()}}));
  ASSERT_NO_FATAL_FAILURE(wait_for_news());
  new_owner_ = town_.take(carrier_);
  std::string text = town_.text(new_owner_);
  for (int i = 0; text == "old " + std::to_string(i); ++i) text = town_.text(new_owner_);  // a whole turn too far is the same place
  EXPECT_EQ(text, "closed");
  ASSERT_NO_FATAL_FAILURE(expect_protocol_error());
}

INSTANTIATE_TEST_SUITE_P(At, HostileReading, testing::Values(8, 3 * word_size + 8, first_ring, std::uint64_t{1} << 40),
                         [](const auto& at) { return std::to_string(at.param); });

}  // namespace
}  // namespace fairway::test
