#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sys/fd.hpp"

namespace fairway::inspector {

/// A program that was started with pipes for its standard input and output. Reaped when it has ended; the destructor
/// waits for nobody. Nothing here blocks.
class Program {
 public:
  /// Found by PATH. Throws std::system_error.
  explicit Program(const std::vector<std::string>& words);

  /// Takes over what is to be written to its input.
  void write(std::string_view bytes);
  /// Writes what it takes. What it does not want to hear is dropped.
  void flush();
  /// No more: its input ends behind what was written.
  void end_input() noexcept { input_ends_ = true; }
  bool wants_more() const noexcept { return pending_.empty() && !input_ends_; }

  /// Appends what it has written. False: nothing for the moment, or no more ever.
  bool read(std::string& bytes);
  /// It has ended, and everything it wrote is read.
  bool over();
  /// As a shell gives it: 128 and the signal for a program that was killed.
  int exit_code() const noexcept { return exit_code_; }

  /// Readable: `read`; none where there is nothing to wait for.
  int output() const noexcept { return output_ ? output_.get() : -1; }
  /// Writable: `flush`.
  int input() const noexcept { return pending_.empty() || !input_ ? -1 : input_.get(); }
  /// Readable: it has ended.
  int end() const noexcept { return ended_ ? -1 : pidfd_.get(); }

 private:
  std::int64_t pid_ = -1;
  sys::Fd pidfd_;
  sys::Fd input_;
  sys::Fd output_;
  std::string pending_;
  std::size_t written_ = 0;  ///< of `pending_`
  bool input_ends_ = false;
  bool ended_ = false;
  int exit_code_ = 0;
};

}  // namespace fairway::inspector
