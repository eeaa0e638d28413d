#include "tools/run.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <stdexcept>

#include "sys/fd.hpp"

namespace fairway::test {

namespace {

constexpr std::chrono::milliseconds watchdog{30'000};

struct Pipe {
  sys::Fd read;
  sys::Fd write;
  Pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("pipe2 failed");
    read = sys::Fd(ends[0]);
    write = sys::Fd(ends[1]);
  }
};

/// Starts a program whose descriptors 1, 2, 3 and 0 are those given (negative: as here).
int start(std::vector<std::string> words, int out, int err, int three, Sight sight = Sight::all, int in = -1) {
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const pid_t pid = ::fork();
  if (pid < 0) throw std::runtime_error("fork failed");
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::signal(SIGPIPE, SIG_DFL);
    if (sight == Sight::ordinary) ::prctl(PR_CAPBSET_DROP, CAP_SYS_PTRACE);
    if (in >= 0) ::dup2(in, 0);
    if (out >= 0) ::dup2(out, 1);
    if (err >= 0) ::dup2(err, 2);
    if (three == 3) ::fcntl(3, F_SETFD, 0);
    if (three >= 0 && three != 3) ::dup2(three, 3);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  return pid;
}

int wait_for(int pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/// Reads both to their ends.
void collect(int out, int err, Outcome& outcome) {
  pollfd entries[2] = {{out, POLLIN, 0}, {err, POLLIN, 0}};
  std::string* const texts[2] = {&outcome.out, &outcome.err};
  while (entries[0].fd >= 0 || entries[1].fd >= 0) {
    const int ready = ::poll(entries, 2, static_cast<int>(watchdog.count()));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) throw std::runtime_error("watchdog: the inspector does not end");
    for (int i = 0; i < 2; ++i) {
      if (entries[i].fd < 0 || entries[i].revents == 0) continue;
      char buffer[65536];
      const ssize_t size = ::read(entries[i].fd, buffer, sizeof buffer);
      if (size > 0) texts[i]->append(buffer, static_cast<std::size_t>(size));
      if (size == 0) entries[i].fd = -1;
    }
  }
}

std::vector<std::string> command(const std::vector<std::string>& arguments) {
  std::vector<std::string> words{FAIRWAY_INSPECTOR};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return words;
}

Outcome run_with_output(int out, const std::vector<std::string>& arguments) {
  Pipe err;
  Outcome outcome;
  const int pid = start(command(arguments), out, err.write.get(), -1);
  err.write.close();
  collect(-1, err.read.get(), outcome);
  outcome.code = wait_for(pid);
  return outcome;
}

Outcome run_with_input(int in, const std::vector<std::string>& arguments, Sight sight) {
  Pipe out;
  Pipe err;
  Outcome outcome;
  const int pid = start(command(arguments), out.write.get(), err.write.get(), -1, sight, in);
  out.write.close();
  err.write.close();
  collect(out.read.get(), err.read.get(), outcome);
  outcome.code = wait_for(pid);
  return outcome;
}

}  // namespace

Outcome inspect(const std::vector<std::string>& arguments, Sight sight) { return run_with_input(-1, arguments, sight); }

Outcome inspect_with(const std::string& input, const std::vector<std::string>& arguments) {
  const sys::Fd file(::memfd_create("input", MFD_CLOEXEC));
  if (::write(file.get(), input.data(), input.size()) != static_cast<ssize_t>(input.size())) throw std::runtime_error("write failed");
  ::lseek(file.get(), 0, SEEK_SET);
  return run_with_input(file.get(), arguments, Sight::all);
}

Outcome inspect_into_closed_pipe(const std::vector<std::string>& arguments) {
  Pipe out;
  out.read.close();
  return run_with_output(out.write.get(), arguments);
}

Outcome inspect_into(const std::filesystem::path& file, const std::vector<std::string>& arguments) {
  const sys::Fd out(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
  return run_with_output(out.get(), arguments);
}

Daemon::Daemon(const std::filesystem::path& directory, std::vector<std::string> options) {
  // On demand it writes a byte to descriptor 3 when it listens.
  std::vector<std::string> words{FAIRWAYD, "--on-demand", "--idle-exit", "600", "--directory", directory.native()};
  words.insert(words.end(), options.begin(), options.end());
  Pipe ready;
  pid_ = start(std::move(words), -1, -1, ready.write.get());
  ready.write.close();
  pollfd entry{ready.read.get(), POLLIN, 0};
  char byte = 0;
  if (::poll(&entry, 1, static_cast<int>(watchdog.count())) != 1 || ::read(ready.read.get(), &byte, 1) != 1) {
    kill();
    throw std::runtime_error("fairwayd does not start");
  }
}

Daemon::~Daemon() { kill(); }

void Daemon::stop() {
  ::kill(pid_, SIGSTOP);
  int status = 0;
  while (::waitpid(pid_, &status, WUNTRACED) < 0 && errno == EINTR) {
  }
}

void Daemon::resume() { ::kill(pid_, SIGCONT); }

void Daemon::kill() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  wait_for(pid_);
  pid_ = -1;
}

}  // namespace fairway::test
