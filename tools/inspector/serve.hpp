#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "inspector/speech.hpp"

namespace fairway::inspector {

struct Service {
  std::filesystem::path broker;
  std::string name;
  Speech speech = Speech::text;
  std::vector<std::string> command = {};
  bool once = false;  ///< ends with the first conversation
};

/// Takes the name, and starts the command for everybody who connects: each message is a line on its standard input,
/// each line of its standard output a message back. Its end closes the port, the port's end its input. Neither
/// side is read from while the other does not keep up. A line that is no value, where values are spoken, closes the port; the
/// complaint goes to standard error.
/// Returns when the first conversation is over if it serves `once`, with the command's exit code (or 128 and its
/// signal, or 2 after such a line); else never. Throws std::system_error, also where the command cannot be started.
int serve(const Service& service);

}  // namespace fairway::inspector
