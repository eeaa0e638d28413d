#pragma once

/// Types that have one of everything that the archives carry; shared by the tests and the fuzzer.

#include <array>
#include <bitset>
#include <complex>
#include <cstdint>
#include <deque>
#include <forward_list>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#include <fairway/archive.hpp>

namespace fairway::samples {

enum class Side : std::uint8_t { buy = 1, sell = 2 };
enum Signed : std::int16_t { minus = -1, plus = 1 };

/// No members, and by its level no version: no bytes of its own.
struct Nothing {
  bool operator==(const Nothing&) const = default;
  template <class Archive>
  void serialize(Archive&, unsigned) {}
};

/// Nests without end.
struct Tree {
  int value = 0;
  std::unique_ptr<Tree> next;
  std::vector<Tree> children;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& value& next& children;
  }
};

struct Scalars {
  bool flag = false;
  char letter = 0;
  std::int8_t i8 = 0;
  std::uint16_t u16 = 0;
  std::int32_t i32 = 0;
  std::uint64_t u64 = 0;
  float f32 = 0;
  double f64 = 0;
  long double f80 = 0;
  wchar_t wide = 0;
  char32_t u32 = 0;
  std::byte byte{};
  Side side = Side::buy;
  Signed sign = minus;

  bool operator==(const Scalars&) const = default;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& flag& letter& i8& u16& i32& u64& f32& f64& f80& wide& u32& byte& side& sign;
  }
};

/// What is equal exactly if its bytes are.
struct Ordered {
  Scalars scalars;
  std::string text;
  std::wstring wide;
  std::u8string utf8;
  std::u16string utf16;
  std::u32string utf32;
  int numbers[3] = {};
  char grid[2][2] = {};
  std::array<std::string, 2> names;
  std::pair<int, std::string> pair;
  std::tuple<int, bool, std::string> tuple;
  std::vector<double> doubles;
  std::vector<std::byte> bytes;
  std::vector<bool> bits;
  std::vector<std::string> strings;
  std::vector<Nothing> nothings;
  std::deque<int> deque;
  std::list<std::string> list;
  std::forward_list<int> forward;
  std::set<std::string> set;
  std::multiset<int> multiset;
  std::map<int, std::string> map;
  std::multimap<int, int> multimap;
  std::optional<std::string> optional;
  std::variant<std::monostate, int, std::string> variant;
  std::bitset<11> bitset;
  std::complex<double> complex;
  std::vector<std::vector<std::optional<Side>>> nested;

  bool operator==(const Ordered&) const = default;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& scalars& text& wide& utf8& utf16& utf32& numbers& grid& names& pair& tuple& doubles& bytes& bits& strings&
        nothings& deque& list& forward& set& multiset& map& multimap& optional& variant& bitset& complex& nested;
  }
};

struct Hashed {
  std::unordered_set<int> set;
  std::unordered_multiset<std::string> multiset;
  std::unordered_map<std::string, int> map;
  std::unordered_multimap<std::int64_t, std::string> multimap;

  bool operator==(const Hashed&) const = default;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& set& multiset& map& multimap;
  }
};

struct Everything {
  Ordered ordered;
  std::unique_ptr<Ordered> owned;
  Tree tree;
  Hashed hashed;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& ordered& owned& tree& hashed;
  }
};

inline Ordered ordered() {
  Ordered sample;
  sample.scalars = {true, 'x', -8, 16, -32, 64, 1.5F, -2.5, 3.25L, L'ä', U'😀', std::byte{7}, Side::sell, plus};
  sample.text = "text";
  sample.wide = L"wíde";
  sample.utf8 = u8"ütf8";
  sample.utf16 = u"ütf16";
  sample.utf32 = U"ütf32";
  sample.numbers[1] = 5;
  sample.grid[1][0] = 'g';
  sample.names = {"one", "two"};
  sample.pair = {1, "first"};
  sample.tuple = {2, true, "second"};
  sample.doubles = {1, 2, 3};
  sample.bytes = {std::byte{1}, std::byte{255}};
  sample.bits = {true, false, true, true, false, false, false, true, true};
  sample.strings = {"", "a", "bc"};
  sample.nothings.resize(3);
  sample.deque = {1, 2};
  sample.list = {"l"};
  sample.forward = {3, 4, 5};
  sample.set = {"s", "t"};
  sample.multiset = {1, 1, 2};
  sample.map = {{1, "one"}, {2, "two"}};
  sample.multimap = {{1, 2}, {1, 1}};
  sample.optional = "some";
  sample.variant = "string";
  sample.bitset = 0b101'0000'0011;
  sample.complex = {1, -1};
  sample.nested = {{}, {Side::buy, std::nullopt}};
  return sample;
}

inline Everything everything() {
  Everything sample;
  sample.ordered = ordered();
  sample.owned = std::make_unique<Ordered>(ordered());
  sample.tree.next = std::make_unique<Tree>();
  sample.tree.next->children.resize(2);
  sample.tree.children.resize(1);
  sample.hashed.set = {1, 2, 3};
  sample.hashed.multiset = {"a", "a", "b"};
  sample.hashed.map = {{"one", 1}, {"two", 2}};
  sample.hashed.multimap = {{1, "x"}, {1, "y"}, {2, "z"}};
  return sample;
}

}  // namespace fairway::samples

BOOST_CLASS_IMPLEMENTATION(fairway::samples::Nothing, boost::serialization::object_serializable)

template <>
inline constexpr std::string_view fairway::type_key<fairway::samples::Tree> = "samples.Tree";
template <>
inline constexpr std::string_view fairway::type_key<fairway::samples::Ordered> = "samples.Ordered";
template <>
inline constexpr std::string_view fairway::type_key<fairway::samples::Hashed> = "samples.Hashed";
template <>
inline constexpr std::string_view fairway::type_key<fairway::samples::Everything> = "samples.Everything";
