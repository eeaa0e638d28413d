#include "describe.hpp"

#include <CLI/CLI.hpp>

namespace fairway::tools {

namespace {

Argument describe(const CLI::Option& option) {
  Argument argument;
  const bool positional = option.get_positional();
  if (positional) {
    argument.names = {option.get_name(true)};
  } else {
    for (const std::string& name : option.get_snames()) argument.names.push_back("-" + name);
    for (const std::string& name : option.get_lnames()) argument.names.push_back("--" + name);
  }
  if (option.get_items_expected_max() > 0) argument.value = option.get_type_name();
  // A validator says more than people want to read: its words follow a colon.
  argument.value = argument.value.substr(0, argument.value.find(':'));
  argument.description = option.get_description();
  argument.required = option.get_required();
  argument.repeated = option.get_items_expected_max() > 1;
  return argument;
}

}  // namespace

Command describe(const CLI::App& app) {
  Command command{app.get_name(), app.get_description(), app.get_footer()};
  for (const CLI::Option* const option : app.get_options()) {
    if (option->get_group().empty()) continue;
    (option->get_positional() ? command.positionals : command.options).push_back(describe(*option));
  }
  for (const CLI::App* const inner : app.get_subcommands([](const CLI::App* candidate) { return !candidate->get_group().empty(); }))
    command.commands.push_back(describe(*inner));
  return command;
}

std::vector<std::string> choices(const std::string& value) {
  if (value.find('|') == std::string::npos) return {};
  return CLI::detail::split(value, '|');
}

}  // namespace fairway::tools
