#pragma once

#include <cstdint>

/// The bytes of V8's ValueSerializer that mean something: VALUES.md.
namespace fairway::wire::tag {

inline constexpr std::uint8_t version = 0xff;
inline constexpr std::uint8_t padding = 0;
inline constexpr std::uint8_t object_count = '?';
inline constexpr std::uint8_t hole = '-';
inline constexpr std::uint8_t undefined = '_';
inline constexpr std::uint8_t null = '0';
inline constexpr std::uint8_t true_value = 'T';
inline constexpr std::uint8_t false_value = 'F';
inline constexpr std::uint8_t int32 = 'I';
inline constexpr std::uint8_t uint32 = 'U';
inline constexpr std::uint8_t number = 'N';
inline constexpr std::uint8_t bigint = 'Z';
inline constexpr std::uint8_t utf8_string = 'S';
inline constexpr std::uint8_t one_byte_string = '"';
inline constexpr std::uint8_t two_byte_string = 'c';
inline constexpr std::uint8_t reference = '^';
inline constexpr std::uint8_t object = 'o';
inline constexpr std::uint8_t object_end = '{';
inline constexpr std::uint8_t sparse_array = 'a';
inline constexpr std::uint8_t sparse_array_end = '@';
inline constexpr std::uint8_t dense_array = 'A';
inline constexpr std::uint8_t dense_array_end = '$';
inline constexpr std::uint8_t date = 'D';
inline constexpr std::uint8_t true_object = 'y';
inline constexpr std::uint8_t false_object = 'x';
inline constexpr std::uint8_t number_object = 'n';
inline constexpr std::uint8_t bigint_object = 'z';
inline constexpr std::uint8_t string_object = 's';
inline constexpr std::uint8_t regexp = 'R';
inline constexpr std::uint8_t map = ';';
inline constexpr std::uint8_t map_end = ':';
inline constexpr std::uint8_t set = '\'';
inline constexpr std::uint8_t set_end = ',';
inline constexpr std::uint8_t array_buffer = 'B';
inline constexpr std::uint8_t resizable_array_buffer = '~';
inline constexpr std::uint8_t transferred_array_buffer = 't';
inline constexpr std::uint8_t shared_array_buffer = 'u';
inline constexpr std::uint8_t view = 'V';
inline constexpr std::uint8_t host_object = '\\';
inline constexpr std::uint8_t error = 'r';

inline constexpr std::uint8_t error_message = 'm';
inline constexpr std::uint8_t error_stack = 's';
inline constexpr std::uint8_t error_cause = 'c';
inline constexpr std::uint8_t error_end = '.';

/// The name of an Error by its tag; without one it is "Error".
struct ErrorName {
  std::uint8_t tag;
  const char* name;
};
inline constexpr ErrorName error_names[] = {{'E', "EvalError"},   {'R', "RangeError"}, {'F', "ReferenceError"},
                                            {'S', "SyntaxError"}, {'T', "TypeError"},  {'U', "URIError"}};

/// Kinds of views in the order of ElementType, and a DataView.
inline constexpr std::uint8_t view_kinds[] = {'b', 'B', 'C', 'w', 'W', 'd', 'D', 'f', 'F', 'q', 'Q'};
inline constexpr std::uint8_t data_view = '?';

inline constexpr std::uint32_t view_is_length_tracking = 1;
inline constexpr std::uint32_t view_is_of_resizable = 2;

}  // namespace fairway::wire::tag
