#include "inspector/passing.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <time.h>

#include <string>
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

std::vector<Passing> samples() {
  std::vector<Passing> all{message(shm::RecordType::string, "hello, fairway", 14), message(shm::RecordType::bytes, "\0\x01\xff\x1b[2J and more than a row"s, 29),
                           message(shm::RecordType::string, "caf\xc3\xa9 \xe2\x82"s, 4000), message(shm::RecordType::string, "no \xc3 text"s, 9),
                           message(shm::RecordType::object, "", 0), message(shm::RecordType::value, "x", 1)};
  all[4].ports = {PortId::of({18}, 1), PortId::of({19}, 2)};
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
  const std::string text = shown([](const Passing& passing) { return passing_text(passing, Show::text, Colour::off); });
  EXPECT_EQ(text, golden("passing.txt", text));
}

TEST_F(PassingShown, AsHexIsAsInTheGoldenFile) {
  const std::string text = shown([](const Passing& passing) { return passing_text(passing, Show::hex, Colour::off); });
  EXPECT_EQ(text, golden("passing_hex.txt", text));
}

TEST_F(PassingShown, AsJsonIsAsInTheGoldenFile) {
  const std::string text = shown([](const Passing& passing) { return passing_json(passing, Show::text); }) + passing_json(samples()[0], Show::hex);
  EXPECT_EQ(text, golden("passing.json", text));
}

TEST_F(PassingShown, NothingOfAMessageMovesTheCursor) {
  EXPECT_EQ(passing_text(samples()[1], Show::text, Colour::off).find('\x1b'), std::string::npos);
  EXPECT_EQ(passing_text(samples()[1], Show::hex, Colour::off).find('\x1b'), std::string::npos);
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
