#include "inspector/passing.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <time.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "inspector/framing.hpp"
#include "inspector/reader.hpp"
#include "tools/samples.hpp"

namespace fairway::test {
namespace {

using namespace fairway::inspector;
using namespace std::string_literals;

Passing message(shm::RecordType kind, std::string bytes, std::uint64_t size) {
  return {Passing::What::message, PortId::of({17}, 1), 1'700'000'000'123'456'789, 42, kind, size, std::move(bytes), {}};
}

Passing value(const std::string& bytes) { return message(shm::RecordType::value, bytes, bytes.size()); }

std::vector<Passing> samples() {
  std::vector<Passing> all{message(shm::RecordType::string, "hello, fairway", 14), message(shm::RecordType::bytes, "\0\x01\xff\x1b[2J and more than a row"s, 29),
                           message(shm::RecordType::string, "caf\xc3\xa9 \xe2\x82"s, 4000), message(shm::RecordType::string, "no \xc3 text"s, 9),
                           message(shm::RecordType::object, "", 0), message(shm::RecordType::value, "x", 1),
                           value("\xff\x0fo\"\4mode\"\2\xc2\x9b\"\5reply\\\0\"\4when;I\2Z\2\2:\2{\3"s), value("\xff\x0f\\\1"s)};
  all[4].ports = {PortId::of({18}, 1), PortId::of({19}, 2)};
  for (const std::size_t i : {6, 7}) all[i].ports = {PortId::of({18}, 1)};
  all.push_back(message(shm::RecordType::value, "\xff\x0f\"\xfe", 70'000));
  all.push_back(message(shm::RecordType::relinquish, "", 0));
  all.back().ports = {PortId::of({20}, 2)};
  for (const auto what : {Passing::What::missed, Passing::What::closed, Passing::What::damaged}) {
    Passing passing = message(shm::RecordType::none, "", 0);
    passing.what = what;
    passing.from = PortId::of({17}, 2);
    all.push_back(passing);
  }
  return all;
}

template <class Shown>
std::string shown(Shown&& one) {
  std::string text;
  for (const Passing& passing : samples()) text += one(passing);
  return text;
}

class PassingShown : public testing::Test {
 protected:
  PassingShown() {
    ::setenv("TZ", "UTC", 1);
    ::tzset();
  }
};

TEST_F(PassingShown, AsTextIsAsInTheGoldenFile) {
  const std::string text = shown([](const Passing& passing) { return passing_text(passing, {}, Colour::off); });
  EXPECT_EQ(text, golden("passing.txt", text));
}

TEST_F(PassingShown, AsHexIsAsInTheGoldenFile) {
  const std::string text = shown([](const Passing& passing) { return passing_text(passing, {Show::hex}, Colour::off); });
  EXPECT_EQ(text, golden("passing_hex.txt", text));
}

TEST_F(PassingShown, AsJsonIsAsInTheGoldenFile) {
  const std::string text = shown([](const Passing& passing) { return passing_json(passing, {}); }) + passing_json(samples()[0], {Show::hex});
  EXPECT_EQ(text, golden("passing.json", text));
}

/// A word of a table of buffers.
std::string word(std::uint64_t number) { return std::string(reinterpret_cast<const char*>(&number), sizeof number); }

TEST_F(PassingShown, WhatItsBuffersHoldElsewhereIsNotMadeUp) {
  // One SharedArrayBuffer in a box, and then one ArrayBuffer.
  for (const auto& [mark, tag] : {std::pair(~std::uint64_t{4}, 'u'), std::pair(~std::uint64_t{1}, 't')}) {
    Passing passing = value(word(1) + word(4) + word(8) + word(mark) + "\xff\x0f"s + tag + "\0"s + std::string(12, '\0'));
    passing.has_buffers = true;
    EXPECT_TRUE(passing_text(passing, {}, Colour::off).ends_with(": not shown; what its buffers hold is for its reader alone\n"));
    const std::string json = passing_json(passing, {});
    EXPECT_NE(json.find("\"problem\":\"what its buffers hold is for its reader alone\""), std::string::npos) << json;
    EXPECT_EQ(json.find("\"value\":{"), std::string::npos) << json;
  }
}

TEST_F(PassingShown, NothingOfAMessageMovesTheCursor) {
  for (const Show show : {Show::text, Show::hex}) {
    EXPECT_EQ(passing_text(samples()[1], {show}, Colour::off).find('\x1b'), std::string::npos);
    for (const char* const control : {"\x1b", "\xc2\x9b"}) {
      const Passing string = value("\xff\x0fS\2"s + std::string(control).append("x").substr(0, 2));
      EXPECT_EQ(passing_text(string, {show}, Colour::off).find(control), std::string::npos);
    }
  }
}

TEST_F(PassingShown, AValueIsCutWherePeopleReadItAndWholeAsJson) {
  const Passing passing = value("\xff\x0fS\6\xc3\xa9tude"s);
  EXPECT_TRUE(passing_text(passing, {.most = 2}, Colour::off).ends_with(": '...\n"));
  EXPECT_TRUE(passing_text(passing, {.most = 3}, Colour::off).ends_with(": '\xc3\xa9...\n"));
  EXPECT_NE(passing_json(passing, {.most = 2}).find("\"value\":\"\xc3\xa9tude\",\"cut\":false"), std::string::npos);
  EXPECT_NE(passing_json(passing, {Show::hex, 2}).find("\"hex\":\"ff0f\",\"cut\":true"), std::string::npos);
}

TEST_F(PassingShown, AValueTooDeepForJsonSaysSoAndShowsItsBytes) {
  std::string bytes = "\xff\x0f";
  for (int i = 0; i < 600; ++i) bytes += "A\1";
  bytes += '0';
  for (int i = 0; i < 600; ++i) bytes += "$\0\1"s;
  const std::string shown = passing_json(value(bytes), {});
  EXPECT_NE(shown.find("\"problem\":\"values nested more than 500 deep are not shown as JSON\",\"hex\":\"ff0f4101"), std::string::npos);
  EXPECT_NE(passing_text(value(bytes), {.most = 5000}, Colour::off).find("[ null ]"), std::string::npos);
}

/// What comes of a stream that arrives in pieces of that size.
std::vector<std::string> cut(std::string_view stream, Framing framing, std::size_t piece) {
  Cutter cutter(framing);
  std::vector<std::string> messages;
  for (std::size_t at = 0; at < stream.size(); at += piece) {
    cutter.add(stream.substr(at, piece));
    while (auto message = cutter.next()) messages.push_back(*std::move(message));
  }
  if (auto message = cutter.last()) messages.push_back(*std::move(message));
  return messages;
}

TEST(Cutter, CutsTheSameMessagesWhateverPiecesArrive) {
  const std::vector<std::string> lines{"one", "", "three", "the rest"};
  const std::vector<std::string> counted{"a\n", "", std::string(300, 'x')};
  std::string stream;
  for (const std::string& message : counted) stream += framed(message, Framing::length);
  for (const std::size_t piece : {1u, 2u, 3u, 5u, 1000u}) {
    EXPECT_EQ(cut("one\n\nthree\nthe rest", Framing::lines, piece), lines) << piece;
    EXPECT_EQ(cut(stream, Framing::length, piece), counted) << piece;
  }
}

TEST(Cutter, AStreamThatEndsInsideOfAMessageIsAnError) {
  EXPECT_THROW(cut("\x05\0\0\0ab"s, Framing::length, 100), Failure);
  EXPECT_THROW(cut("\x05\0"s, Framing::length, 100), Failure);
}

}  // namespace
}  // namespace fairway::test
