#pragma once

#include <fairway/broker.hpp>
#include <fairway/log.hpp>

namespace CLI {
class App;
}

namespace fairway {

/// What fairwayd's command line asks for.
struct BrokerArguments {
  BrokerOptions broker;
  LogLevel log = LogLevel::warning;
  bool on_demand = false;
};

/// Options and help; the manual page comes from the same.
void define(CLI::App& app, BrokerArguments& arguments);

}  // namespace fairway
