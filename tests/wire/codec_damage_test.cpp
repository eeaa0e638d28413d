/// Frames that no side of ours sends: nothing comes out of them.
#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "wire/codec.hpp"
#include "wire/samples.hpp"

namespace fairway::wire {
namespace {

using test::broker_samples;
using test::client_samples;

constexpr std::size_t tag_size = 8;

std::size_t body_size(const auto& message) {
  return std::visit([](const auto& body) { return sizeof body; }, message);
}

template <class Message>
Frame with(const Message& message, std::size_t at, std::uint8_t value) {
  Frame frame = encode(message);
  frame[at] = std::byte{value};
  return frame;
}

template <class Body>
bool arrives(const Body& body) {
  if constexpr (std::is_constructible_v<ClientMessage, Body>) {
    return decode_client(encode(ClientMessage(body))).has_value();
  } else {
    return decode_broker(encode(BrokerMessage(body))).has_value();
  }
}

TEST(CodecDamage, AFrameOfAnotherSizeIsNothing) {
  for (const ClientMessage& message : client_samples()) {
    std::vector<std::byte> bytes(1024);
    const Frame frame = encode(message);
    std::memcpy(bytes.data(), frame.data(), frame.size());
    for (std::size_t size = 0; size <= bytes.size(); ++size)
      ASSERT_EQ(decode_client(Bytes(bytes).first(size)).has_value(), size == frame_size) << message.index() << ", " << size;
  }
  for (const BrokerMessage& message : broker_samples()) {
    std::vector<std::byte> bytes(1024);
    const Frame frame = encode(message);
    std::memcpy(bytes.data(), frame.data(), frame.size());
    for (std::size_t size = 0; size <= bytes.size(); ++size)
      ASSERT_EQ(decode_broker(Bytes(bytes).first(size)).has_value(), size == frame_size) << message.index() << ", " << size;
  }
}

TEST(CodecDamage, AFrameThatGoesTheWrongWayIsNothing) {
  for (const ClientMessage& message : client_samples()) EXPECT_FALSE(decode_broker(encode(message))) << message.index();
  for (const BrokerMessage& message : broker_samples()) EXPECT_FALSE(decode_client(encode(message))) << message.index();
}

TEST(CodecDamage, AnUnknownTagIsNothing) {
  std::vector<std::uint64_t> tags;
  for (std::uint64_t tag = 0; tag < 512; ++tag) tags.push_back(tag);
  for (int bit = 9; bit < 64; ++bit) {
    tags.push_back(std::uint64_t{1} << bit);
    tags.push_back((std::uint64_t{1} << bit) + 1);
    tags.push_back((std::uint64_t{1} << bit) + 65);
  }
  tags.push_back(~std::uint64_t{0});
  for (const std::uint64_t tag : tags) {
    Frame frame{};
    std::memcpy(frame.data(), &tag, sizeof tag);
    const bool client = tag >= 1 && tag <= std::variant_size_v<ClientMessage>;
    const bool broker = tag >= 65 && tag < 65 + std::variant_size_v<BrokerMessage>;
    // All zeros is not a possible body of every kind; of an unknown kind it is certainly none.
    EXPECT_FALSE(!client && decode_client(frame)) << tag;
    EXPECT_FALSE(!broker && decode_broker(frame)) << tag;
  }
}

TEST(CodecDamage, AnythingBehindTheBodyIsNothing) {
  for (const ClientMessage& message : client_samples())
    for (std::size_t at = tag_size + body_size(message); at < frame_size; ++at)
      ASSERT_FALSE(decode_client(with(message, at, 1))) << message.index() << " at " << at;
  for (const BrokerMessage& message : broker_samples())
    for (std::size_t at = tag_size + body_size(message); at < frame_size; ++at)
      ASSERT_FALSE(decode_broker(with(message, at, 0x80))) << message.index() << " at " << at;
}

TEST(CodecDamage, AReasonThatDoesNotExistIsNothing) {
  for (const int reason : {-1, 6, 7, 255, 1 << 30}) {
    EXPECT_FALSE(arrives(Close{PortId::of({1}, 1), 0, static_cast<CloseReason>(reason), 0})) << reason;
    EXPECT_FALSE(arrives(PortClosed{PortId::of({1}, 1), 0, static_cast<CloseReason>(reason), 0, 0})) << reason;
  }
}

TEST(CodecDamage, AnOriginThatDoesNotExistIsNothing) {
  for (const std::uint32_t origin : {0u, 4u, 255u, 0xffffffffu})
    EXPECT_FALSE(arrives(Granted{PortId::of({1}, 1), {}, 0, 0, 0, 0, static_cast<Granted::Origin>(origin), 0, 0, 0, {}})) << origin;
}

TEST(CodecDamage, AFlagIsZeroOrOne) {
  EXPECT_FALSE(arrives(Bind{PortId::of({1}, 1), {1}, 0, 0, 2, 0}));
  EXPECT_FALSE(arrives(Bind{PortId::of({1}, 1), {1}, 0, 0, 0xffff, 0}));
  EXPECT_FALSE(arrives(Install{PortId::of({1}, 1), 12288, 0, 0, 0, 2, 0, 0, 0}));
  EXPECT_FALSE(arrives(Install{PortId::of({1}, 1), 12288, 0, 0, 0, 0, 0, 0, 2}));
  EXPECT_FALSE(arrives(Connect{1, PortId::of({1}, 1), 2, Name::of("x")})) << "patient";
}

TEST(CodecDamage, ATextWithoutAnEndIsNothing) {
  Name name;
  name.chars.fill('n');
  Detail detail;
  detail.chars.fill('d');
  EXPECT_FALSE(arrives(Hello{1, 1, 0, name, {}, 1, 1, {}, 0, 0}));
  EXPECT_FALSE(arrives(Connect{1, PortId::of({1}, 1), 0, name}));
  EXPECT_FALSE(arrives(Link{{1}, {1}, 1, name}));
  EXPECT_FALSE(arrives(Refusal{1, detail}));
  EXPECT_FALSE(arrives(LeaseRefused{1, detail}));
  EXPECT_FALSE(arrives(Reply{1, 1, detail}));
}

TEST(CodecDamage, ANameOfOtherCharactersIsNothing) {
  for (const char* name : {"a b", "../x", "a/b", "\xff", "a\n", "ü"}) {
    EXPECT_FALSE(arrives(Hello{1, 1, 0, Name::of(name), {}, 1, 1, {}, 0, 0})) << name;
    EXPECT_FALSE(arrives(Connect{1, PortId::of({1}, 1), 0, Name::of(name)})) << name;
  }
  EXPECT_TRUE(arrives(Hello{1, 1, 0, Name::of(""), {}, 1, 1, {}, 0, 0})) << "a context may have no name";
  EXPECT_FALSE(arrives(Connect{1, PortId::of({1}, 1), 0, Name::of("")}));
}

TEST(CodecDamage, AnythingBehindTheEndOfATextIsNothing) {
  Name name = Name::of("player");
  name.chars[10] = 'x';
  Detail detail = Detail::of("why");
  detail.chars[100] = 'x';
  EXPECT_FALSE(arrives(Hello{1, 1, 0, name, {}, 1, 1, {}, 0, 0}));
  EXPECT_FALSE(arrives(Connect{1, PortId::of({1}, 1), 0, name}));
  EXPECT_FALSE(arrives(Link{{1}, {1}, 1, name}));
  EXPECT_FALSE(arrives(Refusal{1, detail}));
  EXPECT_FALSE(arrives(LeaseRefused{1, detail}));
  EXPECT_FALSE(arrives(Reply{1, 1, detail}));
}

TEST(CodecDamage, AnythingInThePaddingOfABodyIsNothing) {
  EXPECT_FALSE(arrives(LinkBind{{1}, 1, {1}}));
  EXPECT_FALSE(arrives(Close{PortId::of({1}, 1), 0, CloseReason::closed, 1}));
  EXPECT_FALSE(arrives(Done{PortId::of({1}, 1), 0, {0, 0, 1}}));
  EXPECT_FALSE(arrives(Refetch{PortId::of({1}, 1), 0, {1, 0, 0}}));
  EXPECT_FALSE(arrives(PortClosed{PortId::of({1}, 1), 0, CloseReason::closed, 0, 1}));
  EXPECT_FALSE(arrives(Detach{PortId::of({1}, 1), PortId::of({2}, 1), 0, 0, 1, 1, {}}));
  EXPECT_FALSE(arrives(Claim{PortId::of({1}, 1), PortId::of({2}, 1), 1, 0, 1}));
  EXPECT_FALSE(arrives(Unclaim{PortId::of({1}, 1), PortId::of({2}, 1), 1, 1}));
  EXPECT_FALSE(arrives(Granted{PortId::of({1}, 1), {}, 0, 0, 0, 0, Granted::Origin::token, 0, 0, 1, {}}));
  EXPECT_FALSE(arrives(Refused{PortId::of({1}, 1), PortId::of({2}, 1), 1, 1}));
  EXPECT_FALSE(arrives(Moved{PortId::of({1}, 1), 0, 1, 0, 1}));
}

TEST(CodecDamage, WhatComesOutOfRandomBytesGoesBackIntoTheSame) {
  std::mt19937_64 random(42);
  std::size_t client = 0;
  std::size_t broker = 0;
  for (int round = 0; round < 50'000; ++round) {
    Frame frame{};
    const std::uint64_t tag = random() % 128;
    std::memcpy(frame.data(), &tag, sizeof tag);
    const std::size_t random_bytes = random() % 64;
    for (std::size_t i = 0; i < random_bytes; ++i)
      frame[tag_size + random() % (random() % 2 != 0 ? 32 : frame_size - tag_size)] = static_cast<std::byte>(random() % 4);
    if (const auto message = decode_client(frame)) {
      ++client;
      ASSERT_EQ(encode(*message), frame);
    }
    if (const auto message = decode_broker(frame)) {
      ++broker;
      ASSERT_EQ(encode(*message), frame);
    }
  }
  EXPECT_GT(client, 100u) << "the test tests something";
  EXPECT_GT(broker, 100u);
}

}  // namespace
}  // namespace fairway::wire
