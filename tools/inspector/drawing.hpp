#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "inspector/snapshot.hpp"
#include "inspector/text.hpp"

/// Words in ink, and tables of them.
namespace fairway::inspector {

inline constexpr std::string_view nothing = "-";

enum class Ink { plain, head, alarm, notice };

std::string paint(std::string text, Ink ink, Colour colour);

struct Cell {
  Cell(std::string words, Ink ink_of_it = Ink::plain) : text(std::move(words)), ink(ink_of_it) {}
  Cell(std::string_view words, Ink ink_of_it = Ink::plain) : text(words), ink(ink_of_it) {}
  Cell(const char* words, Ink ink_of_it = Ink::plain) : text(words), ink(ink_of_it) {}

  std::string text;
  Ink ink;
};

/// Characters, not bytes: a command may have any name.
std::size_t width(std::string_view text);
/// The first `most` characters.
std::string cut(std::string_view text, std::size_t most);

/// Left-aligned columns, each as wide as its widest cell; the first row is the head.
std::string table(const std::vector<std::vector<Cell>>& rows, Colour colour);

std::string age(std::uint64_t now, std::uint64_t then);
std::string or_nothing(const std::string& text);
Cell process_cell(ProcessState state);
/// "broker at …", and a newline.
std::string broker_line(const BrokerSnapshot& broker, Colour colour);

}  // namespace fairway::inspector
