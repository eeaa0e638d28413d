#pragma once

/// How the archives write arithmetic types, enums, arrays, tuples, optionals, variants and unique_ptr
/// (src/value/OBJECTS.md). Included by archive.hpp, and stands before whatever Boost.Serialization's own headers
/// define for the same types, whether those are included or not.

#include <array>
#include <bitset>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include <fairway/archive_base.hpp>

namespace boost {
template <class T>
class optional;
template <typename T0, typename... TN>
class variant;
template <typename T>
class recursive_wrapper;
}  // namespace boost

namespace fairway::detail {

template <class T>
inline constexpr bool never = false;

template <class T>
concept Arithmetic = std::is_arithmetic_v<T>;
template <class T>
concept Enum = std::is_enum_v<T>;

/// The bytes of x86-64's long double that carry its value: 10 of its 16.
template <Arithmetic T>
inline constexpr std::size_t wire_size = std::is_same_v<T, long double>&& std::numeric_limits<T>::digits == 64
                                             ? 10
                                             : sizeof(T);

template <class T>
struct IsBulk
    : std::bool_constant<std::is_arithmetic_v<T> && !std::is_same_v<T, bool> && !std::is_same_v<T, long double>> {};
template <Enum T>
struct IsBulk<T> : IsBulk<std::underlying_type_t<T>> {};

/// Every pattern of bits is a T and stands on the wire as in memory.
template <class T>
concept Bulk = IsBulk<T>::value;

template <Arithmetic T>
struct Codec<T> {
  static void save(OutputArchive& archive, T value) { archive.save_binary(&value, wire_size<T>); }
  static void load(InputArchive& archive, T& value) {
    T copy{};
    archive.load_binary(&copy, wire_size<T>);
    value = copy;
  }
};

template <>
struct Codec<bool> {
  static void save(OutputArchive& archive, bool value) { archive << static_cast<std::uint8_t>(value); }
  static void load(InputArchive& archive, bool& value) {
    std::uint8_t byte = 0;
    archive >> byte;
    if (byte > 1) throw_damaged("a bool is neither 0 nor 1");
    value = byte == 1;
  }
};

template <Enum T>
struct Codec<T> {
  using Underlying = std::underlying_type_t<T>;
  static_assert(
      requires { T{Underlying{}}; },
      "fairway: an enum needs a fixed underlying type (enum E : int) to be sent; without one, a value that "
      "it does not know is undefined behaviour");

  static void save(OutputArchive& archive, T value) { archive << static_cast<Underlying>(value); }
  static void load(InputArchive& archive, T& value) {
    Underlying number{};
    archive >> number;
    value = static_cast<T>(number);
  }
};

template <class T>
void save_run(OutputArchive& archive, const T* items, std::size_t count) {
  if constexpr (Bulk<T>) {
    archive.save_binary(items, count * sizeof(T));
  } else {
    for (std::size_t i = 0; i < count; ++i) archive << items[i];
  }
}

template <class T>
void load_run(InputArchive& archive, T* items, std::size_t count) {
  if constexpr (Bulk<T>) {
    if (count > archive.remaining() / sizeof(T)) throw_damaged("an array is cut off");
    archive.load_binary(items, count * sizeof(T));
  } else {
    for (std::size_t i = 0; i < count; ++i) archive >> items[i];
  }
}

template <class Bits>
void save_bits(OutputArchive& archive, const Bits& bits) {
  for (std::size_t i = 0; i < bits.size(); i += 8) {
    unsigned byte = 0;
    for (std::size_t bit = 0; bit < 8 && i + bit < bits.size(); ++bit) byte |= unsigned{bits[i + bit]} << bit;
    archive << static_cast<std::uint8_t>(byte);
  }
}

template <class Bits>
void load_bits(InputArchive& archive, Bits& bits) {
  for (std::size_t i = 0; i < bits.size(); i += 8) {
    std::uint8_t byte = 0;
    archive >> byte;
    for (std::size_t bit = 0; bit < 8 && i + bit < bits.size(); ++bit) bits[i + bit] = ((byte >> bit) & 1U) != 0;
    if (bits.size() - i < 8 && (byte >> (bits.size() - i)) != 0) throw_damaged("there are bits beyond the last");
  }
}

template <class T, std::size_t N>
struct Codec<T[N]> {
  static void save(OutputArchive& archive, const T (&value)[N]) { save_run(archive, value, N); }
  static void load(InputArchive& archive, T (&value)[N]) { load_run(archive, value, N); }
};

template <class T, std::size_t N>
struct Codec<std::array<T, N>> {
  static void save(OutputArchive& archive, const std::array<T, N>& value) { save_run(archive, value.data(), N); }
  static void load(InputArchive& archive, std::array<T, N>& value) { load_run(archive, value.data(), N); }
};

template <std::size_t N>
struct Codec<std::bitset<N>> {
  static void save(OutputArchive& archive, const std::bitset<N>& value) { save_bits(archive, value); }
  static void load(InputArchive& archive, std::bitset<N>& value) { load_bits(archive, value); }
};

template <class T>
struct Codec<std::complex<T>> {
  static void save(OutputArchive& archive, const std::complex<T>& value) { archive << value.real() << value.imag(); }
  static void load(InputArchive& archive, std::complex<T>& value) {
    T real{}, imaginary{};
    archive >> real >> imaginary;
    value = {real, imaginary};
  }
};

template <class A, class B>
struct Codec<std::pair<A, B>> {
  static void save(OutputArchive& archive, const std::pair<A, B>& value) { archive << value.first << value.second; }
  /// SUBTLE: Boost's loaders of maps read a whole pair<const A, B>, as Boost's own pair does.
  static void load(InputArchive& archive, std::pair<A, B>& value) {
    archive >> const_cast<std::remove_const_t<A>&>(value.first) >> value.second;
  }
};

template <class... T>
struct Codec<std::tuple<T...>> {
  static void save(OutputArchive& archive, const std::tuple<T...>& value) {
    std::apply([&](const T&... items) { (void)(archive << ... << items); }, value);
  }
  static void load(InputArchive& archive, std::tuple<T...>& value) {
    std::apply([&](T&... items) { (void)(archive >> ... >> items); }, value);
  }
};

template <class Optional, class T>
struct OptionalCodec {
  static void save(OutputArchive& archive, const Optional& value) {
    archive << value.has_value();
    if (value.has_value()) archive << *value;
  }
  static void load(InputArchive& archive, Optional& value) {
    bool has_value = false;
    archive >> has_value;
    value.reset();
    if (!has_value) return;
    Slot<T> item;
    archive >> *item;
    value.emplace(std::move(*item));
  }
};

template <class T>
struct Codec<std::optional<T>> : OptionalCodec<std::optional<T>, T> {};
template <class T>
struct Codec<boost::optional<T>> : OptionalCodec<boost::optional<T>, T> {};

/// Calls `load` with the number of the alternative that comes as a constant.
template <std::size_t... Index, class Load>
void load_alternative(InputArchive& archive, std::index_sequence<Index...>, Load load) {
  const std::uint64_t index = archive.load_varint();
  if (index >= sizeof...(Index)) throw_damaged("a variant has no such alternative");
  ((index == Index ? load(std::integral_constant<std::size_t, Index>{}) : void()), ...);
}

template <>
struct Codec<std::monostate> {
  static void save(OutputArchive&, std::monostate) {}
  static void load(InputArchive&, std::monostate&) {}
};

template <class... T>
struct Codec<std::variant<T...>> {
  using Variant = std::variant<T...>;
  static void save(OutputArchive& archive, const Variant& value) {
    if (value.valueless_by_exception()) throw_damaged("a variant is without a value");
    archive.save_count(value.index());
    std::visit([&](const auto& item) { archive << item; }, value);
  }
  static void load(InputArchive& archive, Variant& value) {
    load_alternative(archive, std::index_sequence_for<T...>{}, [&](auto index) {
      Slot<std::variant_alternative_t<index, Variant>> item;
      archive >> *item;
      value.template emplace<index>(std::move(*item));
    });
  }
};

template <class T>
struct Unwrapped {
  using type = T;
};
template <class T>
struct Unwrapped<boost::recursive_wrapper<T>> {
  using type = T;
};

template <class... T>
struct Codec<boost::variant<T...>> {
  using Variant = boost::variant<T...>;
  struct Save {
    using result_type = void;
    OutputArchive& archive;
    template <class Item>
    void operator()(const Item& item) const {
      archive << item;
    }
  };

  static void save(OutputArchive& archive, const Variant& value) {
    archive.save_count(static_cast<std::uint64_t>(value.which()));
    const Save visitor{archive};
    value.apply_visitor(visitor);
  }
  static void load(InputArchive& archive, Variant& value) {
    load_alternative(archive, std::index_sequence_for<T...>{}, [&](auto index) {
      Slot<typename Unwrapped<std::tuple_element_t<index, std::tuple<T...>>>::type> item;
      archive >> *item;
      value = std::move(*item);
    });
  }
};

template <class T>
struct Codec<std::unique_ptr<T>> {
  static_assert(!std::is_array_v<T>, "fairway: a std::unique_ptr to an array cannot be sent; use std::vector");
  static_assert(!std::is_polymorphic_v<T>, "fairway: a pointer to a polymorphic type cannot be sent; use std::variant");

  static void save(OutputArchive& archive, const std::unique_ptr<T>& value) {
    archive << (value != nullptr);
    if (value) archive << *value;
  }
  static void load(InputArchive& archive, std::unique_ptr<T>& value) {
    bool has_value = false;
    archive >> has_value;
    value.reset();
    if (!has_value) return;
    if constexpr (std::default_initializable<T>) {
      auto item = std::make_unique<T>();
      archive >> *item;
      value = std::move(item);
    } else {
      Slot<T> item;
      archive >> *item;
      value.reset(new T(std::move(*item)));
    }
  }
};

template <class T>
struct Codec<std::shared_ptr<T>> {
  static_assert(never<T>, "fairway: a std::shared_ptr cannot be sent; send the value or a std::unique_ptr");
  static void save(OutputArchive&, const std::shared_ptr<T>&);
  static void load(InputArchive&, std::shared_ptr<T>&);
};

template <class T>
struct Codec<std::weak_ptr<T>> {
  static_assert(never<T>, "fairway: a std::weak_ptr cannot be sent; send the value or a std::unique_ptr");
  static void save(OutputArchive&, const std::weak_ptr<T>&);
  static void load(InputArchive&, std::weak_ptr<T>&);
};

template <class T>
struct Codec<boost::serialization::nvp<T>> {
  static void save(OutputArchive& archive, const boost::serialization::nvp<T>& value) {
    archive << value.const_value();
  }
  static void load(InputArchive& archive, boost::serialization::nvp<T>& value) { archive >> value.value(); }
};

template <class T>
struct Codec<boost::serialization::array_wrapper<T>> {
  using Wrapper = boost::serialization::array_wrapper<T>;
  static void save(OutputArchive& archive, const Wrapper& value) { save_run(archive, value.address(), value.count()); }
  static void load(InputArchive& archive, Wrapper& value) { load_run(archive, value.address(), value.count()); }
};

template <std::same_as<boost::serialization::collection_size_type> T>
struct Codec<T> {
  static void save(OutputArchive& archive, const T& value) { archive.save_count(static_cast<std::size_t>(value)); }
  static void load(InputArchive& archive, T& value) { value = T(archive.load_foreign_count()); }
};

template <std::same_as<boost::serialization::item_version_type> T>
struct Codec<T> {
  static void save(OutputArchive& archive, const T& value) { archive << static_cast<std::uint8_t>(value); }
  static void load(InputArchive& archive, T& value) {
    std::uint8_t version = 0;
    archive >> version;
    value = T(version);
  }
};

}  // namespace fairway::detail
