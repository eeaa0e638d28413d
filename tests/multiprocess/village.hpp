#pragma once

#include <stdexcept>
#include <string>

#include "support/child.hpp"
#include "support/temporary_directory.hpp"

namespace fairway::test {

/// A broker and the name "echo", each a process of its own. The program has those roles.
struct Village {
  /// How the echo waits.
  explicit Village(const std::string& wait = "adaptive") : echo("echo", {directory.path().native(), wait}) {
    if (!serves || echo.line() != "ready") throw std::runtime_error("nobody is ready");
  }

  TemporaryDirectory directory;
  Child broker{"broker", {directory.path().native()}};
  bool serves = broker.line() == "ready";  // before somebody finds no broker and starts one
  Child echo;
};

}  // namespace fairway::test
