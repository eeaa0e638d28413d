#include <algorithm>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <vector>

#include <boost/json.hpp>
#include <fmt/format.h>

#include "inspector/reader.hpp"
#include "inspector/value_json.hpp"
#include "wire/value_reader.hpp"
#include "wire/value_writer.hpp"

namespace fairway::inspector {

namespace {

namespace json = boost::json;

constexpr std::size_t most_ports = 1024;

const std::vector<std::shared_ptr<void>>& stand_ins() {
  static const std::vector<std::shared_ptr<void>> all = [] {
    std::vector<std::shared_ptr<void>> ports(most_ports);
    for (auto& port : ports) port = std::make_shared<char>();
    return ports;
  }();
  return all;
}

std::vector<std::byte> unhex(std::string_view text) {
  const auto digit = [](char c) -> unsigned {
    const std::size_t at = std::string_view("0123456789abcdef").find(c);
    if (at == std::string_view::npos) throw Failure(fmt::format("'{}' is no hexadecimal digit (0 to f)", c));
    return static_cast<unsigned>(at);
  };
  if (text.size() % 2 != 0) throw Failure("bytes are written with two hexadecimal digits each");
  std::vector<std::byte> bytes;
  for (std::size_t i = 0; i < text.size(); i += 2) bytes.push_back(static_cast<std::byte>(digit(text[i]) << 4 | digit(text[i + 1])));
  return bytes;
}

class Parser {
 public:
  explicit Parser(Ports ports) : ports_(ports) {}

  Value read(const json::value& from) {
    if (from.is_null()) return nullptr;
    if (from.is_bool()) return from.get_bool();
    if (from.is_number()) return from.to_number<double>();
    if (from.is_string()) return std::string_view(from.get_string());
    if (from.is_array()) return fill_array(keep(Value::array()), from.get_array());
    const json::object& object = from.get_object();
    if (object.empty() || !object.begin()->key().starts_with('$')) return fill_object(keep(Value::object()), object);
    try {
      return read_tagged(object);
    } catch (const boost::system::system_error&) {
      refuse(object);
    } catch (const std::logic_error&) {  // Boost.JSON's word for another kind of value, and for none
      refuse(object);
    }
  }

 private:
  [[noreturn]] static void refuse(const json::object& object) {
    throw Failure(fmt::format("this is not how {} is written; see fairway value encode --help", std::string(object.begin()->key())));
  }

  /// A container gets its name before what is in it is read, which may refer to it.
  Value keep(Value value) {
    if (const auto id = std::exchange(pending_, std::nullopt)) named_.insert_or_assign(*id, value);
    return value;
  }

  Value read_tagged(const json::object& object) {
    const std::string tag = object.begin()->key();
    const json::value& content = object.begin()->value();
    if (tag == "$ref") {
      const auto found = named_.find(content.to_number<std::int64_t>());
      if (found == named_.end()) throw Failure(fmt::format("$ref {} comes before its $id", json::serialize(content)));
      return found->second;
    }
    if (tag == "$id") {
      pending_ = content.to_number<std::int64_t>();
      return read(object.at("$is"));
    }
    if (tag == "$undefined") return {};
    if (tag == "$number") return read_number(std::string_view(content.as_string()));
    if (tag == "$bigint") return Value::bigint(std::string_view(content.as_string()));
    if (tag == "$string") return read_units(content.as_array());
    if (tag == "$boxed") return keep(Value::boxed(read(content)));
    if (tag == "$date") return keep(Value::date(read(content).get<double>()));
    if (tag == "$regexp") return read_regexp(content.as_array());
    if (tag == "$error") return read_error(content.as_object());
    if (tag == "$map") return read_map(content.as_array());
    if (tag == "$set") return read_set(content.as_array());
    if (tag == "$array") return read_array(content.as_object());
    if (tag == "$object") return fill_pairs(keep(Value::object()), content.as_array());
    if (tag == "$buffer") return read_buffer(std::string_view(content.as_string()), object);
    if (tag == "$view") return read_view(content.as_object());
    if (tag == "$port") return keep(read_port(content.to_number<std::size_t>()));
    throw Failure(fmt::format("{} is no tag; an object with such a key is written {{\"$object\": [[key, value], ...]}}", tag));
  }

  Value read_regexp(const json::array& from) {
    return keep(Value::regexp(read(from.at(0)), std::string_view(from.at(1).as_string())));
  }

  static Value read_number(std::string_view text) {
    if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
    if (text == "Infinity") return std::numeric_limits<double>::infinity();
    if (text == "-Infinity") return -std::numeric_limits<double>::infinity();
    if (text == "-0") return -0.0;
    throw Failure("$number is for NaN, Infinity, -Infinity and -0");
  }

  static Value read_units(const json::array& from) {
    std::u16string units;
    for (const json::value& unit : from) units.push_back(static_cast<char16_t>(unit.to_number<std::uint16_t>()));
    return units;
  }

  Value fill_array(Value array, const json::array& from) {
    for (const json::value& element : from) array.push_back(read(element));
    return array;
  }
  Value fill_object(Value object, const json::object& from) {
    for (const auto& [key, value] : from) object.set(std::string_view(key), read(value));
    return object;
  }
  Value fill_pairs(Value object, const json::array& from) {
    for (const json::value& pair : from) {
      const Value key = read(pair.as_array().at(0));
      object.set_property(key, read(pair.as_array().at(1)));
    }
    return object;
  }

  Value read_error(const json::object& from) {
    Value error = keep(Value::error(std::string_view(from.at("name").as_string()), ""));
    if (!from.contains("message")) error.remove("message");
    for (const char* const key : {"message", "stack", "cause"})
      if (const json::value* const part = from.if_contains(key)) error.set(key, read(*part));
    return error;
  }
  Value read_map(const json::array& from) {
    Value map = keep(Value::map());
    for (const json::value& entry : from) {
      const Value key = read(entry.as_array().at(0));
      map.set_entry(key, read(entry.as_array().at(1)));
    }
    return map;
  }
  Value read_set(const json::array& from) {
    Value set = keep(Value::set());
    for (const json::value& member : from) set.add(read(member));
    return set;
  }
  Value read_array(const json::object& from) {
    Value array = keep(Value::array());
    array.set_length(from.at("length").to_number<std::uint32_t>());
    for (const json::value& element : from.at("elements").as_array())
      array.set(element.as_array().at(0).to_number<std::uint32_t>(), read(element.as_array().at(1)));
    return fill_pairs(array, from.at("properties").as_array());
  }
  Value read_buffer(std::string_view digits, const json::object& from) {
    const std::vector<std::byte> bytes = unhex(digits);
    const json::value* const maximum = from.if_contains("max");
    if (maximum == nullptr) return keep(Value::array_buffer(bytes));
    Value buffer = keep(Value::array_buffer(bytes.size(), maximum->to_number<std::size_t>()));
    std::copy(bytes.begin(), bytes.end(), buffer.bytes().begin());
    return buffer;
  }
  Value read_view(const json::object& from) {
    const auto id = std::exchange(pending_, std::nullopt);
    const Value buffer = read(from.at("buffer"));
    pending_ = id;
    const auto offset = from.at("offset").to_number<std::size_t>();
    std::optional<std::size_t> length;
    if (!from.at("length").is_null()) length = from.at("length").to_number<std::size_t>();
    const std::string_view type = from.at("type").as_string();
    if (type == "DataView") return keep(Value::data_view(buffer, offset, length));
    for (int i = 0; i <= static_cast<int>(ElementType::biguint64); ++i) {
      const auto element = static_cast<ElementType>(i);
      if (to_string(element) == type) return keep(Value::typed_array(element, buffer, offset, length));
    }
    throw Failure(fmt::format("there is no view of type {}", type));
  }

  Value read_port(std::size_t index) const {
    if (ports_ == Ports::none) throw Failure("there is no port here that could be sent: a value from a stream has none");
    return stand_in(index);
  }

  Ports ports_;
  std::map<std::int64_t, Value> named_;
  std::optional<std::int64_t> pending_;
};

}  // namespace

Value value_from_json(std::string_view text, Ports ports) {
  json::parse_options options;
  options.max_depth = 2000;
  boost::system::error_code error;
  const json::value parsed = json::parse(text, error, {}, options);
  if (error) throw Failure("this is no JSON: " + error.message());
  return Parser(ports).read(parsed);
}

std::string encode_with_stand_ins(const Value& value) {
  std::vector<const void*> list;
  for (const auto& port : stand_ins()) list.push_back(port.get());
  std::vector<std::byte> out;
  wire::write_value(value, list, out);
  return {reinterpret_cast<const char*>(out.data()), out.size()};
}

std::optional<Value> decode_with_stand_ins(std::string_view bytes, std::size_t ports, std::vector<graph::Contents> buffers,
                                           std::string& problem) {
  Value value;
  const auto list = std::span(stand_ins()).first(std::min(ports, most_ports));
  const wire::ValueError error = wire::read_value(std::as_bytes(std::span(bytes)), list, buffers, value);
  if (error == wire::ValueError::none) return value;
  problem = to_string(error);
  return std::nullopt;
}

Value decode_with_stand_ins(std::string_view bytes) {
  std::string problem;
  auto value = decode_with_stand_ins(bytes, most_ports, {}, problem);
  if (!value) throw Failure("these bytes are no value: " + problem);
  return *std::move(value);
}

Value stand_in(std::size_t index) {
  if (index >= most_ports) throw Failure(fmt::format("a message has at most {} ports here", most_ports));
  std::string bytes = "\xff\x0f\\";
  for (; index >= 0x80; index >>= 7) bytes += static_cast<char>(index | 0x80);
  return decode_with_stand_ins(bytes + static_cast<char>(index));
}

}  // namespace fairway::inspector
