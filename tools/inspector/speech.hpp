#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <fairway/message_event.hpp>
#include <fairway/payload.hpp>
#include <fairway/value.hpp>

#include "inspector/framing.hpp"

namespace fairway::inspector {

/// What the messages in a stream of bytes are, and how they stand there.
enum class Speech {
  text,    ///< strings, one a line
  bytes,   ///< any bytes, behind their length
  values,  ///< values as JSON, one a line
};

constexpr Framing framing(Speech speech) noexcept { return speech == Speech::bytes ? Framing::length : Framing::lines; }

/// A message as it stood in a stream, to be posted.
class Spoken {
 public:
  /// `number`: which one of the stream it is, from 1 on. Throws Failure, which names the line, for what is no value.
  Spoken(std::string message, Speech speech, std::uint64_t number);

  /// Borrows from this.
  Payload payload() const;

 private:
  Speech speech_;
  std::string message_;
  std::optional<Value> value_;
};

/// A message that has come, as it stands in a stream: borrowed from the event, or from `scratch`. A line says of
/// everything what it is; behind a length there are the bytes, also of a value. Throws Failure for a damaged one that
/// has no line.
std::string_view heard(const MessageEvent& event, Speech speech, std::string& scratch);

}  // namespace fairway::inspector
