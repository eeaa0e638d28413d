/// What an end of a channel knows of memory that goes back and forth over it.
#include "client/lending.hpp"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace fairway::client {
namespace {

Lending::Memory memory() { return std::make_shared<graph::HeapMemory>(std::vector<std::byte>(16)); }
Number number(std::uint64_t channel, std::uint64_t life = 1) { return {PortId::of({channel}, 2), life}; }
PortId id(std::uint64_t channel) { return number(channel).id; }
std::vector<route::Token> tokens(std::initializer_list<std::uint64_t> channels) {
  std::vector<route::Token> list;
  for (const std::uint64_t channel : channels) list.push_back({id(channel), wire::lent_epoch});
  return list;
}

TEST(Lending, PaysOnceMemoryHasComeAndAsLongAsMostOfItComesBack) {
  Lending lending;
  EXPECT_FALSE(lending.worthwhile()) << "it may all go one way";
  lending.memory_came();
  EXPECT_TRUE(lending.worthwhile());
  for (std::uint64_t i = 1; i <= 5; ++i) {
    EXPECT_TRUE(lending.worthwhile()) << i;
    lending.lend(number(i), memory());
    lending.relinquished(id(i));
  }
  EXPECT_FALSE(lending.worthwhile());
  lending.lend(number(6), memory());
  ASSERT_TRUE(lending.take_back(id(6)));
  EXPECT_TRUE(lending.worthwhile());
}

TEST(Lending, WhatIsOutComesBackOnce) {
  Lending lending;
  const Lending::Memory kept = memory();
  lending.lend(number(7), kept);
  EXPECT_EQ(lending.out(tokens({3, 7})), std::vector<PortId>{id(7)});
  EXPECT_TRUE(lending.out(std::vector<route::Token>{{id(7), wire::box_epoch}}).empty()) << "a box of that number is something else";
  EXPECT_FALSE(lending.take_back(id(3))) << "that was never lent";
  const auto back = lending.take_back(id(7));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->memory, kept);
  EXPECT_EQ(back->number.id, id(7)) << "it is free for the next";
  EXPECT_FALSE(lending.take_back(id(7)));
  EXPECT_TRUE(lending.out(tokens({7})).empty());
}

TEST(Lending, WhatIsRelinquishedFreesItsNumberOnce) {
  Lending lending;
  Lending::Memory out = memory();
  const std::weak_ptr<graph::Memory> watched = out;
  lending.lend(number(7), std::move(out));
  const auto freed = lending.relinquished(id(7));
  ASSERT_TRUE(freed);
  EXPECT_EQ(freed->id, id(7));
  EXPECT_TRUE(watched.expired());
  EXPECT_FALSE(lending.relinquished(id(7)));
}

TEST(Lending, WhatHasComeGoesBackUnderItsNumber) {
  Lending lending;
  const Lending::Memory here = memory(), other = memory();
  lending.borrow(id(4), here);
  lending.borrow(id(4), other);  // not again: the other side would not know which is meant
  EXPECT_EQ(lending.number_of(*here), id(4));
  EXPECT_FALSE(lending.number_of(*other));
  lending.gave_back(id(4));
  EXPECT_FALSE(lending.number_of(*here));
  EXPECT_TRUE(lending.take_kept().empty());
  EXPECT_TRUE(lending.empty());
}

TEST(Lending, WhatIsGoneOrStaysIsSaidOnce) {
  Lending lending;
  Lending::Memory gone = memory();
  const Lending::Memory here = memory();
  lending.borrow(id(4), gone);
  lending.borrow(id(5), here);
  lending.keep(id(6));
  EXPECT_TRUE(lending.keeps_some());
  EXPECT_EQ(lending.take_kept(), std::vector<PortId>{id(6)});
  EXPECT_FALSE(lending.keeps_some());
  gone.reset();
  EXPECT_TRUE(lending.keeps_some());
  EXPECT_EQ(lending.take_kept(), std::vector<PortId>{id(4)});
  EXPECT_TRUE(lending.take_kept().empty());
  lending.keep_all();
  EXPECT_FALSE(lending.number_of(*here)) << "it can no longer go back";
  EXPECT_EQ(lending.take_kept(), std::vector<PortId>{id(5)});
}

TEST(Lending, WhatLeavesAnotherWayIsSaidOnce) {
  Lending lending;
  const Lending::Memory here = memory(), other = memory();
  lending.borrow(id(4), here);
  lending.keep(*other);
  EXPECT_FALSE(lending.keeps_some());
  lending.keep(*here);
  lending.keep(id(4));
  EXPECT_FALSE(lending.number_of(*here));
  EXPECT_EQ(lending.take_kept(), std::vector<PortId>{id(4)});
}

TEST(Lending, WhoLendsWithoutEndIsNotToldEverything) {
  Lending lending;
  std::vector<Lending::Memory> all;
  for (std::uint64_t i = 1; i <= 1000; ++i) {
    all.push_back(memory());
    lending.borrow(id(i), all.back());
    lending.keep(id(5000 + i));
  }
  EXPECT_FALSE(lending.number_of(*all.back()));
  lending.keep_all();
  EXPECT_EQ(lending.take_kept().size(), 256u);
}

}  // namespace
}  // namespace fairway::client
