#pragma once

#include <string>

#include "inspector/snapshot.hpp"

/// What a program reads: one JSON object and a newline; the schema is in README.md beside this file. Pure.
namespace fairway::inspector {

std::string list_json(const Snapshot& snapshot);
std::string report_json(const ChannelReport& report);

}  // namespace fairway::inspector
