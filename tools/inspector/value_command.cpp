#include "inspector/value_command.hpp"

#include <cerrno>
#include <cstdio>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include <CLI/CLI.hpp>
#include <fairway/error.hpp>
#include <fairway/value.hpp>
#include <fmt/format.h>

#include "inspector/framing.hpp"
#include "inspector/reader.hpp"
#include "inspector/value_json.hpp"

namespace fairway::inspector {

namespace {

struct Options {
  bool stream = false;
  bool json = false;
  std::string file = "-";
};

std::FILE* open_input(const std::string& name) {
  if (name == "-") return stdin;
  std::FILE* const file = std::fopen(name.c_str(), "rb");
  if (file == nullptr) throw std::system_error(errno, std::generic_category(), "cannot open " + name);
  return file;
}

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

void write_line(const std::string& line) {
  if (std::fputs((line + "\n").c_str(), stdout) < 0 || std::fflush(stdout) != 0)
    throw std::system_error(errno, std::generic_category(), "cannot write the output");
}

void roundtrip(std::FILE* in, const Options& options) {
  bool read = false;
  while (const auto bytes = next_input(in, options, read)) write_output(encode_with_stand_ins(decode_with_stand_ins(*bytes)), options);
}

void dump(std::FILE* in, const Options& options) {
  bool read = false;
  while (const auto bytes = next_input(in, options, read)) {
    const Value value = decode_with_stand_ins(*bytes);
    write_line(options.json ? value_to_json(value) : inspect(value, InspectStyle::indented));
  }
}

void encode(std::FILE* in, const Options& options) {
  bool read = false;
  const auto next = [&] { return options.stream ? read_message(in, Framing::lines) : next_input(in, options, read); };
  while (const auto text = next()) write_output(encode_with_stand_ins(value_from_json(*text)), options);
}

constexpr const char* tags = R"(What JSON lacks is written as an object with one of these keys:
  {"$undefined": true}               {"$number": "NaN"}: also Infinity, -Infinity, -0
  {"$bigint": "-12"}                 {"$string": [55357, 97]}: UTF-16 code units, for lone surrogates
  {"$boxed": 1}                      {"$date": milliseconds}
  {"$regexp": ["source", "flags"]}   {"$error": {"name": ..., "message": ..., "stack": ..., "cause": ...}}
  {"$map": [[key, value], ...]}      {"$set": [member, ...]}
  {"$array": {"length": 3, "elements": [[0, "x"], ...], "properties": [["key", value], ...]}}: with holes, or more
  {"$object": [["key", value], ...]}: with a key that begins with $
  {"$buffer": "00ff"}                {"$buffer": "00ff", "max": 8}: resizable
  {"$view": {"type": "Uint8Array", "buffer": ..., "offset": 0, "length": 2}}: or DataView; length null follows its buffer
  {"$port": 0}: the place in the message's list of ports
  {"$id": 1, "$is": ...}, and {"$ref": 1} for the same again: shared, or a cycle)";

}  // namespace

int value_command(int argc, char** argv) {
  CLI::App app;
  Options options;
  app.name("fairway value");
  app.description("Shows and makes the bytes of messages that are values. The format is that of V8's ValueSerializer:\n"
                  "v8.Serializer and v8.Deserializer of Node write and read it (v8.serialize wraps views otherwise).");
  app.require_subcommand(1);
  CLI::App* const dump_command = app.add_subcommand("dump", "Print the value that bytes hold");
  dump_command->add_flag("--json", options.json, "As one line of JSON, which encode takes");
  dump_command->footer(std::string(tags) + "\nExample:\n  fairway value dump --json message");
  CLI::App* const encode_command = app.add_subcommand("encode", "Make bytes of JSON");
  encode_command->footer(std::string(tags) + "\nExample:\n  echo '{\"n\": 1, \"at\": {\"$date\": 0}}' | fairway value encode > message");
  CLI::App* const roundtrip_command = app.add_subcommand("roundtrip", "Decode bytes, encode the value, write its bytes");
  roundtrip_command->footer("Example:\n  fairway value roundtrip < message > same");
  for (CLI::App* const command : {dump_command, encode_command, roundtrip_command}) {
    command->add_flag("--stream", options.stream, "Many: bytes with 4 bytes of length (little-endian) before each, JSON line by line");
    command->add_option("FILE", options.file, "Where from; - (default): standard input")->type_name("");
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked) {
    return app.exit(asked);
  } catch (const CLI::ParseError& mistake) {
    throw Failure(fmt::format("{}; see fairway value --help", mistake.what()));
  }
  std::FILE* const in = open_input(options.file);
  if (dump_command->parsed()) {
    dump(in, options);
  } else if (encode_command->parsed()) {
    encode(in, options);
  } else {
    roundtrip(in, options);
  }
  return 0;
}

}  // namespace fairway::inspector
