#include "base/log.hpp"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>

namespace fairway {

namespace {

LogLevel level_from_environment() noexcept {
  const char* value = std::getenv("FAIRWAY_LOG");
  if (value == nullptr) return LogLevel::off;
  const std::string_view name = value;
  if (name == "error") return LogLevel::error;
  if (name == "warning") return LogLevel::warning;
  if (name == "info") return LogLevel::info;
  if (name == "debug") return LogLevel::debug;
  return LogLevel::off;
}

struct Sink {
  std::atomic<LogLevel> level = level_from_environment();
  std::mutex mutex;
  Callback<void(LogLevel, std::string_view)> callback;
};

/// Leaked on purpose: threads may log while the process exits.
Sink& sink() {
  static Sink* const instance = new Sink;
  return *instance;
}

std::string_view name_of(LogLevel level) {
  switch (level) {
    case LogLevel::off: break;
    case LogLevel::error: return "error";
    case LogLevel::warning: return "warning";
    case LogLevel::info: return "info";
    case LogLevel::debug: return "debug";
  }
  return "off";
}

}  // namespace

void set_log(LogLevel level, Callback<void(LogLevel, std::string_view)> callback) {
  const std::lock_guard lock(sink().mutex);
  sink().callback = std::move(callback);
  sink().level.store(level, std::memory_order_relaxed);
}

bool log_enabled(LogLevel level) noexcept { return level <= sink().level.load(std::memory_order_relaxed); }

void write_log(LogLevel level, std::string_view message) {
  const std::lock_guard lock(sink().mutex);
  if (sink().callback) {
    sink().callback(level, message);
    return;
  }
  const std::string line = std::string("fairway ").append(name_of(level)).append(": ").append(message).append("\n");
  std::fwrite(line.data(), 1, line.size(), stderr);
}

}  // namespace fairway
