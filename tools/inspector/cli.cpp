#include "inspector/cli.hpp"

#include <string>

#include <CLI/CLI.hpp>
#include <fairway/fairway.hpp>

namespace fairway::inspector {

namespace {

constexpr const char* examples = R"(Examples:
  fairway ls                            contexts, and the ports of all channels
  fairway ls --json | jq '.channels[].ports[] | select(.unread_messages > 0)'
  fairway tree                          who holds what, and who is opposite
  fairway stat ch-17                    one channel, and what is wrong with it
  fairway doctor                        what is wrong with this machine
  echo world | fairway call greeter     a line there, the answer back
  fairway --broker /run/user/1000/robot ls

Without --broker the directory is $FAIRWAY_BROKER, $XDG_RUNTIME_DIR/fairway, /run/user/UID/fairway or
/tmp/fairway-UID. What shows only reads memory by name: it works while the broker or the programs are stopped.
Exit codes: 0 done, 1 nothing found, 2 error.)";

}  // namespace

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
  stat->footer(
      "It looks twice, a tenth of a second apart, to tell what moves from what is stuck.\nExample:\n  fairway stat "
      "ch-17");
  CLI::App* const doctor = app.add_subcommand("doctor", "Look at what Fairway needs of this machine, and say what is wrong and what to do");
  doctor->add_flag("--fix", request.fix, "Mend the directory and remove names that lead nowhere, then look");
  doctor->footer("Exit code 2 if there is a problem.\nExample:\n  fairway doctor --fix");

  const auto talker = [&](const char* name, const char* what, const char* example) {
    CLI::App* const command = app.add_subcommand(name, what);
    command->add_option("NAME", request.conversation.name, "The name of a context")->required()->type_name("");
    command->add_flag_callback("--length-prefixed", [&request] { request.conversation.framing = Framing::length; },
                               "Messages of any bytes, 4 bytes of length (little-endian) before each, instead of lines");
    command->footer(std::string("Without --length-prefixed each line is a message, a string.\nExample:\n  ") + example);
    return command;
  };
  CLI::App* const send = talker("send", "Post what comes on standard input to a context", "echo hello | fairway send greeter");
  CLI::App* const recv = talker("recv", "Take a name and print what is posted to it, until who connected first closes",
                                "fairway recv log --count 10");
  CLI::App* const call = talker("call", "Post a line, print the answer, and so on", "echo world | fairway call greeter");
  recv->add_option("--count", request.conversation.count, "Leave after so many messages")->type_name("N");
  for (CLI::App* const command : {send, call})
    command->add_option("--timeout", request.timeout_seconds, "Wait that long for the name to appear, and for each answer")
        ->type_name("SECONDS")
        ->check(CLI::PositiveNumber);

  for (CLI::App* const command : {ls, tree, stat, doctor})
    command->add_flag("--json", request.json, "One JSON object instead of text");
}

}  // namespace fairway::inspector
