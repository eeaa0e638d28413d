#pragma once

#include <map>
#include <memory>
#include <vector>

#include "value/slot.hpp"

namespace fairway::graph {

/// Keys and values in the order of their coming: the properties of an object, the entries of a Map, the members of a Set
/// (as keys). A search takes logarithmic time whatever the keys are: nobody can choose keys that collide.
class Table {
 public:
  struct Entry {
    Slot key;
    Slot value;
  };

  const std::vector<Entry>& entries() const noexcept { return entries_; }
  std::vector<Entry>& entries() noexcept { return entries_; }
  std::size_t size() const noexcept { return entries_.size(); }

  Entry* find(const Cell& key) noexcept { return at(position(key)); }
  const Entry* find(const Cell& key) const noexcept { return const_cast<Table&>(*this).find(key); }
  /// A string that may not be a Text yet.
  Entry* find(std::string_view wtf8) noexcept { return at(position(wtf8)); }

  /// False: the key was there, and has the new value now.
  bool put(Slot key, Slot value);
  /// False: the key was there, and nothing was done.
  bool insert(Slot key, Slot value);
  bool erase(const Cell& key);

 private:
  struct Less {
    using is_transparent = void;
    bool operator()(const Cell& one, const Cell& other) const noexcept { return compare(one, other) < 0; }
    bool operator()(const Cell& one, std::string_view other) const noexcept { return against(one, other) < 0; }
    bool operator()(std::string_view one, const Cell& other) const noexcept { return against(other, one) > 0; }
    static int against(const Cell& cell, std::string_view text) noexcept {
      if (cell.type != ValueType::string) return cell.type < ValueType::string ? -1 : 1;
      return compare(cell.text->wtf8, text);
    }
  };
  /// The keys are those of `entries_`, which own what they refer to.
  using Index = std::map<Cell, std::uint32_t, Less>;

  static constexpr std::size_t nowhere = ~std::size_t{0};
  static constexpr std::size_t searched_in_turn = 8;

  Entry* at(std::size_t position) noexcept { return position == nowhere ? nullptr : &entries_[position]; }
  template <class Key>
  std::size_t position(const Key& key) const noexcept;
  void append(Slot key, Slot value);
  void rebuild_index();

  std::vector<Entry> entries_;
  std::unique_ptr<Index> index_;
};

}  // namespace fairway::graph
