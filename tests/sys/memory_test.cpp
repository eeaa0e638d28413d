#include "sys/memory.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <string>
#include <system_error>

#include "support/temporary_directory.hpp"

#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x0020
#endif

namespace fairway::sys {
namespace {

constexpr std::uint64_t size = 12288;
constexpr int all_seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL;

/// Without the seal that the sysctl vm.memfd_noexec gives to every new memory object.
int seals_of(int fd) { return ::fcntl(fd, F_GET_SEALS) & ~F_SEAL_EXEC; }

Fd sealed_memory(Mapping& writer) {
  Fd fd = create_memory("test", size);
  writer = Mapping(fd.get(), size, Mapping::Access::write);
  writer.populate();
  seal_against_writing(fd.get());
  return fd;
}

void expect_no_writable_mapping(int fd) {
  errno = 0;
  EXPECT_EQ(::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
  EXPECT_TRUE(errno == EPERM || errno == EACCES) << std::strerror(errno);
}

TEST(Memory, ItHasItsSizeForEver) {
  const Fd fd = create_memory("test", size);
  EXPECT_EQ(size_of(fd.get()), size);
  EXPECT_EQ(seals_of(fd.get()), F_SEAL_SHRINK | F_SEAL_GROW);
  EXPECT_EQ(::ftruncate(fd.get(), 4096), -1);
  EXPECT_EQ(errno, EPERM);
  EXPECT_EQ(::ftruncate(fd.get(), 1 << 20), -1);
  EXPECT_EQ(errno, EPERM);
  EXPECT_EQ(size_of(fd.get()), size);
  EXPECT_NE(::fcntl(fd.get(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST(Memory, NothingWritesIntoSealedMemoryButTheMappingThatWasThere) {
  Mapping writer;
  const Fd fd = sealed_memory(writer);
  EXPECT_EQ(seals_of(fd.get()), all_seals);
  expect_no_writable_mapping(fd.get());
  EXPECT_THROW(Mapping(fd.get(), size, Mapping::Access::write), std::system_error);
  EXPECT_EQ(::write(fd.get(), "x", 1), -1);
  EXPECT_EQ(errno, EPERM);
  EXPECT_EQ(::pwrite(fd.get(), "x", 1, 100), -1);
  EXPECT_EQ(errno, EPERM);

  const Mapping reader(fd.get(), size, Mapping::Access::read);
  writer.bytes()[5000] = std::byte{42};
  EXPECT_EQ(reader.bytes()[5000], std::byte{42});
}

TEST(Memory, SealedMemoryLosesNoPage) {
  Mapping writer;
  const Fd fd = sealed_memory(writer);
  EXPECT_EQ(::ftruncate(fd.get(), 0), -1);
  EXPECT_EQ(errno, EPERM);
  EXPECT_EQ(::fallocate(fd.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), -1);
  EXPECT_EQ(errno, EPERM);
  EXPECT_EQ(::fallocate(fd.get(), 0, 0, static_cast<off_t>(size) * 2), -1);
  EXPECT_EQ(::madvise(writer.bytes().data(), 4096, MADV_REMOVE), -1) << "a hole through the mapping";
  EXPECT_TRUE(is_complete(fd.get(), size));
}

TEST(Memory, SealedMemoryCannotBeSealedFurther) {
  Mapping writer;
  const Fd fd = sealed_memory(writer);
  EXPECT_EQ(::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_WRITE), -1) << "a reader could stop the writer";
  EXPECT_EQ(errno, EPERM);
  EXPECT_THROW(seal_against_writing(fd.get()), std::system_error);
}

TEST(Memory, ASecondDescriptionOfSealedMemoryIsSealedToo) {
  Mapping writer;
  const Fd fd = sealed_memory(writer);
  const std::string path = "/proc/self/fd/" + std::to_string(fd.get());
  const Fd again(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_TRUE(again);
  expect_no_writable_mapping(again.get());
  EXPECT_EQ(::write(again.get(), "x", 1), -1);
  EXPECT_EQ(::open(path.c_str(), O_RDWR | O_TRUNC | O_CLOEXEC), -1);
}

TEST(Memory, AReadOnlyMappingCannotBeMadeWritable) {
  Mapping writer;
  const Fd fd = sealed_memory(writer);
  const Fd readable = reopen_readonly(fd.get());
  for (const int descriptor : {fd.get(), readable.get()}) {
    const Mapping reader(descriptor, size, Mapping::Access::read);
    EXPECT_EQ(::mprotect(reader.bytes().data(), size, PROT_READ | PROT_WRITE), -1);
    EXPECT_EQ(errno, EACCES);
  }
}

TEST(Memory, AReadOnlyDescriptionReadsAndDoesNothingElse) {
  const Fd fd = create_memory("test", size);  // not sealed: the description alone keeps writers out
  Mapping writer(fd.get(), size, Mapping::Access::write);
  const Fd readable = reopen_readonly(fd.get());
  writer.bytes()[0] = std::byte{7};
  char byte = 0;
  EXPECT_EQ(::pread(readable.get(), &byte, 1, 0), 1);
  EXPECT_EQ(byte, 7);
  EXPECT_EQ(::write(readable.get(), "x", 1), -1);
  EXPECT_EQ(errno, EBADF);
  expect_no_writable_mapping(readable.get());
  EXPECT_EQ(::fcntl(readable.get(), F_ADD_SEALS, F_SEAL_SEAL), -1);
}

TEST(Memory, SealingOnlyWorksOnce) {
  const Fd fd = create_memory("test", size);
  ASSERT_EQ(::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SEAL), 0);  // what a hostile owner may do first
  EXPECT_THROW(seal_against_writing(fd.get()), std::system_error);
  EXPECT_FALSE(is_sealed_memory(fd.get(), size));
}

TEST(Memory, FreshMemoryIsWhatTheBrokerMakes) {
  const Fd fd = create_memory("test", size);
  EXPECT_TRUE(is_fresh_memory(fd.get(), size));
  EXPECT_FALSE(is_fresh_memory(fd.get(), size - 4096));
  EXPECT_FALSE(is_fresh_memory(fd.get(), size + 4096));
  Mapping writer;
  EXPECT_FALSE(is_fresh_memory(sealed_memory(writer).get(), size));

  const Fd unsealed(::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  ASSERT_EQ(::ftruncate(unsealed.get(), size), 0);
  EXPECT_FALSE(is_fresh_memory(unsealed.get(), size)) << "it can shrink under its reader";
  ASSERT_EQ(::fcntl(unsealed.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), 0);
  EXPECT_FALSE(is_fresh_memory(unsealed.get(), size)) << "it can never be sealed";
}

TEST(Memory, FreshMemoryMayBeSealedAgainstExecution) {
  // With the sysctl vm.memfd_noexec every new memory object is.
  const Fd fd(::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  ASSERT_EQ(::ftruncate(fd.get(), size), 0);
  ASSERT_EQ(::fchmod(fd.get(), 0600), 0);
  if (::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_EXEC) != 0) GTEST_SKIP() << "this kernel has no such seal";
  ASSERT_EQ(::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
  ASSERT_EQ(::fcntl(fd.get(), F_GET_SEALS), F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_EXEC);
  EXPECT_TRUE(is_fresh_memory(fd.get(), size));
  seal_against_writing(fd.get());
  EXPECT_TRUE(is_sealed_memory(fd.get(), size));
}

TEST(Memory, SealedMemoryIsWhatAReaderCanTrust) {
  Mapping writer;
  const Fd fd = sealed_memory(writer);
  EXPECT_TRUE(is_sealed_memory(fd.get(), size));
  EXPECT_TRUE(is_sealed_memory(reopen_readonly(fd.get()).get(), size));
  EXPECT_FALSE(is_sealed_memory(fd.get(), size + 4096));
  EXPECT_FALSE(is_sealed_memory(create_memory("test", size).get(), size));
  for (const int missing : {F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_FUTURE_WRITE, F_SEAL_SEAL}) {
    const Fd partly(::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    ASSERT_EQ(::ftruncate(partly.get(), size), 0);
    ASSERT_EQ(::fcntl(partly.get(), F_ADD_SEALS, all_seals & ~missing), 0);
    EXPECT_FALSE(is_sealed_memory(partly.get(), size)) << missing;
  }
}

TEST(Memory, OtherDescriptorsAreNoMemory) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const Fd reading(ends[0]), writing(ends[1]);
  const test::TemporaryDirectory directory;
  const Fd file(::open((directory.path() / "file").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  ASSERT_EQ(::ftruncate(file.get(), size), 0);
  const Fd folder(::open(directory.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (const int fd : {reading.get(), writing.get(), file.get(), folder.get(), -1}) {
    EXPECT_FALSE(is_fresh_memory(fd, size)) << fd;
    EXPECT_FALSE(is_sealed_memory(fd, size)) << fd;
  }
  EXPECT_THROW(size_of(-1), std::system_error);
  EXPECT_THROW(reopen_readonly(-1), std::system_error);
}

TEST(Memory, ItIsCompleteWhenEveryPageIsThere) {
  const Fd fd = create_memory("test", size);
  EXPECT_FALSE(is_complete(fd.get(), size));
  Mapping writer(fd.get(), size, Mapping::Access::write);
  writer.bytes()[0] = std::byte{1};
  writer.populate();
  EXPECT_TRUE(is_complete(fd.get(), size));
  EXPECT_FALSE(is_complete(fd.get(), size + 4096));
  EXPECT_EQ(writer.bytes()[0], std::byte{1}) << "populating changes nothing";
  ASSERT_EQ(::fallocate(fd.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 4096), 0);
  EXPECT_FALSE(is_complete(fd.get(), size)) << "a hole";
}

TEST(Memory, AMappingIsNotInheritedByAForkedChild) {
  const Fd fd = create_memory("test", size);
  const Mapping mapping(fd.get(), size, Mapping::Access::write);
  const pid_t child = ::fork();
  if (child == 0) ::_exit(::msync(mapping.bytes().data(), size, MS_ASYNC) == -1 && errno == ENOMEM ? 0 : 1);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST(Memory, AForkedChildLeavesAloneWhatItHasMappedWhereAMappingWas) {
  const Fd fd = create_memory("test", size);
  std::optional<Mapping> mapping(std::in_place, fd.get(), size, Mapping::Access::read);
  const pid_t child = ::fork();
  if (child == 0) {
    void* const place = mapping->bytes().data();
    if (::mmap(place, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != place) ::_exit(2);
    *mapping = Mapping(fd.get(), size, Mapping::Access::read);
    mapping.reset();
    ::_exit(::msync(place, size, MS_ASYNC) == 0 ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST(Memory, AMappingThatIsRefusedSaysWhat) {
  try {
    const Mapping mapping(-1, size, Mapping::Access::read);
    FAIL();
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), EBADF);
    EXPECT_NE(std::string(error.what()).find("12288 bytes of a segment"), std::string::npos) << error.what();
  }
}

TEST(Memory, AMappingMovesAndPrefetchingNeverFails) {
  const Fd fd = create_memory("test", size);
  Mapping one(fd.get(), size, Mapping::Access::read);
  one.prefetch();
  Mapping two = std::move(one);
  EXPECT_TRUE(two);
  EXPECT_FALSE(Mapping());
  EXPECT_EQ(two.bytes().size(), size);
}

}  // namespace
}  // namespace fairway::sys
