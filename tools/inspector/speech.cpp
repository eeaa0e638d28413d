#include "inspector/speech.hpp"

#include <span>
#include <utility>

#include <fmt/format.h>
#include <boost/json.hpp>
#include <fairway/error.hpp>

#include "inspector/reader.hpp"
#include "inspector/value_json.hpp"

namespace fairway::inspector {

namespace json = boost::json;

namespace {

using Kind = MessageEvent::Kind;

Value value_of_line(std::string_view line, std::uint64_t number) {
  try {
    return value_from_json(line, Ports::none);
  } catch (const Failure& failure) {
    throw Failure(fmt::format("line {}: {}", number, failure.what()));
  } catch (const DOMException& failure) {
    throw Failure(fmt::format("line {}: {}", number, failure.what()));
  }
}

std::string_view bytes_of(const MessageEvent& event) {
  return {reinterpret_cast<const char*>(event.bytes().data()), event.bytes().size()};
}

/// What is no value, or too deep for JSON.
std::string tagged(const MessageEvent& event) {
  json::object out;
  switch (event.kind()) {
    case Kind::error: out["$message"] = "damaged"; break;
    case Kind::value: out = {{"$message", "value"}, {"problem", "it is nested too deeply for JSON"}}; break;
    default: out = {{"$message", event.kind() == Kind::object ? "object" : "bytes"}, {"hex", hex(event.bytes())}};
  }
  return json::serialize(out);
}

std::string json_line(const MessageEvent& event) {
  if (event.kind() != Kind::value && event.kind() != Kind::string) return tagged(event);
  try {
    return value_to_json(event.data());
  } catch (const Failure&) {
    return tagged(event);
  }
}

}  // namespace

Spoken::Spoken(std::string message, Speech speech, std::uint64_t number)
    : speech_(speech), message_(std::move(message)) {
  if (speech_ == Speech::values) value_ = value_of_line(message_, number);
}

Payload Spoken::payload() const {
  switch (speech_) {
    case Speech::text: return message_;
    case Speech::bytes: return std::as_bytes(std::span(message_));
    case Speech::values: break;
  }
  return *value_;
}

std::string_view heard(const MessageEvent& event, Speech speech, std::string& scratch) {
  switch (speech) {
    case Speech::text:
      if (event.kind() == Kind::value) return scratch = inspect(event.data());
      return event.kind() == Kind::error ? "<damaged message>" : bytes_of(event);
    case Speech::bytes:
      if (event.kind() == Kind::error) throw Failure("a message is damaged, so there are no bytes of it");
      return bytes_of(event);
    case Speech::values: break;
  }
  return scratch = json_line(event);
}

}  // namespace fairway::inspector
