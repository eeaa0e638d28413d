// Every system call that a broker, a host or a guest makes fails once, with each error that fits it: the work ends right, or
// somebody says why not; nothing is left behind; and the same broker serves the next pair as if nothing had been.
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <regex>
#include <string>
#include <vector>

#include "faults/call_sweep.hpp"
#include "faults/call_sweep_roles.hpp"

namespace fairway::test {
namespace {

bool complete(const Accounts& accounts) {
  return accounts.at("guest").said("guest ok") &&
         accounts.at("host").said("host closed " + std::to_string(starved_messages) + " good");
}

/// A broker and pairs of a host and a guest, one after the other.
struct StarvedRun : SweepRun {
  explicit StarvedRun(const Victim& victim) : SweepRun(victim, "starved_broker") {}

  Accounts pair(const std::string& host_part, const std::string& guest_part) {
    Accounts accounts;
    Child& host = *start(host_part, "starved_host");
    for (std::string line = "first"; !line.empty() && line != "ready";) accounts["host"].note(line = host.line());
    Child& guest = *start(guest_part, "starved_guest");
    hear_out(guest, accounts["guest"]);
    host.close_input();
    hear_out(host, accounts["host"]);
    return accounts;
  }
  Account end_of_broker() {
    Account account;
    account.note(said_first);
    broker.close_input();
    hear_out(broker, account);
    return account;
  }
};

/// One run in which a call of a part fails; whether it did.
bool run_with(const Victim& victim) {
  StarvedRun run(victim);
  Accounts accounts;
  if (run.broker_ready) {
    accounts = run.pair("host", "guest");
    const Accounts fresh = run.pair("next host", "next guest");
    EXPECT_TRUE(complete(fresh)) << "the next pair: " << text_of(fresh);
    expect_order(fresh);
    run.expect_nothing_left();
    EXPECT_LE(mapped_segments(run.broker.pid()), 1u) << "the table of contexts stays";
  }
  accounts["broker"] = run.end_of_broker();
  expect_order(accounts);
  const bool failed = accounts.at(victim.part).hits["failed"] != 0;
  expect_served_or_explained(run.broker_ready && complete(accounts), failed, accounts);
  return failed;
}

/// What each part calls in a run in which nothing fails.
Accounts undisturbed() {
  StarvedRun run({});
  Accounts accounts = run.pair("host", "guest");
  run.expect_nothing_left();
  accounts["broker"] = run.end_of_broker();
  EXPECT_TRUE(complete(accounts)) << text_of(accounts);
  expect_order(accounts);
  return accounts;
}

class CallSweep : public testing::TestWithParam<std::string> {};

TEST_P(CallSweep, a_call_that_fails_once_is_made_up_for_or_named) {
  fail_every_call(GetParam(), [] { return undisturbed().at(GetParam()).hits; }, run_with);
}

INSTANTIATE_TEST_SUITE_P(, CallSweep, testing::Values("broker", "host", "guest"), [](const auto& part) { return part.param; });

class StartSweep : public testing::TestWithParam<std::string> {};

TEST_P(StartSweep, a_call_that_fails_once_on_the_way_to_a_broker_is_made_up_for_or_named) {
  fail_every_call(GetParam(), [] { return start_on_demand({}).at(GetParam()).hits; }, [](const Victim& victim) {
    const Accounts accounts = start_on_demand(victim);
    expect_order(accounts);
    EXPECT_TRUE(accounts.at("next starter").said("starter ok")) << text_of(accounts);
    const bool failed = Hits(accounts.at(victim.part).hits)["failed"] != 0;
    expect_served_or_explained(accounts.at("starter").said("starter ok"), failed, accounts);
    return failed;
  });
}

INSTANTIATE_TEST_SUITE_P(, StartSweep, testing::Values("starter", "started"), [](const auto& part) { return part.param; });

TEST(CallCensus, every_call_is_made_by_somebody) {
  Accounts accounts = undisturbed();
  // More than once: a broker that has ended before somebody came is followed by one that finds other names.
  for (const char* const again : {"", " again", " once more"})
    for (auto& [part, account] : start_on_demand({})) accounts[part + again] = std::move(account);
  for (const Prelude& prelude : preludes) {
    const auto call = static_cast<std::size_t>(prelude.call);
    const std::string part = "after " + std::string(call_points[static_cast<std::size_t>(prelude.first)].name);
    StarvedRun run({"guest", 0, call, 1, call_points[call].errors.front()});
    accounts["guest " + part] = run.pair("host", "guest").at("guest");
    accounts["starter " + part] = start_on_demand({"starter", 0, call, 1, call_points[call].errors.front()}).at("starter");
  }
  for (const CallPoint& call : call_points) {
    std::string line(call.name);
    bool made = false;
    for (const auto& [part, account] : accounts) {
      const auto found = account.hits.find(std::string(call.name));
      if (found == account.hits.end()) continue;
      made = true;
      line += "  " + part + " " + std::to_string(found->second);
    }
    std::cout << line << "\n";
    EXPECT_TRUE(made) << call.name << " is never made";
  }
}

/// What cannot fail, or only on the way to an end; of a broker alone, which says so.
const std::vector<std::string> calls_without_name{
    "close(", "_exit(", "munmap(", "geteuid(", "getpid(", "gettid(", "clock_gettime(", "dladdr(", "sigprocmask(", "pthread_atfork(",
    "kill(child,", "writev(report,", "strerrordesc_np(", "sysconf(", "fcntl(ready_descriptor, F_SETFD,",
    "timerfd_settime(", "getsockopt(fd.get(", "getsockname(", "fcntl(fd.get(", "fstat(fd, &status"};

TEST(CallCensus, every_call_in_the_source_has_its_name) {
  std::size_t named = 0;
  for (const auto& entry : std::filesystem::directory_iterator(FAIRWAY_SYS_SOURCES)) {
    if (entry.path().extension() != ".cpp") continue;
    std::ifstream file(entry.path());
    std::string source{std::istreambuf_iterator<char>(file), {}};
    const std::regex call(R"((FAIRWAY_CALL\w*\(\s*\w+,\s*|[^\w:>])::([a-z_0-9]+\([^)]*))");
    for (std::sregex_iterator found(source.begin(), source.end(), call), end; found != end; ++found) {
      const bool has_name = (*found)[1].str().starts_with("FAIRWAY_CALL");
      named += has_name;
      const std::string text = (*found)[2];
      EXPECT_TRUE(has_name || std::ranges::any_of(calls_without_name, [&](const std::string& free) { return text.starts_with(free); }))
          << entry.path() << ": " << text << " has no name in sys/call_points.inc";
    }
  }
  EXPECT_GE(named + 1, call_points.size()) << "the pattern finds fewer than there are; Boost makes mmap";
}

}  // namespace
}  // namespace fairway::test
