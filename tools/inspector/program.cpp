#include "inspector/program.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "sys/process.hpp"

namespace fairway::inspector {

namespace {

struct Pipe {
  sys::Fd read;
  sys::Fd write;
  Pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
    read = sys::Fd(ends[0]);
    write = sys::Fd(ends[1]);
  }
};

/// The program has the signals of every program, whatever this one ignores.
class Spawn {
 public:
  Spawn(int in, int out) {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawnattr_init(&attributes_);
    ::posix_spawn_file_actions_adddup2(&actions_, in, STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions_, out, STDOUT_FILENO);
    sigset_t defaults;
    ::sigemptyset(&defaults);
    ::sigaddset(&defaults, SIGPIPE);
    ::posix_spawnattr_setsigdefault(&attributes_, &defaults);
    ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGDEF);
  }
  ~Spawn() {
    ::posix_spawnattr_destroy(&attributes_);
    ::posix_spawn_file_actions_destroy(&actions_);
  }
  Spawn(const Spawn&) = delete;

  std::int64_t run(std::vector<std::string> words) {
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    pid_t pid = -1;
    const int error = ::posix_spawnp(&pid, argv[0], &actions_, &attributes_, argv.data(), environ);
    if (error != 0) throw std::system_error(error, std::generic_category(), "cannot start " + words[0]);
    return pid;
  }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

void make_nonblocking(const sys::Fd& fd) { ::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) | O_NONBLOCK); }

}  // namespace

Program::Program(const std::vector<std::string>& words) {
  Pipe in;
  Pipe out;
  pid_ = Spawn(in.read.get(), out.write.get()).run(words);
  pidfd_ = sys::open_pidfd(pid_);
  input_ = std::move(in.write);
  output_ = std::move(out.read);
  make_nonblocking(input_);
  make_nonblocking(output_);
}

void Program::write(std::string_view bytes) {
  if (input_) pending_.append(bytes);
  flush();
}

void Program::flush() {
  while (written_ < pending_.size()) {
    const ssize_t size = ::write(input_.get(), pending_.data() + written_, pending_.size() - written_);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == EAGAIN) return;
    if (size < 0) {
      input_.close();
      break;
    }
    written_ += static_cast<std::size_t>(size);
  }
  pending_.clear();
  written_ = 0;
  if (input_ends_) input_.close();
}

bool Program::read(std::string& bytes) {
  std::array<char, 65536> buffer;
  while (output_) {
    const ssize_t size = ::read(output_.get(), buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == EAGAIN) return false;
    if (size <= 0) {
      output_.close();
      return false;
    }
    bytes.append(buffer.data(), static_cast<std::size_t>(size));
    return true;
  }
  return false;
}

bool Program::over() {
  int status = 0;
  if (!ended_ && ::waitpid(static_cast<pid_t>(pid_), &status, WNOHANG) == pid_) {
    ended_ = true;
    exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  return ended_ && !output_;
}

}  // namespace fairway::inspector
