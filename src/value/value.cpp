#include <fairway/value.hpp>

#include <cmath>
#include <string>

#include <fairway/error.hpp>

#include "value/heap.hpp"
#include "value/wanted.hpp"

/// Handles and primitives.
namespace fairway {

namespace {

/// The largest integer up to which a double has them all.
constexpr std::int64_t most_exact = std::int64_t{1} << 53;

/// The primitive itself, or the one in a box; a date's time.
graph::Cell primitive_of(const graph::Cell& cell) noexcept {
  switch (cell.type) {
    case ValueType::boolean_object:
    case ValueType::number_object:
    case ValueType::bigint_object:
    case ValueType::string_object: return graph::as<graph::BoxedNode>(cell).inner.cell();
    case ValueType::date: {
      graph::Cell time;
      time.type = ValueType::number;
      time.number = graph::as<graph::DateNode>(cell).time;
      return time;
    }
    default: return cell;
  }
}

Value adopt(graph::Slot slot) noexcept { return Value(slot.cell()); }

const graph::BigInteger& bigint_of(const Value& value) {
  const graph::Cell cell = primitive_of(value.cell());
  if (cell.type != ValueType::bigint) graph::throw_wanted("a BigInt", value.type());
  return *cell.bigint;
}

}  // namespace

std::string_view to_string(ValueType type) noexcept {
  constexpr std::string_view names[] = {"undefined", "null", "boolean", "number", "bigint", "string", "boolean_object", "number_object",
                                        "bigint_object", "string_object", "date", "regexp", "error", "object", "array", "map", "set",
                                        "array_buffer", "shared_buffer", "shared_array_buffer", "typed_array", "data_view", "port"};
  const auto index = static_cast<std::size_t>(type);
  return index < std::size(names) ? names[index] : "?";
}

std::string_view to_string(ElementType type) noexcept {
  constexpr std::string_view names[] = {"Int8Array", "Uint8Array", "Uint8ClampedArray", "Int16Array", "Uint16Array", "Int32Array",
                                        "Uint32Array", "Float32Array", "Float64Array", "BigInt64Array", "BigUint64Array"};
  const auto index = static_cast<std::size_t>(type);
  return index < std::size(names) ? names[index] : "?";
}

void Value::retain() const noexcept {
  if (graph::is_blob(cell_.type)) {
    graph::retain_blob(cell_);
  } else {
    graph::Heap::retain(*cell_.node);
  }
}

void Value::release() noexcept {
  if (graph::is_blob(cell_.type)) {
    graph::release_blob(cell_);
  } else {
    graph::Heap::release(*cell_.node);
  }
}

void Value::set_string(std::u16string_view string) { cell_ = graph::Slot::text(graph::from_utf16(string)).leave(); }

void Value::set_string(std::string_view string) {
  cell_ = graph::Slot::text(graph::is_ascii(string) || graph::is_utf8(string) ? std::string(string) : graph::to_utf8(string)).leave();
}

void Value::set_signed(std::int64_t integer) {
  if (integer > most_exact || integer < -most_exact)
    throw DOMException("RangeError", std::to_string(integer) + " is no exact number; make it a Value::bigint");
  set_number(static_cast<double>(integer));
}

void Value::set_unsigned(std::uint64_t integer) {
  if (integer > static_cast<std::uint64_t>(most_exact))
    throw DOMException("RangeError", std::to_string(integer) + " is no exact number; make it a Value::bigint");
  set_number(static_cast<double>(integer));
}

Value Value::bigint(std::int64_t value) {
  const auto magnitude = static_cast<std::uint64_t>(value);
  return adopt(graph::Slot::bigint(std::make_unique<graph::BigInteger>(value < 0, std::vector{value < 0 ? -magnitude : magnitude})));
}

Value Value::bigint(std::uint64_t value) {
  return adopt(graph::Slot::bigint(std::make_unique<graph::BigInteger>(false, std::vector{value})));
}

Value Value::bigint(std::string_view digits) {
  auto number = graph::parse_bigint(digits);
  if (!number) throw DOMException("SyntaxError", "a BigInt is written with digits alone, or 0x and hexadecimal ones, with - in front");
  return adopt(graph::Slot::bigint(std::move(number)));
}

Value Value::bigint(bool negative, std::span<const std::uint64_t> magnitude) {
  return adopt(graph::Slot::bigint(std::make_unique<graph::BigInteger>(negative, std::vector(magnitude.begin(), magnitude.end()))));
}

bool Value::is_same(const Value& other) const noexcept { return graph::same(cell_, other.cell_); }

bool Value::read(bool& out) const noexcept {
  const graph::Cell cell = primitive_of(cell_);
  if (cell.type != Type::boolean) return false;
  out = cell.boolean;
  return true;
}

bool Value::read(double& out) const noexcept {
  const graph::Cell cell = primitive_of(cell_);
  if (cell.type != Type::number) return false;
  out = cell.number;
  return true;
}

bool Value::read(std::int64_t& out) const noexcept {
  const graph::Cell cell = primitive_of(cell_);
  if (cell.type == Type::bigint) {
    const bool negative = cell.bigint->negative;
    const std::vector<std::uint64_t>& magnitude = cell.bigint->magnitude;
    constexpr auto least = std::uint64_t{1} << 63;
    const std::uint64_t size = magnitude.empty() ? 0 : magnitude[0];
    if (magnitude.size() > 1 || size > (negative ? least : least - 1)) return false;
    out = static_cast<std::int64_t>(negative ? -size : size);
    return true;
  }
  if (cell.type != Type::number || cell.number != std::trunc(cell.number)) return false;
  if (!(cell.number >= -0x1p63 && cell.number < 0x1p63)) return false;
  out = static_cast<std::int64_t>(cell.number);
  return true;
}

bool Value::read(std::uint64_t& out) const noexcept {
  const graph::Cell cell = primitive_of(cell_);
  if (cell.type == Type::bigint) {
    if (cell.bigint->negative || cell.bigint->magnitude.size() > 1) return false;
    out = cell.bigint->magnitude.empty() ? 0 : cell.bigint->magnitude[0];
    return true;
  }
  if (cell.type != Type::number || cell.number != std::trunc(cell.number)) return false;
  if (!(cell.number >= 0 && cell.number < 0x1p64)) return false;
  out = static_cast<std::uint64_t>(cell.number);
  return true;
}

bool Value::read(std::string_view& out) const {
  const graph::Cell cell = primitive_of(cell_);
  if (cell.type != Type::string) return false;
  out = cell.text->view();
  return true;
}

bool Value::read(std::string& out) const {
  std::string_view view;
  if (!read(view)) return false;
  out = view;
  return true;
}

bool Value::read(std::u16string& out) const {
  const graph::Cell cell = primitive_of(cell_);
  if (cell.type != Type::string) return false;
  out = graph::to_utf16(cell.text->wtf8);
  return true;
}

void Value::throw_no(const char* what) const {
  const bool numeric = is(Type::number) || is(Type::bigint) || is(Type::number_object) || is(Type::bigint_object);
  const bool out_of_range = numeric && std::string_view(what).starts_with("integer");
  throw DOMException(out_of_range ? "RangeError" : "TypeError",
                     "a " + std::string(what) + " is wanted, and this is " +
                         (out_of_range ? inspect(*this) : "of type " + std::string(to_string(type()))));
}

std::string Value::bigint_digits(int base) const {
  if (base != 10 && base != 16) throw DOMException("RangeError", "a BigInt's digits can be had in base 10 and 16");
  return graph::bigint_text(bigint_of(*this), base);
}

bool Value::bigint_negative() const { return bigint_of(*this).negative; }
std::vector<std::uint64_t> Value::bigint_magnitude() const { return bigint_of(*this).magnitude; }

}  // namespace fairway
