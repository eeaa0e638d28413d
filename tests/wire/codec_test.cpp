#include "wire/codec.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <set>
#include <string>

#include "wire/samples.hpp"

namespace fairway::wire {
namespace {

using test::broker_samples;
using test::client_samples;

template <class T>
T field(const Frame& frame, std::size_t at) {
  T value{};
  std::memcpy(&value, frame.data() + at, sizeof value);
  return value;
}

std::string text(const Frame& frame, std::size_t at) { return reinterpret_cast<const char*>(frame.data() + at); }

void expect_zeros(const Frame& frame, std::size_t from) {
  for (std::size_t at = from; at < frame.size(); ++at) ASSERT_EQ(frame[at], std::byte{0}) << "at " << at;
}

TEST(Codec, EveryClientMessageComesBack) {
  std::set<std::size_t> kinds;
  for (const ClientMessage& message : client_samples()) {
    const Frame frame = encode(message);
    const auto again = decode_client(frame);
    ASSERT_TRUE(again) << message.index();
    EXPECT_EQ(again->index(), message.index());
    EXPECT_EQ(encode(*again), frame) << message.index();
    kinds.insert(message.index());
  }
  EXPECT_EQ(kinds.size(), std::variant_size_v<ClientMessage>) << "a message has no sample";
}

TEST(Codec, EveryBrokerMessageComesBack) {
  std::set<std::size_t> kinds;
  for (const BrokerMessage& message : broker_samples()) {
    const Frame frame = encode(message);
    const auto again = decode_broker(frame);
    ASSERT_TRUE(again) << message.index();
    EXPECT_EQ(again->index(), message.index());
    EXPECT_EQ(encode(*again), frame) << message.index();
    kinds.insert(message.index());
  }
  EXPECT_EQ(kinds.size(), std::variant_size_v<BrokerMessage>) << "a message has no sample";
}

TEST(Codec, EveryKindHasATagOfItsOwn) {
  std::set<std::uint64_t> tags;
  for (const ClientMessage& message : client_samples()) tags.insert(field<std::uint64_t>(encode(message), 0));
  for (const BrokerMessage& message : broker_samples()) tags.insert(field<std::uint64_t>(encode(message), 0));
  EXPECT_EQ(tags.size(), std::variant_size_v<ClientMessage> + std::variant_size_v<BrokerMessage>);
  EXPECT_EQ(*tags.begin(), 1u);
}

TEST(Codec, AHelloHasThisForm) {
  const Frame frame = encode(ClientMessage(Hello{1, 2, 0x1122334455667788, Name::of("player"), {0xaaaa, 0xbbbb}, 3, 4, {5}, 0, 6}));
  EXPECT_EQ(frame.size(), 256u);
  EXPECT_EQ(field<std::uint64_t>(frame, 0), 1u) << "tag";
  EXPECT_EQ(field<std::uint32_t>(frame, 8), 1u) << "protocol";
  EXPECT_EQ(field<std::uint32_t>(frame, 12), 2u) << "layout";
  EXPECT_EQ(field<std::uint64_t>(frame, 16), 0x1122334455667788u) << "features";
  EXPECT_EQ(text(frame, 24), "player");
  for (std::size_t at = 24 + 6; at < 24 + 64; ++at) ASSERT_EQ(frame[at], std::byte{0}) << at;
  EXPECT_EQ(field<std::uint64_t>(frame, 88), 0xaaaau) << "invitation";
  EXPECT_EQ(field<std::uint64_t>(frame, 96), 0xbbbbu);
  EXPECT_EQ(field<std::uint32_t>(frame, 104), 3u) << "oldest protocol";
  EXPECT_EQ(field<std::uint32_t>(frame, 108), 4u) << "oldest layout";
  EXPECT_EQ(field<std::uint32_t>(frame, 112), 5u) << "identity";
  EXPECT_EQ(field<std::uint64_t>(frame, 120), 6u) << "life";
  expect_zeros(frame, 128);
}

TEST(Codec, ABindHasThisForm) {
  const Frame frame = encode(ClientMessage(Bind{PortId::of({17}, 2), {9}, 0x123456789abc, 0x0304, 1, 7}));
  EXPECT_EQ(field<std::uint64_t>(frame, 0), 6u) << "tag";
  EXPECT_EQ(field<std::uint64_t>(frame, 8), 35u) << "port: channel 17, side 2";
  EXPECT_EQ(field<std::uint64_t>(frame, 16), 9u) << "segment";
  EXPECT_EQ(field<std::uint64_t>(frame, 24), 0x123456789abcu) << "previous_final";
  EXPECT_EQ(field<std::uint16_t>(frame, 32), 0x0304u) << "generation";
  EXPECT_EQ(field<std::uint16_t>(frame, 34), 1u) << "linear";
  EXPECT_EQ(field<std::uint32_t>(frame, 36), 7u) << "peer_epoch";
  expect_zeros(frame, 40);
}

TEST(Codec, AnInstallHasThisForm) {
  const Frame frame = encode(BrokerMessage(Install{PortId::of({17}, 1), 12288, 8000, 5, 3, 1, 6, 2, 1}));
  EXPECT_EQ(field<std::uint64_t>(frame, 0), 74u) << "tag";
  EXPECT_EQ(field<std::uint64_t>(frame, 8), 34u) << "port: channel 17, side 1";
  EXPECT_EQ(field<std::uint64_t>(frame, 16), 12288u) << "size";
  EXPECT_EQ(field<std::uint64_t>(frame, 24), 8000u) << "previous_final";
  EXPECT_EQ(field<std::uint32_t>(frame, 32), 5u) << "epoch";
  EXPECT_EQ(field<std::uint16_t>(frame, 36), 3u) << "generation";
  EXPECT_EQ(field<std::uint16_t>(frame, 38), 1u) << "linear";
  EXPECT_EQ(field<std::uint32_t>(frame, 40), 6u) << "reader_epoch";
  EXPECT_EQ(field<std::uint16_t>(frame, 44), 2u) << "previous";
  EXPECT_EQ(field<std::uint16_t>(frame, 46), 1u) << "first";
  expect_zeros(frame, 48);
}

TEST(Codec, APortClosedHasThisForm) {
  const Frame frame = encode(BrokerMessage(PortClosed{PortId::of({1}, 1), unknown_final, CloseReason::peer_lost, 4, 0}));
  EXPECT_EQ(field<std::uint64_t>(frame, 0), 77u) << "tag";
  EXPECT_EQ(field<std::uint64_t>(frame, 8), 2u) << "port";
  EXPECT_EQ(field<std::uint64_t>(frame, 16), ~std::uint64_t{0}) << "final";
  EXPECT_EQ(field<std::uint32_t>(frame, 24), 1u) << "reason";
  EXPECT_EQ(field<std::uint16_t>(frame, 28), 4u) << "generation";
  expect_zeros(frame, 30);
}

TEST(Codec, ADetachHasThisForm) {
  const Frame frame = encode(ClientMessage(Detach{PortId::of({17}, 2), PortId::of({18}, 1), 640, 0x0002'0000'0000'0080, 3, 0, {1, 2, 3, 4}}));
  EXPECT_EQ(field<std::uint64_t>(frame, 0), 18u) << "tag";
  EXPECT_EQ(field<std::uint64_t>(frame, 8), 35u) << "port";
  EXPECT_EQ(field<std::uint64_t>(frame, 16), 36u) << "carrier";
  EXPECT_EQ(field<std::uint64_t>(frame, 24), 640u) << "final";
  EXPECT_EQ(field<std::uint64_t>(frame, 32), 0x0002'0000'0000'0080u) << "read";
  EXPECT_EQ(field<std::uint32_t>(frame, 40), 3u) << "epoch";
  for (std::uint64_t n = 0; n < 4; ++n) EXPECT_EQ(field<std::uint64_t>(frame, 48 + 8 * n), n + 1) << "counts";
  expect_zeros(frame, 80);
}

TEST(Codec, AGrantHasThisForm) {
  const Frame frame =
      encode(BrokerMessage(Granted{PortId::of({17}, 2), PortId::of({18}, 1), 128, 3, 2, 1, Granted::Origin::token, 4, 5, 0, {}}));
  EXPECT_EQ(field<std::uint64_t>(frame, 0), 76u) << "tag";
  EXPECT_EQ(field<std::uint64_t>(frame, 8), 35u) << "port";
  EXPECT_EQ(field<std::uint64_t>(frame, 16), 36u) << "carrier";
  EXPECT_EQ(field<std::uint64_t>(frame, 24), 128u) << "read";
  EXPECT_EQ(field<std::uint32_t>(frame, 32), 3u) << "epoch";
  EXPECT_EQ(field<std::uint32_t>(frame, 36), 2u) << "token";
  EXPECT_EQ(field<std::uint32_t>(frame, 40), 1u) << "peer_epoch";
  EXPECT_EQ(field<std::uint32_t>(frame, 44), 3u) << "origin";
  EXPECT_EQ(field<std::uint16_t>(frame, 48), 4u) << "generation";
  EXPECT_EQ(field<std::uint16_t>(frame, 50), 5u) << "unread";
  expect_zeros(frame, 52);
}

TEST(Codec, DescriptorsComeWithTheseMessagesOnly) {
  std::size_t with = 0;
  for (const BrokerMessage& message : broker_samples()) {
    const std::size_t count = descriptors_of(message);
    if (count != 0) ++with;
    if (std::holds_alternative<Link>(message)) {
      EXPECT_EQ(count, 2u) << "the doorbell and the pidfd";
    } else {
      EXPECT_LE(count, 1u);
    }
  }
  EXPECT_EQ(with, 7u) << "Welcome, Lease, Ids, Link, LinkInstall, Install, Boxed";
}

TEST(Codec, ANameHasOneTo63CharactersOfAFewKinds) {
  for (const char* name : {"a", "Z", "0", ".", "_", "-", "player-1.left_channel"}) EXPECT_TRUE(valid_name(name)) << name;
  EXPECT_TRUE(valid_name(std::string(63, 'x')));
  EXPECT_FALSE(valid_name(std::string(64, 'x')));
  EXPECT_FALSE(valid_name(""));
  EXPECT_FALSE(valid_name(std::string_view("a\0b", 3)));
  for (int c = 1; c < 256; ++c) {
    const char character = static_cast<char>(c);
    const bool allowed = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '.' || c == '_' || c == '-';
    EXPECT_EQ(valid_name(std::string(1, character)), allowed) << c;
  }
}

TEST(Codec, ATextIsCutToItsFieldAndTerminated) {
  const auto cut = Name::of(std::string(100, 'n'));
  EXPECT_EQ(cut.view(), std::string(63, 'n'));
  EXPECT_TRUE(cut.valid());
  EXPECT_EQ(Detail::of(std::string(500, 'd')).view().size(), 159u);
  EXPECT_EQ(Name::of("").view(), "");
}

}  // namespace
}  // namespace fairway::wire
