#pragma once

#include <termios.h>

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "sys/fd.hpp"

namespace fairway::test {

/// The inspector in a terminal of its own, which this test types on and looks at. Every wait has a watchdog. Killed
/// and reaped by the destructor.
class PseudoTerminal {
 public:
  /// `kind`: as $TERM. What is on the screen is known for "vt52" only.
  PseudoTerminal(const std::string& kind, std::size_t lines, std::size_t columns, std::vector<std::string> arguments);
  ~PseudoTerminal();
  PseudoTerminal(const PseudoTerminal&) = delete;

  int pid() const { return pid_; }
  void type(const std::string& keys);
  void resize(std::size_t lines, std::size_t columns);

  /// Everything that was written.
  const std::string& output() const { return output_; }
  /// A line of the screen, without the spaces at its end.
  std::string line(std::size_t number) const;
  /// The screen, with a newline behind each line.
  std::string screen() const;
  /// Reads on until it holds. False: the program has ended, or the watchdog.
  [[nodiscard]] bool until(const std::function<bool()>& condition);
  [[nodiscard]] bool until_screen_has(const std::string& part);
  [[nodiscard]] bool until_output_has(const std::string& part);

  /// Reads on to the end: the exit code, or minus the signal.
  int end();
  /// Whether the terminal's modes are what they were at the start.
  bool as_it_was() const;

 private:
  bool read_some();
  void show(char c);
  termios modes() const;

  sys::Fd master_;
  sys::Fd slave_;  ///< keeps the modes for a look after the end
  int pid_ = -1;
  termios before_ = {};
  std::string output_;
  std::vector<std::string> screen_;
  std::size_t y_ = 0, x_ = 0;
  std::string escape_;
};

}  // namespace fairway::test
