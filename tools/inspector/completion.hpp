#pragma once

#include <string>

#include "describe.hpp"

/// Scripts that make shells complete commands, options, channels and names of contexts. Pure.
namespace fairway::inspector {

std::string bash_completion(const tools::Command& program);
std::string zsh_completion(const tools::Command& program);
std::string fish_completion(const tools::Command& program);

}  // namespace fairway::inspector
