#include <cmath>
#include <map>
#include <set>
#include <vector>

#include <boost/json.hpp>
#include <fmt/format.h>

#include "inspector/reader.hpp"
#include "inspector/value_json.hpp"

namespace fairway::inspector {

namespace {

namespace json = boost::json;
using Type = Value::Type;

constexpr int deepest = 500;

struct ByIdentity {
  bool operator()(const Value& one, const Value& other) const { return one.cell().node < other.cell().node; }
};

/// The containers that are reached more than once.
class Shared {
 public:
  explicit Shared(const Value& root) {
    std::vector<Value> work{root};
    while (!work.empty()) {
      const Value value = work.back();
      work.pop_back();
      if (value.type() < Type::boolean_object) continue;
      if (!seen_.insert(value).second) {
        numbers_.emplace(value, 0);
        continue;
      }
      reach(value, work);
    }
  }

  /// Null: it is reached once. 0: it has no number yet.
  int* number(const Value& value) {
    const auto found = numbers_.find(value);
    return found == numbers_.end() ? nullptr : &found->second;
  }
  int next() { return ++last_; }

 private:
  static void reach(const Value& value, std::vector<Value>& work) {
    switch (value.type()) {
      case Type::object:
      case Type::map:
        for (const auto& [key, entry] : value.entries()) work.insert(work.end(), {key, entry});
        break;
      case Type::array:
        for (const auto& [key, entry] : value.entries()) work.push_back(entry);
        for (const std::uint32_t index : value.indices()) work.push_back(value[index]);
        break;
      case Type::set:
        for (const Value& member : value.elements()) work.push_back(member);
        break;
      case Type::error: work.push_back(value["cause"]); break;
      case Type::typed_array:
      case Type::data_view: work.push_back(value.buffer()); break;
      default: break;
    }
  }

  std::set<Value, ByIdentity> seen_;
  std::map<Value, int, ByIdentity> numbers_;
  int last_ = 0;
};

json::object tagged(std::string_view tag, json::value content) {
  json::object out;
  out.emplace(tag, std::move(content));
  return out;
}

class Writer {
 public:
  explicit Writer(const Value& root) : shared_(root) {}

  json::value write(const Value& value) {
    if (depth_ > deepest) throw Failure(fmt::format("values nested more than {} deep are not shown as JSON", deepest));
    if (value.type() < Type::boolean_object) return primitive(value);
    int* const number = shared_.number(value);
    if (number == nullptr) return container(value);
    if (*number != 0) return tagged("$ref", *number);
    *number = shared_.next();
    json::object out = tagged("$id", *number);
    out.emplace("$is", container(value));
    return out;
  }

 private:
  static json::value number(double number) {
    if (std::isnan(number)) return tagged("$number", "NaN");
    if (std::isinf(number)) return tagged("$number", number < 0 ? "-Infinity" : "Infinity");
    if (number == 0 && std::signbit(number)) return tagged("$number", "-0");
    if (number == std::trunc(number) && std::fabs(number) <= 0x1p53) return static_cast<std::int64_t>(number);
    return number;
  }

  static json::value primitive(const Value& value) {
    switch (value.type()) {
      case Type::null: return nullptr;
      case Type::boolean: return value.get<bool>();
      case Type::number: return number(value.get<double>());
      case Type::bigint: return tagged("$bigint", json::string(value.bigint_digits(value.bigint_magnitude().size() > 64 ? 16 : 10)));
      case Type::string: {
        const auto text = value.get<std::string>();
        if (Value(text) == value) return json::string(text);
        json::array units;
        for (const char16_t unit : value.get<std::u16string>()) units.push_back(static_cast<std::int64_t>(unit));
        return tagged("$string", std::move(units));
      }
      default: return tagged("$undefined", true);
    }
  }

  json::value container(const Value& value) {
    struct Deeper {
      int& depth;
      explicit Deeper(int& counter) : depth(counter) { ++depth; }
      ~Deeper() { --depth; }
    } const deeper(depth_);
    switch (value.type()) {
      case Type::object: return object(value);
      case Type::array: return array(value);
      case Type::map: return tagged("$map", pairs(value));
      case Type::set: {
        json::array members;
        for (const Value& member : value.elements()) members.push_back(write(member));
        return tagged("$set", std::move(members));
      }
      case Type::error: return error(value);
      case Type::date: return tagged("$date", number(value.get<double>()));
      case Type::regexp: return tagged("$regexp", json::array{write(value.regexp_source()), json::string(value.regexp_flags())});
      case Type::array_buffer: {
        json::object out = tagged("$buffer", json::string(hex(value.bytes())));
        if (value.resizable()) out.emplace("max", value.max_size());
        return out;
      }
      case Type::shared_buffer: return tagged("$shared_buffer", json::string(hex(value.bytes())));
      case Type::shared_array_buffer: return tagged("$shared_array_buffer", json::string(hex(value.bytes())));
      case Type::typed_array:
      case Type::data_view: return view(value);
      case Type::port: return tagged("$port", value.port_index() ? json::value(*value.port_index()) : json::value(nullptr));
      default: return boxed(value);
    }
  }

  json::value boxed(const Value& value) {
    switch (value.type()) {
      case Type::boolean_object: return tagged("$boxed", value.get<bool>());
      case Type::number_object: return tagged("$boxed", number(value.get<double>()));
      case Type::bigint_object: return tagged("$boxed", primitive(Value::bigint(value.bigint_negative(), value.bigint_magnitude())));
      default: return tagged("$boxed", primitive(Value(value.get<std::u16string>())));
    }
  }

  json::array pairs(const Value& value) {
    json::array out;
    for (const auto& [key, entry] : value.entries()) out.push_back(json::array{write(key), write(entry)});
    return out;
  }

  json::value object(const Value& value) {
    json::object out;
    for (const auto& [key, entry] : value.entries()) {
      const auto text = key.get<std::string>();
      if (text.starts_with('$') || !(Value(text) == key)) return tagged("$object", pairs(value));
    }
    for (const auto& [key, entry] : value.properties()) out.emplace(key, write(entry));
    return out;
  }

  json::value array(const Value& value) {
    json::array elements;
    const std::vector<std::uint32_t> indices = value.indices();
    const json::array extra = pairs(value);
    if (indices.size() == value.size() && extra.empty()) {
      for (const std::uint32_t index : indices) elements.push_back(write(value[index]));
      return elements;
    }
    for (const std::uint32_t index : indices) elements.push_back(json::array{index, write(value[index])});
    json::object out;
    out.emplace("length", value.size());
    out.emplace("elements", std::move(elements));
    out.emplace("properties", extra);
    return tagged("$array", std::move(out));
  }

  json::value error(const Value& value) {
    json::object out;
    out.emplace("name", value.error_name());
    for (const char* const key : {"message", "stack", "cause"})
      if (value.has(key)) out.emplace(key, write(value[key]));
    return tagged("$error", std::move(out));
  }

  json::value view(const Value& value) {
    json::object out;
    out.emplace("type", value.is(Type::data_view) ? "DataView" : to_string(value.element_type()));
    out.emplace("buffer", write(value.buffer()));
    out.emplace("offset", value.byte_offset());
    out.emplace("length", value.length_tracking() ? json::value(nullptr) : json::value(value.size()));
    return tagged("$view", std::move(out));
  }

  Shared shared_;
  int depth_ = 0;
};

}  // namespace

json::value json_of(const Value& value) { return Writer(value).write(value); }

std::string hex(Bytes bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  out.reserve(2 * bytes.size());
  for (const std::byte byte : bytes) out += {digits[std::to_integer<std::size_t>(byte) >> 4], digits[std::to_integer<std::size_t>(byte) & 15]};
  return out;
}

std::string value_to_json(const Value& value) { return json::serialize(json_of(value)); }

}  // namespace fairway::inspector
