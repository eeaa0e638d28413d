#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>

#include "inspector/reader.hpp"
#include "inspector/text.hpp"

/// The commands that look again and again, until they are told to end. They only read. A signal that ends one ends
/// the process, once the terminal and the files are in order. Throw Failure, and std::system_error where the output
/// cannot be written.
namespace fairway::inspector {

struct Rhythm {
  std::chrono::nanoseconds interval = std::chrono::seconds(1);
  std::optional<std::uint64_t> count = {};                  ///< looks, or events
  std::optional<std::chrono::nanoseconds> duration = {};
};

enum class Form { text, json };

/// All channels: a full screen on a terminal, else the first `rows` (0: all) at each interval.
void top(Reader reader, const Rhythm& rhythm, Form form, std::size_t rows, Colour colour);

/// One channel: in place on a terminal, else a block at each interval, until it is gone. False: there is none.
bool watch(Reader& reader, ChannelId channel, const Rhythm& rhythm, Form form, Colour colour);

/// What happens to contexts, channels and ports; into `chrome` in the trace-event format, unless that is empty.
void trace(Reader reader, const Rhythm& rhythm, Form form, const std::filesystem::path& chrome);

}  // namespace fairway::inspector
