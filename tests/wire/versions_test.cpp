/// What two sides speak with each other.
#include <gtest/gtest.h>

#include "wire/codec.hpp"

namespace fairway::wire {
namespace {

TEST(Versions, TheNewestThatBothKnowIsSpoken) {
  const Versions one{5, 2, 7, 6, 0b0110};
  EXPECT_EQ(agree(one, {5, 5, 7, 7, 0b0011}), (Agreement{5, 7, 0b0010}));
  EXPECT_EQ(agree(one, {2, 1, 6, 1, 0}), (Agreement{2, 6, 0}));
  EXPECT_EQ(agree(one, {9, 3, 9, 3, ~0ull}), (Agreement{5, 7, 0b0110}));
  EXPECT_EQ(agree({9, 3, 9, 3, ~0ull}, one), agree(one, {9, 3, 9, 3, ~0ull}));
}

TEST(Versions, WhereThereIsNoneThereIsNoAgreement) {
  const Versions one{5, 2, 7, 6, 0};
  EXPECT_EQ(agree(one, {1, 1, 7, 7, 0}), std::nullopt) << "too old a protocol";
  EXPECT_EQ(agree(one, {9, 6, 7, 7, 0}), std::nullopt) << "too new a protocol";
  EXPECT_EQ(agree(one, {5, 5, 5, 1, 0}), std::nullopt) << "too old a layout";
  EXPECT_EQ(agree(one, {5, 5, 9, 8, 0}), std::nullopt) << "too new a layout";
  EXPECT_EQ(agree(one, {0, 0, 0, 0, 0}), std::nullopt);
}

TEST(Versions, AnAnswerBeyondWhatWasAnnouncedIsNotAllowed) {
  const Versions mine{5, 2, 7, 6, 0b01};
  EXPECT_TRUE(allows(mine, {2, 7, 0b01}));
  EXPECT_FALSE(allows(mine, {1, 7, 0}));
  EXPECT_FALSE(allows(mine, {6, 7, 0}));
  EXPECT_FALSE(allows(mine, {5, 5, 0}));
  EXPECT_FALSE(allows(mine, {5, 8, 0}));
  EXPECT_FALSE(allows(mine, {5, 7, 0b10})) << "a feature that it does not have";
}

TEST(Versions, AHelloOfBeforeTheyWereRangesSaysOneVersion) {
  Hello hello;
  hello.protocol = 3;
  hello.layout = 4;
  hello.oldest_protocol = hello.oldest_layout = 0;
  EXPECT_EQ(to_string(Versions::of(hello)), "protocol 3, layout 4");
  Versions{4, 2, 6, 5, 0}.announce(hello);
  EXPECT_EQ(to_string(Versions::of(hello)), "protocol 2 to 4, layout 5 to 6");
}

TEST(Versions, OfAHelloWithFieldsThatNobodyKnowsYetTheNumbersAreUnderstood) {
  Hello hello;
  hello.protocol = 3;
  hello.layout = 4;
  Frame frame = encode(ClientMessage(hello));
  frame.back() = std::byte{1};
  EXPECT_FALSE(decode_client(frame));
  const auto versions = versions_of_hello(frame);
  ASSERT_TRUE(versions);
  EXPECT_EQ(to_string(*versions), "protocol 3, layout 4");
  EXPECT_FALSE(versions_of_hello(encode(ClientMessage(Credit{1}))));
  EXPECT_FALSE(versions_of_hello(Bytes(frame).first(100)));
}

}  // namespace
}  // namespace fairway::wire
