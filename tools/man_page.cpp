#include "man_page.hpp"

#include <algorithm>
#include <cctype>
#include <sstream>
#include <string_view>

#include <fmt/format.h>

namespace fairway::tools {

namespace {

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '\\': out += "\\e"; break;
      case '-': out += "\\-"; break;
      case '\'': out += "\\(aq"; break;
      case '`': out += "\\(ga"; break;
      case '^': out += "\\(ha"; break;
      case '~': out += "\\(ti"; break;
      default: out += c;
    }
  }
  return out;
}

/// A line that begins with a dot is no request.
std::string line(std::string_view text) { return (text.starts_with('.') ? "\\&" : "") + escaped(text) + '\n'; }

std::string bold(std::string_view text) { return "\\fB" + escaped(text) + "\\fR"; }
std::string italic(std::string_view text) { return "\\fI" + escaped(text) + "\\fR"; }

std::string upper(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return text;
}

std::string value_of(const Argument& argument) {
  if (argument.value.empty()) return {};
  const auto words = choices(argument.value);
  if (words.empty()) return " " + italic(argument.value);
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? " " : "|") + bold(word);
  return text;
}

/// Indented lines stay as they are, the others are filled: they are sentences, or the head of what is indented.
std::string prose(const std::string& text) {
  std::istringstream lines(text);
  std::string out;
  std::string one;
  bool example = false;
  while (std::getline(lines, one)) {
    const bool indented = one.starts_with("  ");
    if (indented != example) out += indented ? ".PP\n.nf\n.RS\n" : ".RE\n.fi\n.PP\n";
    example = indented;
    if (one.empty()) {
      if (!out.empty() && !out.ends_with(".PP\n")) out += ".PP\n";
    } else {
      out += line(indented ? std::string_view(one).substr(2) : std::string_view(one));
    }
  }
  if (example) out += ".RE\n.fi\n";
  return out;
}

std::string argument_text(const Argument& argument) {
  std::string names;
  for (const std::string& name : argument.names) names += (names.empty() ? "" : ", ") + (name.starts_with('-') ? bold(name) : italic(name));
  if (!argument.names.front().starts_with('-') && !choices(argument.value).empty()) names = value_of(argument).substr(1);
  else if (argument.names.front().starts_with('-')) names += value_of(argument);
  return ".TP\n" + names + "\n" + line(argument.description);
}

std::string arguments_text(const Command& command) {
  std::string text;
  for (const Argument& argument : command.positionals) text += argument_text(argument);
  for (const Argument& argument : command.options)
    if (argument.names.back() != "--help" || command.commands.size() > 0) text += argument_text(argument);
  return text;
}

std::string usage(const std::string& program, const Command& command) {
  std::string text = bold(program);
  if (!command.options.empty()) text += " [" + italic("OPTION") + "]...";
  for (const Argument& argument : command.positionals)
    text += " " + italic(argument.names.front()) + (argument.repeated ? "..." : "");
  return text;
}

}  // namespace

std::string man_page(const Command& program, const Page& page) {
  const std::string summary = program.description.substr(0, program.description.find_first_of(".:"));
  std::string text = fmt::format(".TH {} {} {} \"Fairway {}\" \"Fairway\"\n", upper(program.name), page.section, page.date, page.version);
  text += ".SH NAME\n" + escaped(program.name) + " \\- " + escaped(summary) + "\n";
  text += ".SH SYNOPSIS\n" + usage(program.name, program);
  if (!program.commands.empty()) text += " " + italic("COMMAND") + " ...";
  text += "\n.SH DESCRIPTION\n" + line(program.description);
  text += ".SH OPTIONS\n" + arguments_text(program);
  if (!program.commands.empty()) text += ".SH COMMANDS\n";
  for (const Command& command : program.commands) {
    text += ".SS " + usage(program.name + " " + command.name, command) + "\n" + line(command.description + ".");
    text += arguments_text(command);
    if (!command.footer.empty()) text += ".PP\n" + prose(command.footer);
  }
  if (!program.footer.empty()) text += ".SH NOTES\n" + prose(program.footer);
  return text + ".SH SEE ALSO\n" + line(page.see_also);
}

}  // namespace fairway::tools
