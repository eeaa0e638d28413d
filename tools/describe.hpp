#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

/// A program's command line as plain values: man pages and completions are functions of it, and it comes from the
/// definitions that parse.
namespace fairway::tools {

struct Argument {
  std::vector<std::string> names;  ///< "--json"; of a positional one "CHANNEL"
  std::string value;               ///< what it takes: "DIR", or "a|b" for a choice; empty: nothing
  std::string description;
  bool required = false;
  bool repeated = false;
};

struct Command {
  std::string name;
  std::string description;
  std::string footer;
  std::vector<Argument> options = {};
  std::vector<Argument> positionals = {};
  std::vector<Command> commands = {};
};

/// Without what help does not show.
Command describe(const CLI::App& app);

/// The words of a choice; none: it is no choice.
std::vector<std::string> choices(const std::string& value);

}  // namespace fairway::tools
