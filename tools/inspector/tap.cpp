#include "inspector/tap.hpp"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <system_error>
#include <vector>

#include "inspector/stream_tap.hpp"

namespace fairway::inspector {

namespace {

/// How often it looks, at first and when nothing passes for a while: a small ring is overwritten in less, and then it
/// says so.
constexpr int shortest_pause_ms = 1;
constexpr int longest_pause_ms = 8;
/// So many from one port before the other has its turn.
constexpr int turn = 256;

constexpr std::uint64_t endless = ~std::uint64_t{0};

struct Stream {
  StreamTap tap;
  std::uint64_t last;  ///< the number of the last message that is to be shown; 0: that was it
};

void write(std::FILE* out, const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), out) != text.size())
    throw std::system_error(errno, std::generic_category(), "cannot write the output");
}

/// False: nobody reads the output any more.
bool pause(std::FILE* out, int pause_ms) {
  if (std::fflush(out) != 0) throw std::system_error(errno, std::generic_category(), "cannot write the output");
  pollfd entry{::fileno(out), 0, 0};
  return ::poll(&entry, 1, pause_ms) <= 0 || (entry.revents & POLLERR) == 0;
}

}  // namespace

std::optional<std::uint64_t> tap(Reader& reader, ChannelId channel, const TapOptions& options, std::FILE* out, Colour colour) {
  const bool follow = options.follow || options.count;
  const auto report = reader.report(channel, std::optional<ChannelSnapshot>());
  const shm::ChannelRow* const row = reader.row(channel);
  if (!report || row == nullptr) return std::nullopt;
  std::vector<Stream> streams;
  for (const int side : {1, 2}) {
    if (options.from.value_or(side) != side) continue;
    const std::uint64_t posted = report->now.port[static_cast<std::size_t>(side - 1)].half.written.messages;
    streams.push_back({StreamTap(reader.segments(), PortId::of(channel, side), *row, options.look.most), follow || posted == 0 ? endless : posted});
    if (follow) streams.back().tap.skip_present();
  }

  std::uint64_t shown = 0;
  int pause_ms = shortest_pause_ms;
  for (;;) {
    bool quiet = true;
    for (Stream& stream : streams) {
      for (int i = 0; i < turn && shown != options.count && stream.last != 0; ++i) {
        const auto passing = stream.tap.next();
        if (!passing) break;
        quiet = false;
        write(out, options.json ? passing_json(*passing, options.look) : passing_text(*passing, options.look, colour));
        if (passing->what != Passing::What::message) continue;
        ++shown;
        if (passing->number >= stream.last) stream.last = 0;
      }
    }
    if (shown == options.count) break;
    if (!quiet) {
      pause_ms = shortest_pause_ms;
      continue;
    }
    if (!follow || std::ranges::all_of(streams, [](const Stream& stream) { return stream.tap.over(); }) || !pause(out, pause_ms)) break;
    pause_ms = std::min(2 * pause_ms, longest_pause_ms);
  }
  if (std::fflush(out) != 0) throw std::system_error(errno, std::generic_category(), "cannot write the output");
  return shown;
}

}  // namespace fairway::inspector
