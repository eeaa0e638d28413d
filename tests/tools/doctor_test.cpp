/// Each kind of broken set-up that the doctor knows, and what it says of it.
#include <gtest/gtest.h>

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include <fairway/fairway.hpp>

#include "inspector/doctor.hpp"
#include "support/temporary_directory.hpp"
#include "tools/run.hpp"

namespace fairway::test {
namespace {

using namespace fairway::inspector;

Facts healthy() {
  Facts facts;
  facts.kernel = "6.1.0";
  facts.directory = "/run/user/1000/fairway";
  facts.owner = facts.user = 1000;
  facts.descriptors = facts.most_descriptors = 1 << 20;
  return facts;
}

TEST(Doctor, AHealthyMachineIsFine) {
  for (const Finding& finding : examine(healthy())) {
    EXPECT_EQ(finding.verdict, Verdict::fine) << finding.what;
    EXPECT_EQ(finding.advice, "") << finding.what;
  }
}

struct Ailment {
  const char* name;
  std::function<void(Facts&)> break_it;
  Verdict verdict;
  const char* what;
  const char* advice;
};

void PrintTo(const Ailment& ailment, std::ostream* out) { *out << ailment.name; }

class Ailments : public testing::TestWithParam<Ailment> {};

TEST_P(Ailments, are_named_with_what_to_do) {
  Facts facts = healthy();
  GetParam().break_it(facts);
  const auto findings = examine(facts);
  ASSERT_EQ(std::ranges::count_if(findings, [](const Finding& finding) { return finding.verdict != Verdict::fine; }), 1);
  const auto found = std::ranges::find_if(findings, [](const Finding& finding) { return finding.verdict != Verdict::fine; });
  EXPECT_EQ(found->verdict, GetParam().verdict);
  EXPECT_NE(found->what.find(GetParam().what), std::string::npos) << found->what;
  EXPECT_NE(found->advice.find(GetParam().advice), std::string::npos) << found->advice;
}

INSTANTIATE_TEST_SUITE_P(
    , Ailments,
    testing::Values(
        Ailment{"no_memfd", [](Facts& f) { f.no_memory_object = "memfd_create: Operation not permitted", f.seccomp = true; }, Verdict::problem, "memfd_create", "seccomp"},
        Ailment{"no_seals", [](Facts& f) { f.sealed = false; }, Verdict::problem, "cannot be sealed", "Linux 5.1"},
        Ailment{"no_membarrier", [](Facts& f) { f.membarrier = false; }, Verdict::notice, "membarrier", "4.16"},
        Ailment{"no_membarrier_by_filter", [](Facts& f) { f.membarrier = false, f.seccomp = true; }, Verdict::notice, "membarrier", "seccomp"},
        Ailment{"no_pidfd", [](Facts& f) { f.pidfd = false; }, Verdict::notice, "pidfd", "5.3"},
        Ailment{"other_pid_namespace", [](Facts& f) { f.broker = Facts::Broker::answers, f.other_pids_hidden = true; }, Verdict::notice, "another PID namespace", "run the inspector where the broker runs"},
        Ailment{"few_descriptors", [](Facts& f) { f.descriptors = f.most_descriptors = 16; }, Verdict::notice, "16 descriptors", "hard limit"},
        Ailment{"small_files", [](Facts& f) { f.file_size = 0; }, Verdict::problem, "RLIMIT_FSIZE", "ulimit -f"},
        Ailment{"address_space", [](Facts& f) { f.address_space = 1 << 30; }, Verdict::notice, "RLIMIT_AS is 1.0 GiB", "ulimit -v"},
        Ailment{"cgroup", [](Facts& f) { f.memory_limit = 100 << 20, f.memory_used = 90 << 20; }, Verdict::notice, "10.0 MiB of 100.0 MiB", "memory.max"},
        Ailment{"missing", [](Facts& f) { f.exists = false; }, Verdict::notice, "does not exist", "--fix"},
        Ailment{"long_path", [](Facts& f) { f.path_fits = false; }, Verdict::problem, "too long", "FAIRWAY_BROKER"},
        Ailment{"of_another", [](Facts& f) { f.owner = 1001; }, Verdict::problem, "belongs to uid 1001", "of your own"},
        Ailment{"open_to_others", [](Facts& f) { f.mode = 0777; }, Verdict::problem, "writable by others", "chmod 700"},
        Ailment{"read_only", [](Facts& f) { f.not_writable = "Read-only file system"; }, Verdict::problem, "Read-only", "mount"},
        Ailment{"full", [](Facts& f) { f.free_files = 0; }, Verdict::problem, "is full", "make room"},
        Ailment{"stopped_broker", [](Facts& f) { f.broker = Facts::Broker::silent; }, Verdict::problem, "nobody accepts", "stopped"},
        Ailment{"no_program", [](Facts& f) { f.program_found = false; }, Verdict::problem, "fairwayd is not found", "FAIRWAYD"},
        Ailment{"stale_names", [](Facts& f) { f.stale_names = 7; }, Verdict::notice, "7 names", "--fix"}),
    [](const auto& ailment) { return std::string(ailment.param.name); });

class DoctorHere : public testing::Test {
 protected:
  Outcome doctor(std::vector<std::string> arguments = {}) const {
    arguments.insert(arguments.begin(), {"--broker", place.native(), "doctor"});
    return inspect(arguments);
  }
  static testing::AssertionResult says(const Outcome& outcome, int code, const std::string& words) {
    if (outcome.code == code && outcome.out.find(words) != std::string::npos) return testing::AssertionSuccess();
    return testing::AssertionFailure() << "exit code " << outcome.code << "\n" << outcome.out << outcome.err;
  }

  TemporaryDirectory directory;
  std::filesystem::path place = directory.path() / "broker";
};

TEST_F(DoctorHere, MendsAnOpenDirectory) {
  std::filesystem::create_directory(place);
  ASSERT_EQ(::chmod(place.c_str(), 0777), 0);
  EXPECT_TRUE(says(doctor(), 2, "is writable by others"));
  EXPECT_TRUE(says(doctor({"--fix"}), 0, "is yours alone and writable"));
}

TEST_F(DoctorHere, MakesAMissingDirectory) {
  EXPECT_TRUE(says(doctor(), 0, "does not exist"));
  EXPECT_TRUE(says(doctor({"--fix"}), 0, "is yours alone and writable"));
}

TEST_F(DoctorHere, RemovesWhatAKilledBrokerLeft) {
  std::filesystem::create_directory(place);
  {
    Daemon daemon(place);
    const Context context({.name = "player", .broker = place});
    EXPECT_TRUE(says(doctor(), 0, "a broker answers"));
    daemon.stop();
    EXPECT_TRUE(says(doctor(), 2, "nobody accepts connections"));
    daemon.resume();
    daemon.kill();
  }
  EXPECT_TRUE(says(doctor(), 0, "lead nowhere"));
  EXPECT_TRUE(says(doctor({"--fix"}), 0, "no name is left"));
  EXPECT_TRUE(says(doctor({"--json"}), 0, "\"findings\":[{\"verdict\":\"fine\""));
}

TEST_F(DoctorHere, LeavesTheNamesOfABrokerThatRuns) {
  std::filesystem::create_directory(place);
  const Daemon daemon(place);
  const Context context({.name = "player", .broker = place});
  EXPECT_TRUE(says(doctor({"--fix"}), 0, "a broker answers"));
  EXPECT_EQ(inspect({"--broker", place.native(), "ls"}).code, 0);
}

}  // namespace
}  // namespace fairway::test
