#pragma once

#include <cstdint>

/// Rules of the transfer of ports that look as if one could do without. The explorer (tests/route/explorer) is built with
/// FAIRWAY_ROUTE_VARIANTS and leaves out one at a time, to show that it finds what each is for; elsewhere all hold.
namespace fairway::route {

enum class Rule : std::uint32_t {
  far_end_closes = 1u << 0,     ///< a Detach onto a stream without a reader closes the port
  reader_closes = 1u << 1,      ///< a reader that closes takes what is unread with it
  end_closes = 1u << 2,         ///< and so does one that has reached the end
  claims_wait = 1u << 3,        ///< a Claim may come before its Detach
  claims_end = 1u << 4,         ///< and is answered when the port closes instead
  unclaim_returns = 1u << 5,    ///< a token that was granted and not delivered goes back
  rings_close = 1u << 6,        ///< ports that only each other's messages hold
  old_end_counts = 1u << 7,     ///< the end of a stream whose owner has not opened a generation is its former owner's
};

#ifdef FAIRWAY_ROUTE_VARIANTS
inline std::uint32_t rules_left_out = 0;
inline bool holds(Rule rule) { return (rules_left_out & static_cast<std::uint32_t>(rule)) == 0; }
#else
constexpr bool holds(Rule) { return true; }
#endif

}  // namespace fairway::route
