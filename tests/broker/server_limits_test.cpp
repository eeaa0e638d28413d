/// Limits: of the options, and of the process that the broker lives in. What is refused is refused with a clear
/// error, and works when the cause has passed.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "broker/raw_context.hpp"
#include "sys/runtime_dir.hpp"

namespace fairway::broker {
namespace {

using test::PolledBroker;
using test::RawContext;

TEST(ServerLimits, TooManyContextsAreRefusedWithTheLimitsName) {
  BrokerOptions options;
  options.contexts = 2;
  PolledBroker broker(options);
  RawContext a(broker.directory(), &broker);
  RawContext b(broker.directory(), &broker);
  a.wait_for<wire::Welcome>();
  b.wait_for<wire::Welcome>();
  {
    RawContext c(broker.directory(), &broker);
    const auto refusal = c.wait_for<wire::Refusal>().first;
    EXPECT_EQ(static_cast<Errc>(refusal.code), Errc::quota);
    EXPECT_EQ(refusal.detail.view(), "the broker's limit contexts (2) is reached");
    EXPECT_TRUE(c.ended());
  }
  b.socket().close();
  broker.serve();
  RawContext d(broker.directory(), &broker);
  d.wait_for<wire::Welcome>();
}

TEST(ServerLimits, ATakenNameIsRefused) {
  PolledBroker broker;
  RawContext a(broker.directory(), &broker, "a");
  RawContext again(broker.directory(), &broker, "a");
  const auto refusal = again.wait_for<wire::Refusal>().first;
  EXPECT_EQ(static_cast<Errc>(refusal.code), Errc::name_taken);
  EXPECT_TRUE(again.ended());
  EXPECT_FALSE(a.ended());
}

TEST(ServerLimits, MemoryBeyondTheLimitIsRefused) {
  BrokerOptions options;
  options.memory_per_context = shm::small_segment;
  PolledBroker broker(options);
  RawContext a(broker.directory(), &broker);
  a.lease();
  a.send(wire::LeaseRequest{shm::small_segment});
  EXPECT_EQ(a.wait_for<wire::LeaseRefused>().first.detail.view(), "the broker's limit memory_per_context is reached");
  EXPECT_FALSE(a.ended());
}

/// Leaves so many descriptors to the whole process, which is the broker and its clients.
class Descriptors {
 public:
  explicit Descriptors(std::size_t free) {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    rlimit low = before_;
    low.rlim_cur = 256;
    ::setrlimit(RLIMIT_NOFILE, &low);
    for (int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC); fd >= 0; fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC)) held_.emplace_back(fd);
    for (; free != 0; --free) held_.pop_back();
  }
  ~Descriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  Descriptors(const Descriptors&) = delete;

 private:
  rlimit before_{};
  std::vector<sys::Fd> held_;
};

/// A client whose socket was there before the descriptors ran out.
class EarlySocket {
 public:
  EarlySocket() : fd_(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {}
  void connect(const std::filesystem::path& directory) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, sys::socket_path(directory).c_str());
    if (::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) throw std::runtime_error("connect failed");
    static_cast<void>(sys::send_message(fd_.get(), wire::encode(wire::ClientMessage(wire::Hello{}))));
  }
  std::optional<wire::BrokerMessage> receive() {
    wire::Frame frame;
    std::vector<sys::Fd> descriptors;
    const sys::Received received = sys::receive_message(fd_.get(), frame, descriptors);
    if (received.kind != sys::Received::Kind::message) return std::nullopt;
    return wire::decode_broker(frame);
  }
  int fd() const { return fd_.get(); }

 private:
  sys::Fd fd_;
};

TEST(ServerLimits, WithoutDescriptorsEveryConnectionIsRefusedAndAllWorksAfterwards) {
  PolledBroker broker;
  RawContext witness(broker.directory(), &broker, "witness");
  witness.wait_for<wire::Welcome>();
  std::vector<EarlySocket> early(3);
  std::vector<std::optional<wire::BrokerMessage>> answers;
  {
    const Descriptors none(0);
    for (EarlySocket& socket : early) {
      socket.connect(broker.directory());
      broker.serve();
      answers.push_back(socket.receive());
    }
  }
  for (std::size_t i = 0; i < answers.size(); ++i) {
    ASSERT_TRUE(answers[i] && std::holds_alternative<wire::Refusal>(*answers[i])) << "connection " << i << " waits for ever";
    const auto& refusal = std::get<wire::Refusal>(*answers[i]);
    EXPECT_EQ(static_cast<Errc>(refusal.code), Errc::quota);
    EXPECT_NE(refusal.detail.view().find("RLIMIT_NOFILE"), std::string_view::npos);
  }
  RawContext later(broker.directory(), &broker, "later");
  later.wait_for<wire::Welcome>();
  EXPECT_FALSE(witness.ended());
}

TEST(ServerLimits, WithoutDescriptorsALeaseIsRefusedAndTheNextOneIsNot) {
  PolledBroker broker;
  RawContext a(broker.directory(), &broker);
  a.wait_for<wire::Welcome>();
  {
    const Descriptors none(0);
    a.send(wire::LeaseRequest{shm::small_segment});
    const auto refused = a.wait_for<wire::LeaseRefused>().first;
    EXPECT_NE(refused.detail.view().find("RLIMIT_NOFILE"), std::string_view::npos) << refused.detail.view();
  }
  a.lease();
}

TEST(ServerLimits, AContextThatCameWithoutATableOfChannelsStillGetsItsNumbers) {
  PolledBroker broker;
  RawContext witness(broker.directory(), &broker, "witness");
  witness.wait_for<wire::Welcome>();
  EarlySocket early;
  bool ids = false;
  {
    const Descriptors two(2);  // for its socket and its pidfd; none for the table's memory
    early.connect(broker.directory());
    broker.serve();
  }
  bool welcome = false;
  broker.serve();
  for (auto message = early.receive(); message; message = early.receive()) {
    welcome = welcome || std::holds_alternative<wire::Welcome>(*message);
    ids = ids || std::holds_alternative<wire::Ids>(*message);
  }
  ASSERT_TRUE(welcome) << "the test is about what comes behind it";
  EXPECT_TRUE(ids) << "without numbers it can never make a channel";
}

TEST(ServerLimits, WithoutDescriptorsForALinkTheConnectionIsRefusedAndBothGoOn) {
  PolledBroker broker;
  RawContext a(broker.directory(), &broker, "a");
  RawContext b(broker.directory(), &broker, "b");
  b.take_all();
  const PortId port = a.create();
  a.take_all();
  {
    const Descriptors none(0);
    a.send(wire::Connect{1, port.opposite(), 0, wire::Name::of("b")});
    broker.serve();
  }
  EXPECT_EQ(a.wait_for<wire::PortClosed>().first.reason, CloseReason::broker_refused);
  EXPECT_EQ(b.wait_for<wire::PortClosed>().first.reason, CloseReason::broker_refused);
  b.send(wire::End{port.opposite()});
  a.send(wire::End{port});
  EXPECT_FALSE(b.ended());
  ASSERT_FALSE(a.ended());
  EXPECT_TRUE(a.connect("b"));
}

}  // namespace
}  // namespace fairway::broker
