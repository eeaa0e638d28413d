/// What a hostile or broken peer may send in an object's place.
#include <array>
#include <boost/optional.hpp>
#include <boost/serialization/collection_size_type.hpp>
#include <boost/serialization/level.hpp>
#include <boost/variant.hpp>
#include <functional>
#include <stdexcept>

#include <gtest/gtest.h>

#include <fairway/archive.hpp>
#include <fairway/error.hpp>

#include "archive_samples.hpp"

namespace fairway {
namespace {

using samples::Nothing;
using samples::Tree;

template <class... Number>
std::vector<std::byte> bytes(Number... number) {
  return {static_cast<std::byte>(number)...};
}

/// What the refusal says; empty if it was none.
std::string refusal(const std::function<void()>& action) {
  try {
    action();
  } catch (const DOMException& error) {
    EXPECT_EQ(error.name(), "DataCloneError");
    return error.what();
  }
  return {};
}

template <class T>
std::string reading(const std::vector<std::byte>& message) {
  return refusal([&] {
    T value{};
    InputArchive(message) >> value;
  });
}

template <class T>
std::vector<std::byte> message_of(const T& object) {
  std::vector<std::byte> out;
  encode_object(object, out);
  return out;
}

struct Thrower {
  enum class What : std::uint8_t { nothing, logic_error, invalid_state, bad_alloc };
  What what = What::nothing;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& what;
    if constexpr (Archive::is_loading::value) {
      if (what == What::logic_error) throw std::logic_error("amount below zero");
      if (what == What::invalid_state) throw DOMException("InvalidStateError", "closed");
      if (what == What::bad_alloc) throw std::bad_alloc();
    }
  }
};

/// Every level may hold much and say nothing.
struct Wide {
  std::optional<std::array<char, 1 << 16>> blob;
  std::vector<Wide> children;
  std::map<int, Wide> named;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& blob& children& named;
  }
};

struct CollidingHash {
  std::size_t operator()(std::uint64_t) const { return 0; }
};

}  // namespace
}  // namespace fairway

template <>
inline constexpr std::string_view fairway::type_key<fairway::Thrower> = "Thrower";

namespace fairway {
namespace {

TEST(ArchiveDamage, IsNoticedWhereverTheMessageIsCutOff) {
  const auto message = message_of(samples::everything());
  for (std::size_t length = 0; length < message.size(); ++length)
    EXPECT_NE(refusal([&] { decode_object<samples::Everything>(Bytes(message).first(length)); }), "") << length;
}

TEST(ArchiveDamage, OfAnyByteIsRefusedOrReadAsAnotherObject) {
  const auto message = message_of(samples::everything());
  for (std::size_t position = 0; position < message.size(); ++position) {
    for (const unsigned flip : {0x01U, 0x02U, 0x40U, 0x80U, 0xffU, 0x7fU}) {
      auto damaged = message;
      damaged[position] ^= static_cast<std::byte>(flip);
      refusal([&] { message_of(decode_object<samples::Everything>(damaged)); });
    }
  }
}

TEST(ArchiveDamage, WithBytesLeftOverIsRefused) {
  auto message = message_of(samples::ordered());
  message.push_back(std::byte{0});
  EXPECT_EQ(refusal([&] { decode_object<samples::Ordered>(message); }),
            "DataCloneError: 1 bytes are left over behind a \"samples.Ordered\"");
}

TEST(ArchiveDamage, AnotherTypeIsRefusedByBothNames) {
  const auto message = message_of(samples::Hashed{});
  EXPECT_EQ(refusal([&] { decode_object<samples::Ordered>(message); }),
            "DataCloneError: the message is a \"samples.Hashed\", not a \"samples.Ordered\"");
}

TEST(ArchiveDamage, AKeyIsQuotedInOneShortLine) {
  auto message = bytes(200, 0, '\n', 0x1b);
  message.resize(202, std::byte{'x'});
  const auto text = refusal([&] { decode_object<samples::Ordered>(message); });
  EXPECT_EQ(text.find('\n'), std::string::npos);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_LT(text.size(), 200U);
}

TEST(ArchiveDamage, LeavesNoKey) {
  EXPECT_EQ(object_key({}), "");
  EXPECT_EQ(object_key(bytes(1)), "");
  EXPECT_EQ(object_key(bytes(0, 0)), "");
  EXPECT_EQ(object_key(bytes(2, 0, 'a')), "");
  EXPECT_EQ(object_key(bytes(0xff, 0xff, 'a')), "");
  EXPECT_EQ(object_key(bytes(2, 0, 'a', 'b')), "ab");
  EXPECT_EQ(refusal([] { decode_object<samples::Ordered>({}); }), "DataCloneError: the message has no type key");
}

TEST(ArchiveDamage, HugeCountsAllocateNothing) {
  const auto huge = bytes(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 1, 2, 3);
  EXPECT_NE(reading<std::string>(huge), "");
  EXPECT_NE(reading<std::u32string>(huge), "");
  EXPECT_NE(reading<std::vector<double>>(huge), "");
  EXPECT_NE(reading<std::vector<bool>>(huge), "");
  EXPECT_NE(reading<std::vector<std::string>>(huge), "");
  EXPECT_NE(reading<std::vector<Nothing>>(huge), "");
  EXPECT_NE(reading<std::deque<Nothing>>(huge), "");
  EXPECT_NE(reading<std::list<std::tuple<>>>(huge), "");
  EXPECT_NE(reading<std::forward_list<int>>(huge), "");
  EXPECT_NE((reading<std::map<int, int>>(huge)), "");
  EXPECT_NE(reading<std::unordered_set<int>>(huge), "");
  EXPECT_NE(reading<boost::serialization::collection_size_type>(huge), "");
}

TEST(ArchiveDamage, CountsThatMultiplyPastTheBytesAreRefused) {
  EXPECT_EQ(reading<std::vector<std::uint32_t>>(bytes(2, 1, 2, 3, 4, 5, 6, 7)),
            "DataCloneError: 2 elements are announced and 7 bytes are left");
  EXPECT_NE(reading<std::vector<bool>>(bytes(17, 0xff, 0xff)), "");
}

TEST(ArchiveDamage, CountsThatBoostsLoadersBelieveAddUpToLittleMoreThanTheMessage) {
  const std::vector<std::byte> message(100, std::byte{100});
  InputArchive archive(message);
  for (int i = 0; i < 11; ++i) EXPECT_EQ(archive.load_foreign_count(), 100U);
  EXPECT_NE(refusal([&] { archive.load_foreign_count(); }), "");
}

TEST(ArchiveDamage, CountsHaveOneForm) {
  EXPECT_NE(reading<std::string>(bytes(0x80, 0x00)), "");
  EXPECT_NE(reading<std::string>(bytes(0x81, 0x80, 0x00, 'a')), "");
  EXPECT_NE(reading<std::string>(bytes(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02)), "");
  EXPECT_NE(reading<std::string>(bytes(0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01)), "");
}

TEST(ArchiveDamage, ABoolIsZeroOrOne) {
  EXPECT_NE(reading<bool>(bytes(2)), "");
  EXPECT_NE(reading<std::optional<int>>(bytes(2, 0, 0, 0, 0)), "");
  EXPECT_NE(reading<std::unique_ptr<int>>(bytes(0xff, 0, 0, 0, 0)), "");
  EXPECT_NE(reading<std::vector<bool>>(bytes(3, 0b1000)), "");
  EXPECT_NE(reading<std::bitset<9>>(bytes(0, 2)), "");
  EXPECT_NE(reading<std::vector<Nothing>>(bytes(1, 1)), "");
}

TEST(ArchiveDamage, AVariantHasNoAlternativeBeyondItsLast) {
  EXPECT_EQ((reading<std::variant<int, bool>>(bytes(2, 0, 0, 0, 0))),
            "DataCloneError: a variant has no such alternative");
  EXPECT_NE((reading<boost::variant<int, bool>>(bytes(2, 0, 0, 0, 0))), "");
  EXPECT_NE((reading<boost::variant<int, bool>>(bytes(0xff, 0xff, 0xff, 0xff, 0x0f))), "");
}

TEST(ArchiveDamage, AKeyThatComesTwiceIsRefused) {
  EXPECT_NE(reading<std::set<bool>>(bytes(2, 1, 1)), "");
  EXPECT_NE((reading<std::map<bool, bool>>(bytes(2, 1, 1, 1, 0))), "");
  EXPECT_NE(reading<std::unordered_set<bool>>(bytes(2, 1, 1)), "");
  EXPECT_EQ(reading<std::multiset<bool>>(bytes(2, 1, 1)), "");
}

TEST(ArchiveDamage, AVersionFromTheFutureIsRefused) {
  EXPECT_EQ(reading<Tree>(bytes(1)),
            "DataCloneError: a class was written in version 1, and 0 is the newest that this program knows");
  EXPECT_NE(reading<Tree>(bytes(0xff, 0xff, 0xff, 0xff, 0xff, 0x01)), "");
}

TEST(ArchiveDamage, DeepNestingIsRefused) {
  std::vector<std::byte> list;
  for (int i = 0; i < 100000; ++i) list.insert(list.end(), {std::byte{0}, {}, {}, {}, {}, std::byte{1}});
  EXPECT_EQ(reading<Tree>(list), "DataCloneError: objects are nested more than 128 deep");
  std::vector<std::byte> tree;
  for (int i = 0; i < 100000; ++i) tree.insert(tree.end(), {std::byte{0}, {}, {}, {}, {}, std::byte{0}, std::byte{1}});
  EXPECT_EQ(reading<Tree>(tree), "DataCloneError: objects are nested more than 128 deep");
}

TEST(ArchiveDamage, NestingOfLargeObjectsTakesLittleStack) {
  std::vector<std::byte> wide;
  for (int i = 0; i < 1000; ++i) wide.insert(wide.end(), {std::byte{0}, std::byte{0}, std::byte{1}});
  EXPECT_EQ(reading<Wide>(wide), "DataCloneError: objects are nested more than 128 deep");
}

TEST(ArchiveDamage, KeysMadeToCollideAreRefusedBeforeTheyCostTime) {
  std::vector<std::byte> message;
  std::vector<std::uint64_t> keys(20'000);
  for (std::size_t i = 0; i < keys.size(); ++i) keys[i] = i;
  OutputArchive(message) << std::list<std::uint64_t>(keys.begin(), keys.end());
  EXPECT_EQ(reading<std::unordered_set<std::uint64_t>>(message), "");
  EXPECT_EQ((reading<std::unordered_set<std::uint64_t, CollidingHash>>(message)),
            "DataCloneError: the keys of a hash table collide");
}

TEST(ArchiveDamage, ManyEqualKeysAreNoCollisions) {
  std::vector<std::byte> message;
  OutputArchive(message) << std::list<std::uint64_t>(20'000, 7);
  EXPECT_EQ(reading<std::unordered_multiset<std::uint64_t>>(message), "");
}

TEST(ArchiveDamage, WhatATypesOwnCodeThrowsIsADataCloneError) {
  using What = Thrower::What;
  const auto decoding = [](What what) { return refusal([&] { decode_object<Thrower>(message_of(Thrower{what})); }); };
  EXPECT_EQ(decoding(What::nothing), "");
  EXPECT_EQ(decoding(What::logic_error), "DataCloneError: reading a \"Thrower\" failed: amount below zero");
  EXPECT_NE(decoding(What::invalid_state), "");
  EXPECT_NE(decoding(What::bad_alloc), "");
}

}  // namespace
}  // namespace fairway
