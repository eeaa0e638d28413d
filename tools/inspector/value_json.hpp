#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/value.hpp>
#include <fairway/types.hpp>
#include <fairway/value.hpp>

#include "value/node.hpp"

/// Values as JSON, with tags for what JSON lacks: tools/inspector/README.md lists them.
namespace fairway::inspector {

/// One line, without its end. Throws Failure for what is nested too deeply for JSON.
std::string value_to_json(const Value& value);
boost::json::value json_of(const Value& value);

/// What `$port` is: a stand-in, or a Failure.
enum class Ports { stand_ins, none };
/// Throws Failure if that is no JSON, or a tag does not fit; DOMException as the makers of Value do.
Value value_from_json(std::string_view text, Ports ports = Ports::stand_ins);

/// Two digits a byte.
std::string hex(Bytes bytes);

/// Stands for the port at that place of a message's list.
Value stand_in(std::size_t index);
/// The bytes of a value, in which stand-ins are ports. Throws DOMException.
std::string encode_with_stand_ins(const Value& value);
/// The other way round. Throws Failure for bytes that are no value.
Value decode_with_stand_ins(std::string_view bytes);
/// The value of a message that brings so many ports along. None: `problem` says why its bytes are no value.
std::optional<Value> decode_with_stand_ins(std::string_view bytes, std::size_t ports, std::vector<graph::Contents> buffers,
                                           std::string& problem);

}  // namespace fairway::inspector
