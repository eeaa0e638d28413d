#pragma once

#include <cstdint>
#include <string>

#include <boost/json.hpp>

#include "inspector/snapshot.hpp"

/// What several commands' JSON has in common.
namespace fairway::inspector {

boost::json::object broker_json(const BrokerSnapshot& broker);
std::int64_t whole(double rate);
std::string line(const boost::json::object& object);

}  // namespace fairway::inspector
