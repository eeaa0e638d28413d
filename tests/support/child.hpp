#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

namespace fairway::test {

/// A role that this test program can play in a process of its own: FAIRWAY_CHILD(name) { … return 0; }
using Role = int (*)(const std::vector<std::string>& arguments);

std::map<std::string, Role>& roles();

struct RegisterRole {
  RegisterRole(const char* name, Role role) { roles()[name] = role; }
};

#define FAIRWAY_CHILD(name)                                                                          \
  static int child_##name(const std::vector<std::string>& arguments);                               \
  static const ::fairway::test::RegisterRole register_##name(#name, &child_##name);                 \
  static int child_##name([[maybe_unused]] const std::vector<std::string>& arguments)

/// This program again, as a child process with a role. Lines go both ways over its standard input and output. Every
/// wait has a watchdog: a child that says nothing for that long fails the test.
class Child {
 public:
  /// $FAIRWAY_WATCHDOG seconds, or a minute.
  static std::chrono::seconds watchdog();

  /// `under`: a program and its arguments that runs it, as strace.
  Child(const std::string& role, std::vector<std::string> arguments = {}, std::vector<std::string> environment = {},
        std::vector<std::string> under = {});
  /// Kills the process if it still runs.
  ~Child();
  Child(const Child&) = delete;

  int pid() const { return pid_; }
  void send(const std::string& line);
  /// The next line, without its end; empty at the end of the output.
  std::string line();
  /// Whether a line, or the output's end, comes within that time.
  bool says_something(std::chrono::milliseconds within);
  /// Asks for an answer of one line.
  std::string ask(const std::string& request) {
    send(request);
    return line();
  }
  void kill(int signal);
  /// Waits for the end: its exit code, or minus the signal that killed it.
  int wait();
  /// Whether it has been stopped by a signal since; waits for that.
  bool wait_until_stopped();
  void close_input();

 private:
  int pid_ = -1;
  int to_ = -1;
  int from_ = -1;
  int result_ = 0;
  bool reaped_ = false;
  std::string buffer_;
};

/// For a child: a line to the test.
void say(const std::string& line);
/// For a child: the next line from the test; false at its end.
bool hear(std::string& line);

/// Descriptors open in a process, without the standard streams.
std::size_t open_descriptors(int pid);

}  // namespace fairway::test
