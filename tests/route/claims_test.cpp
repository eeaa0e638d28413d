/// A context's side of claiming, and of pairings: every transition.
#include <gtest/gtest.h>

#include <vector>

#include "route/claims.hpp"
#include "route/pairing.hpp"

namespace fairway::route {
namespace {

using enum TokenState;
using enum TokenEffect;

TEST(TokenSteps, AreTheseAndNoOthers) {
  const struct {
    TokenState state;
    TokenEvent event;
    TokenStep step;
    const char* why;
  } table[] = {
      {none, TokenEvent::reach, {asked, send_claim}, "a record is reached"},
      {none, TokenEvent::find, {at_hand, nothing}, "what was lent from here comes back"},
      {none, TokenEvent::grant, {none, nothing}, "late: it was abandoned"},
      {none, TokenEvent::refuse, {none, nothing}, "late"},
      {none, TokenEvent::abandon, {none, nothing}, ""},
      {none, TokenEvent::deliver, {none, wrong}, ""},
      {asked, TokenEvent::reach, {asked, wrong}, "a token twice"},
      {asked, TokenEvent::find, {asked, wrong}, ""},
      {asked, TokenEvent::grant, {granted, nothing}, ""},
      {asked, TokenEvent::refuse, {refused, nothing}, ""},
      {asked, TokenEvent::abandon, {none, send_unclaim}, ""},
      {asked, TokenEvent::deliver, {asked, wrong}, "before the answer"},
      {granted, TokenEvent::reach, {granted, wrong}, ""},
      {granted, TokenEvent::find, {granted, wrong}, ""},
      {granted, TokenEvent::grant, {granted, wrong}, "the broker says it twice"},
      {granted, TokenEvent::refuse, {granted, wrong}, "and otherwise"},
      {granted, TokenEvent::abandon, {none, send_unclaim}, "it goes back"},
      {granted, TokenEvent::deliver, {none, give}, ""},
      {refused, TokenEvent::reach, {refused, wrong}, ""},
      {refused, TokenEvent::find, {refused, wrong}, ""},
      {refused, TokenEvent::grant, {refused, wrong}, ""},
      {refused, TokenEvent::refuse, {refused, wrong}, ""},
      {refused, TokenEvent::abandon, {none, nothing}, "whoever reads the record next asks again"},
      {refused, TokenEvent::deliver, {none, give_closed}, ""},
      {at_hand, TokenEvent::reach, {at_hand, wrong}, ""},
      {at_hand, TokenEvent::find, {at_hand, wrong}, ""},
      {at_hand, TokenEvent::grant, {at_hand, wrong}, "nobody was asked"},
      {at_hand, TokenEvent::refuse, {at_hand, wrong}, ""},
      {at_hand, TokenEvent::abandon, {none, nothing}, "it is still here"},
      {at_hand, TokenEvent::deliver, {none, give_ours}, ""},
  };
  EXPECT_EQ(std::size(table), 5u * 6u);
  for (const auto& row : table) EXPECT_EQ(step(row.state, row.event), row.step) << row.why;
}

struct ClaimsTest : testing::Test {
  wire::Granted grant(PortId port, Epoch token) const {
    return {port, carrier, 0, token, token, 0, wire::Granted::Origin::token, 0, 0, 0, {}};
  }
  wire::Refused refusal(PortId port, Epoch token) const { return {port, carrier, token, 0}; }

  const PortId carrier = PortId::of({1}, 1);
  const PortId one = PortId::of({2}, 1);
  const PortId two = PortId::of({3}, 2);
  Claims claims;
};

TEST_F(ClaimsTest, ARecordIsDeliveredWhenEachOfItsTokensIsAnswered) {
  const auto sent = claims.reach(carrier, 4, std::vector<Token>{{one, 1}, {two, 7}});
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(sent[1].port, two);
  EXPECT_EQ(sent[1].carrier, carrier);
  EXPECT_EQ(sent[1].epoch, 7u);
  EXPECT_EQ(sent[1].generation, 4u);
  EXPECT_TRUE(claims.waiting(carrier));
  EXPECT_FALSE(claims.complete(carrier));
  EXPECT_TRUE(claims.on(refusal(two, 7)));
  EXPECT_FALSE(claims.complete(carrier));
  EXPECT_TRUE(claims.on(grant(one, 1)));
  EXPECT_TRUE(claims.held(one));
  EXPECT_FALSE(claims.held(two));
  ASSERT_TRUE(claims.complete(carrier));
  const auto outcomes = claims.deliver(carrier);
  ASSERT_EQ(outcomes.size(), 2u);
  EXPECT_TRUE(outcomes[0].granted);
  EXPECT_EQ(outcomes[0].grant.port, one);
  EXPECT_FALSE(outcomes[1].granted);
  EXPECT_FALSE(claims.waiting(carrier));
  EXPECT_FALSE(claims.held(one));
}

TEST_F(ClaimsTest, ForWhatIsAtHandNobodyIsAsked) {
  const auto sent = claims.reach(carrier, 0, std::vector<Token>{{one, 1}, {two, 1}}, std::vector<PortId>{two});
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].port, one);
  EXPECT_FALSE(claims.on(grant(two, 1))) << "it never was the broker's";
  EXPECT_FALSE(claims.complete(carrier));
  ASSERT_EQ(claims.abandon(carrier).size(), 1u) << "nor goes it back there";

  EXPECT_TRUE(claims.reach(carrier, 0, std::vector<Token>{{two, 1}}, std::vector<PortId>{two}).empty());
  ASSERT_TRUE(claims.complete(carrier));
  EXPECT_EQ(claims.lose_broker(), std::vector<PortId>{carrier});
  const auto outcomes = claims.deliver(carrier);
  EXPECT_TRUE(outcomes[0].ours);
  EXPECT_FALSE(outcomes[0].granted);
}

TEST_F(ClaimsTest, OtherPortsDoNotWait) {
  const PortId other = PortId::of({9}, 1);
  claims.reach(carrier, 0, std::vector<Token>{{one, 1}});
  EXPECT_FALSE(claims.waiting(other));
  claims.reach(other, 0, std::vector<Token>{{two, 1}});
  EXPECT_FALSE(claims.on(grant(two, 1))) << "an answer is for the port that asked";
  EXPECT_TRUE(claims.on(grant(one, 1)));
  EXPECT_TRUE(claims.complete(carrier));
  EXPECT_FALSE(claims.complete(other));
}

TEST_F(ClaimsTest, AnAbandonedRecordGivesBackWhatWasGrantedAndWhatMayBe) {
  const PortId three = PortId::of({4}, 1);
  claims.reach(carrier, 0, std::vector<Token>{{one, 1}, {two, 7}, {three, 2}});
  claims.on(grant(one, 1));
  claims.on(refusal(three, 2));
  const auto sent = claims.abandon(carrier);
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(sent[0].port, one);
  EXPECT_EQ(sent[1].port, two);
  EXPECT_EQ(sent[1].epoch, 7u);
  EXPECT_EQ(sent[1].carrier, carrier);
  EXPECT_FALSE(claims.on(grant(two, 7))) << "late: not ours";
  EXPECT_FALSE(claims.on(refusal(one, 1)));
  EXPECT_FALSE(claims.held(one));
  EXPECT_TRUE(claims.abandon(carrier).empty());
}

TEST_F(ClaimsTest, ARecordIsReachedAgainAfterItsPortCameBack) {
  claims.reach(carrier, 0, std::vector<Token>{{one, 1}});
  claims.abandon(carrier);
  EXPECT_EQ(claims.reach(carrier, 0, std::vector<Token>{{one, 1}}).size(), 1u);
  EXPECT_TRUE(claims.on(grant(one, 1)));
  EXPECT_TRUE(claims.complete(carrier));
}

TEST_F(ClaimsTest, WithoutABrokerWhatIsOpenIsRefused) {
  claims.reach(carrier, 0, std::vector<Token>{{one, 1}, {two, 1}});
  claims.on(grant(one, 1));
  EXPECT_EQ(claims.lose_broker(), std::vector<PortId>{carrier});
  const auto outcomes = claims.deliver(carrier);
  EXPECT_TRUE(outcomes[0].granted);
  EXPECT_FALSE(outcomes[1].granted);
}

TEST_F(ClaimsTest, ATableNamesAPortOnceAndNeitherEndOfItsCarrier) {
  EXPECT_TRUE(Claims::valid(carrier, std::vector<Token>{{one, 1}, {two, 1}, {one.opposite(), 1}}));
  EXPECT_TRUE(Claims::valid(carrier, {}));
  EXPECT_FALSE(Claims::valid(carrier, std::vector<Token>{{one, 1}, {two, 1}, {one, 2}}));
  EXPECT_FALSE(Claims::valid(carrier, std::vector<Token>{{carrier, 1}}));
  EXPECT_FALSE(Claims::valid(carrier, std::vector<Token>{{carrier.opposite(), 1}}));
}

TEST(PairingTest, EveryMoveOfTheOtherEndNeedsAGenerationOfItsOwn) {
  Pairing pairing(3, 0);
  EXPECT_TRUE(pairing.needs_generation());
  pairing.opened();
  EXPECT_FALSE(pairing.needs_generation());
  EXPECT_FALSE(pairing.saw(0)) << "no news";
  EXPECT_TRUE(pairing.saw(2));
  EXPECT_FALSE(pairing.saw(2)) << "from the table, from Moved, from Paired: once";
  EXPECT_FALSE(pairing.saw(1)) << "old news";
  EXPECT_EQ(pairing.peer(), 2u);
  EXPECT_TRUE(pairing.needs_generation());
  pairing.opened();
  EXPECT_FALSE(pairing.needs_generation());
}

TEST(PairingTest, OnlyTheControlBlockOfThePairingCounts) {
  const Pairing pairing(3, 2);
  const PortId port = PortId::of({1}, 1);
  EXPECT_TRUE(pairing.controls({port, 12288, 0, 2, 5, 0, 3, 4, 1}));
  EXPECT_FALSE(pairing.controls({port, 12288, 0, 2, 5, 0, 3, 4, 0})) << "a ring and nothing else";
  EXPECT_FALSE(pairing.controls({port, 12288, 0, 2, 5, 0, 2, 4, 1})) << "for my predecessor";
  EXPECT_FALSE(pairing.controls({port, 12288, 0, 1, 5, 0, 3, 4, 1})) << "by a predecessor of my neighbour";
}

}  // namespace
}  // namespace fairway::route
