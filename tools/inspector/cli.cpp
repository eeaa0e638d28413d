#include "inspector/cli.hpp"

#include <string>

#include <CLI/CLI.hpp>
#include <fairway/fairway.hpp>

namespace fairway::inspector {

namespace {

constexpr const char* examples = R"(Examples:
  fairway ls                            contexts, and the ports of all channels
  fairway ls --json | jq '.channels[].ports[] | select(.unread_messages > 0)'
  fairway stat ch-17                    one channel, and what is wrong with it
  fairway --broker /run/user/1000/robot ls

Without --broker the directory is $FAIRWAY_BROKER, $XDG_RUNTIME_DIR/fairway, /run/user/UID/fairway or
/tmp/fairway-UID. It only reads memory by name: it works while the broker or the programs are stopped.
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
  CLI::App* const stat =
      app.add_subcommand("stat", "Show both directions of one channel and say in one sentence what is wrong");
  stat->add_option("CHANNEL", request.channel, "A channel: 17 or ch-17")->required()->type_name("");
  stat->footer(
      "It looks twice, a tenth of a second apart, to tell what moves from what is stuck.\nExample:\n  fairway stat "
      "ch-17");
  for (CLI::App* const command : {ls, stat})
    command->add_flag("--json", request.json, "One JSON object instead of text");
}

}  // namespace fairway::inspector
