#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <CLI/CLI.hpp>
#include <fairway/broker.hpp>
#include <fairway/error.hpp>
#include <fairway/log.hpp>

#include "fairwayd_options.hpp"
#include "sys/process.hpp"
#include "sys/runtime_dir.hpp"
#include "sys/socket.hpp"

/// The broker as a program of its own.
namespace {

int fail(const std::string& message) {
  std::fprintf(stderr, "fairwayd: %s\n", message.c_str());
  return 2;
}

fairway::Broker* running = nullptr;

int run(fairway::BrokerArguments arguments) {
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
    return fail(error.what());
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app;
  fairway::BrokerArguments arguments;
  define(app, arguments);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked) {  // --help, --version
    return app.exit(asked);
  } catch (const CLI::ParseError& mistake) {
    return fail(std::string(mistake.what()) + "; see fairwayd --help");
  }
  return run(std::move(arguments));
}
