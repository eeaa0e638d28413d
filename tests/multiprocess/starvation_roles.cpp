// Roles and means that several tests of starving processes need.
#include "multiprocess/starvation.hpp"

#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <fstream>
#include <thread>

namespace fairway::test {

/// Arguments: directory.
FAIRWAY_CHILD(broker) {
  say_log();
  Broker broker({.directory = arguments.at(0)});
  std::thread end([&] {
    std::string line;
    while (hear(line)) {
    }
    broker.stop();
  });
  say("ready");
  broker.run();
  end.join();
  say("done");
  return 0;
}

bool make_own_mounts() {
  if (::unshare(CLONE_NEWNS) != 0) {
    const std::string user = std::to_string(::geteuid());
    const std::string group = std::to_string(::getegid());
    if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
    std::ofstream("/proc/self/uid_map") << user << ' ' << user << " 1";
    std::ofstream("/proc/self/setgroups") << "deny";
    std::ofstream("/proc/self/gid_map") << group << ' ' << group << " 1";
  }
  return ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

}  // namespace fairway::test
