#include <algorithm>
#include <string>

#include <fairway/error.hpp>
#include <fairway/value.hpp>

#include "value/heap.hpp"
#include "value/wanted.hpp"

/// What is no container, and has identity: boxes, dates, regular expressions, errors, ports.
namespace fairway {

using graph::Heap;

Value Value::boxed(const Value& primitive) {
  Type type = Type::undefined;
  switch (primitive.type()) {
    case Type::boolean: type = Type::boolean_object; break;
    case Type::number: type = Type::number_object; break;
    case Type::bigint: type = Type::bigint_object; break;
    case Type::string: type = Type::string_object; break;
    default: graph::throw_wanted("a boolean, number, BigInt or string", primitive.type());
  }
  return Heap::make_alone<graph::BoxedNode>(type, graph::Slot(primitive.cell()));
}

Value Value::date(double milliseconds) { return Heap::make_alone<graph::DateNode>(milliseconds); }

Value Value::regexp(const Value& source, std::string_view flags) {
  if (!source.is(Type::string)) graph::throw_wanted("the source as a string", source.type());
  graph::RegExpFlags bits = 0;
  for (const char flag : flags) {
    const std::size_t bit = std::string_view("gimyus?dv").find(flag);
    if (flag == '?' || bit == std::string_view::npos || (bits >> bit & 1) != 0)
      throw DOMException("SyntaxError", "flags of a RegExp are some of d, g, i, m, s, u, v, y, each once");
    bits |= graph::RegExpFlags{1} << bit;
  }
  if (!graph::valid_flags(bits)) throw DOMException("SyntaxError", "the flags u and v of a RegExp exclude each other");
  return Heap::make_alone<graph::RegExpNode>(graph::Slot(source.cell()), bits);
}

Value Value::regexp_source() const { return graph::wanted<graph::RegExpNode>(*this, Type::regexp, "a RegExp").source.value(); }

std::string Value::regexp_flags() const {
  return graph::flags_text(graph::wanted<graph::RegExpNode>(*this, Type::regexp, "a RegExp").flags);
}

Value Value::error(std::string_view name, std::string_view message) {
  Value error = Heap::make_alone<graph::ErrorNode>(graph::to_utf8(name));
  error.set("message", Value(message));
  return error;
}

std::string Value::error_name() const { return graph::wanted<graph::ErrorNode>(*this, Type::error, "an Error").name; }

std::optional<std::size_t> Value::port_index() const {
  const std::uint32_t index = graph::wanted<graph::PortNode>(*this, Type::port, "a port").index;
  if (index == graph::PortNode::not_travelled) return std::nullopt;
  return index;
}

}  // namespace fairway
