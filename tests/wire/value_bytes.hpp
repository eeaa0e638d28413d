#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <fairway/value.hpp>

#include "wire/value_reader.hpp"
#include "wire/value_writer.hpp"

namespace fairway::test {

inline Bytes bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

/// As V8's Serializer writes it, with its header.
inline std::string written(const Value& value, std::span<const void* const> ports = {}) {
  std::vector<std::byte> out;
  wire::write_value(value, ports, out);
  return std::string(reinterpret_cast<const char*>(out.data()), out.size());
}

/// What the bytes behind a header of that version are.
inline wire::ValueError read(std::string_view body, Value& out, std::size_t ports = 0, char version = 15) {
  std::string bytes{'\xff', version};
  bytes += body;
  const std::vector<std::shared_ptr<void>> list(ports, std::make_shared<int>());
  return wire::read_value(bytes_of(bytes), list, out);
}

inline wire::ValueError error_of(std::string_view body, std::size_t ports = 0, char version = 15) {
  Value value;
  return read(body, value, ports, version);
}

}  // namespace fairway::test
