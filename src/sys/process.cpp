#include "sys/process.hpp"

#include <fcntl.h>
#include <linux/membarrier.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>

#include "sys/error.hpp"

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

extern char** environ;

namespace fairway::sys {

Fd open_pidfd(std::int64_t pid) noexcept { return Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))); }

bool reap(int pidfd) noexcept {
  siginfo_t info{};
  return ::waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(pidfd), &info, WEXITED | WNOHANG) == 0 && info.si_pid != 0;
}

bool has_ended(int pidfd) noexcept {
  pollfd entry{pidfd, POLLIN, 0};
  return ::poll(&entry, 1, 0) == 1;
}

namespace {

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (std::string& string : strings) result.push_back(string.data());
  result.push_back(nullptr);
  return result;
}

struct SpawnAttributes {
  posix_spawnattr_t value;
  posix_spawn_file_actions_t actions;
  SpawnAttributes() {
    posix_spawnattr_init(&value);
    posix_spawn_file_actions_init(&actions);
  }
  ~SpawnAttributes() {
    posix_spawnattr_destroy(&value);
    posix_spawn_file_actions_destroy(&actions);
  }
  SpawnAttributes(const SpawnAttributes&) = delete;
};

constexpr char is_ready = 1;

}  // namespace

std::int64_t start_process(const std::vector<std::string>& argv,
                           const std::vector<std::pair<std::string, std::string>>& environment) {
  std::vector<std::string> arguments = argv;
  std::vector<std::string> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string variable = *entry;
    const bool replaced = [&] {
      for (const auto& [name, value] : environment)
        if (variable.starts_with(name + "=")) return true;
      return false;
    }();
    if (!replaced) variables.push_back(variable);
  }
  for (const auto& [name, value] : environment) variables.push_back(name + "=" + value);

  SpawnAttributes attributes;
  pid_t pid = -1;
  const int error = ::posix_spawnp(&pid, argv.at(0).c_str(), &attributes.actions, &attributes.value,
                                   pointers(arguments).data(), pointers(variables).data());
  if (error != 0) throw_system_error(error, "spawn", argv.at(0));
  return pid;
}

Started start_detached(const std::vector<std::string>& argv, Timeout timeout, std::string& why) {
  why.clear();
  // A child in between, reaped here, so that the program is adopted by init and never anybody's zombie. Between
  // fork and exec only async-signal-safe calls: other threads may hold any lock.
  std::vector<std::string> arguments = argv;
  if (argv.at(0).find('/') != std::string::npos) arguments[0] = std::filesystem::absolute(argv[0]);
  const std::vector<char*> pointer = pointers(arguments);
  int report[2];
  if (::pipe2(report, O_CLOEXEC) != 0) return Started::failed;
  const Fd read_end(report[0]);
  Fd write_end(report[1]);
  const pid_t middle = ::fork();
  if (middle < 0) return Started::failed;
  if (middle == 0) {
    ::setsid();
    const pid_t child = ::fork();
    if (child != 0) ::_exit(child < 0 ? 1 : 0);
    if (report[1] == ready_descriptor) {
      ::fcntl(ready_descriptor, F_SETFD, 0);
    } else {
      ::dup2(report[1], ready_descriptor);
    }
    const int null = ::open("/dev/null", O_RDWR);
    for (const int stream : {0, 1, 2}) ::dup2(null, stream);
    ::syscall(SYS_close_range, ready_descriptor + 1, ~0u, 0);
    if (::chdir("/") != 0) ::_exit(1);
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::execvp(pointer[0], pointer.data());
    ::_exit(127);
  }
  write_end.close();
  while (::waitpid(middle, nullptr, 0) < 0 && errno == EINTR) {
  }
  pollfd entry{read_end.get(), POLLIN, 0};
  const auto whole = std::chrono::ceil<std::chrono::milliseconds>(std::min<Timeout>(timeout, std::chrono::hours(24)));
  int ready = 0;
  while ((ready = ::poll(&entry, 1, static_cast<int>(whole.count()))) < 0 && errno == EINTR) {
  }
  if (ready == 0) return Started::timed_out;
  char report_text[512];
  const ssize_t length = ::read(read_end.get(), report_text, sizeof report_text);
  if (length > 0 && report_text[0] == is_ready) return Started::ready;
  if (length > 0) why.assign(report_text, static_cast<std::size_t>(length));
  return Started::failed;
}

void report_ready() noexcept { report_failure({&is_ready, 1}); }

void report_failure(std::string_view why) noexcept {
  [[maybe_unused]] const ssize_t written = ::write(ready_descriptor, why.data(), why.size());
  ::close(ready_descriptor);
}

std::string command_of(std::int64_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/comm");
  std::string command;
  std::getline(file, command);
  return command;
}

std::uint32_t user_id() noexcept { return ::geteuid(); }
std::int64_t process_id() noexcept { return ::getpid(); }

unsigned inside::forks = 0;

void count_forks() noexcept {
  static const int registered = ::pthread_atfork(nullptr, nullptr, [] { ++inside::forks; });
  static_cast<void>(registered);
}

bool is_main_thread() noexcept { return ::gettid() == ::getpid(); }

void make_undumpable() noexcept { ::prctl(PR_SET_DUMPABLE, 0); }

std::uint64_t raise_descriptor_limit() noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

std::pair<std::uint64_t, std::uint64_t> random_128() {
  std::uint64_t bits[2];
  while (::getrandom(bits, sizeof bits, 0) != static_cast<ssize_t>(sizeof bits))
    if (errno != EINTR) throw_errno("getrandom", "invitation");
  return {bits[0], bits[1]};
}

bool register_membarrier() noexcept {
  static const bool registered = ::syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0) == 0;
  return registered;
}

bool global_barrier() noexcept { return ::syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0) == 0; }

std::uint32_t current_cpu() noexcept { return static_cast<std::uint32_t>(::sched_getcpu() + 1); }

std::uint64_t now_ns() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(now.tv_nsec);
}

}  // namespace fairway::sys
