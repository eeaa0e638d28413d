#pragma once

#include <string_view>

namespace fairway::sys {

/// Throws std::system_error for `error`, an errno value: "call: object: reason".
[[noreturn]] void throw_system_error(int error, std::string_view call, std::string_view object);

/// The same with the errno of the call that just failed.
[[noreturn]] void throw_errno(std::string_view call, std::string_view object);

}  // namespace fairway::sys
