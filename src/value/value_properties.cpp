#include <string>

#include <fairway/error.hpp>
#include <fairway/value.hpp>

#include "value/heap.hpp"
#include "value/wanted.hpp"

/// Properties and elements.
namespace fairway {

using graph::Slot;

namespace {

/// A key as it is kept: an array index, or a string that is none.
struct Key {
  std::uint32_t index;
  std::string replaced;  ///< what was ill-formed
  std::string_view text;

  /// A string, whatever it holds.
  explicit Key(const Value& key) : index(graph::index_of(wanted_text(key))), text(wanted_text(key)) {}
  explicit Key(std::string_view key) : index(graph::index_of(key)), text(key) {
    if (index != graph::no_index || graph::is_ascii(key) || graph::is_utf8(key)) return;
    replaced = graph::to_utf8(key);
    text = replaced;
  }
  Key(const Key&) = delete;
  static std::string_view wanted_text(const Value& key) {
    if (!key.is(ValueType::string)) graph::throw_wanted("a key as a string", key.type());
    return key.cell().text->wtf8;
  }
  bool is_index() const noexcept { return index != graph::no_index; }
};

const Slot* find_in(const std::unique_ptr<graph::Indexed>& indexed, std::uint32_t index) {
  if (!indexed) return nullptr;
  const auto found = indexed->find(index);
  return found == indexed->end() ? nullptr : &found->second;
}

const Slot* find_in(graph::Table* table, std::string_view text) {
  const graph::Table::Entry* const entry = table == nullptr ? nullptr : table->find(text);
  return entry == nullptr ? nullptr : &entry->value;
}

const Slot* find(const graph::Cell& cell, const Key& key) {
  switch (cell.type) {
    case ValueType::object: {
      auto& object = graph::as<graph::ObjectNode>(cell);
      return key.is_index() ? find_in(object.indexed, key.index) : find_in(&object.named, key.text);
    }
    case ValueType::array: {
      auto& array = graph::as<graph::ArrayNode>(cell);
      return key.is_index() ? array.find(key.index) : find_in(array.extra.get(), key.text);
    }
    case ValueType::error: {
      const Slot* const slot = graph::as<graph::ErrorNode>(cell).find(key.text);
      return slot == nullptr || slot->is_hole() ? nullptr : slot;
    }
    default: return nullptr;
  }
}

void put(graph::Table& table, std::string_view key, Slot value) {
  if (graph::Table::Entry* const entry = table.find(key)) {
    entry->value = std::move(value);
  } else {
    table.put(Slot::text(std::string(key)), std::move(value));
  }
}

void put_in_object(graph::ObjectNode& object, const Key& key, Slot value) {
  if (!key.is_index()) return put(object.named, key.text, std::move(value));
  if (!object.indexed) object.indexed = std::make_unique<graph::Indexed>();
  object.indexed->insert_or_assign(key.index, std::move(value));
}

void put_in_array(graph::ArrayNode& array, const Key& key, Slot value) {
  if (key.is_index()) return array.put(key.index, std::move(value));
  if (key.text == "length") throw DOMException("TypeError", "set_length changes the length of an array");
  if (!array.extra) array.extra = std::make_unique<graph::Table>();
  put(*array.extra, key.text, std::move(value));
}

void put_in_error(graph::ErrorNode& error, const Key& key, Slot value) {
  Slot* const place = error.find(key.text);
  if (place == nullptr) throw DOMException("TypeError", "an Error has message, stack and cause, and nothing else travels with it");
  if (place != &error.cause && value.type() != ValueType::string)
    throw DOMException("TypeError", "message and stack of an Error are strings");
  *place = std::move(value);
}

void put_property(const Value& container, const Key& key, const Value& value) {
  const graph::Cell& cell = container.cell();
  if (cell.type != ValueType::object && cell.type != ValueType::array && cell.type != ValueType::error)
    graph::throw_wanted("an object, an array or an Error", cell.type);
  graph::Heap::link(*cell.node, value.cell());
  Slot slot(value.cell());
  switch (cell.type) {
    case ValueType::object: return put_in_object(graph::as<graph::ObjectNode>(cell), key, std::move(slot));
    case ValueType::array: return put_in_array(graph::as<graph::ArrayNode>(cell), key, std::move(slot));
    default: return put_in_error(graph::as<graph::ErrorNode>(cell), key, std::move(slot));
  }
}

/// An element of a typed array is a number or a BigInt.
void write_element(graph::ViewNode& view, std::uint64_t index, const Value& value) {
  if (index >= view.size() / graph::element_size(view.element))
    throw DOMException("RangeError", "a typed array has no element " + std::to_string(index));
  if (view.buffer->sharing == graph::Sharing::frozen) throw DOMException("TypeError", "a view of a SharedBuffer cannot be written");
  if (!view.write(index, value.cell()))
    throw DOMException("TypeError", "a value of type " + std::string(to_string(value.type())) + " does not go into a " +
                                        std::string(to_string(view.element)));
}

}  // namespace

Value Value::object(std::initializer_list<std::pair<std::string_view, Value>> properties) {
  Value object = graph::Heap::make_alone<graph::ObjectNode>();
  for (const auto& [key, value] : properties) object.set(key, value);
  return object;
}

Value Value::array(std::initializer_list<Value> elements) {
  Value array = graph::Heap::make_alone<graph::ArrayNode>();
  graph::as<graph::ArrayNode>(array.cell_).dense.reserve(elements.size());
  for (const Value& element : elements) array.push_back(element);
  return array;
}

Value Value::get_property(std::string_view key) const {
  if (is(Type::array) && key == "length") return size();
  const Slot* const slot = find(cell_, Key(key));
  return slot == nullptr ? Value() : slot->value();
}

Value Value::get_element(std::uint64_t index) const {
  if (is(Type::typed_array)) {
    const auto& view = graph::as<graph::ViewNode>(cell_);
    return index < view.size() / graph::element_size(view.element) ? view.read(index).value() : Value();
  }
  if (is(Type::array) && index < graph::no_index) {
    const Slot* const slot = graph::as<graph::ArrayNode>(cell_).find(static_cast<std::uint32_t>(index));
    return slot == nullptr ? Value() : slot->value();
  }
  return get_property(std::to_string(index));
}

Value Value::property(const Value& key) const {
  const Slot* const slot = find(cell_, Key(key));
  return slot == nullptr ? Value() : slot->value();
}

bool Value::has(std::string_view key) const { return find(cell_, Key(key)) != nullptr; }

bool Value::has_element(std::uint64_t index) const {
  if (is(Type::typed_array)) return index < size();
  return has(std::to_string(index));
}

void Value::set(std::string_view key, const Value& value) { put_property(*this, Key(key), value); }
void Value::set_property(const Value& key, const Value& value) { put_property(*this, Key(key), value); }

void Value::set_element(std::uint64_t index, const Value& value) {
  if (is(Type::typed_array)) return write_element(graph::as<graph::ViewNode>(cell_), index, value);
  if (!is(Type::array)) {
    if (index == ~std::uint64_t{0}) throw DOMException("RangeError", "an index is not negative");
    return set(std::to_string(index), value);
  }
  if (index >= graph::no_index) throw DOMException("RangeError", "an array has at most 2^32 - 1 elements");
  graph::Heap::link(*cell_.node, value.cell_);
  graph::as<graph::ArrayNode>(cell_).put(static_cast<std::uint32_t>(index), Slot(value.cell_));
}

bool Value::remove(std::string_view key) {
  const Key where(key);
  if (find(cell_, where) == nullptr) return false;
  const Value held(where.text);
  switch (type()) {
    case Type::object: {
      auto& object = graph::as<graph::ObjectNode>(cell_);
      if (!where.is_index()) return object.named.erase(held.cell_);
      object.indexed->erase(where.index);
      if (object.indexed->empty()) object.indexed = nullptr;
      return true;
    }
    case Type::array: {
      auto& array = graph::as<graph::ArrayNode>(cell_);
      return where.is_index() ? array.erase(where.index) : array.extra->erase(held.cell_);
    }
    default: *graph::as<graph::ErrorNode>(cell_).find(where.text) = Slot::hole(); return true;
  }
}

bool Value::remove_element(std::uint64_t index) { return remove(std::to_string(index)); }

void Value::push_back(const Value& element) {
  auto& array = graph::wanted<graph::ArrayNode>(*this, Type::array, "an array");
  if (array.length == graph::no_index) throw DOMException("RangeError", "an array has at most 2^32 - 1 elements");
  graph::Heap::link(array, element.cell_);
  array.put(array.length, Slot(element.cell_));
}

void Value::set_length(std::uint32_t length) { graph::wanted<graph::ArrayNode>(*this, Type::array, "an array").resize(length); }

}  // namespace fairway
