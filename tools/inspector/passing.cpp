#include "inspector/passing.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string_view>

#include <boost/json.hpp>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "inspector/drawing.hpp"

namespace fairway::inspector {

namespace json = boost::json;

namespace {

constexpr std::size_t row_size = 16;

std::string_view kind_of(shm::RecordType kind) {
  switch (kind) {
    case shm::RecordType::bytes: return "bytes";
    case shm::RecordType::string: return "string";
    case shm::RecordType::object: return "object";
    case shm::RecordType::value: return "value";
    default: return "unknown";
  }
}

std::string_view name_of(Passing::What what) {
  switch (what) {
    case Passing::What::message: return "message";
    case Passing::What::missed: return "missed";
    case Passing::What::closed: return "closed";
    case Passing::What::damaged: break;
  }
  return "damaged";
}

std::string clock_text(std::uint64_t time_ns) {
  const auto seconds = static_cast<std::time_t>(time_ns / 1'000'000'000);
  return fmt::format("{:%H:%M:%S}.{:06}", fmt::localtime(seconds), time_ns % 1'000'000'000 / 1'000);
}

std::string hex_rows(std::string_view bytes) {
  std::string text;
  for (std::size_t at = 0; at < bytes.size(); at += row_size) {
    const std::string_view row = bytes.substr(at, row_size);
    std::string shown(row);
    std::ranges::replace_if(shown, [](char c) { return c < ' ' || c > '~'; }, '.');
    const std::string digits = fmt::format("{:02x}", fmt::join(std::vector<unsigned char>(row.begin(), row.end()), " "));
    text += fmt::format("  {:06x}  {:47}  |{}|\n", at, digits, shown);
  }
  return text;
}

std::string message_text(const Passing& passing, Show show) {
  std::string line = fmt::format("#{} {}, {} bytes", passing.number, kind_of(passing.kind), passing.size);
  for (const PortId port : passing.ports) line += fmt::format(", with {}", to_string(port));
  const bool cut = passing.bytes.size() < passing.size;
  if (show == Show::hex) return fmt::format("{}\n{}{}", line, hex_rows(passing.bytes), cut ? "  ...\n" : "");
  return fmt::format("{}: {:?}{}\n", line, passing.bytes, cut ? "..." : "");
}

std::string words(const Passing& passing, Show show, Colour colour) {
  switch (passing.what) {
    case Passing::What::message: return message_text(passing, show);
    case Passing::What::missed: return paint(fmt::format("missed {}", passing.number), Ink::notice, colour) + '\n';
    case Passing::What::closed: return "closed\n";
    case Passing::What::damaged: break;
  }
  return paint("damaged: no Fairway library of this version writes that", Ink::alarm, colour) + '\n';
}

/// How many bytes the first character takes; 0: it is none (RFC 3629).
std::size_t character_size(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const std::size_t size = byte(0) < 0x80 ? 1 : byte(0) < 0xc2 ? 0 : byte(0) < 0xe0 ? 2 : byte(0) < 0xf0 ? 3 : byte(0) < 0xf5 ? 4 : 0;
  if (size == 0 || size > text.size()) return 0;
  for (std::size_t i = 1; i < size; ++i)
    if ((byte(i) & 0xc0) != 0x80) return 0;
  const bool good = !(byte(0) == 0xe0 && byte(1) < 0xa0) && !(byte(0) == 0xed && byte(1) > 0x9f) &&
                    !(byte(0) == 0xf0 && byte(1) < 0x90) && !(byte(0) == 0xf4 && byte(1) > 0x8f);
  return good ? size : 0;
}

/// The longest beginning that is UTF-8.
std::string_view utf8_of(std::string_view text) {
  std::size_t end = 0;
  while (end < text.size()) {
    const std::size_t size = character_size(text.substr(end));
    if (size == 0) break;
    end += size;
  }
  return text.substr(0, end);
}

void add_bytes(json::object& object, const Passing& passing, Show show) {
  const std::string_view text = utf8_of(passing.bytes);
  const bool cut = passing.bytes.size() < passing.size;
  // What is cut may end inside of a character.
  const bool whole = text.size() == passing.bytes.size() || (cut && passing.bytes.size() - text.size() < 4);
  if (show == Show::text && passing.kind == shm::RecordType::string && whole) {
    object["text"] = json::string_view(text.data(), text.size());
  } else {
    object["hex"] = fmt::format("{:02x}", fmt::join(std::vector<unsigned char>(passing.bytes.begin(), passing.bytes.end()), ""));
  }
  object["cut"] = cut;
}

json::value word(std::string_view text) { return json::value(json::string_view(text.data(), text.size())); }

}  // namespace

std::string passing_text(const Passing& passing, Show show, Colour colour) {
  const std::string ports = fmt::format("{} -> {}", to_string(passing.from), to_string(passing.from.opposite()));
  return fmt::format("{} {} {}", clock_text(passing.time_ns), ports, words(passing, show, colour));
}

std::string passing_json(const Passing& passing, Show show) {
  json::object object{{"format", 1},
                      {"event", word(name_of(passing.what))},
                      {"time_ns", passing.time_ns},
                      {"from", to_string(passing.from)},
                      {"to", to_string(passing.from.opposite())}};
  if (passing.what == Passing::What::missed) object["messages"] = passing.number;
  if (passing.what == Passing::What::message) {
    object["number"] = passing.number;
    object["kind"] = word(kind_of(passing.kind));
    object["size"] = passing.size;
    add_bytes(object, passing, show);
    json::array& ports = object["ports"].emplace_array();
    for (const PortId port : passing.ports) ports.emplace_back(to_string(port));
  }
  return json::serialize(object) + '\n';
}

}  // namespace fairway::inspector
