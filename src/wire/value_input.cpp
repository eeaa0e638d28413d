#include "wire/value_input.hpp"

#include <algorithm>

namespace fairway::wire {

graph::Slot read_string(ValueInput& in, std::uint8_t tag) {
  const Bytes bytes = in.raw(in.varint());
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (tag == tag::one_byte_string) return graph::Slot::text(graph::from_latin1(bytes));
  if (tag == tag::utf8_string) return graph::Slot::text(graph::to_utf8(text));
  if (bytes.size() % sizeof(char16_t) != 0) in.fail(ValueError::string);
  std::u16string units(bytes.size() / sizeof(char16_t), u'\0');
  if (!units.empty()) std::memcpy(units.data(), bytes.data(), units.size() * sizeof(char16_t));
  return graph::Slot::text(graph::from_utf16(units));
}

graph::Slot read_bigint(ValueInput& in) {
  const std::uint32_t bits = in.varint();
  if (bits >> 31 != 0) in.fail(ValueError::count);
  const Bytes bytes = in.raw(bits >> 1);
  std::vector<std::uint64_t> magnitude((bytes.size() + 7) / 8);
  if (!bytes.empty()) std::memcpy(magnitude.data(), bytes.data(), bytes.size());
  return graph::Slot::bigint(std::make_unique<graph::BigInteger>((bits & 1) != 0, std::move(magnitude)));
}

graph::Slot read_primitive(ValueInput& in, std::uint8_t tag) {
  switch (tag) {
    case tag::undefined: return {};
    case tag::null: return graph::Slot::null();
    case tag::true_value: return graph::Slot::boolean(true);
    case tag::false_value: return graph::Slot::boolean(false);
    case tag::int32: return graph::Slot::number(in.zigzag());
    case tag::uint32: return graph::Slot::number(in.varint());
    case tag::number: return graph::Slot::number(in.real());
    case tag::bigint: return read_bigint(in);
    case tag::one_byte_string:
    case tag::two_byte_string:
    case tag::utf8_string: return read_string(in, tag);
    default: return graph::Slot::hole();
  }
}

std::string_view to_string(ValueError error) noexcept {
  constexpr std::string_view texts[] = {
      "no error",
      "the format's version is not 13, 14 or 15",
      "the bytes are cut off",
      "bytes are left over behind the value",
      "a tag has no meaning there",
      "a reference leads nowhere",
      "what was counted was not there",
      "a key is not possible there",
      "a string is not there, or none",
      "flags do not go together",
      "a view is not inside of its buffer",
      "something transferred is not in the message's list",
      "there is no memory",
  };
  const auto index = static_cast<std::size_t>(error);
  return index < std::size(texts) ? texts[index] : "?";
}

}  // namespace fairway::wire
