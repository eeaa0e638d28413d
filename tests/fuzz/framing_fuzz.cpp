/// The inspector's cutting of a stream into messages: nothing is lost or invented, and what was cut is cut the same again.
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fuzz/input.hpp"
#include "inspector/framing.hpp"
#include "inspector/reader.hpp"

namespace {

using namespace fairway::inspector;
using fairway::fuzz::Input;
using fairway::fuzz::require;
using fairway::fuzz::take;

struct Close {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, Close>;

/// None: it ends inside of a message.
std::optional<std::vector<std::string>> cut(std::string& bytes, Framing framing) {
  std::vector<std::string> messages;
  if (bytes.empty()) return messages;
  const File file(::fmemopen(bytes.data(), bytes.size(), "r"));
  try {
    while (auto message = read_message(file.get(), framing)) messages.push_back(*std::move(message));
  } catch (const Failure&) {
    return std::nullopt;
  }
  return messages;
}

std::string joined(const std::vector<std::string>& messages, Framing framing) {
  char* buffer = nullptr;
  std::size_t size = 0;
  File file(::open_memstream(&buffer, &size));
  for (const std::string& message : messages) write_message(file.get(), framing, message);
  file.reset();
  const std::string bytes(buffer, size);
  std::free(buffer);
  return bytes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const Framing framing = take(input) % 2 == 0 ? Framing::lines : Framing::length;
  std::string bytes(input.begin(), input.end());
  const auto messages = cut(bytes, framing);
  if (!messages) return 0;
  std::string again = joined(*messages, framing);
  const bool newline_at_end = bytes.empty() || bytes.back() == '\n';
  require(again == bytes || (framing == Framing::lines && !newline_at_end && again == bytes + '\n'), "bytes are lost or invented");
  require(cut(again, framing) == messages, "what was cut is cut in another way");
  return 0;
}
