#pragma once

#include <string_view>

#include "inspector/snapshot.hpp"

/// Words for states, the same in text and JSON.
namespace fairway::inspector {

constexpr std::string_view to_string(ProcessState state) {
  switch (state) {
    case ProcessState::running: return "running";
    case ProcessState::stopped: return "stopped";
    case ProcessState::ended: return "ended";
    case ProcessState::unknown: break;
  }
  return "unknown";
}

constexpr std::string_view to_string(shm::PortState state) {
  switch (state) {
    case shm::PortState::none: return "none";
    case shm::PortState::owned: return "owned";
    case shm::PortState::transit: return "transit";
    case shm::PortState::closed: return "closed";
    case shm::PortState::memory: return "memory";
  }
  return "unknown";
}

constexpr std::string_view to_string(HalfSnapshot::State state) {
  switch (state) {
    case HalfSnapshot::State::none: return "none";
    case HalfSnapshot::State::readable: return "readable";
    case HalfSnapshot::State::gone: return "gone";
    case HalfSnapshot::State::damaged: return "damaged";
  }
  return "unknown";
}

}  // namespace fairway::inspector
