#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "bench/row.hpp"

/// Values to bytes and back, beside what Node does with the same values.
namespace fairway::bench {

namespace {

cpu_set_t cpus_of_this_process() {
  cpu_set_t set;
  CPU_ZERO(&set);
  static_cast<void>(::sched_getaffinity(0, sizeof set, &set));
  return set;
}

/// Before anybody is pinned.
const cpu_set_t all_cpus = cpus_of_this_process();

/// A program that measures, and answers each line by one. It runs from the first question on, on any CPU, as V8
/// collects its garbage in threads, and ends when this process does.
class Rounds {
 public:
  explicit Rounds(std::vector<std::string> words) : words_(std::move(words)) {}
  ~Rounds() {
    if (to_ != nullptr) std::fclose(to_);
    if (from_ != nullptr) std::fclose(from_);
  }
  Rounds(const Rounds&) = delete;

  double ask(const std::string& question) {
    if (to_ == nullptr) start();
    char answer[64];
    if (std::fprintf(to_, "%s\n", question.c_str()) < 0 || std::fflush(to_) != 0 ||
        std::fgets(answer, sizeof answer, from_) == nullptr)
      fail(words_.front() + " does not answer");
    const double nanoseconds = std::strtod(answer, nullptr);
    if (!(nanoseconds > 0)) fail(words_.front() + " says: " + answer);
    return nanoseconds;
  }

 private:
  void start() {
    int in[2];
    int out[2];
    if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0) fail("pipe2 failed");
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    std::vector<char*> argv;
    for (std::string& word : words_) argv.push_back(word.data());
    argv.push_back(nullptr);
    const cpu_set_t mine = cpus_of_this_process();
    ::sched_setaffinity(0, sizeof all_cpus, &all_cpus);
    pid_t pid = -1;
    const int error = ::posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), environ);
    ::sched_setaffinity(0, sizeof mine, &mine);
    ::posix_spawn_file_actions_destroy(&actions);
    if (error != 0) fail("cannot start " + words_.front() + ": " + std::strerror(error));
    ::close(in[0]);
    ::close(out[1]);
    to_ = ::fdopen(in[1], "w");
    from_ = ::fdopen(out[0], "r");
    if (to_ == nullptr || from_ == nullptr) fail("fdopen failed");
  }

  std::vector<std::string> words_;
  std::FILE* to_ = nullptr;
  std::FILE* from_ = nullptr;
};

class ValueRow final : public Row {
 public:
  ValueRow(std::shared_ptr<Rounds> rounds, std::string name, std::string text, std::string question, std::size_t count,
           std::size_t quick_count)
      : Row(std::move(name), std::move(text), Unit::nanoseconds, count, quick_count),
        rounds_(std::move(rounds)),
        question_(std::move(question)) {}

  /// The mean of so many: what is freed later is paid for too.
  Sample near(std::size_t count) override { return {rounds_->ask(fmt::format("{} {}", question_, count))}; }

 private:
  std::shared_ptr<Rounds> rounds_;
  std::string question_;
};

bool installed(const std::string& program) {
  const char* const path = std::getenv("PATH");
  std::istringstream folders(path == nullptr ? "" : path);
  for (std::string folder; std::getline(folders, folder, ':');)
    if (::access((folder + "/" + program).c_str(), X_OK) == 0) return true;
  return false;
}

struct Subject {
  const char* name;
  const char* text;
  std::size_t count;
  std::size_t quick_count;
};

constexpr Subject object{"object", "object of 7 properties", 4000, 100};
constexpr Subject numbers{"numbers", "array of 1000 numbers", 200, 10};
constexpr Subject bytes{"bytes", "1 MiB Uint8Array", 40, 3};

/// The rows of one program: WHO.WORK.SUBJECT.
class Asked {
 public:
  Asked(Rows& rows, const char* who, std::vector<std::string> words)
      : rows_(rows), who_(who), rounds_(std::make_shared<Rounds>(std::move(words))) {}

  void add(const char* work, const char* text, const Subject& subject) {
    rows_.push_back(std::make_unique<ValueRow>(
        rounds_, fmt::format("{}.{}.{}", who_, work, subject.name), fmt::format("{}, {}", text, subject.text),
        fmt::format("{} {}", work, subject.name), subject.count, subject.quick_count));
  }

 private:
  Rows& rows_;
  const char* who_;
  std::shared_ptr<Rounds> rounds_;
};

}  // namespace

void add_values(Rows& rows, const Common& common) {
  Asked ours(rows, "value", {FAIRWAY_VALUE_ROUNDS});
  Asked node(rows, "v8", {"node", FAIRWAY_VALUE_ROUNDS_JS});
  const bool beside_node = installed("node");
  if (!beside_node && common.side == Side::near)
    std::fprintf(stderr, "fairway_bench: there is no node: the rows of V8 are left out\n");
  for (const Subject* const subject : {&object, &numbers, &bytes}) {
    if (beside_node) node.add("encode", "v8.serialize", *subject);
    if (beside_node && subject == &bytes) node.add("write", "v8.Serializer", *subject);
    ours.add("encode", "Fairway, encoded", *subject);
    if (beside_node)
      node.add("decode", subject == &bytes ? "v8.deserialize, copies nothing" : "v8.deserialize", *subject);
    if (beside_node && subject == &bytes) node.add("read", "v8.Deserializer", *subject);
    ours.add("decode", "Fairway, decoded", *subject);
  }
}

}  // namespace fairway::bench
