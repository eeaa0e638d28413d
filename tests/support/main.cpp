#include <gtest/gtest.h>

#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <exception>
#include <fstream>
#include <string>

#include "support/child.hpp"

namespace {

/// A test that leaves a descriptor behind fails.
class DescriptorCheck : public testing::EmptyTestEventListener {
  void OnTestStart(const testing::TestInfo&) override { before_ = fairway::test::open_descriptors(::getpid()); }
  void OnTestEnd(const testing::TestInfo& test) override {
    const std::size_t after = fairway::test::open_descriptors(::getpid());
    if (test.result()->Passed() && after > before_)
      ADD_FAILURE() << (after - before_) << " descriptors were left open by " << test.name();
  }
  std::size_t before_ = 0;
};

}  // namespace

/// LeakSanitizer asks, and cannot work in a process that is traced.
extern "C" [[gnu::visibility("default")]] int __lsan_is_turned_off() {
  std::ifstream status("/proc/self/status");
  int tracer = 0;
  for (std::string word; status >> word;)
    if (word == "TracerPid:") status >> tracer;
  return tracer != 0;
}

int main(int argc, char** argv) {
  ::signal(SIGPIPE, SIG_IGN);
  if (argc >= 3 && std::strcmp(argv[1], "--child") == 0) {
    const auto role = fairway::test::roles().find(argv[2]);
    if (role == fairway::test::roles().end()) return 126;
    try {
      return role->second({argv + 3, argv + argc});
    } catch (const std::exception& error) {
      std::fprintf(stderr, "child %s: %s\n", argv[2], error.what());
      return 125;
    }
  }
  testing::InitGoogleTest(&argc, argv);
  testing::UnitTest::GetInstance()->listeners().Append(new DescriptorCheck);
  return RUN_ALL_TESTS();
}
