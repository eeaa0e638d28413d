#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fairway/types.hpp>

#include "sys/fd.hpp"

namespace fairway::sys {

/// None where the process is gone or the kernel refuses.
Fd open_pidfd(std::int64_t pid) noexcept;
/// Reaps the child if it has ended; touches no other child and no signal handler.
bool reap(int pidfd) noexcept;
/// Whether the process behind a pidfd has ended, reaped or not.
bool has_ended(int pidfd) noexcept;

/// Starts a program found by PATH, with `environment` added to the environment. Throws std::system_error.
std::int64_t start_process(const std::vector<std::string>& argv,
                           const std::vector<std::pair<std::string, std::string>>& environment);
/// Ends and reaps a child that nobody has a pidfd of.
void end_child(std::int64_t pid) noexcept;
/// Starts a program that is nobody's child: in its own session, without the caller's streams and descriptors but
/// for `ready_descriptor`, to which it writes one byte when it is ready, or why it cannot be. `why`: that text, or the
/// call that failed.
enum class Started { ready, failed, timed_out };
inline constexpr int ready_descriptor = 3;
Started start_detached(const std::vector<std::string>& argv, Timeout timeout, std::string& why);
/// For the program so started.
void report_ready() noexcept;
void report_failure(std::string_view why) noexcept;

/// Whether a descriptor may stay open for later: the process has few of them, and less than half of
/// what it may have.
bool can_spare(int descriptor) noexcept;

/// The command name of a process, empty if it is gone.
std::string command_of(std::int64_t pid);
std::uint32_t user_id() noexcept;
std::int64_t process_id() noexcept;
namespace inside {
extern unsigned forks;
[[gnu::tls_model("initial-exec")]] inline constinit thread_local char thread_mark = 0;
}  // namespace inside

/// From here on forks count.
void count_forks() noexcept;
/// Counted forks between the first process and this one. One load; changes exactly in a forked child.
inline unsigned fork_generation() noexcept { return inside::forks; }
bool is_main_thread() noexcept;
/// Different for every thread that lives. No call, unlike std::this_thread::get_id.
inline const void* this_thread() noexcept { return &inside::thread_mark; }
/// Keeps other processes, of the same uid too, from looking into /proc/self.
void make_undumpable() noexcept;
/// Raises the soft limit of descriptors to the hard limit; returns it. Where the system does not tell: more than anybody has.
std::uint64_t raise_descriptor_limit() noexcept;

std::pair<std::uint64_t, std::uint64_t> random_128();

/// Announces this process's writers to membarrier. True: `barrier` orders them, and they need no fence of their own.
bool register_membarrier() noexcept;
/// A memory barrier on every registered process; false: the kernel lacks it.
bool global_barrier() noexcept;

/// The CPU that this thread runs on, plus 1; 0: unknown. No system call where the C library supports rseq.
std::uint32_t current_cpu() noexcept;
std::uint64_t now_ns() noexcept;  ///< CLOCK_MONOTONIC

}  // namespace fairway::sys
