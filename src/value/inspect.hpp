#pragma once

#include <string>

#include "value/node.hpp"

/// What has nothing inside, as people read it.
namespace fairway::graph {

/// In single quotes, with the escapes of JavaScript.
std::string quoted(std::string_view wtf8);
std::string primitive_text(const Cell& primitive);
/// Of a node without edges to others.
std::string leaf_text(const Node& node);
/// "2020-01-01T00:00:00.000Z", as Date.toISOString; "Invalid Date".
std::string date_text(double milliseconds);

}  // namespace fairway::graph
