#include <algorithm>
#include <string>

#include <fairway/value.hpp>

#include "value/heap.hpp"
#include "value/wanted.hpp"

/// Map and Set, and what loops see of all containers.
namespace fairway {

using graph::Slot;

namespace {

graph::Table& map_of(const Value& value) { return graph::wanted<graph::MapNode>(value, ValueType::map, "a Map").table; }

graph::Table& map_or_set_of(const Value& value) {
  if (!value.is(ValueType::set)) return map_of(value);
  return graph::as<graph::MapNode>(value.cell()).table;
}

/// A key of -0 is kept as 0.
Slot key_slot(const Value& key) {
  return key.is(ValueType::number) && key.cell().number == 0 ? Slot::number(0) : Slot(key.cell());
}

/// Calls with the key of each property that is no element, and its value.
template <class Visit>
void for_each_property(const Value& value, Visit&& visit) {
  if (value.is(ValueType::object)) {
    const auto& object = graph::as<graph::ObjectNode>(value.cell());
    if (object.indexed)
      for (const auto& [index, slot] : *object.indexed) visit(Slot::text(std::to_string(index)), slot);
    for (const auto& [key, slot] : object.named.entries()) visit(key, slot);
  } else {
    const auto& array = graph::wanted<graph::ArrayNode>(value, ValueType::array, "an object or an array");
    if (!array.extra) return;
    for (const auto& [key, slot] : array.extra->entries()) visit(key, slot);
  }
}

}  // namespace

Value Value::map(std::initializer_list<std::pair<Value, Value>> entries) {
  Value map = graph::Heap::make_alone<graph::MapNode>(Type::map);
  for (const auto& [key, value] : entries) map.set_entry(key, value);
  return map;
}

Value Value::set(std::initializer_list<Value> members) {
  Value set = graph::Heap::make_alone<graph::MapNode>(Type::set);
  for (const Value& member : members) set.add(member);
  return set;
}

Value Value::get_entry(const Value& key) const {
  const graph::Table::Entry* const entry = map_of(*this).find(key.cell_);
  return entry == nullptr ? Value() : entry->value.value();
}

void Value::set_entry(const Value& key, const Value& value) {
  graph::Table& table = map_of(*this);
  graph::Heap::link(*cell_.node, key.cell_);
  graph::Heap::link(*cell_.node, value.cell_);
  table.put(key_slot(key), Slot(value.cell_));
}

void Value::add(const Value& member) {
  graph::Table& table = graph::wanted<graph::MapNode>(*this, Type::set, "a Set").table;
  graph::Heap::link(*cell_.node, member.cell_);
  table.insert(key_slot(member), {});
}

bool Value::has_entry(const Value& key) const { return map_or_set_of(*this).find(key.cell_) != nullptr; }
bool Value::remove_entry(const Value& key) { return map_or_set_of(*this).erase(key.cell_); }

std::size_t Value::size() const {
  switch (type()) {
    case Type::array: return graph::as<graph::ArrayNode>(cell_).length;
    case Type::object: return graph::as<graph::ObjectNode>(cell_).size();
    case Type::map:
    case Type::set: return graph::as<graph::MapNode>(cell_).table.size();
    case Type::array_buffer:
    case Type::shared_buffer:
    case Type::shared_array_buffer: return graph::as<graph::BufferNode>(cell_).bytes().size();
    case Type::typed_array:
    case Type::data_view: {
      const auto& view = graph::as<graph::ViewNode>(cell_);
      return view.size() / graph::element_size(view.element);
    }
    default: graph::throw_wanted("something that has a size", type());
  }
}

std::vector<Value> Value::elements() const {
  std::vector<Value> out;
  if (is(Type::set)) {
    for (const auto& entry : graph::as<graph::MapNode>(cell_).table.entries()) out.push_back(entry.key.value());
    return out;
  }
  if (!is(Type::array) && !is(Type::typed_array)) graph::throw_wanted("an array, a typed array or a Set", type());
  const std::size_t count = size();
  out.reserve(count);
  for (std::size_t i = 0; i < count; ++i) out.push_back(get_element(i));
  return out;
}

std::vector<std::uint32_t> Value::indices() const {
  const auto& array = graph::wanted<graph::ArrayNode>(*this, Type::array, "an array");
  std::vector<std::uint32_t> out;
  for (std::uint32_t i = 0; i < array.dense.size(); ++i)
    if (!array.dense[i].is_hole()) out.push_back(i);
  if (array.sparse)
    for (const auto& [index, slot] : *array.sparse) out.push_back(index);
  return out;
}

std::vector<std::pair<std::string, Value>> Value::properties() const {
  std::vector<std::pair<std::string, Value>> out;
  for_each_property(*this, [&](const Slot& key, const Slot& slot) { out.emplace_back(key.cell().text->view(), slot.value()); });
  return out;
}

std::vector<Value> Value::keys() const {
  std::vector<Value> out;
  if (is(Type::map) || is(Type::set)) {
    for (const auto& entry : map_or_set_of(*this).entries()) out.push_back(entry.key.value());
  } else {
    for_each_property(*this, [&](const Slot& key, const Slot&) { out.push_back(key.value()); });
  }
  return out;
}

std::vector<std::pair<Value, Value>> Value::entries() const {
  std::vector<std::pair<Value, Value>> out;
  if (is(Type::map)) {
    for (const auto& [key, value] : map_of(*this).entries()) out.emplace_back(key.value(), value.value());
  } else {
    for_each_property(*this, [&](const Slot& key, const Slot& slot) { out.emplace_back(key.value(), slot.value()); });
  }
  return out;
}

}  // namespace fairway
