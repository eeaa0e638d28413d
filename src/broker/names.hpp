#pragma once

#include <filesystem>
#include <vector>

namespace fairway::broker {

/// Makes the names of segments and tables in the runtime directory. They are for people and inspectors: a directory
/// that is full or read-only costs the names, is logged once, and nothing else.
class Names {
 public:
  /// False: it goes without a name.
  bool make(const std::filesystem::path& name, int fd);
  /// What cannot be removed now is removed when that is possible again.
  void remove(const std::filesystem::path& name);

 private:
  void remove_stale();

  std::vector<std::filesystem::path> stale_;
  bool failing_ = false;  ///< since the last one that could be made
};

}  // namespace fairway::broker
