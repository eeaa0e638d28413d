#pragma once

#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

namespace fairway::inspector {

/// How a stream of bytes is cut into messages.
enum class Framing {
  lines,   ///< one message a line, as strings; what follows the last newline counts too
  length,  ///< 4 bytes with the length, little-endian, then so many bytes
};

/// The next message. None: the stream ends here. Throws Failure where it ends inside of one.
std::optional<std::string> read_message(std::FILE* from, Framing framing);
/// Written and flushed. Throws std::system_error.
void write_message(std::FILE* to, Framing framing, std::string_view message);

}  // namespace fairway::inspector
