// A program that finds no broker and starts one, as the library does it, and that broker. What it looks up on the way, and what
// an inspector would open, it calls too.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <utility>

#include "faults/call_sweep_roles.hpp"
#include "sys/memory.hpp"
#include "sys/process.hpp"
#include "sys/runtime_dir.hpp"

namespace fairway::test {

namespace fs = std::filesystem;

namespace {

constexpr const char* second_table = "channels.257";

/// A name that the broker is about to make.
class TakenName {
 public:
  explicit TakenName(fs::path path) : path_(std::move(path)) { fs::create_symlink("nowhere", path_, ignored_); }
  ~TakenName() {
    if (fs::read_symlink(path_, ignored_) == "nowhere") fs::remove(path_, ignored_);
  }
  TakenName(const TakenName&) = delete;

 private:
  fs::path path_;
  std::error_code ignored_;
};

/// The next thing that is posted to it rings, whatever happened before.
void fall_asleep(Context& context) {
  for (int attempt = 0; attempt < 100 && !context.prepare_to_sleep(); ++attempt) context.poll();
}

/// Two contexts of this process talk, through a broker that nobody has started yet; for the second message one has to be woken.
std::string talk(const std::vector<std::string>& arguments) {
  Context one(starved_options(arguments, "one"));
  const TakenName taken(sys::tables_path(arguments.at(0)) / second_table);
  Context two(starved_options(arguments, "two"));
  std::optional<MessagePort> other;
  one.on_connect([&](MessageEvent& event) { other = std::move(event.ports.at(0)); });
  MessagePort port = two.connect("one");
  port.post_message("hello");
  bool slept = false;
  for (const auto end = std::chrono::steady_clock::now() + starved_patience; std::chrono::steady_clock::now() < end;) {
    two.poll();
    one.poll();
    if (!other) continue;
    for (const auto& folder : {sys::tables_path(arguments.at(0)), sys::segments_path(arguments.at(0))})
      for (const std::string& name : sys::list_names(folder))
        if (const sys::Fd fd = sys::open_name(folder / name)) static_cast<void>(sys::size_of(fd.get()));
    if (const auto message = other->receive(std::chrono::milliseconds(10))) {
      if (message->string() != (slept ? "awake" : "hello")) return "bad";
      if (std::exchange(slept, true)) return "ok";
      fall_asleep(one);
      port.post_message("awake");
    }
    if (other->close_reason()) return std::string(to_string(*other->close_reason()));
  }
  return "stuck";
}

}  // namespace

FAIRWAY_CHILD(starved_starter) {
  return play_starved(arguments, [&] {
    say("starter " + talk(arguments));
    for (const char* const name : {"FAIRWAYD", "FAIRWAY_BROKER", "XDG_RUNTIME_DIR"}) ::unsetenv(name);
    if (sys::runtime_directory({}).empty() || sys::broker_program().empty()) say("bad names");
  });
}

/// What `fairwayd --on-demand` does. Arguments: directory, a file to speak into, call, pass, error; only the first one in that
/// directory has the fault.
FAIRWAY_CHILD(starved_on_demand) {
  const char* const said = arguments.at(1).c_str();
  const bool first = ::mknod(said, S_IFREG | 0600, 0) == 0;
  const int fd = ::open(said, O_WRONLY | O_APPEND | O_CLOEXEC);
  ::flock(fd, LOCK_SH);  // until this process has ended
  std::vector<std::string> plan = arguments;
  if (first) {
    ::dup2(fd, STDOUT_FILENO);
  } else {
    plan.at(4) = "0";
  }
  begin_starved(plan);
  try {
    sys::prepare_directory(arguments.at(0));
    sys::Fd start_lock = sys::wait_for_start_lock(arguments.at(0));
    Broker broker({.directory = arguments.at(0), .private_names = true, .idle_exit = std::chrono::milliseconds(100)});
    start_lock.close();
    sys::report_ready();
    broker.run();
  } catch (const std::system_error& error) {
    if (error.code() == Errc::name_taken) sys::report_ready();
    if (error.code() != Errc::name_taken) sys::report_failure(error.what());
    say(std::string("error ") + error.what());
  }
  say(call_report());
  return 0;
}

Accounts start_on_demand(const Victim& victim) {
  const TemporaryDirectory place;
  const fs::path directory = place.path() / "broker";
  const fs::path said = place.path() / "said";
  const fs::path program = place.path() / "fairwayd";
  const auto plan = [&](const std::string& part) {
    return " " + std::to_string(victim.point) + " " + std::to_string(victim.occurrence) + " " +
           std::to_string(part == victim.part ? victim.error : 0);
  };
  std::ofstream(program) << "#!/bin/sh\nexec " << fs::read_symlink("/proc/self/exe").native() << " --child starved_on_demand "
                         << directory.native() << " " << said.native() << plan("started") << "\n";
  fs::permissions(program, fs::perms::owner_all);

  Accounts accounts;
  for (const std::string part : {"starter", "next starter"}) {
    const int error = part == victim.part ? victim.error : 0;
    Child starter("starved_starter",
                  {directory.native(), "0", std::to_string(victim.point), std::to_string(victim.occurrence), std::to_string(error)},
                  {"FAIRWAYD=" + program.native()});
    hear_out(starter, accounts[part]);
    // A broker is nobody's child: its end is that of its lock.
    const int lock = ::open(said.c_str(), O_RDWR | O_CLOEXEC);
    ::flock(lock, LOCK_EX);
    ::close(lock);
  }
  std::ifstream file(said);
  for (std::string line; std::getline(file, line);) accounts["started"].note(line);
  for (const auto& folder : {sys::tables_path(directory), sys::segments_path(directory)}) EXPECT_TRUE(fs::is_empty(folder)) << folder;
  return accounts;
}

}  // namespace fairway::test
