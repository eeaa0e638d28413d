#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <system_error>
#include <utility>

#include "inspector/doctor.hpp"
#include "inspector/reader.hpp"
#include "shm/layout.hpp"
#include "sys/memory.hpp"
#include "sys/process.hpp"
#include "sys/runtime_dir.hpp"
#include "sys/socket.hpp"

/// The doctor's look at the machine.
namespace fairway::inspector {

namespace {

namespace fs = std::filesystem;

std::uint64_t value(rlim_t limit) { return limit == RLIM_INFINITY ? Facts::unlimited : limit; }

rlimit limit(int what) {
  rlimit result{RLIM_INFINITY, RLIM_INFINITY};
  ::getrlimit(static_cast<__rlimit_resource>(what), &result);
  return result;
}

std::string first_line(const fs::path& file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  return line;
}

std::uint64_t number(const std::string& text) {
  std::uint64_t result = Facts::unlimited;  // "max", or nothing
  std::from_chars(text.data(), text.data() + text.size(), result);
  return result;
}

void look_at_memory(Facts& facts) {
  try {
    const sys::Fd memory = sys::create_memory("fairway:doctor", shm::page);
    sys::Mapping(memory.get(), shm::page, sys::Mapping::Access::write).populate();
    sys::seal_against_writing(memory.get());
    facts.sealed = sys::is_sealed_memory(memory.get(), shm::page);
  } catch (const std::system_error& error) {
    facts.no_memory_object = error.what();
  }
}

void look_at_limits(Facts& facts) {
  const rlimit files = limit(RLIMIT_NOFILE);
  facts.descriptors = value(files.rlim_cur);
  facts.most_descriptors = value(files.rlim_max);
  facts.address_space = value(limit(RLIMIT_AS).rlim_cur);
  facts.file_size = value(limit(RLIMIT_FSIZE).rlim_cur);
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("Seccomp:")) facts.seccomp = line.find_first_of("12") != std::string::npos;
  // "0::/path", of the second version of cgroups.
  const std::string group = first_line("/proc/self/cgroup");
  if (group.starts_with("0::/")) {
    const fs::path folder = "/sys/fs/cgroup" / fs::path(group.substr(4)).relative_path();
    facts.memory_limit = number(first_line(folder / "memory.max"));
    if (facts.memory_limit != Facts::unlimited) facts.memory_used = number(first_line(folder / "memory.current"));
  }
}

void look_at_directory(Facts& facts) {
  const fs::path directory(facts.directory);
  struct stat status {};
  facts.user = sys::user_id();
  facts.path_fits = sys::socket_path(directory).native().size() < sizeof(sockaddr_un::sun_path);
  facts.exists = ::stat(directory.c_str(), &status) == 0;
  if (!facts.exists) return;
  facts.owner = status.st_uid;
  facts.mode = status.st_mode & 07777;
  std::string probe = (directory / "doctor-XXXXXX").native();
  if (::mkdtemp(probe.data()) == nullptr) {
    facts.not_writable = std::generic_category().message(errno);
  } else {
    ::rmdir(probe.c_str());
  }
  struct statvfs space {};
  if (::statvfs(directory.c_str(), &space) == 0) {
    facts.free_bytes = std::uint64_t{space.f_bavail} * space.f_frsize;
    if (space.f_files != 0) facts.free_files = space.f_favail;
  }
  for (const fs::path& folder : {sys::segments_path(directory), sys::tables_path(directory)})
    for (const std::string& name : sys::list_names(folder)) facts.stale_names += ::access((folder / name).c_str(), F_OK) != 0 && errno == ENOENT;
}

/// As execvp would find it.
bool can_be_run(const std::string& program) {
  if (program.find('/') != std::string::npos) return ::access(program.c_str(), X_OK) == 0;
  std::istringstream path(sys::environment("PATH").value_or("/usr/bin:/bin"));
  for (std::string folder; std::getline(path, folder, ':');)
    if (::access((fs::path(folder) / program).c_str(), X_OK) == 0) return true;
  return false;
}

void look_at_broker(Facts& facts) {
  facts.program_found = can_be_run(sys::broker_program());
  if (!facts.exists || !facts.not_writable.empty() || facts.owner != facts.user) return;
  if (sys::try_lock(facts.directory)) return;
  facts.broker = Facts::Broker::silent;
  try {
    const sys::Fd socket = sys::connect_to(sys::socket_path(facts.directory));
    const ProcessState state = process_state(sys::credentials_of_peer(socket.get()).pid);
    facts.other_pids_hidden = state == ProcessState::ended;
    if (state != ProcessState::stopped) facts.broker = Facts::Broker::answers;
  } catch (const std::system_error&) {
  }
}

}  // namespace

Facts gather(const fs::path& broker) {
  Facts facts;
  utsname system{};
  if (::uname(&system) == 0) facts.kernel = system.release;
  look_at_memory(facts);
  facts.pidfd = static_cast<bool>(sys::open_pidfd(sys::process_id()));
  facts.membarrier = sys::register_membarrier() && sys::global_barrier();
  look_at_limits(facts);
  facts.directory = sys::runtime_directory(broker).native();
  look_at_directory(facts);
  look_at_broker(facts);
  return facts;
}

void mend(const Facts& facts) {
  if (facts.exists && facts.owner == facts.user && (facts.mode & 022) != 0 && ::chmod(facts.directory.c_str(), 0700) != 0)
    throw std::system_error(errno, std::generic_category(), "chmod " + facts.directory);
  sys::prepare_directory(facts.directory);
  // With the lock no broker can be about to make names.
  if (const sys::Fd lock = sys::try_lock(facts.directory)) sys::remove_stale_names(facts.directory);
}

}  // namespace fairway::inspector
