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

/// The message as it stands in the stream. Throws Failure.
std::string framed(std::string_view message, Framing framing);

/// The same cut as `read_message` makes, of bytes as they come.
class Cutter {
 public:
  explicit Cutter(Framing framing) noexcept : framing_(framing) {}

  void add(std::string_view bytes) { bytes_.append(bytes); }
  /// None: the next message is not complete yet.
  std::optional<std::string> next();
  /// What is left where the stream ends. Throws Failure inside of a message.
  std::optional<std::string> last();

 private:
  std::optional<std::string> take(std::size_t skipped, std::size_t size, std::size_t ends);

  Framing framing_;
  std::string bytes_;
  std::size_t searched_ = 0;  ///< no newline before that
};

}  // namespace fairway::inspector
