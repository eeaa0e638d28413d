#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace fairway::test {

/// A word that several processes see, and where it stands.
struct SharedWord {
  enum class Place { half, link, contexts, channels };

  std::string name;
  Place place;
  std::size_t offset;  ///< in its segment; of a table: in its row
  std::size_t size;
  bool by_peers;  ///< written by contexts; the others are the broker's
};

/// Every word of shm/layout.hpp. It does not compile when the layout gets one that it does not name.
std::vector<SharedWord> shared_words();

}  // namespace fairway::test
