#pragma once

#include <string>

#include <fairway/error.hpp>

#include "value/node.hpp"

namespace fairway::graph {

[[noreturn]] inline void throw_wanted(const char* what, ValueType type) {
  throw DOMException("TypeError", std::string(what) + " is wanted, and this is of type " + std::string(to_string(type)));
}

/// The node, if it is of that type.
template <class T>
T& wanted(const Value& value, ValueType type, const char* what) {
  if (value.type() != type) throw_wanted(what, value.type());
  return as<T>(value.cell());
}

}  // namespace fairway::graph
