#include "inspector/doctor.hpp"

#include <string_view>
#include <utility>

#include <boost/json.hpp>
#include <fmt/format.h>

#include "inspector/diagnosis.hpp"
#include "inspector/drawing.hpp"

namespace fairway::inspector {

namespace {

constexpr std::uint64_t few_descriptors = 1024;
constexpr std::uint64_t little_memory = std::uint64_t{64} << 20;
constexpr std::uint64_t little_space = std::uint64_t{1} << 20;

Finding fine(std::string what) { return {Verdict::fine, std::move(what)}; }
Finding notice(std::string what, std::string advice) { return {Verdict::notice, std::move(what), std::move(advice)}; }
Finding problem(std::string what, std::string advice, bool mendable = false) {
  return {Verdict::problem, std::move(what), std::move(advice), mendable};
}

Finding memory_objects(const Facts& facts) {
  const std::string filter = facts.seccomp ? "; a seccomp filter is in force: let memfd_create and fcntl pass" : "";
  if (!facts.no_memory_object.empty())
    return problem("no memory object can be made: " + facts.no_memory_object, "it takes Linux 3.17" + filter);
  if (!facts.sealed) return problem("memory cannot be sealed against writing", "it takes Linux 5.1" + filter);
  return fine("memory objects can be made and sealed");
}

Finding barriers(const Facts& facts) {
  if (facts.membarrier) return fine("membarrier works: a post needs no fence");
  return notice("membarrier is refused: each post pays for a fence instead",
                facts.seccomp ? "let membarrier pass the seccomp filter" : "it takes Linux 4.16");
}

Finding processes(const Facts& facts) {
  if (!facts.pidfd)
    return notice("pidfd_open is refused: a dead process is noticed by its sockets alone", "it takes Linux 5.3, and a seccomp filter that lets it pass");
  if (facts.other_pids_hidden)
    return notice("the broker's process cannot be seen: it runs in another PID namespace, or /proc hides it",
                  "the names that it makes lead nowhere from here; run the inspector where the broker runs");
  return fine("deaths are told by pidfd");
}

Finding descriptors(const Facts& facts) {
  const std::string what = fmt::format("a process may have {} descriptors (RLIMIT_NOFILE; hard limit {})", facts.descriptors, facts.most_descriptors);
  if (facts.most_descriptors >= few_descriptors) return fine(what);
  return notice(what, "the broker needs about two for each shared channel: raise the hard limit, as by LimitNOFILE= or in limits.conf");
}

Finding limits(const Facts& facts) {
  if (facts.file_size < little_space)
    return problem(fmt::format("RLIMIT_FSIZE is {}: segments cannot be made", bytes_text(facts.file_size)), "ulimit -f unlimited");
  if (facts.address_space != Facts::unlimited)
    return notice(fmt::format("RLIMIT_AS is {}: every mapped segment counts", bytes_text(facts.address_space)), "ulimit -v unlimited, unless it is meant");
  return fine("no limit on address space or file size");
}

Finding cgroup(const Facts& facts) {
  if (facts.memory_limit == Facts::unlimited) return fine("no memory limit of a cgroup");
  const std::uint64_t left = facts.memory_limit > facts.memory_used ? facts.memory_limit - facts.memory_used : 0;
  const std::string what = fmt::format("the cgroup has {} of {} left", bytes_text(left), bytes_text(facts.memory_limit));
  if (left >= little_memory) return fine(what);
  return notice(what, "who touches more is killed: raise memory.max, or set smaller queue limits");
}

Finding directory(const Facts& facts) {
  const std::string& path = facts.directory;
  if (!facts.path_fits) return problem(path + " is too long for a socket", "set FAIRWAY_BROKER or --broker to a shorter one (about 90 characters)");
  if (!facts.exists) return {Verdict::notice, path + " does not exist", "the first broker makes it; --fix does too", true};
  if (facts.owner != facts.user) return problem(fmt::format("{} belongs to uid {}, not {}", path, facts.owner, facts.user), "use a directory of your own: FAIRWAY_BROKER or --broker");
  if ((facts.mode & 022) != 0) return problem(path + " is writable by others", fmt::format("chmod 700 {}", path), true);
  if (!facts.not_writable.empty()) return problem(fmt::format("nothing can be made in {}: {}", path, facts.not_writable), "mount it writable, or set FAIRWAY_BROKER to another directory");
  if (facts.free_files == 0 || facts.free_bytes < little_space)
    return problem(fmt::format("{} is full: {} and {} names left", path, bytes_text(facts.free_bytes), facts.free_files), "make room; channels go on without names until then");
  return fine(path + " is yours alone and writable");
}

Finding broker(const Facts& facts) {
  switch (facts.broker) {
    case Facts::Broker::answers: return fine("a broker answers");
    case Facts::Broker::silent:
      return problem("a broker holds the directory's lock and nobody accepts connections", "it is stopped, or ends just now: see `fairway ls`, and continue or end that process");
    case Facts::Broker::none: break;
  }
  if (facts.program_found) return fine("no broker runs; the first program starts one");
  return problem("no broker runs, and fairwayd is not found", "install it, or set FAIRWAYD to its path");
}

Finding names(const Facts& facts) {
  if (facts.stale_names == 0) return fine("no name is left of a broker that has ended");
  return {Verdict::notice, fmt::format("{} names lead nowhere: their broker was killed", facts.stale_names), "the next broker removes them; --fix does too", true};
}

std::string_view word(Verdict verdict) {
  return verdict == Verdict::fine ? "fine" : verdict == Verdict::notice ? "notice" : "problem";
}

}  // namespace

std::vector<Finding> examine(const Facts& facts) {
  std::vector<Finding> findings{fine("Linux " + facts.kernel)};
  for (const auto check : {memory_objects, barriers, processes, descriptors, limits, cgroup, directory, broker, names}) findings.push_back(check(facts));
  return findings;
}

std::string doctor_text(const std::vector<Finding>& findings, Colour colour) {
  std::string text;
  for (const Finding& finding : findings) {
    const Ink ink = finding.verdict == Verdict::fine ? Ink::plain : finding.verdict == Verdict::notice ? Ink::notice : Ink::alarm;
    text += paint(fmt::format("{:<7}", word(finding.verdict)), ink, colour) + "  " + finding.what + '\n';
    if (!finding.advice.empty()) text += fmt::format("{:9}{}\n", "", finding.advice);
  }
  return text;
}

std::string doctor_json(const std::vector<Finding>& findings) {
  boost::json::array array;
  for (const Finding& finding : findings)
    array.push_back({{"verdict", std::string(word(finding.verdict))}, {"what", finding.what}, {"advice", finding.advice}, {"mendable", finding.mendable}});
  return boost::json::serialize(boost::json::object{{"format", 1}, {"findings", std::move(array)}}) + '\n';
}

}  // namespace fairway::inspector
