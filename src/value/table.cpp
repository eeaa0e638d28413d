#include "value/table.hpp"

namespace fairway::graph {

template <class Key>
std::size_t Table::position(const Key& key) const noexcept {
  if (index_) {
    const auto found = index_->find(key);
    return found == index_->end() ? nowhere : found->second;
  }
  const Less less;
  for (std::size_t i = 0; i < entries_.size(); ++i)
    if (!less(entries_[i].key.cell(), key) && !less(key, entries_[i].key.cell())) return i;
  return nowhere;
}

template std::size_t Table::position(const Cell&) const noexcept;
template std::size_t Table::position(const std::string_view&) const noexcept;

bool Table::put(Slot key, Slot value) {
  if (Entry* const entry = find(key.cell())) {
    entry->value = std::move(value);
    return false;
  }
  append(std::move(key), std::move(value));
  return true;
}

bool Table::insert(Slot key, Slot value) {
  if (find(key.cell()) != nullptr) return false;
  append(std::move(key), std::move(value));
  return true;
}

void Table::append(Slot key, Slot value) {
  const Cell cell = key.cell();
  entries_.push_back({std::move(key), std::move(value)});
  if (auto index = std::move(index_)) {  // without memory it stays away, and is built anew
    index->emplace(cell, static_cast<std::uint32_t>(entries_.size() - 1));
    index_ = std::move(index);
  } else if (entries_.size() > searched_in_turn) {
    rebuild_index();
  }
}

void Table::rebuild_index() {
  index_ = nullptr;
  if (entries_.size() <= searched_in_turn) return;
  auto index = std::make_unique<Index>();
  for (std::size_t i = 0; i < entries_.size(); ++i) index->emplace(entries_[i].key.cell(), static_cast<std::uint32_t>(i));
  index_ = std::move(index);
}

bool Table::erase(const Cell& key) {
  const std::size_t where = position(key);
  if (where == nowhere) return false;
  index_ = nullptr;
  entries_.erase(entries_.begin() + static_cast<std::ptrdiff_t>(where));
  rebuild_index();
  return true;
}

}  // namespace fairway::graph
