#pragma once

/// How the archives write strings and containers (src/value/OBJECTS.md). Included by archive.hpp, and stands before
/// whatever <boost/serialization/vector.hpp> and the like define, whether those are included or not: Boost's loaders
/// believe counts.

#include <deque>
#include <forward_list>
#include <iterator>
#include <list>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include <fairway/archive_types.hpp>

namespace fairway::detail {

/// An element takes at least one byte, so that a count can be checked against the bytes that are left: one that
/// writes nothing gets a zero.
template <class... Parts>
void save_element(OutputArchive& archive, const Parts&... parts) {
  const std::size_t before = archive.size();
  (void)(archive << ... << parts);
  if (archive.size() == before) archive << std::uint8_t{0};
}

template <class... Parts>
void load_element(InputArchive& archive, Parts&... parts) {
  const std::size_t before = archive.remaining();
  (void)(archive >> ... >> parts);
  if (archive.remaining() != before) return;
  std::uint8_t filler = 0;
  archive >> filler;
  if (filler != 0) throw_damaged("an empty element is not 0");
}

template <class C, class Traits, class Allocator>
struct Codec<std::basic_string<C, Traits, Allocator>> {
  using String = std::basic_string<C, Traits, Allocator>;
  static void save(OutputArchive& archive, const String& value) {
    archive.save_count(value.size());
    save_run(archive, value.data(), value.size());
  }
  static void load(InputArchive& archive, String& value) {
    value.resize(archive.load_count(sizeof(C)));
    load_run(archive, value.data(), value.size());
  }
};

template <class Sequence>
struct SequenceCodec {
  using Item = typename Sequence::value_type;
  static constexpr std::size_t ahead = 4096 / sizeof(Item);

  static void save(OutputArchive& archive, const Sequence& value) {
    archive.save_count(static_cast<std::uint64_t>(std::distance(value.begin(), value.end())));
    for (const Item& item : value) save_element(archive, item);
  }

  static void load(InputArchive& archive, Sequence& value) {
    std::size_t count = archive.load_count();
    value.clear();
    if constexpr (requires { value.reserve(count); }) value.reserve(count < ahead ? count : ahead);
    for (; count > 0; --count) {
      Slot<Item> item;
      load_element(archive, *item);
      value.push_back(std::move(*item));
    }
  }
};

template <class T, class Allocator>
struct Codec<std::deque<T, Allocator>> : SequenceCodec<std::deque<T, Allocator>> {};
template <class T, class Allocator>
struct Codec<std::list<T, Allocator>> : SequenceCodec<std::list<T, Allocator>> {};

template <class T, class Allocator>
struct Codec<std::forward_list<T, Allocator>> : SequenceCodec<std::forward_list<T, Allocator>> {
  static void load(InputArchive& archive, std::forward_list<T, Allocator>& value) {
    value.clear();
    auto last = value.before_begin();
    for (std::size_t count = archive.load_count(); count > 0; --count) {
      Slot<T> item;
      load_element(archive, *item);
      last = value.insert_after(last, std::move(*item));
    }
  }
};

template <class T, class Allocator>
struct Codec<std::vector<T, Allocator>> : SequenceCodec<std::vector<T, Allocator>> {};

template <Bulk T, class Allocator>
struct Codec<std::vector<T, Allocator>> {
  static void save(OutputArchive& archive, const std::vector<T, Allocator>& value) {
    archive.save_count(value.size());
    save_run(archive, value.data(), value.size());
  }
  static void load(InputArchive& archive, std::vector<T, Allocator>& value) {
    value.resize(archive.load_count(sizeof(T)));
    load_run(archive, value.data(), value.size());
  }
};

template <class Allocator>
struct Codec<std::vector<bool, Allocator>> {
  static void save(OutputArchive& archive, const std::vector<bool, Allocator>& value) {
    archive.save_count(value.size());
    save_bits(archive, value);
  }
  static void load(InputArchive& archive, std::vector<bool, Allocator>& value) {
    const std::uint64_t count = archive.load_varint();
    if (count / 8 + (count % 8 != 0) > archive.remaining()) throw_damaged("a vector of bool is cut off");
    value.assign(count, false);
    load_bits(archive, value);
  }
};

/// Sets and maps, ordered or not. A key that comes twice where it must not is damage.
template <class Container>
struct AssociativeCodec {
  using Key = typename Container::key_type;
  static constexpr bool is_map = requires { typename Container::mapped_type; };
  static constexpr bool is_hashed = requires { typename Container::hasher; };

  static void save(OutputArchive& archive, const Container& value) {
    archive.save_count(value.size());
    for (const auto& item : value) {
      if constexpr (is_map)
        save_element(archive, item.first, item.second);
      else
        save_element(archive, item);
    }
  }

  static void load(InputArchive& archive, Container& value) {
    std::size_t count = archive.load_count();
    value.clear();
    for (; count > 0; --count) {
      Slot<Key> key;
      if constexpr (is_map) {
        Slot<typename Container::mapped_type> mapped;
        load_element(archive, *key, *mapped);
        insert(archive, value, *key, std::move(*mapped));
      } else {
        load_element(archive, *key);
        insert(archive, value, *key);
      }
    }
  }

 private:
  template <class... Mapped>
  static void insert(InputArchive& archive, Container& value, Key& key, Mapped&&... mapped) {
    if constexpr (is_hashed) charge_collisions(archive, value, key);
    const std::size_t before = value.size();
    value.emplace_hint(value.end(), std::move(key), std::forward<Mapped>(mapped)...);
    if (value.size() == before) throw_damaged("a key comes twice");
  }

  static void charge_collisions(InputArchive& archive, const Container& value, const Key& key) {
    if (value.empty()) return;
    std::size_t steps = 0;
    const std::size_t bucket = value.bucket(key);
    for (auto item = value.begin(bucket); item != value.end(bucket); ++item, ++steps) {
      if constexpr (is_map) {
        if (value.key_eq()(item->first, key)) break;
      } else {
        if (value.key_eq()(*item, key)) break;
      }
    }
    archive.charge_collisions(steps);
  }
};

template <class... T>
struct Codec<std::set<T...>> : AssociativeCodec<std::set<T...>> {};
template <class... T>
struct Codec<std::multiset<T...>> : AssociativeCodec<std::multiset<T...>> {};
template <class... T>
struct Codec<std::map<T...>> : AssociativeCodec<std::map<T...>> {};
template <class... T>
struct Codec<std::multimap<T...>> : AssociativeCodec<std::multimap<T...>> {};
template <class... T>
struct Codec<std::unordered_set<T...>> : AssociativeCodec<std::unordered_set<T...>> {};
template <class... T>
struct Codec<std::unordered_multiset<T...>> : AssociativeCodec<std::unordered_multiset<T...>> {};
template <class... T>
struct Codec<std::unordered_map<T...>> : AssociativeCodec<std::unordered_map<T...>> {};
template <class... T>
struct Codec<std::unordered_multimap<T...>> : AssociativeCodec<std::unordered_multimap<T...>> {};

}  // namespace fairway::detail
