#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <fairway/export.hpp>
#include <fairway/types.hpp>

namespace fairway {

class ArrayBuffer;
class MessagePort;
class SharedArrayBuffer;
class SharedBuffer;

enum class ValueType : std::uint8_t {
  undefined,
  null,
  boolean,
  number,
  bigint,
  string,
  // Everything from here on has identity: copies of a handle refer to the same one.
  boolean_object,
  number_object,
  bigint_object,
  string_object,
  date,
  regexp,
  error,
  object,
  array,
  map,
  set,
  array_buffer,
  shared_buffer,  ///< not of the web: immutable
  shared_array_buffer,
  typed_array,
  data_view,
  port,
};

/// What the elements of a typed array are.
enum class ElementType : std::uint8_t {
  int8, uint8, uint8_clamped, int16, uint16, int32, uint32, float32, float64, bigint64, biguint64,
};

/// "undefined", "typed_array", …
FAIRWAY_API std::string_view to_string(ValueType type) noexcept;
/// As JavaScript calls the arrays: "Uint8Array", …
FAIRWAY_API std::string_view to_string(ElementType type) noexcept;

namespace graph {

struct Text;
struct BigInteger;
struct Node;

/// How a value is held, inside: the primitive itself, or where the rest is.
struct Cell {
  ValueType type = ValueType::undefined;
  union {
    bool boolean;
    double number = 0;
    Text* text;
    BigInteger* bigint;
    Node* node;
  };
};

}  // namespace graph

template <class T>
concept ValueInteger = std::integral<T> && !std::same_as<T, bool> && !std::same_as<T, char> && !std::same_as<T, wchar_t> &&
                       !std::same_as<T, char8_t> && !std::same_as<T, char16_t> && !std::same_as<T, char32_t>;

/// What a web page can clone (HTML Standard, StructuredSerialize): a primitive, or a handle to a container. Containers
/// have identity, as in JavaScript: a copy of the handle is the same container, and what is put into two places is
/// shared. Cycles are fine and do not leak: what belongs together is freed with the last handle into it.
///
/// Strings are UTF-8 in and out; what is ill-formed becomes U+FFFD. UTF-16 code units survive through std::u16string.
/// Reading what is not there gives undefined. What does not fit throws DOMException "TypeError", or "RangeError"
/// for a number, a length or an index.
///
/// Not thread-safe: handles into one graph belong to one thread at a time. Graphs that were never put into each
/// other are independent.
class FAIRWAY_API Value {
 public:
  using Type = ValueType;

  Value() noexcept {}
  Value(std::nullptr_t) noexcept { cell_.type = Type::null; }
  template <std::same_as<bool> B>
  Value(B boolean) noexcept {
    cell_.type = Type::boolean;
    cell_.boolean = boolean;
  }
  template <std::floating_point F>
  Value(F number) noexcept {
    set_number(static_cast<double>(number));
  }
  /// A number. Throws "RangeError" for what a double cannot hold (beyond 2^53): that is a `bigint`.
  template <ValueInteger I>
  Value(I integer) {
    if constexpr (sizeof(I) < sizeof(std::int64_t)) {
      set_number(static_cast<double>(integer));
    } else if constexpr (std::signed_integral<I>) {
      set_signed(integer);
    } else {
      set_unsigned(integer);
    }
  }
  template <std::convertible_to<std::string_view> S>
  Value(const S& string) {
    set_string(std::string_view(string));
  }
  template <std::convertible_to<std::u16string_view> S>
  Value(const S& string) {
    set_string(std::u16string_view(string));
  }
  /// Stands for the port in a post that lists it in `transfer`; the receiver's value says its place in `MessageEvent::ports`.
  Value(MessagePort& port);
  /// The buffer itself, not a clone.
  Value(const ArrayBuffer& buffer) noexcept;
  Value(const SharedBuffer& buffer) noexcept;
  Value(const SharedArrayBuffer& buffer) noexcept;

  Value(const Value& other) noexcept : cell_(other.cell_) { if (counted()) retain(); }
  Value(Value&& other) noexcept : cell_(std::exchange(other.cell_, {})) {}
  Value& operator=(const Value& other) & noexcept { return *this = Value(other); }
  Value& operator=(Value&& other) & noexcept {
    std::swap(cell_, other.cell_);
    return *this;
  }
  ~Value() { if (counted()) release(); }

  // Making ----------------------------------------------------------------------------------------------------

  /// Properties are kept as JavaScript orders them: integer keys ascending, then the others as they came.
  static Value object(std::initializer_list<std::pair<std::string_view, Value>> properties = {});
  static Value array(std::initializer_list<Value> elements = {});
  static Value map(std::initializer_list<std::pair<Value, Value>> entries = {});
  static Value set(std::initializer_list<Value> members = {});
  static Value bigint(std::int64_t value);
  static Value bigint(std::uint64_t value);
  static Value bigint(int value) { return bigint(std::int64_t{value}); }
  /// Decimal, or hexadecimal behind "0x"; "-" in front. Throws "SyntaxError". Takes time as the square of the length.
  static Value bigint(std::string_view digits);
  /// The least significant 64 bits come first.
  static Value bigint(bool negative, std::span<const std::uint64_t> magnitude);
  /// A Boolean, Number, BigInt or String object around the primitive.
  static Value boxed(const Value& primitive);
  /// Milliseconds since 1970 UTC, cut to whole ones; NaN and what is beyond ±8.64e15: an invalid date.
  static Value date(double milliseconds);
  /// Flags: some of "dgimsuvy", not "u" and "v" together. Throws "SyntaxError". The source is not looked at.
  static Value regexp(const Value& source, std::string_view flags = "");
  /// A name other than the seven of JavaScript arrives as "Error".
  static Value error(std::string_view name, std::string_view message);
  static Value array_buffer(Bytes bytes);
  /// Resizable, of zeros. Throws "RangeError" if `size` is larger, or there is no memory.
  static Value array_buffer(std::size_t size, std::size_t maximum);
  /// A view of `length` elements from byte `offset` on. Without a length: all of the buffer behind the offset,
  /// and of a resizable one whatever that is at the time. Throws "RangeError" for what is out of bounds.
  static Value typed_array(ElementType type, const Value& buffer, std::size_t offset = 0, std::optional<std::size_t> length = {});
  static Value data_view(const Value& buffer, std::size_t offset = 0, std::optional<std::size_t> length = {});
  /// A typed array over a buffer of its own, with a copy of these.
  template <class T, std::size_t N>
  static Value typed_array(std::span<T, N> elements) {
    return typed_array(element_for<std::remove_const_t<T>>(), array_buffer(std::as_bytes(elements)));
  }

  // Asking ----------------------------------------------------------------------------------------------------

  Type type() const noexcept { return cell_.type; }
  bool is(Type type) const noexcept { return cell_.type == type; }
  bool is_undefined() const noexcept { return is(Type::undefined); }
  bool is_null() const noexcept { return is(Type::null); }
  /// The same container, or the same primitive (NaN is NaN, 0 is -0): SameValueZero.
  bool is_same(const Value& other) const noexcept;

  /// bool, numbers, std::string, std::u16string; of boxed ones and dates too. An integer must be one and fit, and
  /// comes from a BigInt too. std::string_view only of what stays: it lives as long as the string is held somewhere.
  template <class T>
  T get() const& {
    if (auto result = get_if<T>()) return *std::move(result);
    throw_no(name_of<T>());
  }
  template <class T>
  T get() && {
    static_assert(!std::same_as<T, std::string_view>, "fairway: a view into a Value that goes away; take a std::string");
    return std::as_const(*this).template get<T>();
  }
  /// Nothing if it is not a T.
  template <class T>
  std::optional<T> get_if() const {
    if constexpr (ValueInteger<T>) {
      using Wide = std::conditional_t<std::is_signed_v<T>, std::int64_t, std::uint64_t>;
      Wide wide = 0;
      if (!read(wide) || wide < Wide{std::numeric_limits<T>::min()} || wide > Wide{std::numeric_limits<T>::max()}) return {};
      return static_cast<T>(wide);
    } else if constexpr (std::floating_point<T>) {
      double number = 0;
      if (!read(number)) return {};
      return static_cast<T>(number);
    } else {
      T result{};
      if (!read(result)) return {};
      return result;
    }
  }

  /// Of a BigInt: decimal or hexadecimal ("0x" in front) digits, or the magnitude, least significant first.
  std::string bigint_digits(int base = 10) const;
  bool bigint_negative() const;
  std::vector<std::uint64_t> bigint_magnitude() const;

  Value regexp_source() const;
  std::string regexp_flags() const;

  std::string error_name() const;
  /// message, stack and cause of an Error are properties: `error["message"]`, `error.set("cause", …)`.

  /// The place in the list of ports of what stands for one. Nothing before it has travelled.
  std::optional<std::size_t> port_index() const;

  // Containers ------------------------------------------------------------------------------------------------

  /// Length of an array or a typed array, number of properties, entries or members, bytes of a buffer or DataView.
  std::size_t size() const;
  /// A property of an object, an array or an Error; undefined if it has none. To write: `set`.
  Value operator[](std::string_view key) const { return get_property(key); }
  template <std::convertible_to<std::string_view> S>
  Value operator[](const S& key) const {
    return get_property(key);
  }
  /// An element of an array or a typed array, or the property of that name of an object.
  template <ValueInteger I>
  Value operator[](I index) const {
    return std::cmp_less(index, 0) ? Value() : get_element(static_cast<std::uint64_t>(index));
  }
  bool has(std::string_view key) const;
  template <ValueInteger I>
  bool has(I index) const {
    return !std::cmp_less(index, 0) && has_element(static_cast<std::uint64_t>(index));
  }
  void set(std::string_view key, const Value& value);
  template <ValueInteger I>
  void set(I index, const Value& value) {
    set_element(std::cmp_less(index, 0) ? ~std::uint64_t{0} : static_cast<std::uint64_t>(index), value);
  }
  /// False: there was none.
  bool remove(std::string_view key);
  template <ValueInteger I>
  bool remove(I index) {
    return !std::cmp_less(index, 0) && remove_element(static_cast<std::uint64_t>(index));
  }
  /// With a key as `keys` gives it, so that one without UTF-8 is reached too. Throws "TypeError" if it is no string.
  Value property(const Value& key) const;
  void set_property(const Value& key, const Value& value);
  void push_back(const Value& element);
  /// Of an array: cuts it off or ends it with holes.
  void set_length(std::uint32_t length);

  /// Of a Map; keys of any type, compared as `is_same` does.
  Value get_entry(const Value& key) const;
  void set_entry(const Value& key, const Value& value);
  /// Of a Set.
  void add(const Value& member);
  /// Of both. Removing one takes time as their number.
  bool has_entry(const Value& key) const;
  bool remove_entry(const Value& key);

  // For loops: what is there at the time of the call, in order. Handles, not clones.

  /// Of an array (a hole reads as undefined), a typed array or a Set.
  std::vector<Value> elements() const;
  /// Of an array: where there is an element. Of a sparse one these are few, however long it is.
  std::vector<std::uint32_t> indices() const;
  /// Of an object, or of an array without its elements.
  std::vector<std::pair<std::string, Value>> properties() const;
  /// The keys as values, so that UTF-16 survives.
  std::vector<Value> keys() const;
  std::vector<std::pair<Value, Value>> entries() const;

  // Buffers and views -----------------------------------------------------------------------------------------

  /// What a buffer holds or a view shows; empty when it is detached or out of bounds. Valid until the buffer is resized,
  /// detached or freed. Those of a SharedBuffer can be had of a const Value alone, or by `SharedBuffer(value).bytes()`: the other
  /// throws "TypeError".
  std::span<std::byte> bytes();
  Bytes bytes() const;
  /// The buffer under a view.
  Value buffer() const;
  ElementType element_type() const;
  std::size_t byte_offset() const;
  bool out_of_bounds() const;
  bool length_tracking() const;
  bool resizable() const;
  std::size_t max_size() const;
  /// Throws "RangeError" beyond the maximum, "TypeError" if it is not resizable or detached.
  void resize(std::size_t size);
  bool detached() const;
  /// Takes the bytes out, as ArrayBuffer.transfer does: the buffer is detached, and its views are empty.
  std::vector<std::byte> detach();

  // For the library -------------------------------------------------------------------------------------------

  /// A further handle to what the cell holds.
  explicit Value(const graph::Cell& cell) noexcept : cell_(cell) { if (counted()) retain(); }
  const graph::Cell& cell() const noexcept { return cell_; }

 private:
  bool counted() const noexcept { return cell_.type >= Type::bigint; }
  void retain() const noexcept;
  void release() noexcept;
  void set_number(double number) noexcept {
    cell_.type = Type::number;
    cell_.number = number;
  }
  void set_signed(std::int64_t integer);
  void set_unsigned(std::uint64_t integer);
  void set_string(std::string_view string);
  void set_string(std::u16string_view string);

  bool read(bool& out) const noexcept;
  bool read(double& out) const noexcept;
  bool read(std::int64_t& out) const noexcept;
  bool read(std::uint64_t& out) const noexcept;
  bool read(std::string& out) const;
  bool read(std::string_view& out) const;
  bool read(std::u16string& out) const;
  [[noreturn]] void throw_no(const char* what) const;
  template <class T>
  static constexpr const char* name_of() {
    if constexpr (std::same_as<T, bool>) return "boolean";
    else if constexpr (ValueInteger<T>) return "integer of that size";
    else if constexpr (std::floating_point<T>) return "number";
    else return "string";
  }
  template <class T>
  static constexpr ElementType element_for() {
    if constexpr (std::same_as<T, float>) return ElementType::float32;
    else if constexpr (std::same_as<T, double>) return ElementType::float64;
    else if constexpr (sizeof(T) == 1) return std::is_signed_v<T> ? ElementType::int8 : ElementType::uint8;
    else if constexpr (sizeof(T) == 2) return std::is_signed_v<T> ? ElementType::int16 : ElementType::uint16;
    else if constexpr (sizeof(T) == 4) return std::is_signed_v<T> ? ElementType::int32 : ElementType::uint32;
    else return std::is_signed_v<T> ? ElementType::bigint64 : ElementType::biguint64;
  }

  Value get_property(std::string_view key) const;
  Value get_element(std::uint64_t index) const;
  bool has_element(std::uint64_t index) const;
  void set_element(std::uint64_t index, const Value& value);
  bool remove_element(std::uint64_t index);

  graph::Cell cell_;
};

/// Whether the two graphs are alike: a one-to-one mapping of their containers, with the same values in the same places.
/// So shared references and cycles have to match. NaN equals NaN, and 0 is not -0 (SameValue). Properties are
/// compared regardless of their order; Maps and Sets in their order. Ports are equal if they are the same.
FAIRWAY_API bool operator==(const Value& one, const Value& other);

/// In one line, as util.inspect of Node does: { kind: 'frame', list: [ 1, <2 empty items>, 'x' ] }. What has been shown
/// already appears as [ref *1], in reference to its <ref *1>.
FAIRWAY_API std::ostream& operator<<(std::ostream& out, const Value& value);

enum class InspectStyle { one_line, indented };
FAIRWAY_API std::string inspect(const Value& value, InspectStyle style = InspectStyle::one_line);

/// A deep copy (HTML Standard, structuredClone). Throws DOMException "DataCloneError" for what cannot be cloned.
FAIRWAY_API Value structured_clone(const Value& value);

}  // namespace fairway
