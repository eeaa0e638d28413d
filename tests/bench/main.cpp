/// How fast Fairway is between two processes, beside the limits of the machine, measured in turns.
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include <fairway/broker.hpp>

#include "bench/report.hpp"
#include "bench/row.hpp"
#include "support/child.hpp"
#include "support/temporary_directory.hpp"

namespace fairway::bench {

void fail(const std::string& what) {
  std::fprintf(stderr, "fairway_bench: %s\n", what.c_str());
  std::_Exit(2);
}

namespace {

constexpr int exit_skipped = 77;

std::vector<int> allowed_cpus() {
  cpu_set_t set;
  if (::sched_getaffinity(0, sizeof set, &set) != 0) fail("sched_getaffinity failed");
  std::vector<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  return cpus;
}

void pin_to(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  if (::sched_setaffinity(0, sizeof set, &set) != 0) fail("sched_setaffinity failed");
}

FAIRWAY_CHILD(broker) {
  Broker broker({.directory = arguments.at(0)});
  test::say("ready");
  broker.run();
  return 0;
}

/// Obeys "open ROW" and "run ROW COUNT".
int obey(const Rows& rows, void (Row::*open)(), void (Row::*half)(std::size_t)) {
  test::say("ready");
  for (std::string line; test::hear(line);) {
    std::istringstream words(line);
    std::string command;
    std::size_t row = 0;
    std::size_t count = 0;
    words >> command >> row >> count;
    if (command == "open")
      (*rows.at(row).*open)();
    else
      (*rows.at(row).*half)(count);
    test::say("ok");
  }
  return 0;
}

FAIRWAY_CHILD(far) {
  pin_to(std::stoi(arguments.at(1)));
  const auto number = [&](std::size_t i) { return std::stoi(arguments.at(i)); };
  return obey(make_rows({Side::far, number(2), number(3), {number(4)}}, arguments.at(0)), &Row::open_far, &Row::far);
}

/// Not pinned, as the broker is not.
FAIRWAY_CHILD(third) {
  const auto number = [&](std::size_t i) { return std::stoi(arguments.at(i)); };
  return obey(make_rows({Side::third, number(1), -1, {number(2), number(3)}}, arguments.at(0)), &Row::open_third,
              &Row::third);
}

struct Options {
  bool quick = false;
  int rounds = 25;
  std::vector<std::string> only;
  std::string json;
  double scale = 1;
};

void require_ok(const std::string& answer, const char* expected) {
  if (answer != expected) fail("a process of this benchmark ended early");
}

int run(const Options& options) {
  const std::vector<int> cpus = allowed_cpus();
  if (cpus.size() < 2) {
    std::fprintf(stderr, "fairway_bench: needs two CPUs, this process may use one\n");
    return exit_skipped;
  }
  const test::TemporaryDirectory directory;
  test::Child broker("broker", {directory.path()});
  require_ok(broker.line(), "ready");

  // All are inherited by the other processes.
  const int memory = ::memfd_create("fairway_bench", 0);
  int doorbell[2];
  int near_third[2];
  int far_third[2];
  if (memory < 0 || ::ftruncate(memory, static_cast<off_t>(common_memory_size())) != 0 ||
      ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, doorbell) != 0 ||
      ::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, near_third) != 0 ||
      ::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, far_third) != 0)
    fail("no memory or socket pair");
  test::Child far("far", {directory.path(), std::to_string(cpus[1]), std::to_string(memory),
                          std::to_string(doorbell[1]), std::to_string(far_third[0])});
  test::Child third(
      "third", {directory.path(), std::to_string(memory), std::to_string(near_third[1]), std::to_string(far_third[1])});
  for (const int theirs : {doorbell[1], near_third[1], far_third[0], far_third[1]}) ::close(theirs);
  pin_to(cpus[0]);
  require_ok(far.line(), "ready");
  require_ok(third.line(), "ready");

  const Rows rows = make_rows({Side::near, memory, doorbell[0], {near_third[0]}}, directory.path());
  const auto wanted = [&](const Row& row) {
    return options.only.empty() || std::ranges::find(options.only, row.name()) != options.only.end();
  };
  Results results;
  for (int round = 0; round < options.rounds; ++round) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      Row& row = *rows[i];
      if (!wanted(row)) continue;
      const std::string index = std::to_string(i);
      if (round == 0) {
        require_ok(far.ask("open " + index), "ok");
        require_ok(third.ask("open " + index), "ok");
        row.open_near();
      }
      const auto count = static_cast<std::size_t>(static_cast<double>(row.count(options.quick)) * options.scale);
      for (test::Child* const child : {&far, &third}) child->send("run " + index + " " + std::to_string(count));
      results[row.name()].push_back(row.near(count));
      require_ok(far.line(), "ok");
      require_ok(third.line(), "ok");
    }
  }
  for (test::Child* const child : {&far, &third}) {
    child->close_input();
    child->wait();
  }
  print(rows, results);
  if (!options.json.empty()) write_json(options.json, rows, results);
  broker.kill(SIGTERM);
  broker.wait();
  return 0;
}

}  // namespace

}  // namespace fairway::bench

int main(int argc, char** argv) try {
  ::signal(SIGPIPE, SIG_IGN);
  if (argc >= 3 && std::strcmp(argv[1], "--child") == 0)
    return fairway::test::roles().at(argv[2])({argv + 3, argv + argc});

  fairway::bench::Options options;
  CLI::App app("Measures Fairway between two processes, beside the limits of the machine");
  app.add_flag("--quick", options.quick, "A short run that shows that every row works; its numbers say nothing");
  app.add_option("--rounds", options.rounds, "How often every row is measured, in turns")->check(CLI::PositiveNumber);
  app.add_option("--scale", options.scale, "Multiplies the messages of a run")->check(CLI::PositiveNumber);
  app.add_option("--only", options.only, "Rows by name, such as ring.stream stream.adaptive");
  app.add_option("--json", options.json, "Writes the results to this file");
  CLI11_PARSE(app, argc, argv);
  if (options.quick && app.count("--rounds") == 0) options.rounds = 1;
  return fairway::bench::run(options);
} catch (const std::exception& error) {
  std::fprintf(stderr, "fairway_bench: %s\n", error.what());
  return 2;
}
