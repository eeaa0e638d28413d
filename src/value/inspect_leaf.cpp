#include <algorithm>
#include <cmath>
#include <cstdio>

#include "value/inspect.hpp"

namespace fairway::graph {

namespace {

constexpr std::size_t most_bytes_shown = 50;
/// Longer BigInts are shown in hexadecimal: decimal digits take time as their square.
constexpr std::size_t most_decimal_words = 64;

/// Days since 1970 in the proleptic Gregorian calendar; years begin in March here.
struct Civil {
  std::int64_t year;
  int month;
  int day;
};

Civil civil(std::int64_t days) {
  const std::int64_t shifted = days + 719468;
  const std::int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
  const std::int64_t day_of_era = shifted - era * 146097;
  const std::int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const std::int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::int64_t month = (5 * day_of_year + 2) / 153;
  const int calendar_month = static_cast<int>(month < 10 ? month + 3 : month - 9);
  const std::int64_t year = year_of_era + era * 400 + (calendar_month <= 2 ? 1 : 0);
  return {year, calendar_month, static_cast<int>(day_of_year - (153 * month + 2) / 5 + 1)};
}

std::string buffer_text(const BufferNode& buffer) {
  const std::string name = buffer.sharing == Sharing::none ? "ArrayBuffer" : buffer.sharing == Sharing::frozen ? "SharedBuffer" : "SharedArrayBuffer";
  if (buffer.detached) return name + " { (detached) }";
  std::string out = name + " { <";
  char hex[4];
  for (std::size_t i = 0; i < std::min(buffer.bytes().size(), most_bytes_shown); ++i) {
    std::snprintf(hex, sizeof hex, i == 0 ? "%02x" : " %02x", static_cast<unsigned>(buffer.bytes()[i]));
    out += hex;
  }
  if (buffer.bytes().size() > most_bytes_shown) out += " ... " + std::to_string(buffer.bytes().size() - most_bytes_shown) + " more";
  out += ">, byteLength: " + std::to_string(buffer.bytes().size());
  if (buffer.resizable) out += ", maxByteLength: " + std::to_string(buffer.maximum);
  return out + " }";
}

}  // namespace

std::string quoted(std::string_view wtf8) {
  std::string out = "'";
  char escape[8];
  for (std::size_t i = 0; i < wtf8.size(); ++i) {
    const auto c = static_cast<unsigned char>(wtf8[i]);
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\'' || c == '\\') {
      out += {'\\', static_cast<char>(c)};
    } else if (c < 0x20 || c == 0x7f) {
      std::snprintf(escape, sizeof escape, "\\x%02X", c);
      out += escape;
    } else if (c == 0xc2 && static_cast<unsigned char>(wtf8[i + 1]) < 0xa0) {  // a terminal may obey these, too
      std::snprintf(escape, sizeof escape, "\\x%02X", static_cast<unsigned>(static_cast<unsigned char>(wtf8[++i])));
      out += escape;
    } else if (c == 0xed && static_cast<unsigned char>(wtf8[i + 1]) >= 0xa0) {
      const auto low = [&](std::size_t at) { return static_cast<unsigned char>(wtf8[at]) & 0x3fu; };
      const unsigned unit = 0xd000u | low(i + 1) << 6 | low(i + 2);
      std::snprintf(escape, sizeof escape, "\\u%04X", unit & 0xffffu);
      out += escape;
      i += 2;
    } else {
      out += static_cast<char>(c);
    }
  }
  return out + "'";
}

std::string date_text(double milliseconds) {
  if (std::isnan(milliseconds)) return "Invalid Date";
  constexpr std::int64_t day = 86'400'000;
  const auto time = static_cast<std::int64_t>(milliseconds);
  const std::int64_t days = (time >= 0 ? time : time - day + 1) / day;
  const std::int64_t rest = time - days * day;
  const auto [year, month, day_of_month] = civil(days);
  char out[48];
  const char* const format = year >= 0 && year <= 9999 ? "%04ld-%02d-%02dT%02d:%02d:%02d.%03dZ" : "%+07ld-%02d-%02dT%02d:%02d:%02d.%03dZ";
  const auto part = [rest](std::int64_t unit, std::int64_t count) { return static_cast<int>(rest / unit % count); };
  std::snprintf(out, sizeof out, format, year, month, day_of_month, part(3'600'000, 24), part(60'000, 60), part(1000, 60), part(1, 1000));
  return out;
}

std::string primitive_text(const Cell& primitive) {
  switch (primitive.type) {
    case ValueType::null: return "null";
    case ValueType::boolean: return primitive.boolean ? "true" : "false";
    case ValueType::number: return primitive.number == 0 && std::signbit(primitive.number) ? "-0" : number_text(primitive.number);
    case ValueType::bigint: return bigint_text(*primitive.bigint, primitive.bigint->magnitude.size() > most_decimal_words ? 16 : 10) + "n";
    case ValueType::string: return quoted(primitive.text->wtf8);
    default: return "undefined";
  }
}

std::string leaf_text(const Node& node) {
  const auto boxed = [&](const char* type) {
    return "[" + std::string(type) + ": " + primitive_text(static_cast<const BoxedNode&>(node).inner.cell()) + "]";
  };
  switch (node.type) {
    case ValueType::boolean_object: return boxed("Boolean");
    case ValueType::number_object: return boxed("Number");
    case ValueType::bigint_object: return boxed("BigInt");
    case ValueType::string_object: return boxed("String");
    case ValueType::date: return date_text(static_cast<const DateNode&>(node).time);
    case ValueType::regexp: {
      const auto& regexp = static_cast<const RegExpNode&>(node);
      const std::string source = quoted(regexp.source.cell().text->wtf8);
      return "/" + source.substr(1, source.size() - 2) + "/" + flags_text(regexp.flags);
    }
    case ValueType::array_buffer:
    case ValueType::shared_buffer:
    case ValueType::shared_array_buffer: return buffer_text(static_cast<const BufferNode&>(node));
    case ValueType::port: {
      const std::uint32_t index = static_cast<const PortNode&>(node).index;
      return index == PortNode::not_travelled ? "MessagePort" : "MessagePort { ports[" + std::to_string(index) + "] }";
    }
    default: return "?";
  }
}

}  // namespace fairway::graph
