#pragma once

#include <filesystem>
#include <string>

#include "inspector/talk.hpp"

namespace CLI {
class App;
}

namespace fairway::inspector {

/// What the command line asks for.
struct Request {
  std::filesystem::path broker;
  bool json = false;
  bool fix = false;
  std::string channel;
  Conversation conversation;
  double timeout_seconds = 0;  ///< 0: none
};

/// Subcommands, options and help; help, man pages and completions come from these definitions.
void define(CLI::App& app, Request& request);

}  // namespace fairway::inspector
