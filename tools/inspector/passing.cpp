#include "inspector/passing.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/json.hpp>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "inspector/drawing.hpp"
#include "inspector/reader.hpp"
#include "inspector/value_json.hpp"
#include "wire/buffer_block.hpp"

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
    case shm::RecordType::relinquish: return "relinquish";
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

bool cut(const Passing& passing) { return passing.bytes.size() < passing.size; }

std::string_view beginning(const Passing& passing, Look look) { return std::string_view(passing.bytes).substr(0, look.most); }

constexpr std::string_view for_its_reader = "what its buffers hold is for its reader alone";

/// Of a whole message. None: `problem` says why.
std::optional<Value> value_of(const Passing& passing, std::string& problem) {
  Bytes bytes = std::as_bytes(std::span(passing.bytes));
  std::vector<graph::Contents> buffers;
  if (passing.has_buffers) {
    const auto value = wire::read_buffer_block(bytes, buffers);
    if (!value) {
      problem = "its buffers are not there";
      return std::nullopt;
    }
    if (std::ranges::any_of(buffers, &graph::Contents::missing)) {
      problem = for_its_reader;
      return std::nullopt;
    }
    bytes = *value;
  }
  return decode_with_stand_ins({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, passing.ports.size(), std::move(buffers), problem);
}

std::string value_text(const Passing& passing, Look look) {
  if (cut(passing)) return fmt::format("not shown; --bytes {} reads so much", passing.size);
  std::string problem;
  const auto value = value_of(passing, problem);
  if (!value && problem == for_its_reader) return fmt::format("not shown; {}", problem);
  if (!value) return fmt::format("damaged, {}: {:?}", problem, beginning(passing, look));
  const std::string text = inspect(*value);
  if (text.size() <= look.most) return text;
  return fmt::format("{}...", utf8_of(std::string_view(text).substr(0, look.most)));
}

std::string message_text(const Passing& passing, Look look) {
  std::string line = fmt::format("#{} {}, {} bytes", passing.number, kind_of(passing.kind), passing.size);
  for (const PortId port : passing.ports) line += fmt::format(", with {}", to_string(port));
  const std::string_view bytes = beginning(passing, look);
  const bool more = bytes.size() < passing.size;
  if (look.show == Show::hex) return fmt::format("{}\n{}{}", line, hex_rows(bytes), more ? "  ...\n" : "");
  if (passing.kind == shm::RecordType::value) return fmt::format("{}: {}\n", line, value_text(passing, look));
  if (passing.kind == shm::RecordType::relinquish) return line + '\n';
  return fmt::format("{}: {:?}{}\n", line, bytes, more ? "..." : "");
}

std::string words(const Passing& passing, Look look, Colour colour) {
  switch (passing.what) {
    case Passing::What::message: return message_text(passing, look);
    case Passing::What::missed: return paint(fmt::format("missed {}", passing.number), Ink::notice, colour) + '\n';
    case Passing::What::closed: return "closed\n";
    case Passing::What::damaged: break;
  }
  return paint("damaged: no Fairway library of this version writes that", Ink::alarm, colour) + '\n';
}

/// False: it is shown by its bytes, with the problem if it is whole.
bool add_value(json::object& object, const Passing& passing) {
  if (cut(passing)) return false;
  std::string problem;
  if (const auto value = value_of(passing, problem)) {
    try {
      object["value"] = json_of(*value);
      return true;
    } catch (const Failure& failure) {
      problem = failure.what();
    }
  }
  object["problem"] = problem;
  return false;
}

bool add_text(json::object& object, std::string_view bytes, bool more) {
  const std::string_view text = utf8_of(bytes);
  // What is cut may end inside of a character.
  if (text.size() != bytes.size() && !(more && bytes.size() - text.size() < 4)) return false;
  object["text"] = json::string_view(text.data(), text.size());
  return true;
}

void add_content(json::object& object, const Passing& passing, Look look) {
  const std::string_view bytes = beginning(passing, look);
  bool more = bytes.size() < passing.size;
  const auto shown = [&](shm::RecordType kind) { return look.show == Show::text && passing.kind == kind; };
  if (shown(shm::RecordType::value) && add_value(object, passing)) {
    more = false;
  } else if (!shown(shm::RecordType::string) || !add_text(object, bytes, more)) {
    object["hex"] = hex(std::as_bytes(std::span(bytes)));
  }
  object["cut"] = more;
}

json::value word(std::string_view text) { return json::value(json::string_view(text.data(), text.size())); }

}  // namespace

std::string passing_text(const Passing& passing, Look look, Colour colour) {
  const std::string ports = fmt::format("{} -> {}", to_string(passing.from), to_string(passing.from.opposite()));
  return fmt::format("{} {} {}", clock_text(passing.time_ns), ports, words(passing, look, colour));
}

std::string passing_json(const Passing& passing, Look look) {
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
    add_content(object, passing, look);
    json::array& ports = object["ports"].emplace_array();
    for (const PortId port : passing.ports) ports.emplace_back(to_string(port));
  }
  return json::serialize(object) + '\n';
}

}  // namespace fairway::inspector
