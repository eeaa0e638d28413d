#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "inspector/text.hpp"
#include "shm/byte_ring.hpp"

/// What `tap` sees pass, and how it shows that. Pure.
namespace fairway::inspector {

struct Passing {
  enum class What {
    message,
    missed,   ///< `number` messages that were overwritten before they could be copied
    closed,   ///< nothing follows from that port
    damaged,  ///< what follows was not written by a Fairway library, or by one of another version
  };
  What what = What::message;
  PortId from;
  std::uint64_t time_ns = 0;  ///< since 1970, when it was seen: messages carry no time
  std::uint64_t number = 0;   ///< of the message, from 1 on, over all owners of the port
  shm::RecordType kind = shm::RecordType::none;
  std::uint64_t size = 0;          ///< of the whole message, in bytes
  std::string bytes = {};          ///< its beginning; a value that is not too large is whole
  std::vector<PortId> ports = {};  ///< that it carries
  bool has_buffers = false;        ///< what the ArrayBuffers hold that the value takes along stands with it
};

enum class Show { text, hex };

struct Look {
  Show show = Show::text;
  std::uint64_t most = std::uint64_t{1} << 10;  ///< bytes that are shown of a message; as JSON a value is whole
};

/// One line, with Show::hex a few more.
std::string passing_text(const Passing& passing, Look look, Colour colour);
/// One object in one line.
std::string passing_json(const Passing& passing, Look look);

}  // namespace fairway::inspector
