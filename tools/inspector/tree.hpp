#pragma once

#include <string>

#include "inspector/text.hpp"

/// Who holds what: process, context, port, and what is opposite. Pure.
namespace fairway::inspector {

std::string tree_text(const Snapshot& snapshot, Colour colour);
std::string tree_json(const Snapshot& snapshot);

}  // namespace fairway::inspector
