#include "broker/names.hpp"

#include <system_error>
#include <utility>

#include "base/log.hpp"
#include "sys/runtime_dir.hpp"

namespace fairway::broker {

bool Names::make(const std::filesystem::path& name, int fd) {
  try {
    sys::make_name(name, fd);
  } catch (const std::system_error& error) {
    if (!std::exchange(failing_, true))
      log(LogLevel::warning, [&] { return std::string("channels go without names until they can be made again: ") + error.what(); });
    return false;
  }
  if (std::exchange(failing_, false)) log(LogLevel::info, [&] { return "names can be made again: " + name.native(); });
  return true;
}

}  // namespace fairway::broker
