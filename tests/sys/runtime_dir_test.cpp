#include "sys/runtime_dir.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <string>
#include <system_error>

#include "support/child.hpp"
#include "support/temporary_directory.hpp"
#include "sys/memory.hpp"
#include "sys/process.hpp"
#include "sys/socket.hpp"

namespace fs = std::filesystem;

namespace fairway::sys {
namespace {

using test::TemporaryDirectory;

mode_t mode_of(const fs::path& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 ? status.st_mode & 07777 : 0;
}

/// The error of `prepare_directory`; 0: none. What it says must name the directory.
int error_of(const fs::path& directory) {
  try {
    prepare_directory(directory);
  } catch (const std::system_error& error) {
    EXPECT_NE(std::string(error.what()).find(directory.native()), std::string::npos) << error.what();
    return error.code().value();
  }
  return 0;
}

class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name), before_(environment(name)) {
    value != nullptr ? ::setenv(name, value, 1) : ::unsetenv(name);
  }
  ~Variable() { before_ ? ::setenv(name_, before_->c_str(), 1) : ::unsetenv(name_); }
  Variable(const Variable&) = delete;

 private:
  const char* name_;
  std::optional<std::string> before_;
};

TEST(RuntimeDirectory, ItIsMadeForItsOwnerAlone) {
  const TemporaryDirectory temporary;
  const fs::path directory = temporary.path() / "deep" / "down" / "fairway";
  const mode_t before = ::umask(0);
  EXPECT_EQ(error_of(directory), 0);
  ::umask(before);
  EXPECT_EQ(mode_of(directory), 0700u);
  EXPECT_EQ(error_of(directory), 0) << "it may be there already";
}

TEST(RuntimeDirectory, OneThatOthersMayWriteIntoIsRefused) {
  const TemporaryDirectory temporary;
  for (const mode_t mode : {0770u, 0720u, 0702u, 0777u, 01777u}) {
    ASSERT_EQ(::chmod(temporary.path().c_str(), mode), 0);
    EXPECT_EQ(error_of(temporary.path()), EPERM) << mode;
  }
  ASSERT_EQ(::chmod(temporary.path().c_str(), 0755), 0);
  EXPECT_EQ(error_of(temporary.path()), 0);
}

TEST(RuntimeDirectory, OneOfSomebodyElseIsRefused) {
  const TemporaryDirectory temporary;
  const fs::path theirs = temporary.path() / "theirs";
  fs::path directory = "/";
  if (user_id() == 0) {
    ASSERT_EQ(::mkdir(theirs.c_str(), 0700), 0);
    ASSERT_EQ(::chown(theirs.c_str(), 12345, 12345), 0);
    directory = theirs;
  }
  EXPECT_EQ(error_of(directory), EPERM);
}

TEST(RuntimeDirectory, WhatIsNoDirectoryIsRefused) {
  const TemporaryDirectory temporary;
  std::ofstream(temporary.path() / "file") << "x";
  EXPECT_EQ(error_of(temporary.path() / "file"), ENOTDIR);
  fs::create_directory(temporary.path() / "real");
  fs::create_directory_symlink(temporary.path() / "real", temporary.path() / "link");
  EXPECT_NE(error_of(temporary.path() / "link"), 0) << "whoever made the link could turn it round";
  EXPECT_NE(error_of(temporary.path() / "file" / "below"), 0);
}

TEST(RuntimeDirectory, ItIsFoundByOptionThenByEnvironment) {
  const TemporaryDirectory temporary;
  const Variable broker("FAIRWAY_BROKER", "/from/variable");
  const Variable runtime("XDG_RUNTIME_DIR", "/run/somewhere");
  EXPECT_EQ(runtime_directory("/from/option"), "/from/option");
  EXPECT_EQ(runtime_directory({}), "/from/variable");
  const Fd listener = listen_at(temporary.path() / "socket");
  EXPECT_EQ(runtime_directory(temporary.path() / "socket"), temporary.path()) << "the socket itself is understood too";
  {
    const Variable none("FAIRWAY_BROKER", nullptr);
    EXPECT_EQ(runtime_directory({}), "/run/somewhere/fairway");
    const Variable empty("XDG_RUNTIME_DIR", "");
    const std::string uid = std::to_string(user_id());
    const std::string found = runtime_directory({});
    EXPECT_TRUE(found == "/run/user/" + uid + "/fairway" || found == "/tmp/fairway-" + uid) << found;
  }
}

TEST(RuntimeDirectory, ItHasOneBrokerAtATime) {
  const TemporaryDirectory temporary;
  Fd lock = try_lock(temporary.path());
  EXPECT_TRUE(lock);
  EXPECT_FALSE(try_lock(temporary.path()));
  lock.close();
  EXPECT_TRUE(try_lock(temporary.path()));
}

TEST(RuntimeDirectory, StaleNamesAreRemovedAndOthersAreNot) {
  const TemporaryDirectory temporary;
  const fs::path directory = temporary.path();
  remove_stale_names(directory);
  EXPECT_TRUE(fs::is_directory(segments_path(directory)));
  EXPECT_TRUE(fs::is_directory(tables_path(directory)));
  listen_at(socket_path(directory));
  fs::create_symlink("/proc/1/fd/99", segments_path(directory) / "ch-1.1");
  fs::create_symlink("/proc/1/fd/98", tables_path(directory) / "contexts.0");
  std::ofstream(directory / "mine") << "x";
  remove_stale_names(directory);
  EXPECT_FALSE(fs::exists(socket_path(directory)));
  EXPECT_EQ(list_names(segments_path(directory)), std::vector<std::string>{});
  EXPECT_EQ(list_names(tables_path(directory)), std::vector<std::string>{});
  EXPECT_TRUE(fs::exists(directory / "mine"));
}

TEST(Names, ANameLeadsToItsMemoryReadOnly) {
  const TemporaryDirectory temporary;
  const Fd memory = create_memory("test", 4096);
  ASSERT_EQ(::pwrite(memory.get(), "hello", 5, 0), 5);
  make_name(temporary.path() / "ch-1.1", memory.get());
  const Fd opened = open_name(temporary.path() / "ch-1.1");
  ASSERT_TRUE(opened);
  char text[6] = {};
  EXPECT_EQ(::pread(opened.get(), text, 5, 0), 5);
  EXPECT_STREQ(text, "hello");
  EXPECT_EQ(::write(opened.get(), "x", 1), -1);
}

TEST(Names, ANamesMemoryIsMeasuredAndKnownForSealed) {
  const TemporaryDirectory temporary;
  const Fd one = create_memory("test", 4096);
  const Fd two = create_memory("test", 8192);
  seal_against_writing(two.get());
  make_name(temporary.path() / "one", one.get());
  make_name(temporary.path() / "two", two.get());
  const NamedMemory open = open_memory(temporary.path() / "one");
  const NamedMemory sealed = open_memory(temporary.path() / "two");
  ASSERT_TRUE(open.fd && sealed.fd);
  EXPECT_EQ(open.size, 4096u);
  EXPECT_FALSE(open.sealed);
  EXPECT_EQ(sealed.size, 8192u);
  EXPECT_TRUE(sealed.sealed);
  EXPECT_NE(open.identity, sealed.identity);
  EXPECT_EQ(open_memory(temporary.path() / "two").identity, sealed.identity);
  EXPECT_FALSE(open_memory(temporary.path() / "none").fd);
}

TEST(Names, ANameIsReplacedAndRemoved) {
  const TemporaryDirectory temporary;
  const Fd one = create_memory("test", 4096);
  const Fd two = create_memory("test", 8192);
  make_name(temporary.path() / "name", one.get());
  make_name(temporary.path() / "name", two.get());
  EXPECT_EQ(size_of(open_name(temporary.path() / "name").get()), 8192u);
  remove_name(temporary.path() / "name");
  EXPECT_FALSE(open_name(temporary.path() / "name"));
  remove_name(temporary.path() / "name");
  EXPECT_THROW(make_name(temporary.path() / "missing" / "name", one.get()), std::system_error);
}

FAIRWAY_CHILD(names_memory_and_ends) {
  const Fd memory = create_memory("test", 4096);
  make_name(arguments.at(0), memory.get());
  test::say("named");
  std::string line;
  test::hear(line);
  return 0;
}

TEST(Names, TheNameOfADeadBrokerLeadsNowhere) {
  const TemporaryDirectory temporary;
  const fs::path name = temporary.path() / "ch-1.1";
  test::Child broker("names_memory_and_ends", {name.native()});
  ASSERT_EQ(broker.line(), "named");
  EXPECT_TRUE(open_name(name));
  broker.kill(SIGKILL);
  broker.wait();
  EXPECT_FALSE(open_name(name));
  EXPECT_EQ(list_names(temporary.path()), std::vector<std::string>{"ch-1.1"}) << "the next broker removes it";
}

TEST(Names, WhatIsNoSealedMemoryIsNotOpened) {
  const TemporaryDirectory temporary;
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const Fd reading(ends[0]), writing(ends[1]);
  const Fd file(::open((temporary.path() / "file").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  const Fd unsealed(::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  const Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  for (const Fd* fd : {&reading, &writing, &file, &unsealed, &null}) {
    make_name(temporary.path() / "name", fd->get());
    EXPECT_FALSE(open_name(temporary.path() / "name"));
  }
  ASSERT_EQ(::mkfifo((temporary.path() / "fifo").c_str(), 0600), 0);
  EXPECT_FALSE(open_name(temporary.path() / "fifo")) << "and it does not block";
  fs::create_symlink("name2", temporary.path() / "name2");
  EXPECT_FALSE(open_name(temporary.path() / "name2"));
}

TEST(Names, TheyAreListedInOrder) {
  const TemporaryDirectory temporary;
  for (const char* name : {"ch-2.1", "ch-1.2", "ch-1.1"}) std::ofstream(temporary.path() / name) << "x";
  EXPECT_EQ(list_names(temporary.path()), (std::vector<std::string>{"ch-1.1", "ch-1.2", "ch-2.1"}));
  EXPECT_EQ(list_names(temporary.path() / "missing"), std::vector<std::string>{});
}

TEST(BrokerProgram, TheEnvironmentDecides) {
  const Variable variable("FAIRWAYD", "/somewhere/fairwayd");
  EXPECT_EQ(broker_program(), "/somewhere/fairwayd");
}

}  // namespace
}  // namespace fairway::sys
