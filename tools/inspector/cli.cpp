#include "inspector/cli.hpp"

#include <string>

#include <CLI/CLI.hpp>
#include <fairway/fairway.hpp>
#include <fmt/format.h>

namespace fairway::inspector {

namespace {

constexpr const char* examples = R"(Examples:
  fairway ls                            contexts, and the ports of all channels
  fairway ls --json | jq '.channels[].ports[] | select(.unread_messages > 0)'
  fairway tree                          who holds what, and who is opposite
  fairway stat ch-17                    one channel, and what is wrong with it
  fairway stat ch-17 --watch            the same again every second
  fairway top                           all channels, live: who sends how much to whom, and what waits
  fairway trace                         who joins and leaves, and how ports move
  fairway doctor                        what is wrong with this machine
  fairway tap ch-17 --follow            the messages as they pass
  echo world | fairway call greeter     a line there, the answer back
  fairway serve greeter -- sed -u 's/^/hello, /'
  fairway --broker /run/user/1000/robot ls

Without --broker the directory is $FAIRWAY_BROKER, $XDG_RUNTIME_DIR/fairway, /run/user/UID/fairway or
/tmp/fairway-UID. What shows only reads memory by name: it works while the broker or the programs are stopped.
Exit codes: 0 done, 1 nothing found, 2 error.)";

constexpr const char* speech_help = R"(Each line is a message, a string; a value that comes is a line that people can read. With --value each line is a value,
written as JSON: fairway value encode --help has the tags for what JSON lacks. Bytes that come are {"$message": "bytes",
"hex": "00ff"}, what is damaged is {"$message": "damaged"}; {"$port": 0} is a port, which closes here: none can be sent.)";

}  // namespace

void define_speech(CLI::App& command, Speech& speech) {
  CLI::Option* const bytes = command.add_flag_callback("--length-prefixed", [&speech] { speech = Speech::bytes; },
                                                       "Messages of any bytes, 4 bytes of length (little-endian) before each, instead of lines");
  command.add_flag_callback("--value", [&speech] { speech = Speech::values; }, "Values: JSON, one a line, with tags for what it lacks")->excludes(bytes);
}

void define(CLI::App& app, Request& request) {
  app.name("fairway");
  app.description("Shows what goes on in Fairway: contexts, channels, and what waits in them.");
  app.footer(examples);
  app.require_subcommand(0, 1);  // none is caught later: a misspelt one gets the better message
  app.fallthrough();
  app.set_version_flag("--version", "fairway " + std::string(version()), "Print the version and leave");
  app.add_option("--broker", request.broker, "Runtime directory of the broker")->type_name("DIR");

  CLI::App* const ls =
      app.add_subcommand("ls", "List contexts, and the ports of all channels with what they have unread");
  ls->footer("Example:\n  fairway ls --json | jq '.contexts[].name'");
  CLI::App* const tree = app.add_subcommand("tree", "Show processes, their contexts, the ports of these, and who is opposite");
  tree->footer("Example:\n  fairway tree");
  CLI::App* const stat =
      app.add_subcommand("stat", "Show both directions of one channel and say in one sentence what is wrong");
  stat->add_option("CHANNEL", request.channel, "A channel: 17 or ch-17")->required()->type_name("");
  stat->add_flag("--watch", request.watch, "Look again at each interval, with the rates in between, until the channel is gone");
  stat->footer(
      "It looks twice, a tenth of a second apart, to tell what moves from what is stuck. With --watch it redraws on a\n"
      "terminal; elsewhere, a block at each interval, or a JSON object.\nExamples:\n  fairway stat ch-17\n"
      "  fairway stat ch-17 --watch --interval 0.5");
  CLI::App* const top = app.add_subcommand("top", "Show the directions of all channels live, by rate, depth or memory");
  top->add_option("--rows", request.rows, "Off a terminal: so many rows at the most (0: all)")->type_name("N")->capture_default_str();
  top->footer(
      "Keys: r, d, m sort by messages/s, unread messages, memory; j, k, arrows, PgUp, PgDn, g, G scroll; q leaves.\n"
      "On what is no terminal, and with --json: a table, or an object, at each interval, by rate.\nExamples:\n  fairway top\n"
      "  fairway top --interval 5 --count 12 > log");
  CLI::App* const trace = app.add_subcommand("trace", "Tell what becomes of contexts, channels and ports: created, moved, closed, died");
  trace->add_option("--chrome", request.chrome, "Write to FILE for chrome://tracing or ui.perfetto.dev")->type_name("FILE");
  trace->add_option("--duration", request.duration_seconds, "Leave after that time")->type_name("SECONDS")->check(CLI::PositiveNumber);
  trace->footer(
      "It compares what the broker's tables say, 20 times a second: '~' before a time means up to an interval earlier.\n"
      "What comes and goes in between is counted as unseen where the tables' numbers tell of it.\nExamples:\n  fairway trace\n"
      "  fairway trace --duration 10 --chrome moves.json");
  for (CLI::App* const command : {stat, top, trace}) {
    command->add_option("--interval", request.interval_seconds, command == trace ? "Time between two looks (default 0.05)" : "Time between two looks (default 1)")
        ->type_name("SECONDS")
        ->check(CLI::Range(0.001, 1e6));
    command->add_option("--count", request.count, command == trace ? "Leave after so many events" : "Leave after so many looks")->type_name("N");
  }
  CLI::App* const doctor = app.add_subcommand("doctor", "Look at what Fairway needs of this machine, and say what is wrong and what to do");
  doctor->add_flag("--fix", request.fix, "Mend the directory and remove names that lead nowhere, then look");
  doctor->footer("Exit code 2 if there is a problem.\nExample:\n  fairway doctor --fix");

  const auto talker = [&](const char* name, const char* what, const char* example) {
    CLI::App* const command = app.add_subcommand(name, what);
    command->add_option("NAME", request.conversation.name, "The name of a context")->required()->type_name("");
    define_speech(*command, request.conversation.speech);
    command->footer(fmt::format("{}\nExamples:\n  {}", speech_help, example));
    return command;
  };
  CLI::App* const send = talker("send", "Post what comes on standard input to a context",
                                "echo hello | fairway send greeter\n  echo '{\"x\": [1, {\"$bigint\": \"2\"}]}' | fairway send greeter --value");
  CLI::App* const recv = talker("recv", "Take a name and print what is posted to it, until who connected first closes",
                                "fairway recv log --count 10\n  fairway recv log --value | jq .level");
  CLI::App* const call = talker("call", "Post a line, print the answer, and so on", "echo world | fairway call greeter");
  recv->add_option("--count", request.conversation.count, "Leave after so many messages")->type_name("N");
  for (CLI::App* const command : {send, call})
    command->add_option("--timeout", request.timeout_seconds, "Wait that long for the name to appear, and for each answer")
        ->type_name("SECONDS")
        ->check(CLI::PositiveNumber);

  define_talking(app, request);
  app.add_subcommand("value", "Show and make the bytes of messages that are values; see fairway value --help");

  for (CLI::App* const command : {ls, tree, stat, doctor})
    command->add_flag("--json", request.json, "One JSON object instead of text");
  for (CLI::App* const command : {top, trace}) command->add_flag("--json", request.json, "JSON, an object a line, instead of text");
}

}  // namespace fairway::inspector
