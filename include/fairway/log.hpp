#pragma once

#include <string_view>

#include <fairway/callback.hpp>
#include <fairway/export.hpp>

namespace fairway {

enum class LogLevel { off, error, warning, info, debug };

/// Where the library's log goes, for the whole process. The callback may be called from any thread that uses
/// Fairway, one call at a time. Without it: nothing, or standard error when $FAIRWAY_LOG names a level.
FAIRWAY_API void set_log(LogLevel level, Callback<void(LogLevel, std::string_view)> callback);

}  // namespace fairway
