// The runtime directory, or every other one, has no room or may not be written: names are lost, or a clear error is told, and
// all is well when that has passed.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

#include <fairway/fairway.hpp>

#include "multiprocess/starvation.hpp"
#include "support/child.hpp"
#include "support/temporary_directory.hpp"

namespace fairway::test {
namespace {

namespace fs = std::filesystem;

bool mount_memory(const fs::path& directory, const std::string& options) {
  return ::mount("tmpfs", directory.c_str(), "tmpfs", 0, ("mode=700," + options).c_str()) == 0;
}

/// A second, read-only way to what is mounted there, over the first one.
bool cover_read_only(const fs::path& directory) {
  if (::mount(directory.c_str(), directory.c_str(), nullptr, MS_BIND, nullptr) != 0) return false;
  while (::mount(nullptr, directory.c_str(), nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr) != 0) {
    if (errno != EBUSY) return false;
    std::this_thread::yield();  // somebody is making a name there at this moment
  }
  return true;
}

/// Makes files until there is no room for another name.
std::vector<fs::path> fill(const fs::path& directory) {
  std::vector<fs::path> files;
  for (;;) {
    const fs::path file = directory / ("filler" + std::to_string(files.size()));
    const int fd = ::open(file.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    if (fd < 0) return files;
    ::close(fd);
    files.push_back(file);
  }
}

std::size_t names_of_segments(const fs::path& directory) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(directory / "segments"), fs::directory_iterator()));
}

/// What becomes of channels while no names can be made, in a line each. Arguments: directory, "full" or "read-only".
FAIRWAY_CHILD(nameless) {
  const fs::path directory = arguments.at(0);
  if (!make_own_mounts() || !mount_memory(directory, "nr_inodes=40")) {
    say("no mounts");
    return 0;
  }
  say("mounted");
  Child broker("broker", {directory.native()});
  if (broker.line() != "ready") return 1;  // before anybody starts another one
  Child echo("echo", {directory.native(), "block"});
  if (echo.line() != "ready") return 1;
  std::vector<fs::path> fillers;
  if (arguments.at(1) == "full") fillers = fill(directory);
  if (arguments.at(1) == "read-only" && !cover_read_only(directory)) return 2;
  {
    Context context({.broker = directory});
    const std::vector<std::byte> message(mebibyte);
    std::vector<MessagePort> ports;
    const auto echoes = [&](int count) {
      std::size_t echoed = 0;
      for (int i = 0; i < count; ++i) {
        ports.push_back(context.connect("echo"));
        for (const std::size_t size : {std::size_t{10}, mebibyte}) {
          ports.back().post_message(Bytes(message).first(size));
          echoed += ports.back().receive()->bytes().size();
        }
      }
      return std::to_string(echoed) + " bytes, names of segments: " + std::to_string(names_of_segments(directory));
    };
    say("without: " + echoes(5));
    for (const fs::path& file : fillers) fs::remove(file);
    if (arguments.at(1) == "read-only" && ::umount(directory.c_str()) != 0) return 3;
    say("with: " + echoes(1));
  }
  broker.close_input();
  for (std::string line = broker.line(); !line.empty(); line = broker.line()) say(line);
  return 0;
}

void expect_work_goes_on_without_names(const std::string& how, const std::string& reason) {
  TemporaryDirectory directory;
  Child child("nameless", {directory.path().native(), how});
  const std::string mounted = child.line();
  if (mounted == "no mounts") GTEST_SKIP() << "this system lets us mount nothing";
  ASSERT_EQ(mounted, "mounted");
  EXPECT_EQ(child.line(), "without: 5242930 bytes, names of segments: 0");
  const std::string with = child.line();
  EXPECT_TRUE(with.starts_with("with: 1048586 bytes")) << with;
  EXPECT_GE(with.back(), '4') << "the first and the newest generation of both sides";
  const std::string complaint = child.line();
  EXPECT_NE(complaint.find("without names"), std::string::npos) << complaint;
  EXPECT_NE(complaint.find(directory.path().native()), std::string::npos) << complaint;
  EXPECT_NE(complaint.find(reason), std::string::npos) << complaint;
  EXPECT_EQ(child.line(), "done") << "and that once";
  EXPECT_EQ(child.wait(), 0);
}

TEST(RuntimeDirectory, that_is_full_costs_the_names_and_they_come_back) {
  expect_work_goes_on_without_names("full", "No space left on device");
}

TEST(RuntimeDirectory, that_becomes_read_only_costs_the_names_and_they_come_back) {
  expect_work_goes_on_without_names("read-only", "Read-only file system");
}

/// Tries to begin there, and once more when it is possible. Arguments: directory, "full" or "read-only".
FAIRWAY_CHILD(beginner) {
  const fs::path directory = arguments.at(0);
  const bool full = arguments.at(1) == "full";
  if (!make_own_mounts() || !mount_memory(directory, full ? "nr_inodes=1" : "nr_inodes=40") || (!full && !cover_read_only(directory))) {
    say("no mounts");
    return 0;
  }
  say("mounted");
  say("broker: " + error_of([&] { Broker broker({.directory = directory}); }));
  say("context: " + error_of([&] { Context context({.broker = directory}); }));
  if (full ? ::mount(nullptr, directory.c_str(), nullptr, MS_REMOUNT, "nr_inodes=40") != 0 : ::umount(directory.c_str()) != 0) return 2;
  Child broker("broker", {directory.native()});
  if (broker.line() != "ready") return 3;
  say("then: " + error_of([&] { Context context({.broker = directory}); }));
  return 0;
}

void expect_clear_errors(const std::string& how, const std::string& reason) {
  TemporaryDirectory directory;
  Child child("beginner", {directory.path().native(), how});
  const std::string mounted = child.line();
  if (mounted == "no mounts") GTEST_SKIP() << "this system lets us mount nothing";
  ASSERT_EQ(mounted, "mounted");
  const std::string broker = child.line();
  EXPECT_NE(broker.find(directory.path().native()), std::string::npos) << broker;
  EXPECT_NE(broker.find(reason), std::string::npos) << broker;
  const std::string context = child.line();
  EXPECT_NE(context.find(directory.path().native()), std::string::npos) << context;
  EXPECT_NE(context.find("no broker"), std::string::npos) << context;
  EXPECT_NE(context.find(reason), std::string::npos) << context;
  EXPECT_EQ(child.line(), "then: ");
  EXPECT_EQ(child.wait(), 0);
}

TEST(RuntimeDirectory, that_is_full_from_the_start_is_a_clear_error) { expect_clear_errors("full", "No space left on device"); }

/// Everything is read-only but the runtime directory, as in a container. Arguments: directory.
FAIRWAY_CHILD(on_read_only_root) {
  const fs::path directory = arguments.at(0);
  if (!make_own_mounts() || ::mount("/", "/", nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr) != 0 ||
      !mount_memory(directory, "nr_inodes=100")) {
    say("no mounts");
    return 0;
  }
  const int fd = ::open("/fairway-test", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  say(fd < 0 && errno == EROFS ? "mounted" : "not read-only");
  Child broker("broker", {directory.native()});
  if (broker.line() != "ready") return 1;
  Child echo("echo", {directory.native(), "block"});
  if (echo.line() != "ready") return 1;
  {
    Context context({.broker = directory});
    MessagePort port = context.connect("echo");
    port.post_message(std::vector<std::byte>(mebibyte));
    say(std::to_string(port.receive()->bytes().size()));
  }
  broker.close_input();
  for (std::string line = broker.line(); !line.empty(); line = broker.line()) say(line);
  return 0;
}

TEST(RuntimeDirectory, is_all_that_has_to_be_writable) {
  TemporaryDirectory directory;
  Child child("on_read_only_root", {directory.path().native()});
  const std::string mounted = child.line();
  if (mounted == "no mounts") GTEST_SKIP() << "this system lets us mount nothing";
  ASSERT_EQ(mounted, "mounted");
  EXPECT_EQ(child.line(), std::to_string(mebibyte));
  EXPECT_EQ(child.line(), "done") << "without a complaint";
  EXPECT_EQ(child.wait(), 0);
}

TEST(RuntimeDirectory, that_is_read_only_from_the_start_is_a_clear_error) { expect_clear_errors("read-only", "Read-only file system"); }

}  // namespace
}  // namespace fairway::test
