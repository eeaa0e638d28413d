#pragma once

#include <cstddef>
#include <memory>
#include <utility>

#include "value/node.hpp"

namespace fairway::graph {

/// Owns the nodes of one graph: all that were ever put into each other, directly or not. It dies, with all of them,
/// when no node has a handle from outside any more; so cycles are no matter. What is no longer reachable in a
/// graph that goes on living is swept when its weight has doubled since the last time, which costs constant time per
/// byte that was added. Nothing here recurses.
class Heap {
 public:
  Heap() = default;
  Heap(const Heap&) = delete;
  ~Heap();

  /// A node without a handle: it lives as long as another one has one, and until the next `link` at least.
  template <class T, class... Args>
  T& make(Args&&... args) {
    auto owner = std::make_unique<T>(std::forward<Args>(args)...);
    T& node = *owner.release();
    adopt(node);
    return node;
  }
  /// The only node of a new graph, with its first handle.
  template <class T, class... Args>
  static Value make_alone(Args&&... args) {
    auto heap = std::make_unique<Heap>();
    T& node = heap->make<T>(std::forward<Args>(args)...);
    const Slot slot = Slot::node(node);
    const Value value(slot.cell());
    static_cast<void>(heap.release());  // it belongs to its handles
    return value;
  }

  static void retain(Node& node) noexcept;
  static void release(Node& node) noexcept;

  /// To be called before `inner` goes into `outer`, both held by handles: they become one graph. May sweep.
  static void link(Node& outer, const Cell& inner) noexcept;
  /// The node's bytes have become more, or less.
  void weigh(std::size_t before, std::size_t after) noexcept { weight_ += after - before; }

  std::size_t nodes() const noexcept { return count_; }

 private:
  void adopt(Node& node) noexcept;
  /// Takes over all nodes of the other, which ends.
  void swallow(Heap& other) noexcept;
  void sweep() noexcept;
  void mark() noexcept;

  Node* last_ = nullptr;  ///< the ring's last; its next is the first
  std::size_t count_ = 0;
  std::size_t rooted_ = 0;  ///< nodes that have handles
  std::size_t weight_ = 0;  ///< approximately in bytes: exact for what the last sweep left
  std::size_t sweep_at_ = 64 << 10;
};

/// A buffer that holds these.
inline Value make_buffer(Contents contents) {
  Value buffer = Heap::make_alone<BufferNode>(contents.sharing);
  as<BufferNode>(buffer.cell()).give(std::move(contents));
  return buffer;
}

}  // namespace fairway::graph
