#pragma once

#include <string>

#include <fairway/error.hpp>

namespace fairway::test {

/// The name of the DOMException that the action throws, or "none".
template <class Action>
std::string error_of(Action&& action) {
  try {
    action();
  } catch (const DOMException& error) {
    return std::string(error.name());
  }
  return "none";
}

}  // namespace fairway::test
