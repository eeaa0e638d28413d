/// Connections that do not play by the rules lose their connection; nobody else notices.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <string>
#include <vector>

#include "broker/raw_context.hpp"
#include "support/allocated.hpp"
#include "sys/runtime_dir.hpp"

namespace fairway::broker {
namespace {

using test::PolledBroker;
using test::RawContext;
using fairway::test::allocated;

struct HostileConnection : testing::Test {
  void SetUp() override { witness.wait_for<wire::Welcome>(); }
  void TearDown() override {
    EXPECT_FALSE(witness.ended());
    RawContext later(broker.directory(), &broker, "later");
    later.wait_for<wire::Welcome>();
  }

  PolledBroker broker;
  RawContext witness{broker.directory(), &broker, "witness"};
};

TEST_F(HostileConnection, AFrameOfAnotherSizeEndsIt) {
  for (const std::size_t size : {std::size_t{1}, std::size_t{8}, wire::frame_size - 1, wire::frame_size + 1, std::size_t{4096}}) {
    RawContext hostile(broker.directory(), &broker);
    hostile.wait_for<wire::Welcome>();
    hostile.send_bytes(std::vector<std::byte>(size));
    EXPECT_TRUE(hostile.ended()) << size;
  }
}

TEST_F(HostileConnection, AnEmptyFrameEndsIt) {
  RawContext hostile(broker.directory(), &broker);
  hostile.send_bytes({});
  EXPECT_TRUE(hostile.ended());
}

TEST_F(HostileConnection, AFrameThatIsNoMessageEndsIt) {
  for (const unsigned tag : {0u, 19u, 65u, 255u}) {
    RawContext hostile(broker.directory(), &broker);
    wire::Frame frame{};
    frame[0] = static_cast<std::byte>(tag);
    hostile.send_bytes(frame);
    EXPECT_TRUE(hostile.ended()) << tag;
  }
}

TEST_F(HostileConnection, ADescriptorThatNobodyAskedForEndsItAndIsClosed) {
  RawContext hostile(broker.directory(), &broker);
  const int own[] = {hostile.fd(), hostile.fd(), hostile.fd()};
  hostile.send(wire::Credit{1}, own);
  EXPECT_TRUE(hostile.ended());
}

TEST_F(HostileConnection, WhoDoesNotSayHelloFirstIsNotHeard) {
  RawContext hostile(broker.directory(), &broker, std::nullopt);
  hostile.send(wire::LeaseRequest{shm::small_segment});
  EXPECT_TRUE(hostile.ended());
  EXPECT_TRUE(hostile.take_all().empty());
}

TEST_F(HostileConnection, WhoSaysNothingAtAllMayStay) {
  RawContext silent(broker.directory(), &broker, std::nullopt);
  EXPECT_FALSE(silent.ended());
}

TEST_F(HostileConnection, AViolationEndsItAndFreesWhatItHad) {
  RawContext hostile(broker.directory(), &broker, "hostile");
  const PortId port = hostile.connect("witness");
  hostile.send(wire::Bind{port, hostile.lease(), 0, 0, 0, 0});
  witness.wait_for<wire::Install>();
  hostile.send(wire::Create{{100'000}});
  EXPECT_TRUE(hostile.ended());
  EXPECT_EQ(witness.wait_for<wire::PortClosed>().first.reason, CloseReason::peer_lost);
  witness.send(wire::End{port.opposite()});
  EXPECT_EQ(broker.segment_names(), std::vector<std::string>{});
}

TEST_F(HostileConnection, ALeaseThatWasSealedByItsOwnerIsRefused) {
  RawContext hostile(broker.directory(), &broker);
  hostile.send(wire::LeaseRequest{shm::small_segment});
  const auto [lease, descriptors] = hostile.wait_for<wire::Lease>();
  sys::Mapping memory(descriptors.at(0).get(), lease.size, sys::Mapping::Access::write);
  memory.populate();
  ASSERT_EQ(::fcntl(descriptors[0].get(), F_ADD_SEALS, F_SEAL_SEAL), 0);  // it can be mapped writable for ever
  hostile.send(wire::LeaseMapped{lease.segment});
  EXPECT_TRUE(hostile.ended());
}

TEST_F(HostileConnection, ALeaseWithAHoleIsRefused) {
  RawContext hostile(broker.directory(), &broker);
  hostile.send(wire::LeaseRequest{shm::small_segment});
  const auto [lease, descriptors] = hostile.wait_for<wire::Lease>();
  sys::Mapping memory(descriptors.at(0).get(), lease.size, sys::Mapping::Access::write);
  memory.bytes()[0] = std::byte{1};  // its other pages are not there
  hostile.send(wire::LeaseMapped{lease.segment});
  EXPECT_TRUE(hostile.ended());
}

TEST_F(HostileConnection, TheDescriptorOfALeaseIsOfNoUseOnceItIsSealed) {
  RawContext hostile(broker.directory(), &broker);
  hostile.send(wire::LeaseRequest{shm::small_segment});
  const auto [lease, descriptors] = hostile.wait_for<wire::Lease>();
  sys::Mapping memory(descriptors.at(0).get(), lease.size, sys::Mapping::Access::write);
  memory.populate();
  hostile.send(wire::LeaseMapped{lease.segment});
  EXPECT_TRUE(sys::is_sealed_memory(descriptors[0].get(), lease.size));
  EXPECT_THROW(sys::Mapping(descriptors[0].get(), lease.size, sys::Mapping::Access::write), std::system_error);
}

TEST_F(HostileConnection, AClientThatNeverReadsGetsSixteenDescriptorsAndStopsNobody) {
  RawContext lazy(broker.directory(), &broker, "lazy");
  std::vector<RawContext> others;
  for (int i = 0; i < 30; ++i) {
    RawContext& other = others.emplace_back(broker.directory(), &broker);
    const PortId port = other.connect("lazy");
    other.send(wire::LinkBind{other.wait_for<wire::Link>().first.link, 0, other.lease()});
    other.send(wire::Bind{port, other.lease(), 0, 0, 0, 0});
    EXPECT_FALSE(other.ended());
  }
  const auto with_descriptors = [](const std::vector<RawContext::Message>& messages) {
    std::size_t count = 0;
    for (const auto& message : messages) count += message.descriptors.empty() ? 0 : 1;
    return count;
  };
  std::size_t seen = with_descriptors(lazy.take_all());
  EXPECT_EQ(seen, 16u);
  EXPECT_EQ(with_descriptors(lazy.take_all()), 0u);
  lazy.send(wire::Credit{~std::uint64_t{0}});  // whatever it claims, it gets no more than what is under way
  for (std::size_t got = with_descriptors(lazy.take_all()); got != 0; got = with_descriptors(lazy.take_all())) {
    EXPECT_LE(got, 16u);
    seen += got;
    lazy.send(wire::Credit{got});
  }
  EXPECT_EQ(seen, 2u + 30u * 3u) << "Welcome, Ids; Link, LinkInstall, Install of each";
}

TEST_F(HostileConnection, NobodyIsPairedOverALinkThatItWasNotGiven) {
  // More connect, write and close than a context that is busy has credit for. Each link is dropped before it could be
  // sent; what was written before the close must still arrive.
  RawContext busy(broker.directory(), &broker, "busy");
  constexpr std::size_t count = 20;
  for (std::size_t i = 0; i < count; ++i) {
    RawContext other(broker.directory(), &broker);
    const PortId port = other.connect("busy");
    other.send(wire::Bind{port, other.lease(), 0, 0, 0, 0});
    other.send(wire::Close{port, 640, CloseReason::closed, 0});
  }
  std::vector<LinkId> links;
  std::size_t installed = 0;
  std::size_t closed = 0;
  for (auto messages = busy.take_all(); !messages.empty(); messages = busy.take_all()) {
    std::uint64_t credit = 0;
    for (const auto& message : messages) {
      credit += message.descriptors.empty() ? 0 : 1;
      if (const auto* const link = std::get_if<wire::Link>(&message.body)) links.push_back(link->link);
      if (const auto* const paired = std::get_if<wire::Paired>(&message.body)) {
        EXPECT_NE(std::find(links.begin(), links.end(), paired->link), links.end()) << "link " << paired->link.value;
      }
      if (std::holds_alternative<wire::Install>(message.body)) ++installed;
      if (std::holds_alternative<wire::PortClosed>(message.body)) ++closed;
    }
    busy.send(wire::Credit{credit});
  }
  EXPECT_EQ(installed, count);
  EXPECT_EQ(closed, count);
}

TEST_F(HostileConnection, AnswersThatNobodyReadsDoNotFillTheBroker) {
  RawContext hostile(broker.directory(), &broker);
  hostile.wait_for<wire::Welcome>();
  const std::size_t before = allocated();
  for (int i = 0; i < 50'000; ++i) {
    if (hostile.try_send(wire::LeaseRequest{std::uint64_t{1} << 40})) continue;
    broker.serve();
    if (!hostile.try_send(wire::Credit{0})) break;  // disconnected, or not read any more: both will do
  }
  broker.serve();
  EXPECT_LT(allocated(), before + (4 << 20));
}

TEST_F(HostileConnection, LeasesThatAreReturnedUnreadDoNotFillTheBroker) {
  RawContext hostile(broker.directory(), &broker);
  hostile.wait_for<wire::Welcome>();
  const std::uint64_t first = hostile.lease().value + 1;  // the numbers are easily guessed
  const std::size_t before = allocated();
  bool stuck = false;
  for (std::uint64_t i = 0; i < 20'000 && !stuck; ++i) {
    for (const wire::ClientMessage& message : {wire::ClientMessage(wire::LeaseRequest{shm::small_segment}),
                                               wire::ClientMessage(wire::LeaseReturned{{first + i}})}) {
      if (hostile.try_send(message)) continue;
      broker.serve();
      stuck = !hostile.try_send(message);
    }
  }
  broker.serve();
  EXPECT_LT(allocated(), before + (2 << 20));
}

TEST_F(HostileConnection, SegmentsThatAreFetchedAgainForEverDoNotFillTheBroker) {
  RawContext hostile(broker.directory(), &broker, "hostile");
  const PortId port = witness.connect("hostile");
  witness.send(wire::Bind{port, witness.lease(), 0, 0, 0, 0});
  hostile.wait_for<wire::Install>();
  const std::size_t before = allocated();
  for (int i = 0; i < 50'000; ++i) {
    if (hostile.try_send(wire::Refetch{port.opposite(), 0, {}})) continue;
    broker.serve();
    if (!hostile.try_send(wire::Refetch{port.opposite(), 0, {}})) break;
  }
  broker.serve();
  EXPECT_LT(allocated(), before + (4 << 20));
}

}  // namespace
}  // namespace fairway::broker
