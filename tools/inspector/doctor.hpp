#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "inspector/text.hpp"

/// What Fairway needs of the machine: gathered once, then judged by a pure function.
namespace fairway::inspector {

struct Facts {
  static constexpr std::uint64_t unlimited = ~std::uint64_t{0};

  std::string kernel;            ///< release
  std::string no_memory_object;  ///< why none could be made; empty: it could
  bool sealed = true;            ///< a memory object can be sealed against writing
  bool pidfd = true;
  bool membarrier = true;
  bool seccomp = false;  ///< a filter is in force
  std::uint64_t descriptors = unlimited, most_descriptors = unlimited;  ///< RLIMIT_NOFILE, soft and hard
  std::uint64_t address_space = unlimited;                              ///< RLIMIT_AS
  std::uint64_t file_size = unlimited;                                  ///< RLIMIT_FSIZE
  std::uint64_t memory_limit = unlimited, memory_used = 0;              ///< of the cgroup
  bool other_pids_hidden = false;                                       ///< /proc does not show the broker's process

  std::string directory;
  bool exists = true;
  std::uint32_t owner = 0, user = 0;
  std::uint32_t mode = 0700;
  std::string not_writable;  ///< why no file can be made there; empty: one can
  std::uint64_t free_bytes = unlimited, free_files = unlimited;
  bool path_fits = true;  ///< its socket's path into a socket address

  enum class Broker { none, answers, silent };  ///< silent: one holds the lock, and nobody accepts
  Broker broker = Broker::none;
  bool program_found = true;  ///< `fairwayd`, to be started on demand
  std::size_t stale_names = 0;
};

enum class Verdict { fine, notice, problem };

struct Finding {
  Verdict verdict;
  std::string what;
  std::string advice = {};  ///< empty: nothing to do
  bool mendable = false;    ///< by `--fix`
};

Facts gather(const std::filesystem::path& broker);
/// Every check that was made, in a fixed order. Pure.
std::vector<Finding> examine(const Facts& facts);
/// What a program may mend: the directory, its mode, and names that lead nowhere. Throws std::system_error.
void mend(const Facts& facts);

std::string doctor_text(const std::vector<Finding>& findings, Colour colour);
std::string doctor_json(const std::vector<Finding>& findings);

}  // namespace fairway::inspector
