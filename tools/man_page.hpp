#pragma once

#include <string>

#include "describe.hpp"

namespace fairway::tools {

struct Page {
  int section = 1;
  std::string version = {};
  std::string date = {};      ///< 2026-11-21
  std::string see_also = {};  ///< "fairwayd(8)"
};

/// A manual page in the man macros. Pure.
std::string man_page(const Command& program, const Page& page);

}  // namespace fairway::tools
