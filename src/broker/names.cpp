#include "broker/names.hpp"

#include <system_error>
#include <utility>

#include "base/log.hpp"
#include "sys/runtime_dir.hpp"

namespace fairway::broker {

bool Names::make(const std::filesystem::path& name, int fd) {
  remove_stale();
  try {
    sys::make_name(name, fd);
    std::erase(stale_, name);
  } catch (const std::system_error& error) {
    if (!std::exchange(failing_, true))
      log(LogLevel::warning, [&] { return std::string("channels go without names until they can be made again: ") + error.what(); });
    return false;
  }
  if (std::exchange(failing_, false)) log(LogLevel::info, [&] { return "names can be made again: " + name.native(); });
  return true;
}

void Names::remove(const std::filesystem::path& name) {
  remove_stale();
  if (!sys::remove_name(name)) stale_.push_back(name);
}

void Names::remove_stale() {
  while (!stale_.empty() && sys::remove_name(stale_.back())) stale_.pop_back();
}

}  // namespace fairway::broker
