#include <fairway/archive.hpp>

#include <atomic>
#include <boost/optional.hpp>
#include <boost/serialization/array.hpp>
#include <boost/serialization/base_object.hpp>
#include <boost/serialization/binary_object.hpp>
#include <boost/serialization/boost_unordered_map.hpp>
#include <boost/serialization/list.hpp>
#include <boost/serialization/map.hpp>
#include <boost/serialization/nvp.hpp>
#include <boost/serialization/optional.hpp>
#include <boost/serialization/split_free.hpp>
#include <boost/serialization/split_member.hpp>
#include <boost/serialization/string.hpp>
#include <boost/serialization/unique_ptr.hpp>
#include <boost/serialization/unordered_map.hpp>
#include <boost/serialization/variant.hpp>
#include <boost/serialization/vector.hpp>
#include <boost/unordered_map.hpp>
#include <boost/variant.hpp>
#include <limits>

#include <gtest/gtest.h>

#include <fairway/error.hpp>

#include "archive_samples.hpp"

namespace fairway {
namespace {

using samples::Nothing;
using samples::Side;

template <class... Number>
std::vector<std::byte> bytes(Number... number) {
  return {static_cast<std::byte>(number)...};
}

template <class T>
std::vector<std::byte> written(const T& value) {
  std::vector<std::byte> out;
  OutputArchive(out) << value;
  return out;
}

template <class T>
T there_and_back(const T& value) {
  const auto message = written(value);
  InputArchive archive(message);
  T copy{};
  archive >> copy;
  EXPECT_EQ(archive.remaining(), 0U);
  return copy;
}

class Price {
 public:
  Price(std::string currency, int amount) : currency_(std::move(currency)), amount_(amount) {}
  bool operator==(const Price&) const = default;

 private:
  friend class boost::serialization::access;
  Price() = default;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& BOOST_SERIALIZATION_NVP(currency_) & boost::serialization::make_nvp("amount", amount_);
  }
  std::string currency_;
  int amount_ = 0;
};

struct Order {
  std::uint32_t id = 0;
  std::string item;
  std::vector<Price> prices;
  Side side = Side::buy;

  bool operator==(const Order&) const = default;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& id& item& prices& side;
  }
};

struct Base {
  int base = 0;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& base;
  }
};

struct Derived : Base {
  int derived = 0;
  int loads = 0;

  template <class Archive>
  void save(Archive& archive, unsigned) const {
    archive << boost::serialization::base_object<Base>(*this) << derived;
  }
  template <class Archive>
  void load(Archive& archive, unsigned) {
    archive >> boost::serialization::base_object<Base>(*this) >> derived;
    ++loads;
  }
  BOOST_SERIALIZATION_SPLIT_MEMBER()
};

struct Foreign {
  int value = 0;
};

template <class Archive>
void save(Archive& archive, const Foreign& foreign, unsigned) {
  const int negated = -foreign.value;
  archive << negated;
}
template <class Archive>
void load(Archive& archive, Foreign& foreign, unsigned) {
  archive >> foreign.value;
  foreign.value = -foreign.value;
}
template <class Archive>
void serialize(Archive& archive, Foreign& foreign, unsigned version) {
  boost::serialization::split_free(archive, foreign, version);
}

struct OldProfile {
  std::string name;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& name;
  }
};

struct Profile {
  std::string name;
  int age = -1;
  template <class Archive>
  void serialize(Archive& archive, unsigned version) {
    archive& name;
    if (version >= 2) archive& age;
  }
};

struct Raw {
  unsigned char blob[4] = {};
  std::vector<int> numbers = std::vector<int>(3);
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& boost::serialization::make_binary_object(blob, sizeof(blob));
    archive& boost::serialization::make_array(numbers.data(), numbers.size());
  }
};

/// Neither copied nor moved.
struct Pinned {
  std::atomic<int> counter{0};
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    int value = counter;
    archive& value;
    counter = value;
  }
};

}  // namespace
}  // namespace fairway

BOOST_CLASS_VERSION(fairway::Profile, 2)
template <>
inline constexpr std::string_view fairway::type_key<fairway::Order> = "shop.Order";

namespace fairway {
namespace {

TEST(Archive, WritesNumbersInLittleEndianAtTheirWidth) {
  EXPECT_EQ(written(std::uint8_t{1}), bytes(1));
  EXPECT_EQ(written(std::int16_t{-2}), bytes(0xfe, 0xff));
  EXPECT_EQ(written(0x01020304), bytes(4, 3, 2, 1));
  EXPECT_EQ(written(std::uint64_t{1}), bytes(1, 0, 0, 0, 0, 0, 0, 0));
  EXPECT_EQ(written(1.0F), bytes(0, 0, 0x80, 0x3f));
  EXPECT_EQ(written(true), bytes(1));
  EXPECT_EQ(written(Side::sell), bytes(2));
  EXPECT_EQ(written(samples::minus), bytes(0xff, 0xff));
}

TEST(Archive, WritesALongDoubleWithoutItsPadding) {
  EXPECT_EQ(written(1.0L).size(), std::numeric_limits<long double>::digits == 64 ? 10U : sizeof(long double));
  EXPECT_EQ(there_and_back(-1.25L), -1.25L);
}

TEST(Archive, WritesCountsSevenBitsAByte) {
  EXPECT_EQ(written(std::string("ab")), bytes(2, 'a', 'b'));
  const auto longer = written(std::string(300, 'x'));
  EXPECT_EQ(longer.size(), 302U);
  EXPECT_EQ(longer[0], std::byte{0xac});
  EXPECT_EQ(longer[1], std::byte{0x02});
}

TEST(Archive, ReadsEveryCountThatItWrites) {
  for (unsigned bit = 0; bit < 64; ++bit) {
    for (const std::uint64_t count :
         {std::uint64_t{1} << bit, (std::uint64_t{1} << bit) - 1, ~std::uint64_t{0} >> bit}) {
      std::vector<std::byte> out;
      OutputArchive(out).save_count(count);
      EXPECT_EQ(InputArchive(out).load_varint(), count);
    }
  }
}

TEST(Archive, WritesTheExactBytesOfTheWorkedExample) {
  std::vector<std::byte> message;
  encode_object(Order{7, "tea", {Price("EUR", 5)}, Side::sell}, message);
  EXPECT_EQ(message, bytes(10, 0, 's', 'h', 'o', 'p', '.', 'O', 'r', 'd', 'e', 'r',  // key
                           0,                                                        // Order's version
                           7, 0, 0, 0,                                               // id
                           3, 't', 'e', 'a',                                         // item
                           1,                                                        // one price
                           0, 3, 'E', 'U', 'R', 5, 0, 0, 0,                          // version, currency, amount
                           2));                                                      // side
}

TEST(Archive, WritesAlternativesBehindTheirIndexAndOptionalsBehindABool) {
  using Variant = std::variant<std::monostate, std::uint8_t, std::string>;
  EXPECT_EQ(written(Variant{}), bytes(0));
  EXPECT_EQ(written(Variant{std::uint8_t{9}}), bytes(1, 9));
  EXPECT_EQ(written(Variant{"a"}), bytes(2, 1, 'a'));
  EXPECT_EQ(written(std::optional<std::uint8_t>{}), bytes(0));
  EXPECT_EQ(written(std::optional<std::uint8_t>{9}), bytes(1, 9));
  EXPECT_EQ(written(std::make_unique<std::uint8_t>(std::uint8_t{9})), bytes(1, 9));
}

TEST(Archive, PacksBits) {
  EXPECT_EQ(written(std::vector<bool>{true, false, true}), bytes(3, 0b101));
  EXPECT_EQ(written(std::bitset<9>{0b1'0000'0010}), bytes(2, 1));
}

TEST(Archive, GivesAnElementWithoutBytesAZero) {
  EXPECT_EQ(written(std::vector<Nothing>(3)), bytes(3, 0, 0, 0));
  EXPECT_EQ(written(std::list<std::tuple<>>(2)), bytes(2, 0, 0));
  EXPECT_EQ(written(Nothing{}), bytes());
}

TEST(Archive, BringsEverySupportedTypeBack) {
  EXPECT_EQ(there_and_back(samples::ordered()), samples::ordered());
  const auto sample = samples::everything();
  const auto copy = there_and_back(sample);
  EXPECT_EQ(copy.ordered, sample.ordered);
  ASSERT_NE(copy.owned, nullptr);
  EXPECT_EQ(*copy.owned, *sample.owned);
  EXPECT_EQ(copy.hashed, sample.hashed);
  EXPECT_EQ(written(copy.tree), written(sample.tree));
}

TEST(Archive, ReplacesWhatAnObjectHeldBefore) {
  const auto message = written(samples::Ordered{});
  auto target = samples::ordered();
  InputArchive(message) >> target;
  EXPECT_EQ(target, samples::Ordered{});
}

TEST(Archive, KeepsTheOrderOfEqualKeys) {
  const std::multimap<int, int> map{{1, 3}, {1, 1}, {1, 2}};
  EXPECT_EQ(there_and_back(map), map);
}

TEST(Archive, KeepsSpecialFloatingPointValues) {
  const std::vector<double> values{-0.0, std::numeric_limits<double>::infinity(), 5e-324};
  EXPECT_EQ(written(there_and_back(values)), written(values));
  EXPECT_TRUE(there_and_back(std::numeric_limits<double>::quiet_NaN()) != 0);
}

TEST(Archive, BringsClassesWithPrivateConstructorsBack) {
  const Order order{7, "tea", {Price("EUR", 5), Price("USD", 6)}, Side::sell};
  EXPECT_EQ(there_and_back(order), order);
  const auto message = written(std::optional(Price("EUR", 5)));
  std::optional<Price> price;
  InputArchive(message) >> price;
  EXPECT_EQ(price, Price("EUR", 5));
  std::unique_ptr<Price> owned;
  InputArchive(message) >> owned;
  EXPECT_EQ(*owned, Price("EUR", 5));
}

TEST(Archive, TakesSplitMembersAndBaseObjects) {
  Derived derived;
  derived.base = 1;
  derived.derived = 2;
  EXPECT_EQ(written(derived), bytes(0, 0, 1, 0, 0, 0, 2, 0, 0, 0));
  const auto copy = there_and_back(derived);
  EXPECT_EQ(copy.base, 1);
  EXPECT_EQ(copy.derived, 2);
  EXPECT_EQ(copy.loads, 1);
}

TEST(Archive, TakesFreeAndSplitFreeFunctions) {
  EXPECT_EQ(written(Foreign{-1}), bytes(0, 1, 0, 0, 0));
  EXPECT_EQ(there_and_back(Foreign{5}).value, 5);
}

TEST(Archive, TakesBinaryObjectsAndArrayWrappers) {
  Raw raw;
  raw.blob[3] = 9;
  raw.numbers = {1, 2, 3};
  EXPECT_EQ(written(raw).size(), 1U + 4 + 12);
  const auto copy = there_and_back(raw);
  EXPECT_EQ(copy.blob[3], 9);
  EXPECT_EQ(copy.numbers, raw.numbers);
}

TEST(Archive, TakesBoostsOptionalAndVariant) {
  EXPECT_EQ(written(boost::optional<std::uint8_t>(std::uint8_t{3})), bytes(1, 3));
  EXPECT_EQ(there_and_back(boost::optional<std::string>("x")).value(), "x");
  using Variant = boost::variant<std::uint8_t, std::string, boost::recursive_wrapper<Foreign>>;
  EXPECT_EQ(written(Variant("x")), bytes(1, 1, 'x'));
  EXPECT_EQ(boost::get<std::string>(there_and_back(Variant("x"))), "x");
  EXPECT_EQ(boost::get<Foreign>(there_and_back(Variant(Foreign{8}))).value, 8);
}

TEST(Archive, TakesContainersThatOnlyBoostKnows) {
  const boost::unordered_map<std::uint16_t, std::string> map{{5, "five"}};
  const auto message = written(map);
  boost::unordered_map<std::uint16_t, std::string> copy;
  InputArchive(message) >> copy;
  EXPECT_TRUE(copy == map);
}

TEST(Archive, TakesAnOwnedObjectThatCannotMove) {
  auto pinned = std::make_unique<Pinned>();
  pinned->counter = 4;
  const auto message = written(pinned);
  std::unique_ptr<Pinned> copy;
  InputArchive(message) >> copy;
  EXPECT_EQ(copy->counter, 4);
}

TEST(Archive, ReadsWhatAnOlderVersionWrote) {
  const auto old = written(OldProfile{"ann"});
  Profile profile;
  InputArchive(old) >> profile;
  EXPECT_EQ(profile.name, "ann");
  EXPECT_EQ(profile.age, -1);
  EXPECT_EQ(written(Profile{"ann", 30}), bytes(2, 3, 'a', 'n', 'n', 30, 0, 0, 0));
}

TEST(Archive, AppendsToWhatIsThere) {
  std::vector<std::byte> out = bytes(1, 2);
  encode_object(Order{}, out);
  EXPECT_EQ(out[0], std::byte{1});
  EXPECT_EQ(object_key(Bytes(out).subspan(2)), "shop.Order");
  EXPECT_EQ(decode_object<Order>(Bytes(out).subspan(2)), Order{});
}

TEST(Archive, RefusesToWriteWhatItWouldNotRead) {
  samples::Tree root;
  auto* last = &root;
  for (unsigned depth = 1; depth < detail::max_depth; ++depth)
    last = (last->next = std::make_unique<samples::Tree>()).get();
  EXPECT_EQ(written(there_and_back(root)), written(root));
  last->next = std::make_unique<samples::Tree>();
  EXPECT_THROW(written(root), DOMException);
}

}  // namespace
}  // namespace fairway
