#include <CLI/CLI.hpp>

#include "inspector/cli.hpp"

/// The commands by which one listens and answers, and what a shell completes.
namespace fairway::inspector {

namespace {

void define_tap(CLI::App& app, Request& request) {
  CLI::App* const tap = app.add_subcommand("tap", "Show the messages of a channel, both directions, without taking part in it");
  tap->add_option("CHANNEL", request.channel, "A channel: 17 or ch-17")->required()->type_name("");
  tap->add_flag("--follow", request.tap.follow, "What passes from now on, until both ports are closed, instead of what waits unread");
  tap->add_option("--count", request.tap.count, "So many messages of those that pass, then leave")->type_name("N")->check(CLI::PositiveNumber.description(""));
  tap->add_option("--from", request.tap.from, "Only what that port posts")->type_name("1|2")->check(CLI::IsMember({1, 2}).description(""));
  tap->add_flag_callback("--hex", [&request] { request.tap.look.show = Show::hex; }, "Bytes as hexadecimal numbers, also those of values");
  tap->add_option("--bytes", request.tap.look.most, "Show at most so many bytes of each message (default: 1024)")->type_name("N");
  tap->add_flag("--json", request.json, "One JSON object a line instead of text");
  tap->footer(
      "Nobody waits for it: what is overwritten before it has been copied is counted as missed. A time is when a message\n"
      "was seen here. The program's user, or one who may trace it, can look; with a --private broker nobody can.\n"
      "A value is shown as people read it, with --json as JSON: fairway value encode --help has the tags. One of more\n"
      "than 64 KiB wants --bytes; then it is read whole.\n"
      "Exit code 1 if nothing waits, or if both ports close before there were N.\n"
      "Examples:\n  fairway tap ch-17\n  fairway tap ch-17 --follow --from 1 --hex\n"
      "  fairway tap ch-17 --count 100 --json | jq -r .text\n  fairway tap ch-17 --follow --json | jq -c .value");
}

void define_serve(CLI::App& app, Request& request) {
  CLI::App* const serve = app.add_subcommand("serve", "Take a name, and start a program for everybody who connects");
  serve->add_option("NAME", request.service.name, "The name to take")->required()->type_name("");
  serve->add_option("CMD", request.service.command, "The program and its arguments")->required()->expected(-1)->type_name("");
  serve->add_flag("--once", request.service.once, "Leave when the first conversation is over, with the program's exit code");
  define_speech(*serve, request.service.speech);
  serve->footer(
      "Each message is a line on the program's standard input, each line of its standard output a message back, a\n"
      "string. When the program has ended, the port closes; when the port has closed, its input ends. Neither is read\n"
      "from while the other does not keep up. Most programs want to be told not to buffer their output.\n"
      "Ports that come with a message are closed. With --value lines are as in fairway send --help; one of the program\n"
      "that is no value closes the port, and its number is told here.\n"
      "Exit code 2 if the name is taken or the program cannot be started; with --once the program's, 128 and the\n"
      "signal if it was killed, 2 after a line that is no value.\n"
      "Examples:\n  fairway serve shout -- sed -u 's/.*/\\U&/'\n  fairway serve --once backup --length-prefixed -- ./archive\n"
      "  fairway serve sum --value -- jq -c --unbuffered add");
}

void define_completion(CLI::App& app, Request& request) {
  CLI::App* const completion = app.add_subcommand("completion", "Print what makes a shell complete fairway's commands, channels and names");
  completion->add_option("SHELL", request.shell, "The shell")->required()->type_name("bash|zsh|fish")->check(CLI::IsMember({"bash", "zsh", "fish"}).description(""));
  completion->footer("Example:\n  source <(fairway completion bash)");
  // Called by what the other prints.
  CLI::App* const complete = app.add_subcommand("complete", "Print the channels or the names of contexts, one a line");
  complete->group("");
  complete->add_option("WHAT", request.shell, "")->required()->type_name("channels|contexts")->check(CLI::IsMember({"channels", "contexts"}).description(""));
}

}  // namespace

void define_talking(CLI::App& app, Request& request) {
  define_tap(app, request);
  define_serve(app, request);
  define_completion(app, request);
}

}  // namespace fairway::inspector
