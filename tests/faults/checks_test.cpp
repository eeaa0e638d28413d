// Each check that keeps out who lies is left out once, and the test of the attack that it stops has to fail. The tests are those
// of multiprocess/transfer_hostile_test, built with switches (attacks_without_checks), hostile_peer_test and hostile_client_test.
#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <ostream>
#include <string>
#include <vector>

#include "base/check.hpp"
#include "support/temporary_directory.hpp"

namespace fairway::test {
namespace {

struct Pair {
  const char* name;
  std::vector<Check> left_out;  ///< more than one: each of them stops the attack, with the others left out
  std::string attack;           ///< as --gtest_filter
  const char* program = ATTACKS;
  const char* honest = "*tells_the_truth*";  ///< works without the checks, too
};

std::string said(const std::string& word) { return "*HostileWords*/" + word; }

constexpr const char* harmless_word = "HostileWord.of_any_value*/cpu";
constexpr const char* nothing = "HostileClient.that_does_nothing*";

const std::vector<Pair> pairs{
    // The broker: who speaks of what.
    {"close", {Check::owner}, said("close")},
    {"end", {Check::owner}, said("end")},
    {"done", {Check::owner}, said("done")},
    {"refetch", {Check::owner}, said("refetch")},
    {"bind", {Check::owner}, said("bind")},
    {"detach_the_next_epoch", {Check::owner}, said("detach_the_next_epoch")},
    {"carry_with_it", {Check::owner}, said("carry_with_it")},
    {"claim_to_it", {Check::owner}, said("claim_to_it")},
    {"unclaim_to_it", {Check::owner}, said("unclaim_to_it")},
    {"detach_again", {Check::owner, Check::epoch}, said("detach_again")},
    {"connect", {Check::owner, Check::unused}, said("connect")},
    {"invite", {Check::owner, Check::unused}, said("invite")},
    // Tokens.
    {"claim_in_anothers_name", {Check::owner}, "HostileClaim.in_the_name_of*"},
    {"claim_back", {Check::carrier}, "HostileClaim.of_what_it_gave_away*"},
    // What waits is looked at again when the Detach comes.
    {"claim_before", {Check::claim_waits_for_writer, Check::carrier}, "HostileClaim.before_it_lets_go*"},
    // What it declares.
    {"final_of_no_position", {Check::possible_final}, "HostileEnd.that_no_position*"},
    {"read_in_no_generation", {Check::read_is_written}, "HostileEnd.of_reading_in*"},
    {"final_behind_its_words", {Check::final_is_reached}, "HostileEnd.behind_what_it_wrote*"},
    {"final_beyond_the_ring", {Check::final_within_ring}, "HostileEnd.beyond_its_segment*"},
    {"final_within_a_record", {Check::whole_records}, "HostileEnd.within_a_record*"},
    {"final_in_front_of_the_reader", {Check::final_not_passed}, "HostileEnd.in_front_of_what_is_read*"},
    // What it writes.
    {"replay", {Check::stops_at_final}, "*HostileAppender*/replay"},
    {"forge", {Check::stops_at_final}, "*HostileAppender*/forge"},
    {"scribble", {Check::stops_at_final}, "*HostileAppender*/scribble"},
    {"change_unread", {Check::stops_at_final}, "HostileFormerOwner.changes_its_own_unread*"},
    {"scribble_over_links", {Check::ready_tail}, "HostileFormerOwner.rings_doorbells*"},
    // What it reads.
    {"read_on", {Check::fresh_generation}, "HostileFormerOwner.sees_nothing_of_what_the_other_side*"},
    {"read_before_the_news", {Check::news_before_post}, "HostileFormerOwner.sees_nothing_of_what_is_posted_before*"},
    // What it asks of the kernel.
    {"truncate", {Check::sealed_size}, "*HostileKernelCall*/truncate"},
    {"punch", {Check::sealed_writing}, "*HostileKernelCall*/punch"},
    {"map", {Check::sealed_writing}, "*HostileKernelCall*/map"},
    // The seal takes the right to write from descriptors that had it, too.
    {"unprotect", {Check::sealed_writing, Check::read_only}, "*HostileKernelCall*/unprotect"},
    {"open_by_name", {Check::private_names}, "SegmentNames.of_a_private_broker*"},
    // A peer's words.
    {"read_too_far", {Check::possible_head}, "HostilePeer.that_claims_to_have_read*", PEER, harmless_word},
    {"read_too_far_in_silence", {Check::possible_head}, "HostilePeer.that_claims_so_while*", PEER, harmless_word},
    {"long_record", {Check::possible_record}, "HostilePeer.whose_record_reaches*", PEER, harmless_word},
    {"full_ready_ring", {Check::ready_tail}, "HostilePeer.whose_ready_ring*", PEER, harmless_word},
    {"port_twice", {Check::possible_tokens}, "HostilePeer.that_sends_a_port_twice*", PEER, harmless_word},
    {"crowd_of_ports", {Check::possible_tokens}, "HostilePeer.that_sends_more_ports*", PEER, harmless_word},
    {"claims_everything", {Check::counted_by_generation}, "HostilePeer.that_reads_nothing*", PEER, harmless_word},
    {"says_goodbye", {Check::broker_is_believed}, "HostilePeer.that_says_goodbye*", PEER, harmless_word},
    {"thaws", {Check::kernel_is_believed}, "HostileMemory.called_frozen*", PEER, harmless_word},
    // A client's messages.
    {"frames", {Check::whole_frames}, "HostileClient.that_sends_frames*", CLIENT, nothing},
    {"descriptors", {Check::no_descriptors}, "HostileClient.that_sends_descriptors*", CLIENT, nothing},
    {"boxes_nothing", {Check::whole_boxes}, "HostileClient.that_sends_as_memory*", CLIENT, nothing},
    {"no_hello", {Check::hello_first}, "HostileClient.that_does_not_say_hello*", CLIENT, nothing},
    {"never_reads", {Check::answers_are_read}, "HostileClient.that_asks_and_never*", CLIENT, nothing},
    {"never_acknowledges", {Check::few_in_flight}, "HostileClient.that_never_acknowledges*", CLIENT, nothing},
    {"takes_all_segments", {Check::fair_share}, "HostileClientOfAPoorBroker.*", CLIENT, nothing},
    {"crowd_at_the_door", {Check::short_turns}, "CrowdAtTheDoor.*", CLIENT, nothing},
};

void PrintTo(const Pair& pair, std::ostream* out) { *out << pair.name; }

enum class Patience { normal, little };

/// The exit code of the attacks' program, or minus the signal that ended it. What it says goes to a file.
int run(const char* program, const std::string& attack, std::uint64_t left_out, Patience patience, const std::string& output) {
  const std::string filter = "--gtest_filter=" + attack;
  const std::string mask = std::to_string(left_out);
  const TemporaryDirectory directory;  // what is killed cleans up nothing
  const int pid = ::fork();
  if (pid == 0) {
    ::setenv("FAIRWAY_CHECKS_LEFT_OUT", mask.c_str(), 1);
    ::setenv("TMPDIR", directory.path().c_str(), 1);
    if (patience == Patience::little) {
      ::setenv("FAIRWAY_WATCHDOG", "1", 1);
      ::alarm(3);  // for what runs for ever
    }
    const int fd = ::open(output.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ::dup2(fd, 1);
    ::dup2(fd, 2);
    ::execl(program, program, filter.c_str(), nullptr);
    ::_exit(127);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

class LeftOut : public testing::TestWithParam<Pair> {};

TEST_P(LeftOut, the_check_that_stops_an_attack_lets_its_test_fail) {
  const Pair& pair = GetParam();
  std::uint64_t mask = 0;
  for (const Check check : pair.left_out) mask |= static_cast<std::uint64_t>(check);
  const std::string output = testing::TempDir() + "fairway-attack-" + pair.name + "-" + std::to_string(::getpid());
  EXPECT_EQ(run(pair.program, pair.attack, 0, Patience::normal, output), 0) << "fails with every check made; see " << output;
  for (const Check check : pair.left_out) {
    if (pair.left_out.size() == 1) break;
    EXPECT_EQ(run(pair.program, pair.attack, static_cast<std::uint64_t>(check), Patience::normal, output), 0)
        << "the others do not stop it; see " << output;
  }
  EXPECT_EQ(run(pair.program, pair.honest, mask, Patience::normal, output), 0) << "without it even honest ones fail; see " << output;
  const int result = run(pair.program, pair.attack, mask, Patience::little, output);
  EXPECT_NE(result, 127) << "there is no " << pair.program;
  EXPECT_NE(result, 0) << "something else stops it; see " << output;
  if (!HasFailure()) ::unlink(output.c_str());
}

INSTANTIATE_TEST_SUITE_P(Of, LeftOut, testing::ValuesIn(pairs), [](const auto& pair) { return std::string(pair.param.name); });

}  // namespace
}  // namespace fairway::test
