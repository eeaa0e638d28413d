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
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <limits>

#include "sys/call.hpp"
#include "sys/error.hpp"

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

extern char** environ;

namespace fairway::sys {

Fd open_pidfd(std::int64_t pid) noexcept {
  return Fd(static_cast<int>(FAIRWAY_CALL(pidfd_open, ::syscall(SYS_pidfd_open, pid, 0))));
}

bool reap(int pidfd) noexcept {
  siginfo_t info{};
  constexpr auto by_pidfd = static_cast<idtype_t>(P_PIDFD);
  const auto id = static_cast<id_t>(pidfd);
  while (FAIRWAY_CALL(waitid_child, ::waitid(by_pidfd, id, &info, WEXITED | WNOHANG)) != 0)
    if (errno != EINTR) return false;
  return info.si_pid != 0;
}

bool has_ended(int pidfd) noexcept {
  pollfd entry{pidfd, POLLIN, 0};
  return FAIRWAY_CALL(poll_process, ::poll(&entry, 1, 0)) == 1;
}

void end_child(std::int64_t pid) noexcept {
  const auto child = static_cast<pid_t>(pid);
  ::kill(child, SIGKILL);
  while (FAIRWAY_CALL(wait_ended, ::waitpid(child, nullptr, 0)) < 0 && errno == EINTR) {
  }
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

std::string reason(const char* call) { return std::string(call) + ": " + ::strerrordesc_np(errno); }

/// In a child on its way to its program: what failed goes to who waits for the report. Async-signal-safe.
[[noreturn]] void cannot_start(int report, const char* call) noexcept {
  const char* const words[] = {call, ": ", ::strerrordesc_np(errno)};
  iovec parts[3];
  for (std::size_t i = 0; i < 3; ++i) parts[i] = {const_cast<char*>(words[i]), std::strlen(words[i])};
  [[maybe_unused]] const ssize_t written = ::writev(report, parts, 3);
  ::_exit(1);
}

void close_all_from(int first) noexcept {
  if (FAIRWAY_CALL(close_range, ::syscall(SYS_close_range, first, ~0u, 0)) == 0) return;
  const long end = ::sysconf(_SC_OPEN_MAX);  // Linux before 5.9, or a filter
  for (int fd = first; fd < end; ++fd) ::close(fd);
}

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
  const int error = FAIRWAY_CALL_FOR_ERROR(
      posix_spawn, ::posix_spawnp(&pid, argv.at(0).c_str(), &attributes.actions, &attributes.value,
                                  pointers(arguments).data(), pointers(variables).data()));
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
  if (FAIRWAY_CALL(pipe_report, ::pipe2(report, O_CLOEXEC)) != 0) {
    why = reason("pipe2");
    return Started::failed;
  }
  const Fd read_end(report[0]);
  Fd write_end(report[1]);
  const pid_t middle = FAIRWAY_CALL(fork_middle, ::fork());
  if (middle < 0) {
    why = reason("fork");
    return Started::failed;
  }
  if (middle == 0) {
    static_cast<void>(FAIRWAY_CALL(setsid, ::setsid()));
    const pid_t child = FAIRWAY_CALL(fork_program, ::fork());
    if (child < 0) cannot_start(report[1], "fork");
    if (child != 0) ::_exit(0);
    const int null = FAIRWAY_CALL(open_null, ::open("/dev/null", O_RDWR));
    if (null < 0) cannot_start(report[1], "open: /dev/null");
    if (report[1] == ready_descriptor) {
      ::fcntl(ready_descriptor, F_SETFD, 0);
    } else if (FAIRWAY_CALL(dup_report, ::dup2(report[1], ready_descriptor)) < 0) {
      cannot_start(report[1], "dup2");
    }
    for (const int stream : {0, 1, 2})
      if (FAIRWAY_CALL(dup_null, ::dup2(null, stream)) < 0) cannot_start(report[1], "dup2");
    close_all_from(ready_descriptor + 1);
    if (FAIRWAY_CALL(chdir, ::chdir("/")) != 0) cannot_start(ready_descriptor, "chdir: /");
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    static_cast<void>(FAIRWAY_CALL(execvp, ::execvp(pointer[0], pointer.data())));
    cannot_start(ready_descriptor, "execvp");
  }
  write_end.close();
  while (FAIRWAY_CALL(wait_middle, ::waitpid(middle, nullptr, 0)) < 0 && errno == EINTR) {
  }
  pollfd entry{read_end.get(), POLLIN, 0};
  const auto whole = std::chrono::ceil<std::chrono::milliseconds>(std::min<Timeout>(timeout, std::chrono::hours(24)));
  int ready = 0;
  while ((ready = FAIRWAY_CALL(poll_report, ::poll(&entry, 1, static_cast<int>(whole.count())))) < 0 && errno == EINTR) {
  }
  if (ready == 0) return Started::timed_out;
  char report_text[512];
  ssize_t length = 0;
  while ((length = FAIRWAY_CALL(read_report, ::read(read_end.get(), report_text, sizeof report_text))) < 0 && errno == EINTR) {
  }
  if (length > 0 && report_text[0] == is_ready) return Started::ready;
  if (length > 0) why.assign(report_text, static_cast<std::size_t>(length));
  return Started::failed;
}

void report_ready() noexcept { report_failure({&is_ready, 1}); }

void report_failure(std::string_view why) noexcept {
  while (FAIRWAY_CALL(write_report, ::write(ready_descriptor, why.data(), why.size())) < 0 && errno == EINTR) {
  }
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

void make_undumpable() noexcept { static_cast<void>(FAIRWAY_CALL(make_undumpable, ::prctl(PR_SET_DUMPABLE, 0))); }

std::uint64_t raise_descriptor_limit() noexcept {
  rlimit limit{};
  if (FAIRWAY_CALL(get_descriptor_limit, ::getrlimit(RLIMIT_NOFILE, &limit)) != 0)
    return std::numeric_limits<std::uint32_t>::max();
  const rlim_t before = std::exchange(limit.rlim_cur, limit.rlim_max);
  return FAIRWAY_CALL(set_descriptor_limit, ::setrlimit(RLIMIT_NOFILE, &limit)) == 0 ? limit.rlim_cur : before;
}

bool can_spare(int descriptor) noexcept {
  rlimit limit{};
  // The lowest number that is free is given out.
  return FAIRWAY_CALL(get_spare_limit, ::getrlimit(RLIMIT_NOFILE, &limit)) == 0 &&
         static_cast<rlim_t>(descriptor) < limit.rlim_cur / 2;
}

std::pair<std::uint64_t, std::uint64_t> random_128() {
  std::uint64_t bits[2];
  while (FAIRWAY_CALL(getrandom, ::getrandom(bits, sizeof bits, 0)) != static_cast<ssize_t>(sizeof bits))
    if (errno != EINTR) throw_errno("getrandom", "invitation");
  return {bits[0], bits[1]};
}

bool register_membarrier() noexcept {
  static const bool registered =
      FAIRWAY_CALL(membarrier_register, ::syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0)) == 0;
  return registered;
}

bool global_barrier() noexcept {
  return FAIRWAY_CALL(membarrier, ::syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0)) == 0;
}

std::uint32_t current_cpu() noexcept { return static_cast<std::uint32_t>(FAIRWAY_CALL(getcpu, ::sched_getcpu()) + 1); }

std::uint64_t now_ns() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(now.tv_nsec);
}

}  // namespace fairway::sys
