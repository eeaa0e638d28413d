#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "shm/layout.hpp"

namespace fairway::wire {

struct Hello;
struct Welcome;

inline constexpr std::uint32_t protocol_version = 1;

/// What a side can do beyond what the version that it speaks says. Both must, or neither does.
namespace feature {
inline constexpr std::uint64_t rejoin = 1;  ///< a context that lost its broker shows the next one what it holds
inline constexpr std::uint64_t boxes = 2;   ///< messages carry memory that changes hands as it is
inline constexpr std::uint64_t all = rejoin | boxes;
}  // namespace feature

/// What one side can speak: of each number everything from the oldest on.
struct Versions {
  std::uint32_t protocol = protocol_version;
  std::uint32_t oldest_protocol = protocol_version;
  std::uint32_t layout = shm::layout_version;
  std::uint32_t oldest_layout = shm::layout_version;
  std::uint64_t features = feature::all;

  static Versions of(const Hello& hello) noexcept;
  /// Fills in what a Hello says of them.
  void announce(Hello& hello) const noexcept;
};

/// What two sides speak with each other.
struct Agreement {
  std::uint32_t protocol = 0;
  std::uint32_t layout = 0;
  std::uint64_t features = 0;

  static Agreement of(const Welcome& welcome) noexcept;
  friend bool operator==(const Agreement&, const Agreement&) = default;
};

/// The newest that both know, and the features of both; nothing: there is none.
std::optional<Agreement> agree(const Versions& one, const Versions& other) noexcept;
/// Whether an answer is one of those that `mine` allows.
bool allows(const Versions& mine, const Agreement& answer) noexcept;

/// "protocol 1 to 2, layout 1".
std::string to_string(const Versions& versions);
std::string to_string(const Agreement& agreement);

}  // namespace fairway::wire
