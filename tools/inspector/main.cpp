#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <string>
#include <system_error>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "inspector/cli.hpp"
#include "inspector/json.hpp"
#include "inspector/reader.hpp"
#include "inspector/text.hpp"
#include "sys/runtime_dir.hpp"

/// The inspector: exit codes 0 done, 1 nothing found, 2 error; one line on standard error for 1 and 2.
namespace {

using namespace fairway;

constexpr int done = 0;
constexpr int nothing_found = 1;
constexpr int error = 2;

/// How far the two samples of `stat` are apart.
constexpr std::chrono::milliseconds interval{100};

int complain(int code, const std::string& line) {
  fmt::print(stderr, "fairway: {}\n", line);
  return code;
}

inspector::Colour colour() {
  return ::isatty(STDOUT_FILENO) == 1 && !sys::environment("NO_COLOR") ? inspector::Colour::on : inspector::Colour::off;
}

/// `code`, unless the text could not be written; who closed the pipe has seen enough.
int print(const std::string& text, int code) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0) return code;
  if (errno == EPIPE) return done;
  return complain(error, std::string("cannot write the output: ") + std::generic_category().message(errno));
}

int ls(const inspector::Reader& reader, const inspector::Request& request) {
  const inspector::Snapshot snapshot = reader.snapshot();
  if (!snapshot.contexts.empty() || !snapshot.channels.empty())
    return print(request.json ? list_json(snapshot) : list_text(snapshot, colour()), done);
  if (request.json) return print(list_json(snapshot), nothing_found);
  return complain(nothing_found, fmt::format("no context is at {} now", reader.broker().directory));
}

int stat(const inspector::Reader& reader, const inspector::Request& request, ChannelId channel) {
  const auto report = reader.report(channel, interval);
  if (!report)
    return complain(nothing_found,
                    fmt::format("there is no {} at {}; `fairway ls` lists the channels that reach beyond their context",
                                to_string(channel), reader.broker().directory));
  return print(request.json ? report_json(*report) : report_text(*report, colour()), done);
}

int run(const CLI::App& app, const inspector::Request& request) {
  if (app.get_subcommands().empty()) return complain(error, "say what to show: ls or stat CHANNEL; see fairway --help");
  if (app.got_subcommand("stat")) {
    const auto channel = inspector::parse_channel(request.channel);
    if (!channel) return complain(error, fmt::format("'{}' is no channel; say 17 or ch-17", request.channel));
    return stat(inspector::Reader(request.broker), request, *channel);
  }
  return ls(inspector::Reader(request.broker), request);
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  CLI::App app;
  inspector::Request request;
  define(app, request);
  try {
    app.parse(argc, argv);
    return run(app, request);
  } catch (const CLI::Success& asked) {  // --help, --version
    return app.exit(asked);
  } catch (const CLI::ParseError& mistake) {
    return complain(error, fmt::format("{}; see fairway --help", mistake.what()));
  } catch (const inspector::Failure& failure) {
    return complain(error, failure.what());
  } catch (const std::system_error& failure) {
    return complain(error, failure.what());
  }
}
