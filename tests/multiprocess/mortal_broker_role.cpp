// The process that mortal_broker.hpp starts and kills: a broker of the directory that it is given.
#include <fairway/fairway.hpp>

#include "support/child.hpp"

namespace fairway::test {
namespace {

FAIRWAY_CHILD(rejoin_broker) {
  Broker broker({.directory = arguments.at(0)});
  say("ready");
  broker.run();
  return 0;
}

}  // namespace
}  // namespace fairway::test
