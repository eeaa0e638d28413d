#include "fairwayd_options.hpp"

#include <cstdint>
#include <map>
#include <string>

#include <CLI/CLI.hpp>
#include <fairway/fairway.hpp>

namespace fairway {

namespace {

constexpr const char* notes = R"(--on-demand is how the library starts a broker: one that leaves 10 s after its last context, and quietly at once if
the directory has a broker already.

SIGTERM and SIGINT end it; channels between running programs go on without it.
A listening socket that systemd passes (LISTEN_FDS) is used; see fairwayd.socket.
Exit codes: 0 done, 2 error.

Example:
  fairwayd --directory /run/user/1000/robot --log-level info
)";

const std::map<std::string, LogLevel> levels{
    {"error", LogLevel::error}, {"warning", LogLevel::warning}, {"info", LogLevel::info}, {"debug", LogLevel::debug}};

CLI::Validator seconds() {
  return {[](const std::string& text) -> std::string {
            double number = 0;
            if (CLI::detail::lexical_cast(text, number) && number > 0 && number <= 1e9) return {};
            return "'" + text + "' is not a number of seconds above 0";
          },
          ""};
}

}  // namespace

void define(CLI::App& app, BrokerArguments& arguments) {
  app.name("fairwayd");
  app.description("The broker of Fairway: allocates segments, introduces contexts, never touches a message");
  app.footer(notes);
  app.set_version_flag("--version", "fairwayd " + std::string(version()), "Print the version and leave");
  app.set_help_flag("--help", "Print this help and leave");
  app.add_option("--directory", arguments.broker.directory,
                 "Runtime directory (default: $FAIRWAY_BROKER, $XDG_RUNTIME_DIR/fairway, /run/user/UID/fairway, /tmp/fairway-UID)")
      ->type_name("DIR");
  app.add_flag("--private", arguments.broker.private_names, "Keep every other process from opening segments by name");
  app.add_option_function<double>(
         "--idle-exit", [&arguments](double seconds) { arguments.broker.idle_exit = Timeout(static_cast<std::int64_t>(seconds * 1e9)); },
         "Leave when no context has been there for that long (default: never)")
      ->type_name("SECONDS")
      ->check(seconds());
  app.add_option_function<std::string>(
         "--log-level", [&arguments](const std::string& name) { arguments.log = levels.at(name); }, "What is logged on standard error (default: warning)")
      ->type_name("error|warning|info|debug")
      ->check(CLI::IsMember({"error", "warning", "info", "debug"}).description(""));
  app.add_flag("--on-demand", arguments.on_demand, "Tell descriptor 3 when it listens, and leave when it is not needed");
}

}  // namespace fairway
