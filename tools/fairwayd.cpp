#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <system_error>

#include <fairway/broker.hpp>
#include <fairway/error.hpp>
#include <fairway/log.hpp>

#include "sys/process.hpp"
#include "sys/runtime_dir.hpp"
#include "sys/socket.hpp"

/// The broker as a program of its own.
namespace {

constexpr std::string_view help = R"(fairwayd - the broker of Fairway: allocates segments, introduces contexts, never touches a message

Usage: fairwayd [OPTIONS]

Options:
  --directory DIR    runtime directory (default: $FAIRWAY_BROKER, $XDG_RUNTIME_DIR/fairway,
                     /run/user/UID/fairway, /tmp/fairway-UID)
  --private          keep every other process from opening segments by name
  --idle-exit SEC    leave when no context has been there for SEC seconds (default: never)
  --log-level LEVEL  error, warning, info or debug, on standard error (default: warning)
  --on-demand        how the library starts a broker: one that leaves 10 s after its last context,
                     and quietly at once if the directory has a broker already
  --help, --version

SIGTERM and SIGINT end it; channels between running programs go on without it.
A listening socket that systemd passes (LISTEN_FDS) is used; see fairwayd.socket.
Exit codes: 0 done, 2 error.

Example: fairwayd --directory /run/user/1000/robot --log-level info
)";

struct Arguments {
  fairway::BrokerOptions broker;
  fairway::LogLevel log = fairway::LogLevel::warning;
  bool on_demand = false;
};

[[noreturn]] void fail(const std::string& message) {
  std::fprintf(stderr, "fairwayd: %s\n", message.c_str());
  std::exit(2);
}

fairway::LogLevel log_level(std::string_view name) {
  using enum fairway::LogLevel;
  if (name == "error") return error;
  if (name == "warning") return warning;
  if (name == "info") return info;
  if (name == "debug") return debug;
  fail("--log-level: '" + std::string(name) + "' is not one of error, warning, info, debug");
}

Arguments parse(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string_view option = argv[i];
    const auto value = [&]() -> std::string {
      if (i + 1 == argc) fail(std::string(option) + " needs a value; see --help");
      return argv[++i];
    };
    if (option == "--help") {
      std::fwrite(help.data(), 1, help.size(), stdout);
      std::exit(0);
    } else if (option == "--version") {
      std::printf("fairwayd %s\n", std::string(fairway::version()).c_str());
      std::exit(0);
    } else if (option == "--directory") {
      arguments.broker.directory = value();
    } else if (option == "--private") {
      arguments.broker.private_names = true;
    } else if (option == "--idle-exit") {
      const std::string seconds = value();
      char* end = nullptr;
      const double number = std::strtod(seconds.c_str(), &end);
      if (seconds.empty() || *end != '\0' || !(number > 0) || number > 1e9) fail("--idle-exit: '" + seconds + "' is not a number of seconds above 0");
      arguments.broker.idle_exit = fairway::Timeout(static_cast<std::int64_t>(number * 1e9));
    } else if (option == "--log-level") {
      arguments.log = log_level(value());
    } else if (option == "--on-demand") {
      arguments.on_demand = true;
    } else {
      fail("unknown option '" + std::string(option) + "'; see --help");
    }
  }
  return arguments;
}

fairway::Broker* running = nullptr;

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments = parse(argc, argv);
  if (std::getenv("FAIRWAY_LOG") == nullptr)
    fairway::set_log(arguments.log, [](fairway::LogLevel, std::string_view message) {
      std::fprintf(stderr, "fairwayd: %.*s\n", static_cast<int>(message.size()), message.data());
    });
  try {
    fairway::sys::Fd start_lock;
    if (arguments.on_demand) {
      if (!arguments.broker.idle_exit) arguments.broker.idle_exit = std::chrono::seconds(10);
      const auto directory = fairway::sys::runtime_directory(arguments.broker.directory);
      fairway::sys::prepare_directory(directory);
      start_lock = fairway::sys::wait_for_start_lock(directory);
    } else {
      arguments.broker.listener = fairway::sys::passed_listener();
    }
    fairway::Broker broker(arguments.broker);
    running = &broker;
    for (const int signal : {SIGTERM, SIGINT}) std::signal(signal, [](int) { running->stop(); });
    std::signal(SIGPIPE, SIG_IGN);
    if (arguments.on_demand) {
      start_lock.close();
      fairway::sys::report_ready();
    }
    broker.run();
    for (const int signal : {SIGTERM, SIGINT}) std::signal(signal, SIG_DFL);
  } catch (const std::system_error& error) {
    if (arguments.on_demand && error.code() == fairway::Errc::name_taken) {
      fairway::sys::report_ready();  // somebody else was quicker, and listens
      return 0;
    }
    if (arguments.on_demand) fairway::sys::report_failure(error.what());
    fail(error.what());
  }
  return 0;
}
