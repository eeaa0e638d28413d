#include "inspector/reader.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstring>
#include <map>
#include <string>

#include "support/temporary_directory.hpp"
#include "sys/memory.hpp"
#include "sys/process.hpp"
#include "sys/runtime_dir.hpp"

namespace fairway::test {
namespace {

using namespace fairway::inspector;

/// A directory with the names and the memory that a broker would have, each of them as wrong as a test wants it.
class FakeBroker {
 public:
  FakeBroker() {
    sys::remove_stale_names(directory_.path());  // makes the folders
    memory_.reserve(16);
    table_of_contexts();
    table_of_channels();
  }

  std::span<std::byte> publish(const std::filesystem::path& name, std::uint64_t size, shm::SegmentHeader header) {
    const sys::Fd fd = sys::create_memory("fairway:test", size);
    memory_.emplace_back(fd.get(), size, sys::Mapping::Access::write);
    const auto bytes = memory_.back().bytes();
    header.magic = header.magic == 0 ? shm::magic : header.magic;
    header.layout_version = header.layout_version == 0 ? shm::layout_version : header.layout_version;
    header.capacity = header.capacity == 0 ? size - shm::data_offset : header.capacity;
    std::memcpy(bytes.data(), &header, sizeof header);
    sys::seal_against_writing(fd.get());
    readable_.push_back(sys::reopen_readonly(fd.get()));
    sys::make_name(directory_.path() / name, readable_.back().get());
    return bytes;
  }
  shm::Statistics& half(const std::string& name, shm::SegmentHeader header) {
    header.kind = shm::SegmentKind::half;
    const auto bytes = publish("segments/" + name, shm::small_segment, header);
    return reinterpret_cast<shm::HalfSegment*>(bytes.data())->control.statistics;
  }
  void name(const std::string& path, const std::string& target) {
    std::filesystem::remove(directory_.path() / path);
    std::filesystem::create_symlink(target, directory_.path() / path);
  }

  void remove(const std::string& path) { std::filesystem::remove(directory_.path() / path); }

  shm::ContextRow& context(std::size_t row) { return contexts_[row]; }
  shm::ChannelRow& channel(std::size_t row) { return channels_[row]; }
  Reader reader() const { return Reader(directory_.path()); }
  ChannelReport report(std::uint64_t id) const { return reader().report({id}, std::chrono::nanoseconds(1)).value(); }

  void table_of_contexts(shm::SegmentHeader header = {}) {
    header.kind = shm::SegmentKind::contexts;
    const auto bytes = publish("tables/contexts.0", shm::contexts_table_size, header);
    contexts_ = reinterpret_cast<shm::ContextRow*>(bytes.data() + shm::data_offset);
    shm::write_row(contexts_[3],
                   {{7}, static_cast<std::int32_t>(sys::process_id()), sys::user_id(), 1, 4096, "player", "test"});
  }
  void table_of_channels(std::uint64_t first = 1) {
    shm::SegmentHeader header{};
    header.kind = shm::SegmentKind::channels;
    header.subject = first;
    const auto bytes = publish("tables/channels." + std::to_string(first), shm::channels_table_size, header);
    channels_ = reinterpret_cast<shm::ChannelRow*>(bytes.data() + shm::data_offset);
    for (shm::PortRow& port : channels_[0].port) shm::write_port(port, {shm::PortState::owned, 2, {7}, 1});
    channels_[0].created_ns = 1;
    channels_[0].id = first;
  }

 private:
  TemporaryDirectory directory_;
  std::vector<sys::Mapping> memory_;
  std::vector<sys::Fd> readable_;
  shm::ContextRow* contexts_ = nullptr;
  shm::ChannelRow* channels_ = nullptr;
};

/// Epoch 2 is the port's in the table.
shm::SegmentHeader header_of(int side, std::uint16_t generation = 0, Epoch epoch = 2) {
  shm::SegmentHeader header{};
  header.subject = PortId::of({1}, side).value;
  header.generation = generation;
  header.epoch = epoch;
  header.first = generation == 0;
  return header;
}

std::string failure(const FakeBroker& broker) {
  try {
    static_cast<void>(broker.reader().snapshot());
  } catch (const Failure& failure) {
    return failure.what();
  }
  return "no failure";
}

TEST(Reader, CopiesWhatTheTablesAndHalvesSay) {
  FakeBroker broker;
  shm::Statistics& one = broker.half("ch-1.1", header_of(1));
  one.messages_posted = 5;
  one.bytes_posted = 50;
  shm::Statistics& two = broker.half("ch-1.2", header_of(2));
  two.messages_read = 3;
  two.bytes_read = 30;
  two.started = 1;
  const Snapshot snapshot = broker.reader().snapshot();
  EXPECT_EQ(snapshot.broker.pid, sys::process_id());
  ASSERT_EQ(snapshot.contexts.size(), 1u);
  EXPECT_EQ(snapshot.contexts[0].info.name, "player");
  EXPECT_EQ(snapshot.contexts[0].process, ProcessState::running);
  ASSERT_EQ(snapshot.channels.size(), 1u);
  const ChannelSnapshot& channel = snapshot.channels[0];
  EXPECT_EQ(channel.id.value, 1u);
  EXPECT_EQ(channel.port[0].info.epoch, 2u);
  ASSERT_TRUE(channel.port[0].owner);
  EXPECT_EQ(channel.port[0].owner->info.name, "player");
  EXPECT_EQ(channel.port[0].half.state, HalfSnapshot::State::readable);
  EXPECT_EQ(channel.port[0].half.written.messages, 5u);
  EXPECT_EQ(channel.port[1].half.read.bytes, 30u);
  EXPECT_TRUE(channel.port[1].half.read.started);
}

TEST(Reader, TellsTheLastErrorFirst) {
  FakeBroker broker;
  shm::Statistics& one = broker.half("ch-1.1", header_of(1));
  one.fault[0].count = 2;
  one.fault[0].last_ns = 100;
  one.fault[4].count = 1;
  one.fault[4].last_ns = 200;
  broker.half("ch-1.2", header_of(2, 0, 1)).fault[0].count = 1;  // a former owner's
  const ChannelSnapshot channel = broker.report(1).now;
  ASSERT_EQ(channel.port[0].half.faults.size(), 2u);
  EXPECT_EQ(channel.port[0].half.faults[0].fault, shm::Fault::impossible_head);
  EXPECT_EQ(channel.port[0].half.faults[1].fault, shm::Fault::quota_exceeded);
  EXPECT_EQ(channel.port[0].half.faults[1].count, 2u);
  EXPECT_TRUE(channel.port[1].half.faults.empty());
}

TEST(Reader, KeepsLookingAtTheHalfThatCounts) {
  FakeBroker broker;
  broker.half("ch-1.1", header_of(1)).messages_posted = 5;
  Reader reader = broker.reader();
  EXPECT_EQ(reader.snapshot().channels.at(0).port[0].half.written.messages, 5u);
  // A new pairing begins: its first segment counts from now on.
  broker.half("ch-1.1.g1", [] {
    shm::SegmentHeader header = header_of(1, 1);
    header.first = 1;
    return header;
  }()).messages_posted = 7;
  EXPECT_EQ(reader.snapshot().channels.at(0).port[0].half.written.messages, 5u) << "the table does not know it yet";
  shm::write_port(broker.channel(0).port[0], {shm::PortState::owned, 2, {7}, 2});
  const Snapshot snapshot = reader.snapshot();
  EXPECT_EQ(snapshot.channels.at(0).port[0].half.written.messages, 7u);
  EXPECT_EQ(snapshot.channels.at(0).port[0].half.memory, 2 * shm::small_segment);
  broker.remove("segments/ch-1.1.g1");
  EXPECT_EQ(reader.snapshot().channels.at(0).port[0].half.written.messages, 5u) << "what has no name is let go of";
}

TEST(Reader, FindsAChannelByItsNumber) {
  FakeBroker broker;
  broker.table_of_channels(1025);
  broker.channel(200).id = 1225;
  EXPECT_EQ(broker.report(1225).now.id.value, 1225u);
  EXPECT_EQ(broker.report(1).now.id.value, 1u);
  for (const std::uint64_t none :
       {std::uint64_t{2}, std::uint64_t{300}, std::uint64_t{1024}, std::uint64_t{1226}, ~std::uint64_t{0}})
    EXPECT_FALSE(broker.reader().report({none}, std::chrono::nanoseconds(1))) << none;
}

TEST(Reader, ListsTheSegmentsOfAChannelInOrder) {
  FakeBroker broker;
  broker.half("ch-1.1", header_of(1));
  shm::write_port(broker.channel(0).port[0], {shm::PortState::owned, 2, {7}, 11});
  for (const std::uint16_t generation : std::initializer_list<std::uint16_t>{10, 9, 2})
    broker.half("ch-1.1.g" + std::to_string(generation), header_of(1, generation));
  broker.half("ch-1.2", header_of(2));
  broker.half("ch-11.1", header_of(1));
  broker.half("ch-1.1.g3", header_of(1, 4));
  broker.half("ch-1.1.gx", header_of(1, 4));
  std::string names;
  for (const SegmentSnapshot& segment : broker.report(1).segments)
    names += segment.name + (segment.problem.empty() ? " " : "! ");
  EXPECT_EQ(names, "ch-1.1 ch-1.1.g2 ch-1.1.g3! ch-1.1.g9 ch-1.1.g10 ch-1.2 ");
}

TEST(Reader, TheNewestFirstSegmentOfAPortCounts) {
  FakeBroker broker;
  shm::write_port(broker.channel(0).port[0], {shm::PortState::owned, 2, {7}, 12});
  broker.half("ch-1.1", header_of(1, 0, 0)).messages_posted = 3;
  shm::SegmentHeader header = header_of(1, 9);
  header.first = 1;
  header.peer_epoch = 4;
  broker.half("ch-1.1.g9", header).messages_posted = 7;
  broker.half("ch-1.1.g11", header_of(1, 11)).messages_posted = 9;
  const ChannelReport report = broker.report(1);
  EXPECT_EQ(report.now.port[0].half.state, HalfSnapshot::State::readable);
  EXPECT_EQ(report.now.port[0].half.written.messages, 7u);
  ASSERT_EQ(report.segments.size(), 3u);
  EXPECT_TRUE(report.segments[1].first);
  EXPECT_EQ(report.segments[1].epoch, 2u);
  EXPECT_EQ(report.segments[1].peer_epoch, 4u);
  EXPECT_FALSE(report.segments[2].first);
}

TEST(Reader, SegmentsAreInTheOrderOfTheStreamWhenTheirNumbersWrap) {
  FakeBroker broker;
  shm::write_port(broker.channel(0).port[0], {shm::PortState::owned, 2, {7}, 2});
  for (const std::uint16_t generation : std::initializer_list<std::uint16_t>{1, 0, 65535})
    broker.half("ch-1.1" + (generation == 0 ? "" : ".g" + std::to_string(generation)), header_of(1, generation)).messages_posted = generation;
  std::string names;
  const ChannelReport report = broker.report(1);
  for (const SegmentSnapshot& segment : report.segments) names += segment.name + " ";
  EXPECT_EQ(names, "ch-1.1.g65535 ch-1.1 ch-1.1.g1 ");
}

TEST(Reader, AFormerOwnersSumsCountUntilTheNextOneHasOpenedItsHalf) {
  FakeBroker broker;
  shm::write_port(broker.channel(0).port[0], {shm::PortState::transit, 2, {}, 2});
  shm::Statistics& former = broker.half("ch-1.1", header_of(1, 0, 1));
  former.messages_posted = 3;
  former.messages_read = 5;
  former.started = 1;
  former.last_read_ns = 1;
  former.full_since_ns = 1;
  broker.half("ch-1.1.g1", header_of(1, 1, 1));
  const HalfSnapshot half = broker.report(1).now.port[0].half;
  EXPECT_EQ(half.state, HalfSnapshot::State::readable);
  EXPECT_EQ(half.written.messages, 3u);
  EXPECT_EQ(half.read.messages, 5u);
  EXPECT_FALSE(half.read.started);
  EXPECT_EQ(half.read.last_read_ns, 0u);
  EXPECT_EQ(half.written.full_since_ns, 0u);
}

TEST(Reader, WhereASegmentIsMissingNobodyKnowsWhatAFormerOwnerCounted) {
  FakeBroker broker;
  shm::write_port(broker.channel(0).port[0], {shm::PortState::transit, 2, {}, 2});
  broker.half("ch-1.1", header_of(1, 0, 1)).messages_posted = 3;
  const HalfSnapshot half = broker.report(1).now.port[0].half;
  EXPECT_EQ(half.state, HalfSnapshot::State::gone);
  EXPECT_EQ(half.written.messages, 0u);
}

TEST(Reader, TellsWhoOwnedAPortBeforeAndSinceWhen) {
  FakeBroker broker;
  shm::ChannelRow& row = broker.channel(0);
  row.created_ns = 1'000'000'000;
  shm::write_port(row, 2, {shm::PortState::transit, 3, {}, 1}, 5'000'000'000);
  const ChannelReport report = broker.report(1);
  EXPECT_FALSE(report.now.port[1].owner);
  EXPECT_EQ(report.now.port[1].past.former, ContextId{7});
  ASSERT_TRUE(report.now.port[1].former);
  EXPECT_EQ(report.now.port[1].former->info.name, "player");
  EXPECT_EQ(report.now.port[1].past.since_ns, 5'000'000'000u);
  EXPECT_FALSE(report.now.port[0].past.former);
}

TEST(Reader, DistrustsAHalfWhoseHeaderNamesAnother) {
  FakeBroker broker;
  broker.half("ch-1.1", header_of(2)).messages_posted = 5;
  const ChannelReport report = broker.report(1);
  EXPECT_EQ(report.now.port[0].half.state, HalfSnapshot::State::damaged);
  EXPECT_EQ(report.now.port[0].half.problem, "its header says that it is another segment");
  EXPECT_EQ(report.now.port[0].half.written.messages, 0u);
}

TEST(Reader, DistrustsAHalfThatIsNoSegment) {
  for (const auto& [change, problem] :
       std::map<int, std::string>{{0, "its header does not begin with FAIRWAY1"},
                                  {1, "its layout is version 9, this inspector knows 1"},
                                  {2, "its header gives an impossible size"},
                                  {3, "its header gives an impossible size"}}) {
    FakeBroker broker;
    shm::SegmentHeader header = header_of(1);
    if (change == 0) header.magic = 1;
    if (change == 1) header.layout_version = 9;
    if (change == 2) header.capacity = 1 << 30;
    if (change == 3) header.linear = 7;
    broker.half("ch-1.1", header);
    EXPECT_EQ(broker.report(1).now.port[0].half.problem, problem);
  }
}

TEST(Reader, DistrustsMemoryThatCanStillBeWritten) {
  FakeBroker broker;
  const sys::Fd fd = sys::create_memory("fairway:test", shm::small_segment);
  broker.name("segments/ch-1.1", "/proc/self/fd/" + std::to_string(fd.get()));
  EXPECT_EQ(broker.report(1).now.port[0].half.problem, "what has its name is no sealed segment of the right size");
}

TEST(Reader, AHalfThatTheBrokerHasDroppedIsGone) {
  FakeBroker broker;
  EXPECT_EQ(broker.report(1).now.port[0].half.state, HalfSnapshot::State::gone);
  broker.name("segments/ch-1.1", "/proc/self/fd/999");
  EXPECT_EQ(broker.report(1).now.port[0].half.state, HalfSnapshot::State::gone);
  broker.name("segments/ch-1.1", "/dev/null");
  EXPECT_EQ(broker.report(1).now.port[0].half.state, HalfSnapshot::State::gone);
}

TEST(Reader, APortThatHasNoGenerationHasNoHalf) {
  FakeBroker broker;
  shm::write_port(broker.channel(0).port[0], {shm::PortState::transit, 2, {}, 0});
  EXPECT_EQ(broker.report(1).now.port[0].half.state, HalfSnapshot::State::none);
  EXPECT_FALSE(broker.report(1).now.port[0].owner);
}

TEST(Reader, ARowThatStandsInTheWrongPlaceIsNone) {
  FakeBroker broker;
  broker.channel(5).id = 77;
  EXPECT_EQ(broker.reader().snapshot().channels.size(), 1u);
}

TEST(Reader, NamesOfStrangersCannotMoveTheCursor) {
  FakeBroker broker;
  shm::write_row(broker.context(3), {{7}, 1, 0, 1, 1, "a\x1b[2J\n\xff", "b"});
  const std::string name = broker.reader().snapshot().contexts.at(0).info.name;
  for (const char c : name) EXPECT_TRUE(c >= ' ' && c <= '~') << name;
}

TEST(Reader, AProcessThatHasEndedShows) {
  FakeBroker broker;
  shm::write_row(broker.context(3), {{7}, 0x7fff'fff0, 0, 1, 1, "a", "b"});
  EXPECT_EQ(broker.reader().snapshot().contexts.at(0).process, ProcessState::ended);
}

TEST(Reader, ADescriptorOfAnotherProgramIsNoTable) {
  FakeBroker broker;
  const sys::Fd fd = sys::create_memory("fairway:test", shm::contexts_table_size);
  broker.name("tables/contexts.0", "/proc/" + std::to_string(sys::process_id()) + "/fd/" + std::to_string(fd.get()));
  EXPECT_NE(failure(broker).find("which is another program now"), std::string::npos) << failure(broker);
  sys::seal_against_writing(fd.get());  // right size and seals, wrong header
  EXPECT_NE(failure(broker).find("which is another program now"), std::string::npos) << failure(broker);
}

TEST(Reader, NamesThatDangleMeanThatTheBrokerIsGone) {
  FakeBroker broker;
  for (const char* const table : {"tables/contexts.0", "tables/channels.1"})
    broker.name(table, "/proc/2147483632/fd/3");
  const std::string line = failure(broker);
  EXPECT_NE(line.find("is gone: its names lead to pid 2147483632, which has ended"), std::string::npos) << line;
  EXPECT_EQ(line.find('\n'), std::string::npos);
}

TEST(Reader, AnotherLayoutVersionIsNamed) {
  FakeBroker broker;
  shm::SegmentHeader header{};
  header.layout_version = 2;
  broker.table_of_contexts(header);
  EXPECT_NE(
      failure(broker).find("its layout is version 2, this inspector knows 1; use the inspector of the same version"),
      std::string::npos)
      << failure(broker);
}

TEST(Reader, ChannelsAreNamedInTwoWays) {
  EXPECT_EQ(parse_channel("17"), ChannelId{17});
  EXPECT_EQ(parse_channel("ch-17"), ChannelId{17});
  for (const char* const wrong :
       {"", "ch-", "0", "ch-0", "-1", "17x", "ch-17.1", "CH-17", "99999999999999999999", " 1"})
    EXPECT_FALSE(parse_channel(wrong)) << wrong;
}

}  // namespace
}  // namespace fairway::test
