#include "inspector/drawing.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "inspector/diagnosis.hpp"
#include "inspector/names.hpp"

namespace fairway::inspector {

namespace {

bool begins_character(char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }

}  // namespace

std::size_t width(std::string_view text) { return static_cast<std::size_t>(std::ranges::count_if(text, begins_character)); }

std::string cut(std::string_view text, std::size_t most) {
  std::size_t characters = 0;
  const auto end = std::ranges::find_if(text, [&](char c) { return begins_character(c) && characters++ == most; });
  return {text.begin(), end};
}

std::string paint(std::string text, Ink ink, Colour colour) {
  if (colour == Colour::off || ink == Ink::plain) return text;
  const std::string_view code = ink == Ink::head ? "1" : ink == Ink::alarm ? "31" : "33";
  return fmt::format("\x1b[{}m{}\x1b[0m", code, text);
}

std::string table(const std::vector<std::vector<Cell>>& rows, Colour colour) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width(row[i].text));
  }
  std::string text;
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      const bool last = i + 1 == row.size();
      text += paint(row[i].text, &row == &rows.front() ? Ink::head : row[i].ink, colour);
      if (!last) text.append(widths[i] - width(row[i].text) + 2, ' ');
    }
    text += '\n';
  }
  return text;
}

std::string age(std::uint64_t now, std::uint64_t then) {
  if (then == 0) return std::string(nothing);
  return duration_text(then < now ? now - then : 0);  // what happened while the snapshot was taken
}

Cell process_cell(ProcessState state) {
  return {to_string(state), state == ProcessState::stopped || state == ProcessState::ended ? Ink::alarm : Ink::plain};
}

std::string or_nothing(const std::string& text) { return text.empty() ? std::string(nothing) : text; }

std::string broker_line(const BrokerSnapshot& broker, Colour colour) {
  if (broker.pid == 0) return fmt::format("broker at {}\n", broker.directory);
  return fmt::format("broker at {}: pid {} ({}), {}\n", broker.directory, broker.pid, or_nothing(broker.command),
                     paint(std::string(to_string(broker.process)), process_cell(broker.process).ink, colour));
}

}  // namespace fairway::inspector
