#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "value/slot.hpp"
#include "value/table.hpp"

/// The containers of a graph. Edges are slots; they do not own what they point to, the heap does.
namespace fairway::graph {

class Heap;

struct Node {
  explicit Node(ValueType node_type) noexcept : type(node_type) {}
  Node(const Node&) = delete;

  const ValueType type;
  bool marked = false;
  std::uint32_t handles = 0;  ///< from outside of the graph
  std::uint32_t number = 0;   ///< given by a walk over the graph; counts for that `walk` alone
  std::uint64_t walk = 0;
  Heap* heap = nullptr;
  Node* next = nullptr;     ///< in the heap's ring
  Node* to_mark = nullptr;  ///< in the list of those whose edges are to be followed
};

inline Slot Slot::node(Node& node) noexcept {
  Slot slot = with(node.type);
  slot.cell_.node = &node;
  return slot;
}

/// Tells one walk over a graph from all others, of any thread.
std::uint64_t begin_walk() noexcept;

using Indexed = std::map<std::uint32_t, Slot>;

struct ObjectNode : Node {
  ObjectNode() noexcept : Node(ValueType::object) {}
  std::size_t size() const noexcept { return named.size() + (indexed ? indexed->size() : 0); }

  std::unique_ptr<Indexed> indexed;  ///< properties whose keys are array indices: they come first
  Table named;
};

/// Elements lie in a vector as long as not many more places than elements are in it, and behind that in a map: memory is
/// a multiple of what was put in, wherever that was.
struct ArrayNode : Node {
  ArrayNode() noexcept : Node(ValueType::array) {}
  const Slot* find(std::uint32_t index) const noexcept;
  void put(std::uint32_t index, Slot value);
  bool erase(std::uint32_t index) noexcept;
  void resize(std::uint32_t new_length);
  /// No holes and nothing but elements in `dense`.
  bool packed() const noexcept { return dense.size() == length && holes == 0; }

  std::vector<Slot> dense;
  std::unique_ptr<Indexed> sparse;  ///< all behind `dense`
  std::unique_ptr<Table> extra;     ///< properties that are no elements
  std::uint32_t length = 0;
  std::uint32_t holes = 0;  ///< in `dense`
};

struct MapNode : Node {
  explicit MapNode(ValueType map_or_set) noexcept : Node(map_or_set) {}
  Table table;
};

struct BoxedNode : Node {
  BoxedNode(ValueType boxed_type, Slot primitive) noexcept : Node(boxed_type), inner(std::move(primitive)) {}
  Slot inner;
};

struct DateNode : Node {
  explicit DateNode(double milliseconds) noexcept;
  double time;
};

/// Bits of V8's format: dgimsuvy.
using RegExpFlags = std::uint32_t;
bool valid_flags(RegExpFlags flags) noexcept;
std::string flags_text(RegExpFlags flags);

struct RegExpNode : Node {
  RegExpNode(Slot text, RegExpFlags bits) noexcept : Node(ValueType::regexp), source(std::move(text)), flags(bits) {}
  Slot source;
  RegExpFlags flags;
};

struct ErrorNode : Node {
  explicit ErrorNode(std::string error_name) noexcept : Node(ValueType::error), name(std::move(error_name)) {}
  /// Null: it cannot have such a property.
  Slot* find(std::string_view key) noexcept {
    return key == "message" ? &message : key == "stack" ? &stack : key == "cause" ? &cause : nullptr;
  }

  std::string name;
  Slot message = Slot::hole();
  Slot stack = Slot::hole();
  Slot cause = Slot::hole();
};

/// Memory that can change hands, or have many holders, as it is.
class Memory {
 public:
  virtual ~Memory() = default;
  virtual std::span<std::byte> bytes() const noexcept = 0;
  /// Whether another process can have it, too.
  virtual bool is_object() const noexcept = 0;
};

class HeapMemory final : public Memory {
 public:
  explicit HeapMemory(std::vector<std::byte> bytes) noexcept : bytes_(std::move(bytes)) {}
  std::span<std::byte> bytes() const noexcept override { return bytes_; }
  bool is_object() const noexcept override { return false; }

 private:
  mutable std::vector<std::byte> bytes_;
};

/// Who has what a buffer holds.
enum class Sharing : std::uint8_t {
  none,      ///< it alone: an ArrayBuffer
  frozen,    ///< others too, and nobody changes it: a SharedBuffer
  writable,  ///< others too: a SharedArrayBuffer
};

constexpr ValueType type_of(Sharing sharing) noexcept {
  return sharing == Sharing::none ? ValueType::array_buffer : sharing == Sharing::frozen ? ValueType::shared_buffer : ValueType::shared_array_buffer;
}

constexpr bool is_buffer(ValueType type) noexcept {
  return type == ValueType::array_buffer || type == ValueType::shared_buffer || type == ValueType::shared_array_buffer;
}

/// What a buffer holds, in the heap or in memory of its own. Moves from one to another without a copy.
struct Contents {
  std::vector<std::byte> in_heap;
  std::uint64_t maximum = 0;  ///< of a resizable one
  bool resizable = false;
  std::shared_ptr<Memory> memory = {};  ///< null: they are in the heap. Never of a resizable one, always of one that is shared
  std::optional<std::uint64_t> size_elsewhere = {};  ///< of those that come in a box
  Sharing sharing = Sharing::none;
  std::uint64_t lent_as = 0;  ///< in a message: the sender's number, under which it may go back

  bool in_object() const noexcept { return memory && memory->is_object(); }
  bool missing() const noexcept { return size_elsewhere && !memory; }
  std::span<std::byte> bytes() noexcept { return memory ? memory->bytes() : std::span(in_heap); }
  std::span<const std::byte> bytes() const noexcept { return memory ? memory->bytes() : std::span(in_heap); }
  /// What it counts as in the queue that it is posted to: what all can write is not on its way anywhere.
  std::uint64_t weight() const noexcept { return sharing == Sharing::writable ? 0 : bytes().size(); }
};

/// How many of the contents can travel as they are.
inline std::size_t count_objects(std::span<const Contents> all) noexcept {
  return static_cast<std::size_t>(std::ranges::count_if(all, &Contents::in_object));
}

struct BufferNode : Node, Contents {
  explicit BufferNode(Sharing shared = Sharing::none) noexcept : Node(type_of(shared)) { sharing = shared; }
  /// It is detached from here on.
  Contents take() noexcept;
  /// For a message: what is shared stays here, too.
  Contents leave() noexcept;
  /// Of one that is empty, or detached: it is no longer.
  void give(Contents contents) noexcept;

  bool detached = false;
  std::uint64_t listed = 0;  ///< the walk that transfers it
};

constexpr std::size_t element_size(ElementType type) noexcept {
  constexpr std::uint8_t sizes[] = {1, 1, 1, 2, 2, 4, 4, 4, 8, 8, 8};
  return sizes[static_cast<std::size_t>(type)];
}

/// A typed array, or a DataView (whose elements are bytes).
struct ViewNode : Node {
  ViewNode(ValueType view_type, ElementType element_type, BufferNode& viewed) noexcept
      : Node(view_type), element(element_type), buffer(&viewed) {}
  bool out_of_bounds() const noexcept;
  /// In bytes; 0 if it is out of bounds.
  std::size_t size() const noexcept;
  std::span<std::byte> bytes() const noexcept;
  /// An element that is there.
  Slot read(std::size_t index) const;
  /// False: that is no value for it.
  bool write(std::size_t index, const Cell& value) noexcept;

  ElementType element;
  BufferNode* buffer;
  std::size_t offset = 0;
  std::size_t fixed_size = 0;  ///< in bytes
  bool tracking = false;       ///< always up to the end of its buffer
};

struct PortNode : Node {
  static constexpr std::uint32_t not_travelled = 0xffffffff;
  PortNode(std::weak_ptr<void> to, std::uint32_t in_list) noexcept : Node(ValueType::port), port(std::move(to)), index(in_list) {}
  std::weak_ptr<void> port;  ///< who it is; a value does not keep a port alive
  std::uint32_t index;       ///< in the list of the message that brought it
};

template <class T>
T& as(const Cell& cell) noexcept {
  return static_cast<T&>(*cell.node);
}

/// Calls `visit(const Slot&)` for each edge or primitive that the node holds, and for the buffer under a view.
template <class Visit>
void for_each_slot(const Node& node, Visit&& visit) {
  const auto all = [&](const Table& table) {
    for (const Table::Entry& entry : table.entries()) {
      visit(entry.key);
      visit(entry.value);
    }
  };
  const auto indexed = [&](const std::unique_ptr<Indexed>& slots) {
    if (slots)
      for (const auto& [index, slot] : *slots) visit(slot);
  };
  switch (node.type) {
    case ValueType::object:
      indexed(static_cast<const ObjectNode&>(node).indexed);
      all(static_cast<const ObjectNode&>(node).named);
      break;
    case ValueType::array: {
      const auto& array = static_cast<const ArrayNode&>(node);
      for (const Slot& slot : array.dense) visit(slot);
      indexed(array.sparse);
      if (array.extra) all(*array.extra);
      break;
    }
    case ValueType::map:
    case ValueType::set: all(static_cast<const MapNode&>(node).table); break;
    case ValueType::error: visit(static_cast<const ErrorNode&>(node).cause); break;
    case ValueType::typed_array:
    case ValueType::data_view: visit(Slot::node(*static_cast<const ViewNode&>(node).buffer)); break;
    default: break;
  }
}

}  // namespace fairway::graph
