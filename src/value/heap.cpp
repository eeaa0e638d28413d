#include "value/heap.hpp"

#include <algorithm>

namespace fairway::graph {

namespace {

constexpr std::size_t node_weight = 64;
constexpr std::size_t slot_weight = sizeof(Slot);
constexpr std::size_t least_to_sweep = 64 << 10;

/// What a primitive takes besides its slot.
std::size_t weight_of(const Cell& cell) noexcept {
  if (cell.type == ValueType::string) return cell.text->wtf8.size();
  return cell.type == ValueType::bigint ? cell.bigint->magnitude.size() * sizeof(std::uint64_t) : 0;
}

std::size_t own_weight(const Node& node) noexcept {
  return node_weight + (is_buffer(node.type) ? static_cast<const BufferNode&>(node).bytes().size() : 0);
}

void destroy(Node* node) noexcept {
  switch (node->type) {
    case ValueType::boolean_object:
    case ValueType::number_object:
    case ValueType::bigint_object:
    case ValueType::string_object: delete static_cast<BoxedNode*>(node); break;
    case ValueType::date: delete static_cast<DateNode*>(node); break;
    case ValueType::regexp: delete static_cast<RegExpNode*>(node); break;
    case ValueType::error: delete static_cast<ErrorNode*>(node); break;
    case ValueType::object: delete static_cast<ObjectNode*>(node); break;
    case ValueType::array: delete static_cast<ArrayNode*>(node); break;
    case ValueType::map:
    case ValueType::set: delete static_cast<MapNode*>(node); break;
    case ValueType::array_buffer:
    case ValueType::shared_buffer:
    case ValueType::shared_array_buffer: delete static_cast<BufferNode*>(node); break;
    case ValueType::typed_array:
    case ValueType::data_view: delete static_cast<ViewNode*>(node); break;
    case ValueType::port: delete static_cast<PortNode*>(node); break;
    default: break;
  }
}

}  // namespace

Contents BufferNode::take() noexcept {
  heap->weigh(bytes().size(), 0);
  detached = true;
  return {std::exchange(in_heap, {}), std::exchange(maximum, 0), resizable, std::move(memory), {}, sharing};
}

Contents BufferNode::leave() noexcept {
  if (sharing == Sharing::none) return take();
  return {{}, 0, false, memory, {}, sharing};
}

void BufferNode::give(Contents contents) noexcept {
  heap->weigh(bytes().size(), contents.bytes().size());
  detached = false;
  static_cast<Contents&>(*this) = std::move(contents);
}

Heap::~Heap() {
  if (last_ == nullptr) return;
  Node* node = std::exchange(last_->next, nullptr);
  while (node != nullptr) destroy(std::exchange(node, node->next));
}

void Heap::adopt(Node& node) noexcept {
  node.heap = this;
  node.next = last_ != nullptr ? last_->next : &node;
  if (last_ != nullptr) last_->next = &node;
  last_ = &node;
  ++count_;
  weight_ += own_weight(node);
}

void Heap::retain(Node& node) noexcept {
  if (node.handles++ == 0) ++node.heap->rooted_;
}

void Heap::release(Node& node) noexcept {
  if (--node.handles == 0 && --node.heap->rooted_ == 0) delete node.heap;
}

void Heap::link(Node& outer, const Cell& inner) noexcept {
  Heap* heap = outer.heap;
  if (is_node(inner.type) && inner.node->heap != heap) {
    Heap* other = inner.node->heap;
    if (other->count_ > heap->count_) std::swap(heap, other);
    heap->swallow(*other);
  }
  heap->weight_ += weight_of(inner);
  if (heap->weight_ >= heap->sweep_at_) heap->sweep();
}

void Heap::swallow(Heap& other) noexcept {
  Node* node = other.last_;
  do {
    node->heap = this;
    node = node->next;
  } while (node != other.last_);
  std::swap(last_->next, other.last_->next);
  count_ += other.count_;
  rooted_ += other.rooted_;
  weight_ += other.weight_;
  other.last_ = nullptr;
  delete &other;
}

void Heap::mark() noexcept {
  Node* list = nullptr;
  const auto reach = [&list](Node* node) {
    if (node == nullptr || std::exchange(node->marked, true)) return;
    node->to_mark = std::exchange(list, node);
  };
  Node* root = last_;
  do {
    if (root->handles != 0) reach(root);
    root = root->next;
  } while (root != last_);
  while (list != nullptr) {
    Node* const node = std::exchange(list, list->to_mark);
    for_each_slot(*node, [&](const Slot& slot) {
      weight_ += slot_weight + weight_of(slot.cell());
      reach(slot.node());
    });
  }
}

void Heap::sweep() noexcept {
  weight_ = 0;
  mark();
  Node* garbage = nullptr;
  Node* node = std::exchange(last_->next, nullptr);
  last_ = nullptr;
  count_ = 0;
  while (node != nullptr) {
    Node* const here = std::exchange(node, node->next);
    if (std::exchange(here->marked, false)) {
      adopt(*here);
    } else {
      here->next = std::exchange(garbage, here);
    }
  }
  sweep_at_ = std::max(least_to_sweep, 2 * weight_);
  while (garbage != nullptr) destroy(std::exchange(garbage, garbage->next));
}

}  // namespace fairway::graph
