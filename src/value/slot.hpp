#pragma once

#include <utility>

#include <fairway/value.hpp>

#include "value/text.hpp"

namespace fairway::graph {

/// In an array: nothing is there. In an Error: it has no such property.
inline constexpr ValueType hole_type{0xff};

constexpr bool is_node(ValueType type) noexcept { return type >= ValueType::boolean_object && type <= ValueType::port; }
constexpr bool is_blob(ValueType type) noexcept { return type == ValueType::bigint || type == ValueType::string; }

void retain_blob(const Cell& cell) noexcept;
void release_blob(const Cell& cell) noexcept;

/// A value inside a graph. Owns a share of a string or BigInt; a node belongs to the heap, not to the slots.
class Slot {
 public:
  Slot() noexcept = default;
  explicit Slot(const Cell& cell) noexcept : cell_(cell) { if (is_blob(cell_.type)) retain_blob(cell_); }
  Slot(const Slot& other) noexcept : Slot(other.cell_) {}
  Slot(Slot&& other) noexcept : cell_(std::exchange(other.cell_, {})) {}
  Slot& operator=(Slot other) noexcept {
    std::swap(cell_, other.cell_);
    return *this;
  }
  ~Slot() { if (is_blob(cell_.type)) release_blob(cell_); }

  static Slot hole() noexcept { return with(hole_type); }
  static Slot null() noexcept { return with(ValueType::null); }
  static Slot boolean(bool value) noexcept {
    Slot slot = with(ValueType::boolean);
    slot.cell_.boolean = value;
    return slot;
  }
  static Slot number(double value) noexcept {
    Slot slot = with(ValueType::number);
    slot.cell_.number = value;
    return slot;
  }
  static Slot node(Node& node) noexcept;
  /// Of what our own strings hold.
  static Slot text(std::string wtf8) {
    Slot slot = with(ValueType::string);
    slot.cell_.text = nullptr;
    slot.cell_.text = new Text(std::move(wtf8));
    return slot;
  }
  static Slot bigint(std::unique_ptr<BigInteger> number) noexcept {
    Slot slot = with(ValueType::bigint);
    slot.cell_.bigint = number.release();
    return slot;
  }

  const Cell& cell() const noexcept { return cell_; }
  ValueType type() const noexcept { return cell_.type; }
  bool is_hole() const noexcept { return cell_.type == hole_type; }
  Node* node() const noexcept { return is_node(cell_.type) ? cell_.node : nullptr; }
  /// A hole reads as undefined.
  Value value() const noexcept { return is_hole() ? Value() : Value(cell_); }
  /// Takes the share out.
  Cell leave() noexcept { return std::exchange(cell_, {}); }

 private:
  static Slot with(ValueType type) noexcept {
    Slot slot;
    slot.cell_.type = type;
    return slot;
  }

  Cell cell_;
};

/// SameValueZero: the same container, or the same primitive.
bool same(const Cell& one, const Cell& other) noexcept;
/// A total order that goes with it.
int compare(const Cell& one, const Cell& other) noexcept;
int compare(std::string_view one, std::string_view other) noexcept;

}  // namespace fairway::graph
