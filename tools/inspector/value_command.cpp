#include "inspector/value_command.hpp"

#include <cerrno>
#include <cstdio>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include <CLI/CLI.hpp>
#include <fairway/error.hpp>
#include <fairway/value.hpp>
#include <fmt/format.h>

#include "inspector/framing.hpp"
#include "inspector/reader.hpp"
#include "wire/value_reader.hpp"
#include "wire/value_writer.hpp"

namespace fairway::inspector {

namespace {

struct Options {
  bool stream = false;
  std::size_t ports = 0;
};

/// All that comes, or message by message.
std::optional<std::string> next_input(std::FILE* from, const Options& options, bool& read) {
  if (options.stream) return read_message(from, Framing::length);
  if (std::exchange(read, true)) return std::nullopt;
  std::string all;
  char part[1 << 16];
  while (const std::size_t size = std::fread(part, 1, sizeof part, from)) all.append(part, size);
  if (std::ferror(from) != 0) throw std::system_error(errno, std::generic_category(), "cannot read the input");
  return all;
}

void write_output(const std::string& bytes, const Options& options) {
  if (options.stream) return write_message(stdout, Framing::length, bytes);
  if (std::fwrite(bytes.data(), 1, bytes.size(), stdout) != bytes.size() || std::fflush(stdout) != 0)
    throw std::system_error(errno, std::generic_category(), "cannot write the output");
}

/// Stand for the ports that a message would have brought along.
std::vector<std::shared_ptr<void>> stand_ins(std::size_t count) {
  std::vector<std::shared_ptr<void>> ports(count);
  for (auto& port : ports) port = std::make_shared<char>();
  return ports;
}

Value decode(const std::string& bytes, const std::vector<std::shared_ptr<void>>& ports) {
  Value value;
  const wire::ValueError error = wire::read_value(std::as_bytes(std::span(bytes)), ports, value);
  if (error != wire::ValueError::none) throw Failure(fmt::format("these bytes are no value: {}", to_string(error)));
  return value;
}

std::string encode(const Value& value, const std::vector<std::shared_ptr<void>>& ports) {
  std::vector<const void*> list;
  for (const auto& port : ports) list.push_back(port.get());
  std::vector<std::byte> out;
  wire::write_value(value, list, out);
  return {reinterpret_cast<const char*>(out.data()), out.size()};
}

int roundtrip(const Options& options) {
  const auto ports = stand_ins(options.ports);
  bool read = false;
  while (const auto bytes = next_input(stdin, options, read)) write_output(encode(decode(*bytes, ports), ports), options);
  return 0;
}

}  // namespace

int value_command(int argc, char** argv) {
  CLI::App app;
  Options options;
  app.name("fairway value");
  app.description("Shows and makes the bytes of messages that are values. The format is that of V8's ValueSerializer:\n"
                  "v8.Serializer and v8.Deserializer of Node write and read it (v8.serialize wraps views otherwise).");
  app.require_subcommand(1);
  CLI::App* const roundtrip_command = app.add_subcommand("roundtrip", "Read bytes, decode them, encode the value, write its bytes");
  for (CLI::App* const command : {roundtrip_command}) {
    command->add_flag("--stream", options.stream, "Many messages, 4 bytes of length (little-endian) before each");
    command->add_option("--ports", options.ports, "Ports that the message brought along")->type_name("N");
  }
  roundtrip_command->footer("Example:\n  fairway value roundtrip < message > same");
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked) {
    return app.exit(asked);
  } catch (const CLI::ParseError& mistake) {
    throw Failure(fmt::format("{}; see fairway value --help", mistake.what()));
  }
  return roundtrip(options);
}

}  // namespace fairway::inspector
