#pragma once

#include <string_view>

#include <fairway/log.hpp>

namespace fairway {

bool log_enabled(LogLevel level) noexcept;
void write_log(LogLevel level, std::string_view message);

/// Builds the message only if somebody listens.
template <class MakeMessage>
void log(LogLevel level, MakeMessage&& make_message) {
  if (log_enabled(level)) write_log(level, make_message());
}

}  // namespace fairway
