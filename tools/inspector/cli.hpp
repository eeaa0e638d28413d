#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "inspector/serve.hpp"
#include "inspector/talk.hpp"
#include "inspector/tap.hpp"

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
  bool watch = false;
  double interval_seconds = 0;  ///< 0: the command's own
  std::optional<std::uint64_t> count = {};
  double duration_seconds = 0;  ///< 0: none
  std::size_t rows = 20;
  std::filesystem::path chrome;
  Conversation conversation;
  TapOptions tap;
  Service service;
  std::string shell;  ///< completion: which one; complete: what of
  double timeout_seconds = 0;  ///< 0: none
};

/// Subcommands, options and help; help, man pages and completions come from these definitions.
void define(CLI::App& app, Request& request);
/// How messages stand in the streams of a command.
void define_speech(CLI::App& command, Speech& speech);
/// Those of them by which one listens and answers.
void define_talking(CLI::App& app, Request& request);

}  // namespace fairway::inspector
