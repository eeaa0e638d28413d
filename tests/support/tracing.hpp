#pragma once

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "support/temporary_directory.hpp"

namespace fairway::test {

/// Roles of this program under a tool that watches them.

inline bool has_program(const std::string& name) {
  return std::system((name + " --version > /dev/null 2>&1").c_str()) == 0;
}

/// Runs a role under a tool; false: it failed.
inline bool run_under(const std::string& tool, const std::string& role_and_arguments) {
  const std::string self = std::filesystem::read_symlink("/proc/self/exe");
  return std::system((tool + " " + self + " --child " + role_and_arguments + " > /dev/null 2>&1").c_str()) == 0;
}

/// Whether strace is there and may trace here.
inline bool can_trace() { return std::system("strace -o /dev/null true > /dev/null 2>&1") == 0; }

/// All of the system calls in a summary of `strace -c`.
inline std::uint64_t system_calls(const std::filesystem::path& summary) {
  std::ifstream in(summary);
  std::string line;
  std::uint64_t total = 0;
  while (std::getline(in, line)) {
    std::istringstream fields(line);
    double percent = 0, seconds = 0, each = 0;
    std::uint64_t calls = 0;
    if (line.ends_with(" total") && fields >> percent >> seconds >> each >> calls) total = calls;
  }
  return total;
}

/// All of a role. Nothing: it failed.
inline std::optional<std::uint64_t> system_calls_of(const std::string& role_and_arguments) {
  const TemporaryDirectory output;
  const std::string summary = (output.path() / "summary").native();
  if (!run_under("strace -f -c -o " + summary, role_and_arguments)) return std::nullopt;
  return system_calls(summary);
}

/// In a traced role: from here on, or up to here, system calls count.
inline void mark(const std::string& name) { static_cast<void>(std::filesystem::exists("/fairway-mark-" + name)); }

/// The system calls between the marks "begin" and "end" in a log of strace, a line each.
inline std::vector<std::string> marked_system_calls(const std::filesystem::path& log) {
  std::ifstream in(log);
  std::vector<std::string> calls;
  bool counts = false;
  for (std::string line; std::getline(in, line);) {
    if (line.find("/fairway-mark-begin") != std::string::npos) {
      counts = true;
    } else if (line.find("/fairway-mark-end") != std::string::npos) {
      counts = false;
    } else if (counts && line.find('(') != std::string::npos && line.find("resumed>") == std::string::npos) {
      calls.push_back(line);
    }
  }
  return calls;
}

}  // namespace fairway::test
