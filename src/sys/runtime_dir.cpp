#include "sys/runtime_dir.hpp"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "sys/call.hpp"
#include "sys/error.hpp"
#include "sys/process.hpp"

namespace fairway::sys {

namespace fs = std::filesystem;

std::optional<std::string> environment(const char* name) {
  const char* const value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

fs::path runtime_directory(const fs::path& option) {
  // The path of the socket itself is understood too.
  const auto directory_of = [](const fs::path& path) {
    std::error_code ignored;
    return fs::is_socket(path, ignored) ? path.parent_path() : path;
  };
  if (!option.empty()) return directory_of(option);
  if (const auto path = environment("FAIRWAY_BROKER")) return directory_of(*path);
  if (const auto path = environment("XDG_RUNTIME_DIR")) return fs::path(*path) / "fairway";
  const std::string uid = std::to_string(user_id());
  struct stat status {};
  const std::string user = "/run/user/" + uid;
  const bool there = FAIRWAY_CALL(stat_user_directory, ::stat(user.c_str(), &status)) == 0;
  if (there && S_ISDIR(status.st_mode) && status.st_uid == user_id()) return user + "/fairway";
  return "/tmp/fairway-" + uid;
}

fs::path socket_path(const fs::path& directory) { return directory / "socket"; }
fs::path segments_path(const fs::path& directory) { return directory / "segments"; }
fs::path tables_path(const fs::path& directory) { return directory / "tables"; }

void prepare_directory(const fs::path& directory) {
  std::error_code error;
  if (directory.has_parent_path()) fs::create_directories(directory.parent_path(), error);
  if (FAIRWAY_CALL(mkdir_runtime, ::mkdir(directory.c_str(), 0700)) != 0 && errno != EEXIST)
    throw_errno("mkdir", directory.native());
  const Fd fd(FAIRWAY_CALL(open_runtime, ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)));
  if (!fd) throw_errno("open", directory.native());
  struct stat status {};
  if (FAIRWAY_CALL(fstat_runtime, ::fstat(fd.get(), &status)) != 0) throw_errno("fstat", directory.native());
  if (status.st_uid != user_id()) throw_system_error(EPERM, "runtime directory", directory.native() + " belongs to another user");
  if ((status.st_mode & 022) != 0)
    throw_system_error(EPERM, "runtime directory", directory.native() + " is writable by others; chmod 700 it");
}

Fd try_lock(const fs::path& directory) {
  const fs::path path = directory / "lock";
  Fd fd(FAIRWAY_CALL(open_lock, ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)));
  if (!fd) throw_errno("open", path.native());
  while (FAIRWAY_CALL(flock_broker, ::flock(fd.get(), LOCK_EX | LOCK_NB)) != 0) {
    if (errno == EWOULDBLOCK) return {};
    if (errno != EINTR) throw_errno("flock", path.native());
  }
  return fd;
}

Remembered recall(int lock) noexcept {
  Remembered numbers{};
  if (FAIRWAY_CALL(pread_numbers, ::pread(lock, numbers.data(), sizeof numbers, 0)) != static_cast<ssize_t>(sizeof numbers)) return {};
  return numbers;
}

void remember(int lock, const Remembered& numbers) {
  if (FAIRWAY_CALL(pwrite_numbers, ::pwrite(lock, numbers.data(), sizeof numbers, 0)) != static_cast<ssize_t>(sizeof numbers))
    throw_errno("pwrite", "lock of the broker");
}

Fd wait_for_start_lock(const fs::path& directory) {
  const fs::path path = directory / "start.lock";
  Fd fd(FAIRWAY_CALL(open_start_lock, ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)));
  if (!fd) throw_errno("open", path.native());
  while (FAIRWAY_CALL(flock_start, ::flock(fd.get(), LOCK_EX)) != 0)
    if (errno != EINTR) throw_errno("flock", path.native());
  return fd;
}

void remove_stale_names(const fs::path& directory, Socket socket) {
  if (socket == Socket::remove) static_cast<void>(FAIRWAY_CALL(unlink_socket, ::unlink(socket_path(directory).c_str())));
  for (const fs::path& folder : {segments_path(directory), tables_path(directory)}) {
    if (FAIRWAY_CALL(mkdir_names, ::mkdir(folder.c_str(), 0700)) != 0 && errno != EEXIST)
      throw_errno("mkdir", folder.native());
    for (const std::string& name : list_names(folder)) remove_name(folder / name);
  }
}

void make_name(const fs::path& name, int fd) {
  const std::string target = "/proc/" + std::to_string(process_id()) + "/fd/" + std::to_string(fd);
  while (FAIRWAY_CALL(symlink, ::symlink(target.c_str(), name.c_str())) != 0) {
    if (errno != EEXIST || FAIRWAY_CALL(unlink_replaced, ::unlink(name.c_str())) != 0) throw_errno("symlink", name.native());
  }
}

bool remove_name(const fs::path& name) noexcept {
  return FAIRWAY_CALL(unlink_name, ::unlink(name.c_str())) == 0 || errno == ENOENT;
}

NamedMemory open_memory(const fs::path& name) noexcept {
  Fd fd(FAIRWAY_CALL(open_name, ::open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)));
  struct stat status {};
  if (!fd || FAIRWAY_CALL(fstat_name, ::fstat(fd.get(), &status)) != 0) return {};
  // A descriptor number is reused when its broker is gone: only a sealed memory object of ours counts.
  if (status.st_uid != user_id() || !S_ISREG(status.st_mode)) return {};
  const int seals = FAIRWAY_CALL(get_seals_name, ::fcntl(fd.get(), F_GET_SEALS));
  if (seals < 0 || (seals & F_SEAL_SHRINK) == 0) return {};
  constexpr int all = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL;
  return {std::move(fd), static_cast<std::uint64_t>(status.st_size), static_cast<std::uint64_t>(status.st_ino), (seals & all) == all};
}

Fd open_name(const fs::path& name) noexcept { return open_memory(name).fd; }

std::vector<std::string> list_names(const fs::path& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error))
    names.push_back(entry->path().filename().native());
  std::ranges::sort(names);
  return names;
}

std::string broker_program() {
  if (const auto path = environment("FAIRWAYD")) return *path;
  Dl_info info{};
  if (::dladdr(reinterpret_cast<const void*>(&broker_program), &info) != 0 && info.dli_fname != nullptr) {
    std::error_code error;
    const fs::path here = fs::canonical(info.dli_fname, error).parent_path();
    for (const char* const relative : {"fairwayd", "../bin/fairwayd", "../../bin/fairwayd"}) {
      const fs::path candidate = here / relative;
      if (!error && FAIRWAY_CALL(access_beside, ::access(candidate.c_str(), X_OK)) == 0) return candidate.native();
    }
  }
  if (FAIRWAY_CALL(access_installed, ::access(FAIRWAY_INSTALLED_BROKER, X_OK)) == 0) return FAIRWAY_INSTALLED_BROKER;
  return "fairwayd";
}

}  // namespace fairway::sys
