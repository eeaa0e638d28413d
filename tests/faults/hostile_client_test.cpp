// A client that says to the broker whatever it likes, in every state, with whatever descriptors, and never listens: the work
// of honest ones goes on and ends right, the broker loses nothing by it, and its log names the process.
#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <random>
#include <thread>

#include <fairway/fairway.hpp>

#include "broker/raw_context.hpp"
#include "faults/hooks.hpp"
#include "support/child.hpp"
#include "support/sanitized.hpp"
#include "support/temporary_directory.hpp"

namespace fairway::test {
namespace {

using broker::test::RawContext;
using hooks::Point;

/// Arguments: the directory, how many descriptors it may have. Says what it has done so far when it is asked.
FAIRWAY_CHILD(asked_broker) {
  const rlimit limit{std::stoul(arguments.at(1)), std::stoul(arguments.at(1))};
  ::setrlimit(RLIMIT_NOFILE, &limit);
  std::ofstream log(arguments.at(0) + "/log");
  set_log(LogLevel::info, [&log](LogLevel, std::string_view line) { log << line << std::endl; });
  install_hooks({});
  Broker broker({.directory = arguments.at(0)});
  say("ready");
  std::thread listener([&] {
    for (std::string line; hear(line);) say(hook_report());
    broker.stop();
  });
  broker.run();
  listener.join();
  return 0;
}

/// Of a hook, in what the broker says.
std::uint64_t hits(const std::string& report, const std::string& name) {
  const auto at = report.find(" " + name + "=");
  return at == report.npos ? 0 : std::stoull(report.substr(at + name.size() + 2));
}

std::uint64_t resident_bytes(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/statm");
  std::uint64_t total = 0, resident = 0;
  file >> total >> resident;
  return resident * static_cast<std::uint64_t>(::getpagesize());
}

/// Two contexts that play by the rules.
class Honest {
 public:
  explicit Honest(const std::filesystem::path& broker)
      : one_({.broker = broker, .wait = Wait::block}), two_({.name = "honest", .broker = broker, .wait = Wait::block}) {
    two_.on_connect([this](MessageEvent& event) { theirs_ = std::move(event.ports[0]); });
  }
  /// A channel, a port through it, messages on both, and the end of all; so often.
  void work(int times) {
    for (int i = 0; i < times; ++i) {
      theirs_ = {};
      MessagePort mine = one_.connect("honest");
      MessageChannel along(one_);
      along.port1.post_message("inside");
      mine.post_message("a port", {.transfer = {along.port2}});
      ASSERT_TRUE(until([this] { return static_cast<bool>(theirs_); }));
      std::optional<MessageEvent> event;
      ASSERT_TRUE(until([&] { return (event = theirs_.try_receive()).has_value(); }));
      ASSERT_EQ(event->ports.size(), 1u);
      MessagePort moved = std::move(event->ports[0]);
      ASSERT_TRUE(until([&] { return (event = moved.try_receive()).has_value(); }));
      ASSERT_EQ(event->string(), "inside");
      moved.close();
      ASSERT_TRUE(until([&] { return static_cast<void>(along.port1.try_receive()), along.port1.close_reason().has_value(); }));
    }
  }

 private:
  template <class Condition>
  bool until(Condition&& condition) {
    const auto deadline = std::chrono::steady_clock::now() + Child::watchdog();
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      one_.run_once(Timeout::zero());
      two_.run_once(std::chrono::milliseconds(1));
    }
    return true;
  }

  Context one_, two_;
  MessagePort theirs_;
};

class HostileClient : public testing::Test {
 protected:
  explicit HostileClient(int descriptors = 4096)
      : broker_("asked_broker", {directory_.path(), std::to_string(descriptors)}) {
    if (broker_.line() != "ready") throw std::runtime_error("no broker");
    descriptors_ = open_descriptors(broker_.pid()) + 1;  // its table of contexts stays
    honest_.emplace(directory_.path());
    honest_->work(10);
    resident_ = resident_bytes(broker_.pid());
    started_ = broker_.ask("?");
  }
  void TearDown() override {
    if (HasFatalFailure()) return;
    honest_->work(10);
    if (!sanitized) {
      EXPECT_LE(resident_bytes(broker_.pid()), resident_ + (8 << 20)) << "the broker has lost memory";
    }
    // What it was told is in proportion to what it did: nobody makes it work for nothing.
    const std::string ended = broker_.ask("?");
    const auto done = [&](const char* hook) { return hits(ended, hook) - hits(started_, hook); };
    EXPECT_LE(done("broker_before_send"), 8 * (done("broker_received") + done("broker_accepted")) + 100);
    honest_.reset();
    for (int i = 0; i < 2000 && open_descriptors(broker_.pid()) > descriptors_; ++i) broker_.says_something(std::chrono::milliseconds(10));
    EXPECT_LE(open_descriptors(broker_.pid()), descriptors_) << "all have left, and the broker keeps descriptors";
    broker_.close_input();
    EXPECT_EQ(broker_.wait(), 0) << "the broker did not end as it should";
  }
  enum class Hello { said, unsaid };
  RawContext raw(Hello hello = Hello::said) {
    std::optional<std::string> name;
    if (hello == Hello::said) name.emplace();
    return RawContext(directory_.path(), nullptr, std::move(name));
  }
  /// The broker has handled all that was said before.
  void settle() {
    RawContext last = raw();
    last.wait_for<wire::Welcome>();
  }
  void expect_ended(RawContext& hostile) {
    for (int i = 0; i < 600; ++i)
      if (hostile.ended()) return;
    FAIL() << "the broker goes on listening to it";
  }
  void expect_named(const std::string& fault) {
    std::ifstream file(directory_.path() / "log");
    const std::string who = "pid " + std::to_string(::getpid());
    bool named = false;
    for (std::string line; std::getline(file, line);) named |= line.find(who) != line.npos && line.find(fault) != line.npos;
    EXPECT_TRUE(named) << "the log does not say who did it";
  }
  /// How much the broker does for that.
  template <class Act>
  std::uint64_t received_during(Act&& act) {
    const std::uint64_t before = hits(broker_.ask("?"), "broker_received");
    act();
    return hits(broker_.ask("?"), "broker_received") - before;
  }

  TemporaryDirectory directory_;
  Child broker_;
  std::optional<Honest> honest_;

 private:
  std::size_t descriptors_ = 0;
  std::uint64_t resident_ = 0;
  std::string started_;
};

TEST_F(HostileClient, that_does_nothing_harms_nobody) {
  const RawContext silent = raw(Hello::unsaid);
  const RawContext joined = raw();
  honest_->work(5);
}

// What is no message ----------------------------------------------------------------------------------------

TEST_F(HostileClient, that_sends_frames_of_another_size_is_disconnected) {
  wire::Frame frame = wire::encode(wire::ClientMessage(wire::Credit{0}));
  std::vector<std::byte> longer(frame.begin(), frame.end());
  longer.resize(4096);
  for (const std::size_t size : {std::size_t{1}, std::size_t{16}, wire::frame_size - 1, wire::frame_size + 1, std::size_t{4096}}) {
    SCOPED_TRACE(size);
    RawContext hostile = raw();
    hostile.send_bytes(std::span(longer).first(size));
    ASSERT_NO_FATAL_FAILURE(expect_ended(hostile));
    expect_named("not a message");
  }
}

TEST_F(HostileClient, that_sends_descriptors_is_disconnected_and_they_are_closed) {
  int pipe[2];
  ASSERT_EQ(::pipe2(pipe, O_CLOEXEC), 0);
  const sys::Fd in(pipe[0]), out(pipe[1]);
  const sys::Fd memory(::memfd_create("hostile", MFD_CLOEXEC | MFD_ALLOW_SEALING)), folder(::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (const std::vector<int>& fds : std::vector<std::vector<int>>{{in.get()}, {memory.get()}, {folder.get()}, {in.get(), out.get(), memory.get(), folder.get()}}) {
    RawContext hostile = raw();
    hostile.send(wire::Credit{0}, fds);
    ASSERT_NO_FATAL_FAILURE(expect_ended(hostile));
    expect_named("not a message");
  }
}

TEST_F(HostileClient, that_sends_as_memory_what_is_none_is_disconnected) {
  const auto memory = [](std::uint64_t size, int seals) {
    sys::Fd fd(::memfd_create("hostile", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    EXPECT_EQ(::ftruncate(fd.get(), static_cast<off_t>(size)), 0);
    EXPECT_EQ(::fcntl(fd.get(), F_ADD_SEALS, seals), 0);
    return fd;
  };
  constexpr int fixed = F_SEAL_SHRINK | F_SEAL_GROW;
  const sys::Fd folder(::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC)), with_holes = memory(shm::page, fixed), may_shrink = memory(shm::page, F_SEAL_GROW),
                another_size = memory(2 * shm::page, fixed), whole = memory(shm::page, fixed), sealed = memory(shm::page, fixed | F_SEAL_SEAL);
  for (const sys::Fd* const fd : {&may_shrink, &another_size, &whole, &sealed})
    ASSERT_EQ(::posix_fallocate(fd->get(), 0, shm::page), 0);
  for (const sys::Fd* const fd : {&folder, &may_shrink, &another_size}) {
    RawContext hostile = raw();
    const PortId carrier = hostile.create();
    const int descriptor = fd->get();
    hostile.send(wire::Box{PortId::of({carrier.channel().value + 1}, 2), carrier, shm::page}, {&descriptor, 1});
    ASSERT_NO_FATAL_FAILURE(expect_ended(hostile));
    expect_named("boxed what is no memory");
  }
  // What others who have had it can do to it is not held against the sender.
  RawContext honest = raw();
  const PortId carrier = honest.create();
  for (const sys::Fd* const fd : {&whole, &with_holes, &sealed}) {
    static std::uint64_t number = 0;
    const int descriptor = fd->get();
    honest.send(wire::Box{PortId::of({carrier.channel().value + ++number}, 2), carrier, shm::page}, {&descriptor, 1});
  }
  static_cast<void>(honest.lease());  // it is answered
}

TEST_F(HostileClient, that_does_not_say_hello_is_disconnected) {
  RawContext hostile = raw(Hello::unsaid);
  hostile.send(wire::LeaseRequest{shm::small_segment});
  ASSERT_NO_FATAL_FAILURE(expect_ended(hostile));
  expect_named("did not say Hello first");
}

// Who does not listen ---------------------------------------------------------------------------------------

TEST_F(HostileClient, that_asks_and_never_reads_is_disconnected) {
  RawContext hostile = raw();
  for (int i = 0; i < 20'000 && hostile.try_send(wire::LeaseRequest{std::uint64_t{1} << 40});)
    if (++i % 50 == 0) settle();
  ASSERT_NO_FATAL_FAILURE(expect_ended(hostile));
  expect_named("does not read the answers");
}

TEST_F(HostileClient, that_never_acknowledges_gets_sixteen_descriptors) {
  RawContext hostile = raw();
  for (int i = 0; i < 40; ++i) hostile.send(wire::LeaseRequest{shm::small_segment});
  settle();
  std::size_t seen = 0;
  for (const RawContext::Message& message : hostile.take_all()) seen += message.descriptors.empty() ? 0 : 1;
  EXPECT_EQ(seen, 16u);
}

class HostileClientOfAPoorBroker : public HostileClient {
 protected:
  HostileClientOfAPoorBroker() : HostileClient(400) {}
};

TEST_F(HostileClientOfAPoorBroker, that_takes_all_segments_it_can_leaves_some_to_the_others) {
  RawContext hostile = raw();
  for (int i = 0; i < 800; ++i) hostile.send(wire::LeaseRequest{shm::small_segment});
  settle();
  honest_->work(10);
  expect_named("gets no more: descriptors are short");
}

// Anything, at any time -------------------------------------------------------------------------------------

/// One connection's worth of nonsense: what an honest client says, changed, in another order, cut, with descriptors.
class Babble {
 public:
  /// `port`: one of its own, or none.
  Babble(std::uint64_t seed, PortId port) : random_(seed), port_(port) {}

  std::vector<std::byte> frame() {
    const wire::ClientMessage messages[]{wire::Hello{}, wire::LeaseRequest{shm::small_segment}, wire::LeaseMapped{{number()}},
                                         wire::LeaseReturned{{number()}}, wire::Create{{number()}},
                                         wire::Bind{{number()}, {number()}, number(), static_cast<Generation>(number()), 0, 0},
                                         wire::Connect{number(), {number()}, number() % 2, wire::Name::of("honest")},
                                         wire::CancelConnect{number()}, wire::Invite{{number()}, {number(), 1}}, wire::Revoke{{number(), 1}},
                                         wire::LinkBind{{static_cast<std::uint32_t>(number())}, 0, {number()}},
                                         wire::Close{{number()}, number(), CloseReason::closed, 0}, wire::End{{number()}},
                                         wire::Done{{number()}, 0, {}}, wire::Refetch{{number()}, 0, {}},
                                         wire::RefetchLink{{static_cast<std::uint32_t>(number())}}, wire::Credit{number()},
                                         wire::Detach{{number()}, {number()}, number(), number(), 1, 0, {}},
                                         wire::Claim{{number()}, {number()}, 1, 0, 0}, wire::Unclaim{{number()}, {number()}, 1, 0},
                                         wire::Box{{number()}, {number()}, shm::page}};
    const wire::Frame whole = wire::encode(messages[random_() % std::size(messages)]);
    std::vector<std::byte> bytes(whole.begin(), whole.end());
    if (random_() % 8 == 0) bytes[random_() % bytes.size()] = static_cast<std::byte>(random_());
    if (random_() % 40 == 0) bytes.resize(random_() % 600 + 1);
    return bytes;
  }
  bool chance(std::uint64_t one_in) { return random_() % one_in == 0; }
  std::size_t up_to(std::size_t most) { return random_() % (most + 1); }

 private:
  /// Most are those of something that is there: its own, or the first of somebody else's.
  std::uint64_t number() { return random_() % 8 == 0 ? random_() : (random_() % 2 == 0 ? port_.value : 0) + random_() % 12; }

  std::mt19937_64 random_;
  const PortId port_;
};

enum class State { fresh, joined, has_ports, has_leases, bound, linked, moving };

/// Brings a connection into that state, as an honest library would. A port of it.
PortId bring(RawContext& hostile, State state) {
  if (state <= State::joined) return {};
  PortId port = hostile.create();
  if (state == State::has_ports) return port;
  const SegmentId lease = hostile.lease();
  if (state == State::has_leases) return port;
  if (state >= State::linked) port = hostile.connect("honest");
  hostile.send(wire::Bind{port, lease, 0, 0, 0, state >= State::linked ? 1u : 0u});
  if (state != State::moving) return port;
  const PortId other = hostile.create();
  hostile.send(wire::Detach{other, port, 0, 0, 1, 0, {}});
  return port;
}

class HostileBabble : public HostileClient, public testing::WithParamInterface<State> {};

TEST_P(HostileBabble, in_this_state_harms_nobody) {
  const sys::Fd memory(::memfd_create("hostile", MFD_CLOEXEC | MFD_ALLOW_SEALING)), folder(::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const int things[]{memory.get(), folder.get(), memory.get(), folder.get()};
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RawContext hostile = raw(GetParam() == State::fresh ? Hello::unsaid : Hello::said);
    Babble babble(seed, bring(hostile, GetParam()));
    for (int i = 0; i < 100; ++i) {
      const auto frame = babble.frame();
      const std::size_t fds = babble.chance(50) ? babble.up_to(std::size(things)) : 0;
      if (sys::send_message(hostile.fd(), frame, std::span(things).first(fds)) != sys::Sent::ok) break;
      if (babble.chance(4)) static_cast<void>(sys::send_message(hostile.fd(), frame));  // and once more
    }
    if (seed % 10 != 0) continue;
    ASSERT_NO_FATAL_FAILURE(honest_->work(1));
  }
  expect_named("is disconnected");
}

std::string name_of(const testing::TestParamInfo<State>& state) {
  return std::array{"fresh", "joined", "has_ports", "has_leases", "bound", "linked", "moving"}.at(static_cast<std::size_t>(state.param));
}

INSTANTIATE_TEST_SUITE_P(, HostileBabble,
                         testing::Values(State::fresh, State::joined, State::has_ports, State::has_leases, State::bound, State::linked, State::moving), name_of);

TEST_F(HostileClient, that_comes_and_goes_in_floods_costs_the_others_nothing_but_its_own_messages) {
  const std::uint64_t undisturbed = received_during([this] { honest_->work(10); });
  std::uint64_t said = 0;
  const std::uint64_t disturbed = received_during([&] {
    for (int round = 0; round < 10; ++round) {
      for (int i = 0; i < 100; ++i) {
        RawContext hostile = raw(i % 2 == 0 ? Hello::said : Hello::unsaid);
        said += i % 2 == 0;
      }
      honest_->work(1);
    }
  });
  EXPECT_LE(disturbed, 2 * undisturbed + said);
}

// Turns -----------------------------------------------------------------------------------------------------

TEST(CrowdAtTheDoor, is_let_in_a_few_at_a_time_and_nobody_inside_waits_for_all_of_them) {
  TemporaryDirectory directory;
  install_hooks({});
  Broker broker({.directory = directory.path()});
  std::vector<RawContext> crowd;
  for (int i = 0; i < 300; ++i) crowd.emplace_back(directory.path(), nullptr, std::nullopt);
  constexpr auto accepted = static_cast<std::size_t>(Point::broker_accepted);
  const std::uint64_t before = hook_hits[accepted];
  broker.poll();
  EXPECT_LE(hook_hits[accepted] - before, 64u);
  for (int turns = 0; turns < 10; ++turns) broker.poll();
  EXPECT_EQ(hook_hits[accepted] - before, 300u);
  hooks::handler = nullptr;
}

}  // namespace
}  // namespace fairway::test
