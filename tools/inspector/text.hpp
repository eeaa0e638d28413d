#pragma once

#include <string>

#include "inspector/snapshot.hpp"

/// What a person reads. Pure; ends with a newline. Columns are separated by two spaces at least, so awk can cut them
/// where a field holds no space.
namespace fairway::inspector {

enum class Colour { off, on };

std::string list_text(const Snapshot& snapshot, Colour colour);
std::string report_text(const ChannelReport& report, Colour colour);

}  // namespace fairway::inspector
