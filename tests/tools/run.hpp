#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace fairway::test {

struct Outcome {
  int code = 0;  ///< minus the signal that killed it
  std::string out;
  std::string err;
};

enum class Sight {
  all,
  ordinary,  ///< as without the capability to look into other processes, also when the tests run as root
};

/// Runs the inspector and waits for it.
Outcome inspect(const std::vector<std::string>& arguments, Sight sight = Sight::all);
/// The same, with that on its standard input.
Outcome inspect_with(const std::string& input, const std::vector<std::string>& arguments);
/// The same, with a standard output that nobody reads, or that is a file.
Outcome inspect_into_closed_pipe(const std::vector<std::string>& arguments);
Outcome inspect_into(const std::filesystem::path& file, const std::vector<std::string>& arguments);

/// fairwayd as a child process, ready when the constructor returns; killed and reaped by the destructor.
class Daemon {
 public:
  explicit Daemon(const std::filesystem::path& directory, std::vector<std::string> options = {});
  ~Daemon();
  Daemon(const Daemon&) = delete;

  int pid() const { return pid_; }
  /// SIGSTOP, and waits until it is.
  void stop();
  void resume();
  /// SIGKILL, and reaps it.
  void kill();

 private:
  int pid_ = -1;
};

}  // namespace fairway::test
