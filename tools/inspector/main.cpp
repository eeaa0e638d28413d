#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <string>
#include <system_error>
#include <vector>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <fairway/error.hpp>

#include "describe.hpp"
#include "inspector/cli.hpp"
#include "inspector/completion.hpp"
#include "inspector/doctor.hpp"
#include "inspector/json.hpp"
#include "inspector/reader.hpp"
#include "inspector/serve.hpp"
#include "inspector/talk.hpp"
#include "inspector/tap.hpp"
#include "inspector/text.hpp"
#include "inspector/tree.hpp"
#include "inspector/value_command.hpp"
#include "inspector/watching.hpp"
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

/// How all that is there is shown.
struct View {
  std::string (*text)(const inspector::Snapshot&, inspector::Colour);
  std::string (*json)(const inspector::Snapshot&);
};
constexpr View list{inspector::list_text, inspector::list_json};
constexpr View tree{inspector::tree_text, inspector::tree_json};

int show(inspector::Reader reader, const inspector::Request& request, View view) {
  const inspector::Snapshot snapshot = reader.snapshot();
  if (!snapshot.contexts.empty() || !snapshot.channels.empty())
    return print(request.json ? view.json(snapshot) : view.text(snapshot, colour()), done);
  if (request.json) return print(view.json(snapshot), nothing_found);
  return complain(nothing_found, fmt::format("no context is at {} now", reader.broker().directory));
}

inspector::Rhythm rhythm(const inspector::Request& request, std::chrono::nanoseconds usual) {
  const auto time = [](double seconds) { return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>(seconds)); };
  inspector::Rhythm rhythm{usual, request.count, {}};
  if (request.interval_seconds > 0) rhythm.interval = time(request.interval_seconds);
  if (request.duration_seconds > 0) rhythm.duration = time(request.duration_seconds);
  return rhythm;
}

inspector::Form form(const inspector::Request& request) { return request.json ? inspector::Form::json : inspector::Form::text; }

int missing(const inspector::Reader& reader, ChannelId channel) {
  return complain(nothing_found, fmt::format("there is no {} at {}; `fairway ls` lists the channels that reach beyond their context",
                                             to_string(channel), reader.broker().directory));
}

int stat(inspector::Reader reader, const inspector::Request& request, ChannelId channel) {
  if (request.watch) return watch(reader, channel, rhythm(request, std::chrono::seconds(1)), form(request), colour()) ? done : missing(reader, channel);
  const auto report = reader.report(channel, interval);
  if (!report) return missing(reader, channel);
  return print(request.json ? report_json(*report) : report_text(*report, colour()), done);
}

int examine(const inspector::Request& request) {
  if (request.fix) mend(inspector::gather(request.broker));
  const std::vector<inspector::Finding> findings = examine(inspector::gather(request.broker));
  const bool healthy = std::ranges::none_of(findings, [](const inspector::Finding& finding) { return finding.verdict == inspector::Verdict::problem; });
  return print(request.json ? doctor_json(findings) : doctor_text(findings, colour()), healthy ? done : error);
}

int listen(inspector::Reader reader, const inspector::Request& request, ChannelId channel) {
  // Where there is no core to spare it misses messages rather than holding them up.
  static_cast<void>(::setpriority(PRIO_PROCESS, 0, 10));
  inspector::TapOptions options = request.tap;
  options.json = request.json;
  const auto shown = tap(reader, channel, options, stdout, colour());
  if (!shown)
    return complain(nothing_found, fmt::format("there is no {} at {}; `fairway ls` lists the channels that reach beyond their context",
                                               to_string(channel), reader.broker().directory));
  if (options.count && *shown < *options.count) return complain(nothing_found, fmt::format("{} has closed before", to_string(channel)));
  if (*shown == 0 && !options.follow) return complain(nothing_found, fmt::format("nothing waits in {}; --follow shows what passes", to_string(channel)));
  return done;
}

int complete_shell(const CLI::App& app, const std::string& shell) {
  const tools::Command program = tools::describe(app);
  if (shell == "bash") return print(inspector::bash_completion(program), done);
  return print(shell == "zsh" ? inspector::zsh_completion(program) : inspector::fish_completion(program), done);
}

/// For completions: what there is, one a line.
int complete(inspector::Reader reader, const std::string& what) {
  const inspector::Snapshot snapshot = reader.tables();
  std::string text;
  if (what == "channels")
    for (const inspector::ChannelSnapshot& channel : snapshot.channels) text += to_string(channel.id) + '\n';
  if (what == "contexts")
    for (const inspector::ContextSnapshot& context : snapshot.contexts)
      if (!context.info.name.empty()) text += context.info.name + '\n';
  return print(text, text.empty() ? nothing_found : done);
}

int run(const CLI::App& app, const inspector::Request& request) {
  if (app.get_subcommands().empty()) return complain(error, "say what to do, such as ls or stat CHANNEL; see fairway --help");
  const auto asked = [&app](const char* command) { return app.got_subcommand(command); };
  if (asked("send") || asked("recv") || asked("call")) {
    inspector::Conversation with = request.conversation;
    with.broker = request.broker;
    if (request.timeout_seconds > 0)
      with.timeout = std::chrono::duration_cast<Timeout>(std::chrono::duration<double>(request.timeout_seconds));
    if (asked("recv")) return receive(with, stdout) ? done : complain(nothing_found, "who connected has closed before");
    if (asked("send")) {
      send(with, stdin);
    } else {
      call(with, stdin, stdout);
    }
    return done;
  }
  if (asked("serve")) {
    inspector::Service service = request.service;
    service.broker = request.broker;
    return serve(service);
  }
  if (asked("completion")) return complete_shell(app, request.shell);
  if (asked("complete")) return complete(inspector::Reader(request.broker), request.shell);
  if (asked("doctor")) return examine(request);
  if (asked("stat") || asked("tap")) {
    const auto channel = inspector::parse_channel(request.channel);
    if (!channel) return complain(error, fmt::format("'{}' is no channel; say 17 or ch-17", request.channel));
    if (asked("tap")) return listen(inspector::Reader(request.broker), request, *channel);
    return stat(inspector::Reader(request.broker), request, *channel);
  }
  if (asked("top")) {
    top(inspector::Reader(request.broker), rhythm(request, std::chrono::seconds(1)), form(request), request.rows, colour());
    return done;
  }
  if (asked("trace")) {
    trace(inspector::Reader(request.broker), rhythm(request, std::chrono::milliseconds(50)), form(request), request.chrome);
    return done;
  }
  return show(inspector::Reader(request.broker), request, asked("tree") ? tree : list);
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  CLI::App app;
  inspector::Request request;
  define(app, request);
  try {
    if (argc > 1 && argv[1] == std::string_view("value")) return inspector::value_command(argc - 1, argv + 1);
    app.parse(argc, argv);
    return run(app, request);
  } catch (const CLI::Success& asked) {  // --help, --version
    return app.exit(asked);
  } catch (const CLI::ParseError& mistake) {
    return complain(error, fmt::format("{}; see fairway --help", mistake.what()));
  } catch (const inspector::Failure& failure) {
    return complain(error, failure.what());
  } catch (const DOMException& failure) {
    return complain(error, failure.what());
  } catch (const std::system_error& failure) {
    if (failure.code() == std::errc::broken_pipe) return done;  // who closed it has seen enough
    return complain(failure.code() == Errc::unknown_name ? nothing_found : error, failure.what());
  }
}
