#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "inspector/diagnosis.hpp"
#include "inspector/drawing.hpp"
#include "inspector/snapshot.hpp"

/// From two samples of everything to what `top` shows. Pure.
namespace fairway::inspector {

/// One direction of a channel.
struct LiveRow {
  ChannelId channel;
  Flow flow;
  std::string from = {}, to = {};  ///< the owners' names; else command and pid; empty: nobody
  std::int32_t from_pid = 0, to_pid = 0;
  Cell state = nothing;
  std::uint64_t memory = 0;  ///< bytes: segments of this direction, and what is held back in the writer's heap
};

struct Live {
  BrokerSnapshot broker;
  std::string time = {};  ///< of the later sample, UTC
  std::uint64_t interval_ns = 0;
  std::size_t contexts = 0, channels = 0;
  std::vector<LiveRow> rows = {};
};

enum class Order { rate, depth, memory };

/// What happened between the two; unsorted. `time`: as in Live. Channels that are new count from their creation.
Live live(const Snapshot& before, const Snapshot& now, std::string time);
/// Largest first; what is equal by channel and direction.
void sort(Live& live, Order order);

/// How a person looks at it.
struct View {
  Order order = Order::rate;
  std::size_t first = 0;  ///< the first row that is shown
};
struct ScreenSize {
  std::size_t lines = 24, columns = 80;
};
using Line = std::vector<Cell>;

enum class Key { up, down, page_up, page_down, home, end, by_rate, by_depth, by_memory, other };
/// The view after a key; it never leaves the rows.
View press(View view, Key key, const Live& live, ScreenSize size);
/// A full screen, one element a line, none longer than the screen is wide; the footer shows the keys. `live` is sorted.
std::vector<Line> screen(const Live& live, View view, ScreenSize size);

/// The first `most` rows (0: all) for a log: a line with time and sums, and a table. `live` is sorted.
std::string live_text(const Live& live, std::size_t most, Colour colour);
std::string live_json(const Live& live, std::size_t most);

}  // namespace fairway::inspector
