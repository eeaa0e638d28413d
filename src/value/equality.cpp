#include <algorithm>
#include <bit>
#include <cmath>
#include <unordered_map>
#include <vector>

#include <fairway/value.hpp>

#include "value/node.hpp"

namespace fairway {

namespace {

using graph::Cell;
using graph::Node;
using graph::Slot;

/// Walks both graphs at once, and keeps the mapping of one's containers to the other's.
class Comparison {
 public:
  bool run(const Cell& one, const Cell& other) {
    if (!alike(one, other)) return false;
    while (!work_.empty()) {
      const auto [first, second] = work_.back();
      work_.pop_back();
      if (!nodes_alike(*first, *second)) return false;
    }
    return true;
  }

 private:
  static bool same_value(const Cell& one, const Cell& other) noexcept {
    if (!graph::same(one, other)) return false;
    return one.type != ValueType::number || std::isnan(one.number) || std::signbit(one.number) == std::signbit(other.number);
  }

  /// The nodes, if they are any, are looked at later.
  bool alike(const Cell& one, const Cell& other) {
    if (one.type != other.type) return false;
    if (!graph::is_node(one.type)) return same_value(one, other);
    const auto [mapped, fresh] = forth_.emplace(one.node, other.node);
    if (!fresh) return mapped->second == other.node;
    if (!back_.emplace(other.node, one.node).second) return false;
    work_.emplace_back(one.node, other.node);
    return true;
  }
  bool alike(const Slot& one, const Slot& other) { return alike(one.cell(), other.cell()); }

  bool indexed_alike(const std::unique_ptr<graph::Indexed>& one, const std::unique_ptr<graph::Indexed>& other) {
    if (!one || !other) return !one == !other;
    return std::equal(one->begin(), one->end(), other->begin(), other->end(),
                      [this](const auto& a, const auto& b) { return a.first == b.first && alike(a.second, b.second); });
  }

  bool named_alike(const graph::Table& one, const graph::Table& other) {
    if (one.size() != other.size()) return false;
    return std::ranges::all_of(one.entries(), [&](const graph::Table::Entry& entry) {
      const graph::Table::Entry* const found = other.find(entry.key.cell());
      return found != nullptr && alike(entry.value, found->value);
    });
  }

  bool entries_alike(const graph::Table& one, const graph::Table& other) {
    return std::ranges::equal(one.entries(), other.entries(), [this](const auto& a, const auto& b) {
      return alike(a.key, b.key) && alike(a.value, b.value);
    });
  }

  bool arrays_alike(const graph::ArrayNode& one, const graph::ArrayNode& other) {
    static const graph::Table none;
    const auto present = [](const graph::ArrayNode& array) {
      return array.dense.size() - array.holes + (array.sparse ? array.sparse->size() : 0);
    };
    if (one.length != other.length || present(one) != present(other)) return false;
    for (std::uint32_t i = 0; i < one.dense.size(); ++i) {
      if (one.dense[i].is_hole()) continue;
      const Slot* const slot = other.find(i);
      if (slot == nullptr || !alike(one.dense[i], *slot)) return false;
    }
    if (one.sparse)
      for (const auto& [index, value] : *one.sparse) {
        const Slot* const slot = other.find(index);
        if (slot == nullptr || !alike(value, *slot)) return false;
      }
    return named_alike(one.extra ? *one.extra : none, other.extra ? *other.extra : none);
  }

  bool nodes_alike(const Node& one, const Node& other) {
    const auto both = [&]<class T>(auto&& compare) { return compare(static_cast<const T&>(one), static_cast<const T&>(other)); };
    switch (one.type) {
      case ValueType::object:
        return both.operator()<graph::ObjectNode>(
            [this](auto& a, auto& b) { return indexed_alike(a.indexed, b.indexed) && named_alike(a.named, b.named); });
      case ValueType::array: return both.operator()<graph::ArrayNode>([this](auto& a, auto& b) { return arrays_alike(a, b); });
      case ValueType::map:
      case ValueType::set:
        return both.operator()<graph::MapNode>([this](auto& a, auto& b) { return entries_alike(a.table, b.table); });
      case ValueType::boolean_object:
      case ValueType::number_object:
      case ValueType::bigint_object:
      case ValueType::string_object:
        return both.operator()<graph::BoxedNode>([this](auto& a, auto& b) { return alike(a.inner, b.inner); });
      case ValueType::date:
        return both.operator()<graph::DateNode>(
            [](auto& a, auto& b) { return a.time == b.time || (std::isnan(a.time) && std::isnan(b.time)); });
      case ValueType::regexp:
        return both.operator()<graph::RegExpNode>(
            [this](auto& a, auto& b) { return a.flags == b.flags && alike(a.source, b.source); });
      case ValueType::error:
        return both.operator()<graph::ErrorNode>([this](auto& a, auto& b) {
          return a.name == b.name && alike(a.message, b.message) && alike(a.stack, b.stack) && alike(a.cause, b.cause);
        });
      case ValueType::array_buffer:
      case ValueType::shared_buffer:
      case ValueType::shared_array_buffer:
        return both.operator()<graph::BufferNode>([](auto& a, auto& b) {
          return a.resizable == b.resizable && a.maximum == b.maximum && a.detached == b.detached && std::ranges::equal(a.bytes(), b.bytes());
        });
      case ValueType::typed_array:
      case ValueType::data_view:
        return both.operator()<graph::ViewNode>([this](auto& a, auto& b) {
          return a.element == b.element && a.offset == b.offset && a.tracking == b.tracking &&
                 (a.tracking || a.fixed_size == b.fixed_size) &&
                 alike(Slot::node(*a.buffer), Slot::node(*b.buffer));
        });
      case ValueType::port:
        return both.operator()<graph::PortNode>([](auto& a, auto& b) {
          return !a.port.owner_before(b.port) && !b.port.owner_before(a.port) && a.index == b.index;
        });
      default: return false;
    }
  }

  std::vector<std::pair<const Node*, const Node*>> work_;
  std::unordered_map<const Node*, const Node*> forth_;
  std::unordered_map<const Node*, const Node*> back_;
};

}  // namespace

bool operator==(const Value& one, const Value& other) { return Comparison().run(one.cell(), other.cell()); }

}  // namespace fairway
