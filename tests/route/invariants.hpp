#pragma once

#include <string>

#include "route/registry.hpp"

namespace fairway::route::test {

/// The first of the Registry's invariants that does not hold, between two messages; empty: all do. Each port has one owner, or
/// one name or process that it waits for, or one message that holds its token; every list agrees with its reverse; nothing
/// is kept for a context that has left but what others still read.
std::string broken_invariant(const Registry& registry);

}  // namespace fairway::route::test
