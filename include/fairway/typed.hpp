#pragma once

#include <string_view>

namespace fairway {

/// The name under which a C++ type travels. Specialize it to make a type with Boost.Serialization
/// support a message: `template <> inline constexpr std::string_view fairway::type_key<Order> = "shop.Order";`
/// Both sides must use the same key for the same type.
template <class T>
inline constexpr std::string_view type_key{};

template <class T>
concept Typed = !type_key<T>.empty();

}  // namespace fairway
