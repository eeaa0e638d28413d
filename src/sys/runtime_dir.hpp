#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "sys/fd.hpp"

/// The broker's runtime directory: `socket`, `lock`, `segments/`, `tables/`.
namespace fairway::sys {

/// The directory itself, from the option if it is not empty, else from the environment.
std::filesystem::path runtime_directory(const std::filesystem::path& option);
std::filesystem::path socket_path(const std::filesystem::path& directory);
std::filesystem::path segments_path(const std::filesystem::path& directory);
std::filesystem::path tables_path(const std::filesystem::path& directory);

/// Makes the directory with mode 0700 if it is missing, and its parents. Throws std::system_error: EPERM when it
/// belongs to somebody else or others may write into it.
void prepare_directory(const std::filesystem::path& directory);

/// The exclusive lock that the broker of a directory holds for its life; none: somebody else has it.
Fd try_lock(const std::filesystem::path& directory);
/// What a broker leaves in its lock file for the next one; zeros: nothing.
using Remembered = std::array<std::uint64_t, 4>;
Remembered recall(int lock) noexcept;
/// Throws std::system_error.
void remember(int lock, const Remembered& numbers);

/// The lock that serializes brokers while they start. Waits.
Fd wait_for_start_lock(const std::filesystem::path& directory);

/// Names that a broker left behind. The socket's stays if somebody listens at it for the next broker.
enum class Socket { remove, keep };
void remove_stale_names(const std::filesystem::path& directory, Socket socket = Socket::remove);
/// Replaces what has that name. Throws std::system_error.
void make_name(const std::filesystem::path& name, int fd);
/// False: it is still there.
bool remove_name(const std::filesystem::path& name) noexcept;
/// What a published name leads to, opened read-only. None: gone, or no memory object of this user.
struct NamedMemory {
  Fd fd = {};
  std::uint64_t size = 0;
  std::uint64_t identity = 0;  ///< another one for each memory object
  bool sealed = false;         ///< nobody can resize it or map it writable any more
};
NamedMemory open_memory(const std::filesystem::path& name) noexcept;
Fd open_name(const std::filesystem::path& name) noexcept;
std::vector<std::string> list_names(const std::filesystem::path& directory);

/// The broker program: $FAIRWAYD, beside this library, where it was installed, else by PATH.
std::string broker_program();
std::optional<std::string> environment(const char* name);

}  // namespace fairway::sys
