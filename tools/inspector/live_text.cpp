#include "inspector/live.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>

#include "inspector/json_parts.hpp"

/// What `top` shows, as a screen, as lines for a log, as JSON.
namespace fairway::inspector {

namespace json = boost::json;

namespace {

/// Above the rows: two lines, an empty one, the head; below: the footer.
constexpr std::size_t lines_above = 4;
constexpr std::size_t lines_around = lines_above + 1;

constexpr std::size_t longest_name = 20;
/// On a screen that is not so wide, names are shorter and columns closer.
constexpr std::size_t longest_narrow_name = 8;
constexpr std::size_t wide = 115;
constexpr std::size_t columns = 10;
constexpr std::size_t first_number = 4;  ///< from this column on they are right-aligned

std::size_t visible_rows(ScreenSize size) { return size.lines > lines_around ? size.lines - lines_around : 0; }

std::string shortened(const std::string& text, std::size_t most) {
  if (width(text) <= most) return text;
  return cut(text, most - 1) + "~";
}

std::string number(double value) { return fmt::format("{:.{}f}", value, value != 0 && value < 9.95 ? 1 : 0); }

std::array<Cell, columns> cells(const LiveRow& row, std::size_t longest) {
  const Flow& flow = row.flow;
  const auto rate = [&flow](std::string text) { return flow.rates_known ? std::move(text) : std::string(nothing); };
  const bool waits = flow.waiting && flow.waiting->messages != 0;
  return {to_string(PortId::of(row.channel, flow.writer)),
          shortened(or_nothing(row.from), longest),
          shortened(or_nothing(row.to), longest),
          row.state,
          rate(number(flow.posted_per_second)),
          rate(bytes_text(static_cast<std::uint64_t>(flow.bytes_per_second))),
          {flow.waiting ? std::to_string(flow.waiting->messages) : std::string(nothing), waits ? Ink::notice : Ink::plain},
          bytes_text(flow.high_water),
          bytes_text(row.memory),
          rate(number(flow.wakes_per_second))};
}

std::array<Cell, columns> head(Order order) {
  const auto sorted = [order](const char* text, Order by) { return order == by ? std::string("*") + text : std::string(text); };
  std::array<Cell, columns> head{"PORT", "FROM", "TO", "STATE", sorted("MSG/S", Order::rate), "BYTES/S", sorted("DEPTH", Order::depth),
                                 "HIGH-WATER", sorted("MEMORY", Order::memory), "WAKES/S"};
  for (Cell& cell : head) cell.ink = Ink::head;
  return head;
}

/// Head and rows as lines; names to the left, numbers to the right of their columns.
std::vector<Line> lines_of(const std::vector<std::array<Cell, columns>>& rows, std::string_view gap) {
  std::array<std::size_t, columns> widths{};
  for (const auto& row : rows)
    for (std::size_t i = 0; i < columns; ++i) widths[i] = std::max(widths[i], width(row[i].text));
  std::vector<Line> lines;
  for (const auto& row : rows) {
    Line& line = lines.emplace_back();
    for (std::size_t i = 0; i < columns; ++i) {
      const std::string filling(widths[i] - width(row[i].text), ' ');
      if (i != 0) line.emplace_back(i < first_number ? std::string(gap) : std::string(gap) + filling);
      line.push_back(row[i]);
      if (i < first_number) line.emplace_back(filling);
    }
  }
  return lines;
}

std::string sums(const Live& live) {
  double messages = 0, bytes = 0;
  std::uint64_t unread = 0, memory = 0;
  for (const LiveRow& row : live.rows) {
    messages += row.flow.posted_per_second;
    bytes += row.flow.bytes_per_second;
    unread += row.flow.waiting ? row.flow.waiting->messages : 0;
    memory += row.memory;
  }
  return fmt::format("{} contexts, {} channels; {:.0f} messages/s, {}/s, {} unread, {} of memory", live.contexts, live.channels, messages,
                     bytes_text(static_cast<std::uint64_t>(bytes)), unread, bytes_text(memory));
}

void trim(Line& line, std::size_t most) {
  std::size_t room = most;
  for (Cell& cell : line) {
    cell.text = cut(cell.text, room);
    room -= width(cell.text);
  }
}

std::string footer(const Live& live, View view, std::size_t shown) {
  constexpr std::string_view keys = "q quit   sort by r rate, d depth, m memory   j k arrows scroll";
  if (shown == 0) return std::string(keys);
  return fmt::format("{}   {}-{} of {}", keys, view.first + 1, view.first + shown, live.rows.size());
}

}  // namespace

View press(View view, Key key, const Live& live, ScreenSize size) {
  const std::size_t page = std::max<std::size_t>(visible_rows(size), 1);
  const std::size_t last = live.rows.size() > page ? live.rows.size() - page : 0;
  switch (key) {
    case Key::up: view.first -= std::min<std::size_t>(view.first, 1); break;
    case Key::down: ++view.first; break;
    case Key::page_up: view.first -= std::min(view.first, page); break;
    case Key::page_down: view.first += page; break;
    case Key::home: view.first = 0; break;
    case Key::end: view.first = last; break;
    case Key::by_rate: view = {Order::rate, 0}; break;
    case Key::by_depth: view = {Order::depth, 0}; break;
    case Key::by_memory: view = {Order::memory, 0}; break;
    case Key::other: break;
  }
  view.first = std::min(view.first, last);
  return view;
}

std::vector<Line> screen(const Live& live, View view, ScreenSize size) {
  view = press(view, Key::other, live, size);
  const std::size_t shown = std::min(visible_rows(size), live.rows.size() - std::min(view.first, live.rows.size()));
  const bool narrow = size.columns < wide;
  const std::size_t longest = narrow ? longest_narrow_name : longest_name;
  std::vector<std::array<Cell, columns>> rows{head(view.order)};
  for (std::size_t i = 0; i < shown; ++i) rows.push_back(cells(live.rows[view.first + i], longest));

  std::string broker = broker_line(live.broker, Colour::off);
  broker.pop_back();
  std::vector<Line> lines{{{"fairway top, " + live.time + "; " + broker, live.broker.process == ProcessState::running ? Ink::plain : Ink::notice}},
                          {sums(live)},
                          {}};
  for (Line& line : lines_of(rows, narrow ? " " : "  ")) lines.push_back(std::move(line));
  lines.resize(size.lines);
  if (size.lines != 0) lines.back() = {{footer(live, view, shown), Ink::head}};
  for (Line& line : lines) trim(line, size.columns);
  return lines;
}

std::string live_text(const Live& live, std::size_t most, Colour colour) {
  const std::size_t shown = most == 0 ? live.rows.size() : std::min(most, live.rows.size());
  std::string text = live.time + "  " + sums(live) + '\n';
  if (live.broker.process != ProcessState::running) text += broker_line(live.broker, colour);
  std::vector<std::array<Cell, columns>> rows{head(Order::rate)};
  rows[0][first_number].text.erase(0, 1);
  for (std::size_t i = 0; i < shown; ++i) rows.push_back(cells(live.rows[i], longest_name));
  for (const Line& line : lines_of(rows, "  ")) {
    for (const Cell& cell : line) text += paint(cell.text, cell.ink, colour);
    text += '\n';
  }
  if (shown < live.rows.size()) text += fmt::format("and {} more\n", live.rows.size() - shown);
  return text;
}

std::string live_json(const Live& live, std::size_t most) {
  json::array directions;
  for (const LiveRow& row : live.rows) {
    if (most != 0 && directions.size() == most) break;
    const Flow& flow = row.flow;
    json::object object{{"channel", to_string(row.channel)},
                        {"from", flow.writer},
                        {"to", flow.reader},
                        {"from_owner", nullptr},
                        {"from_pid", nullptr},
                        {"to_owner", nullptr},
                        {"to_pid", nullptr},
                        {"state", row.state.text},
                        {"posted_per_second", nullptr},
                        {"bytes_per_second", nullptr},
                        {"wakes_per_second", nullptr},
                        {"unread_messages", nullptr},
                        {"unread_bytes", nullptr},
                        {"high_water_bytes", flow.high_water},
                        {"memory_bytes", row.memory}};
    if (row.from_pid != 0) object["from_owner"] = row.from, object["from_pid"] = row.from_pid;
    if (row.to_pid != 0) object["to_owner"] = row.to, object["to_pid"] = row.to_pid;
    if (flow.rates_known) {
      object["posted_per_second"] = whole(flow.posted_per_second);
      object["bytes_per_second"] = whole(flow.bytes_per_second);
      object["wakes_per_second"] = whole(flow.wakes_per_second);
    }
    if (flow.waiting) {
      object["unread_messages"] = flow.waiting->messages;
      object["unread_bytes"] = flow.waiting->bytes;
    }
    directions.push_back(std::move(object));
  }
  return line({{"format", 1},
                    {"time", live.time},
                    {"interval_ns", live.interval_ns},
                    {"broker", broker_json(live.broker)},
                    {"directions", std::move(directions)}});
}

}  // namespace fairway::inspector
