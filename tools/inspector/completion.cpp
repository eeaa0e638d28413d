#include "inspector/completion.hpp"

#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace fairway::inspector {

using tools::Argument;
using tools::Command;

namespace {

enum class Kind { nothing, words, channels, contexts, files, folders, programs };

Kind kind_of(const Argument& argument) {
  if (!tools::choices(argument.value).empty()) return Kind::words;
  const std::string& name = argument.names.front().starts_with('-') ? argument.value : argument.names.front();
  if (name == "CHANNEL") return Kind::channels;
  if (name == "NAME") return Kind::contexts;
  if (name == "FILE") return Kind::files;
  if (name == "DIR") return Kind::folders;
  if (name == "CMD") return Kind::programs;
  return Kind::nothing;
}

std::string words_of(const Argument& argument) { return fmt::format("{}", fmt::join(tools::choices(argument.value), " ")); }

std::string quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string option_names(const Command& command) {
  std::string names;
  for (const Argument& option : command.options) names += fmt::format("{}{}", names.empty() ? "" : " ", fmt::join(option.names, " "));
  return names;
}

std::string command_names(const Command& program) {
  std::string names;
  for (const Command& command : program.commands) names += (names.empty() ? "" : " ") + command.name;
  return names;
}

// bash --------------------------------------------------------------------------------------------------------

std::string bash_reply(const Argument& argument) {
  switch (kind_of(argument)) {
    case Kind::nothing: return ":";
    case Kind::words: return "words " + quoted(words_of(argument));
    case Kind::channels: return "words \"$(ask channels)\"";
    case Kind::contexts: return "words \"$(ask contexts)\"";
    case Kind::files: return "compopt -o default 2>/dev/null";
    case Kind::folders: return "compopt -o default 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- \"$cur\")";
    case Kind::programs: return "compopt -o default 2>/dev/null; mapfile -t COMPREPLY < <(compgen -c -- \"$cur\")";
  }
  return ":";
}

constexpr std::string_view bash_head = R"(# Made by `fairway completion bash`.
_fairway()
{
    local cur=${COMP_WORDS[COMP_CWORD]} command='' option='' word i position=0 broker=()
    COMPREPLY=()
    ask() { "${COMP_WORDS[0]}" "${broker[@]}" complete "$1" 2>/dev/null; }
    words() { mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur"); }
    takes_value()
    {
        case "$command $1" in
)";

constexpr std::string_view bash_walk = R"(        esac
        return 1
    }
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if [ "$word" = -- ]; then
            option=--
        elif [ "$option" != -- ] && takes_value "$word"; then
            [ "$word" != --broker ] || broker=(--broker "${COMP_WORDS[i + 1]}")
            i=$((i + 1))
            [ "$i" -lt "$COMP_CWORD" ] || option=$word
        elif [ "$option" != -- ] && [[ $word == -* ]]; then
            :
        elif [ -z "$command" ]; then
            command=$word
        else
            position=$((position + 1))
        fi
    done
    if [ -n "$option" ] && [ "$option" != -- ]; then
        case "$command $option" in
)";

}  // namespace

std::string bash_completion(const Command& program) {
  std::string takes;
  std::string values;
  std::string options = fmt::format("        '') words {} ;;\n", quoted(option_names(program)));
  std::string places;
  const auto add_options = [&](const Command& command, std::string_view prefix) {
    for (const Argument& option : command.options) {
      if (option.value.empty()) continue;
      for (const std::string& name : option.names) {
        const std::string pattern = fmt::format("{}{}", prefix, quoted(" " + name));
        takes += fmt::format("        {}) return 0 ;;\n", pattern);
        values += fmt::format("        {}) {} ;;\n", pattern, bash_reply(option));
      }
    }
  };
  add_options(program, "*");
  for (const Command& command : program.commands) {
    add_options(command, command.name);
    options += fmt::format("        {}) words {} ;;\n", command.name, quoted(option_names(command) + " " + option_names(program)));
    for (std::size_t i = 0; i < command.positionals.size(); ++i)
      places += fmt::format("        {}) {} ;;\n", quoted(fmt::format("{} {}", command.name, i)), bash_reply(command.positionals[i]));
    if (!command.positionals.empty() && command.positionals.back().repeated)
      places += fmt::format("        {}*) compopt -o default 2>/dev/null ;;\n", quoted(command.name + " "));
  }
  return std::string(bash_head) + takes + std::string(bash_walk) + values +
         "        esac\n    elif [ -z \"$option\" ] && [[ $cur == -* ]]; then\n        case $command in\n" + options +
         "        esac\n    elif [ -z \"$command\" ]; then\n        words " + quoted(command_names(program)) +
         "\n    else\n        case \"$command $position\" in\n" + places +
         "        esac\n    fi\n    unset -f ask words takes_value\n}\ncomplete -F _fairway fairway\n";
}

// zsh ---------------------------------------------------------------------------------------------------------

namespace {

std::string zsh_action(const Argument& argument) {
  switch (kind_of(argument)) {
    case Kind::nothing: return " ";
    case Kind::words: return "(" + words_of(argument) + ")";
    case Kind::channels: return " _fairway_ask channels";  // the space keeps _arguments from adding words of its own
    case Kind::contexts: return " _fairway_ask contexts";
    case Kind::files: return "_files";
    case Kind::folders: return "_files -/";
    case Kind::programs: return "_command_names -e";
  }
  return " ";
}

/// What has a meaning of its own in a specification of _arguments.
std::string zsh_text(std::string_view text) {
  std::string out;
  for (const char c : text) out += c == ':' || c == '[' || c == ']' || c == '\\' ? std::string("\\") + c : std::string(1, c);
  return out;
}

std::string zsh_specifications(const Command& command, std::string_view indent) {
  std::string text;
  for (const Argument& option : command.options)
    for (const std::string& name : option.names) {
      std::string one = fmt::format("{}[{}]", name, zsh_text(option.description));
      if (!option.value.empty()) one += fmt::format(":{}:{}", zsh_text(option.value), zsh_action(option));
      text += fmt::format(" \\\n{}{}", indent, quoted(one));
    }
  for (std::size_t i = 0; i < command.positionals.size(); ++i) {
    const Argument& place = command.positionals[i];
    text += fmt::format(" \\\n{}{}", indent, quoted(fmt::format("{}:{}:{}", i + 1, place.names.front(), zsh_action(place))));
    if (place.repeated) text += fmt::format(" \\\n{}'*:argument:_files'", indent);
  }
  return text;
}

}  // namespace

std::string zsh_completion(const Command& program) {
  std::string text = R"zsh(#compdef fairway
# Made by `fairway completion zsh`.
_fairway_ask() {
    local -a words broker
    [[ -z ${opt_args[--broker]} ]] || broker=(--broker ${(Q)opt_args[--broker]})
    [[ -z ${fairway_broker} ]] || broker=(--broker $fairway_broker)
    words=(${(f)"$(command fairway $broker complete $1 2>/dev/null)"})
    compadd -a words
}
_fairway() {
    local curcontext=$curcontext state line fairway_broker
    local -A opt_args
    local -a commands
    _arguments -C)zsh";
  text += zsh_specifications(program, "        ") + " \\\n        '1:command:->command' '*::argument:->argument' && return\n";
  text += "    fairway_broker=${(Q)opt_args[--broker]}\n    case $state in\n    command)\n        commands=(\n";
  for (const Command& command : program.commands) text += fmt::format("            {}\n", quoted(command.name + ":" + zsh_text(command.description)));
  text += "        )\n        _describe command commands\n        ;;\n    argument)\n        case $line[1] in\n";
  for (const Command& command : program.commands)
    text += fmt::format("        {})\n            _arguments{}\n            ;;\n", command.name, zsh_specifications(command, "                "));
  return text + "        esac\n        ;;\n    esac\n}\nif [[ ${funcstack[1]} == _fairway ]]; then\n    _fairway \"$@\"\nelse\n    compdef _fairway fairway\nfi\n";
}

// fish --------------------------------------------------------------------------------------------------------

namespace {

std::string fish_quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' || c == '\\' ? std::string("\\") + c : std::string(1, c);
  return out + "'";
}

std::string fish_words(const Argument& argument) {
  switch (kind_of(argument)) {
    case Kind::nothing: return " -x";
    case Kind::words: return " -x -a " + fish_quoted(words_of(argument));
    case Kind::channels: return " -x -a '(__fairway_ask channels)'";
    case Kind::contexts: return " -x -a '(__fairway_ask contexts)'";
    case Kind::files: return " -r -F";
    case Kind::folders: return " -x -a '(__fish_complete_directories)'";
    case Kind::programs: return " -x -a '(__fish_complete_subcommand)'";
  }
  return "";
}

std::string fish_lines(const Command& command, const std::string& condition) {
  std::string text;
  for (const Argument& option : command.options) {
    std::string names;
    for (const std::string& name : option.names)
      names += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
    text += fmt::format("complete -c fairway{}{}{} -d {}\n", condition, names, option.value.empty() ? "" : fish_words(option),
                        fish_quoted(option.description));
  }
  for (const Argument& place : command.positionals) text += fmt::format("complete -c fairway{}{}\n", condition, fish_words(place));
  return text;
}

}  // namespace

std::string fish_completion(const Command& program) {
  std::string text = R"(# Made by `fairway completion fish`.
function __fairway_ask
    set -l broker
    set -l words (commandline -opc)
    for i in (seq (count $words))
        test "$words[$i]" = --broker; and set broker --broker $words[(math $i + 1)]
    end
    command fairway $broker complete $argv 2>/dev/null
end
function __fairway_has_no_command
    not __fish_seen_subcommand_from )" +
                     command_names(program) + "\nend\ncomplete -c fairway -f\n";
  text += fish_lines(program, "");
  for (const Command& command : program.commands)
    text += fmt::format("complete -c fairway -n __fairway_has_no_command -a {} -d {}\n", command.name, fish_quoted(command.description));
  for (const Command& command : program.commands) text += fish_lines(command, " -n '__fish_seen_subcommand_from " + command.name + "'");
  return text;
}

}  // namespace fairway::inspector
