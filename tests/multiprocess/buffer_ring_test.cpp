// SEMANTICS 29 for buffers: five processes in a ring pass ArrayBuffers on, each fills them anew, and one process after the
// other is killed and replaced. FAIRWAY_LONG=1 kills 25 of them, and buffers of up to 1 GiB go around.
#include <gtest/gtest.h>

#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <numeric>
#include <random>
#include <sstream>
#include <system_error>
#include <thread>

#include <fairway/fairway.hpp>

#include "support/broker_thread.hpp"
#include "support/child.hpp"
#include "support/sanitized.hpp"

namespace fairway::test {
namespace {

constexpr std::size_t places = 5;

bool long_mode() { return std::getenv("FAIRWAY_LONG") != nullptr; }

std::string name_of(std::size_t place) { return "ring" + std::to_string(place % places); }

/// The content that belongs to a seed.
template <class Visit>
void for_each_word(std::size_t size, std::uint64_t seed, Visit&& visit) {
  std::uint64_t word = seed * 2 + 1;
  for (std::size_t at = 0; at < size; at += sizeof word) {
    word = word * 6364136223846793005u + 1442695040888963407u;
    visit(at, std::min(sizeof word, size - at), word);
  }
}

void fill(std::span<std::byte> bytes, std::uint64_t seed) {
  for_each_word(bytes.size(), seed,
                [&](std::size_t at, std::size_t size, std::uint64_t word) { std::memcpy(bytes.data() + at, &word, size); });
}

bool is_filled(Bytes bytes, std::uint64_t seed) {
  bool same = true;
  for_each_word(bytes.size(), seed, [&](std::size_t at, std::size_t size, std::uint64_t word) {
    same = same && std::memcmp(bytes.data() + at, &word, size) == 0;
  });
  return same;
}

/// Mappings that the broker has given to this process.
std::size_t segments_mapped() {
  std::ifstream maps("/proc/self/maps");
  std::size_t count = 0;
  for (std::string line; std::getline(maps, line);) count += line.find("/memfd:fairway") != std::string::npos;
  return count;
}

/// The most memory that this process has ever had at once, in bytes, as the kernel counts it.
std::uint64_t resident_peak() {
  std::ifstream status("/proc/self/status");
  std::uint64_t kibibytes = 0;
  for (std::string word; status >> word;)
    if (word == "VmHWM:") status >> kibibytes;
  return kibibytes << 10;
}

/// What one process of the ring does.
class Member {
 public:
  Member(const std::string& broker, std::size_t place, std::size_t buffers, int largest_bit)
      : context_({.name = name_of(place), .broker = broker}), next_name_(name_of(place + 1)), 
        random_(static_cast<std::uint64_t>(::getpid())), buffers_(buffers), largest_bit_(largest_bit) {
    context_.on_connect([this](MessageEvent& event) {
      event.ports[0].on_message([this](MessageEvent& message) { pass_on(message); });
      event.ports[0].on_message_error([this](MessageEvent&) { ++bad_; });
      before_.push_back(std::move(event.ports[0]));
    });
  }

  void run() {
    say("ready");
    std::thread listener([this] {
      for (std::string line; hear(line) && line != "stop";) context_.post([this] { say(std::to_string(passed_)); });
      stopping_ = true;
      context_.stop();
    });
    for (std::size_t i = 0; i < buffers_; ++i) context_.post([this] { send_new(); });
    context_.run();
    listener.join();
  }
  std::string result() const { return std::to_string(passed_) + " " + std::to_string(bad_); }

 private:
  void pass_on(const MessageEvent& message) {
    const Value& value = message.data();
    ArrayBuffer buffer(value["buffer"]);
    const bool good = buffer.size() == value["size"].get<std::size_t>() && is_filled(buffer.bytes(), value["seed"].get<std::uint64_t>());
    ++(good ? passed_ : bad_);
    const int hops = value["hops"].get<int>();
    if (hops == 20) return send_new();
    send(std::move(buffer), hops + 1);
  }
  /// As likely small as large.
  void send_new() {
    const int bit = std::uniform_int_distribution<int>(0, largest_bit_)(random_);
    send(ArrayBuffer((std::size_t{1} << bit) - (bit == 0 ? 0 : random_() % (std::size_t{1} << (bit - 1)))), 0);
  }
  void send(ArrayBuffer buffer, int hops) {
    const std::uint64_t seed = random_() >> 12;
    fill(buffer.bytes(), seed);
    const Value value = Value::object({{"buffer", buffer}, {"size", buffer.size()}, {"seed", seed}, {"hops", hops}});
    if (!connected()) return;
    next_.post_message(value, {.transfer = {buffer}});
    if (!buffer.detached()) ++bad_;
  }
  /// To whoever is next now.
  bool connected() {
    while (!next_ && !stopping_) {
      try {
        next_ = context_.connect(next_name_, std::chrono::milliseconds(200));
      } catch (const std::system_error&) {  // it is being replaced
      }
    }
    return !stopping_;
  }

  Context context_;
  std::string next_name_;
  std::mt19937_64 random_;
  std::size_t buffers_;
  int largest_bit_;
  std::vector<MessagePort> before_;
  MessagePort next_;
  std::atomic<bool> stopping_{false};
  std::uint64_t passed_ = 0;
  std::uint64_t bad_ = 0;
};

FAIRWAY_CHILD(member) {
  const std::size_t descriptors = open_descriptors(::getpid());
  std::string result;
  {
    Member member(arguments.at(0), std::stoul(arguments.at(1)), std::stoul(arguments.at(2)), std::stoi(arguments.at(3)));
    member.run();
    result = member.result();
  }
  say(result + " " + std::to_string(segments_mapped()) + " " + std::to_string(open_descriptors(::getpid()) - descriptors) + " " +
      std::to_string(resident_peak()));
  return 0;
}

class BufferRing : public testing::Test {
 protected:
  void start(std::size_t place) {
    members_[place] = std::make_unique<Child>("member", std::vector<std::string>{broker_.directory().native(), std::to_string(place),
                                                                                 std::to_string(buffers_), std::to_string(largest_bit_)});
    ASSERT_EQ(members_[place]->line(), "ready");
  }
  std::uint64_t passed() {
    return std::transform_reduce(members_.begin(), members_.end(), std::uint64_t{0}, std::plus(),
                                 [](const auto& member) { return std::stoull(member->ask("how many")); });
  }
  /// Until so many more have been passed on.
  void let_pass(std::uint64_t count) {
    const std::uint64_t before = passed();
    const auto deadline = std::chrono::steady_clock::now() + Child::watchdog() * (long_mode() ? 10 : 1);
    while (passed() < before + count) ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "nothing goes around";
  }
  void expect_clean(Child& member) {
    member.send("stop");
    std::istringstream answer(member.line());
    std::uint64_t passed = 0, bad = 0, mapped = 0, descriptors = 0, peak = 0;
    ASSERT_TRUE(answer >> passed >> bad >> mapped >> descriptors >> peak) << answer.str();
    EXPECT_EQ(bad, 0u) << "of " << passed;
    EXPECT_EQ(mapped, 0u);
    EXPECT_EQ(descriptors, 0u);
    // One that came, and one that is made in its place; what waits for this process is not resident here.
    if (!sanitized) {
      EXPECT_LT(peak, (std::uint64_t{2} << largest_bit_) + (64u << 20));
    }
    EXPECT_EQ(member.wait(), 0);
  }

  /// Names of segments, and descriptors of them that the broker holds.
  std::size_t segments_left() const {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& name : std::filesystem::directory_iterator(broker_.directory() / "segments")) ++count;
    std::error_code gone;  // the folder's own
    for (const auto& descriptor : std::filesystem::directory_iterator("/proc/self/fd"))
      count += std::filesystem::read_symlink(descriptor, gone).native().find("fairway:segment") != std::string::npos;
    return count;
  }

  const std::size_t buffers_ = long_mode() ? 1 : 3;
  const int largest_bit_ = long_mode() && !sanitized ? 30 : 24;
  BrokerThread broker_;
  std::array<std::unique_ptr<Child>, places> members_;
};

TEST_F(BufferRing, goes_on_while_one_process_after_the_other_is_killed) {
  for (std::size_t place = 0; place < places; ++place) start(place);
  std::mt19937 random(7);
  for (int kills = 0; kills < (long_mode() ? 25 : 10); ++kills) {
    let_pass(20);
    if (HasFatalFailure()) return;
    const std::size_t place = random() % places;
    members_[place]->kill(SIGKILL);
    EXPECT_EQ(members_[place]->wait(), -SIGKILL);
    start(place);
  }
  let_pass(40);
  if (HasFatalFailure()) return;
  for (const auto& member : members_) expect_clean(*member);
  for (auto& member : members_) member.reset();
  // The broker, in this process, hears of the last deaths from the kernel.
  const auto deadline = std::chrono::steady_clock::now() + Child::watchdog();
  while (segments_left() != 0 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_EQ(segments_left(), 0u);
}

FAIRWAY_CHILD(bouncer) {
  Context context({.broker = arguments.at(0)});
  MessagePort port = context.connect("here");
  const auto event = port.receive();
  ArrayBuffer buffer(event->data());
  port.post_message(buffer, {.transfer = {buffer}});
  say(buffer.detached() ? "detached" : "still there");
  for (std::string line; hear(line);) {
  }
  return 0;
}

TEST(LargeBuffer, goes_there_and_back) {
  const std::size_t size = long_mode() && !sanitized ? std::size_t{1} << 30 : std::size_t{40} << 20;
  BrokerThread broker;
  Context context({.name = "here", .broker = broker.directory()});
  MessagePort port;
  context.on_connect([&](MessageEvent& event) { port = std::move(event.ports[0]); });
  Child bouncer("bouncer", {broker.directory().native()});
  while (!port) context.run_once();
  ArrayBuffer buffer(size);
  fill(buffer.bytes(), 5);
  port.post_message(buffer, {.transfer = {buffer}});
  EXPECT_EQ(buffer.size(), 0u);
  const auto back = port.receive();
  ASSERT_TRUE(back);
  ASSERT_EQ(back->data().size(), size);
  EXPECT_TRUE(is_filled(back->data().bytes(), 5));
  EXPECT_EQ(bouncer.line(), "detached");
}

}  // namespace
}  // namespace fairway::test
