#include "tools/samples.hpp"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <utility>

namespace fairway::test {

using namespace fairway::inspector;

ContextSnapshot context(std::uint32_t id, std::string name, std::int32_t pid, ProcessState process) {
  ContextSnapshot context;
  context.info = {{id}, pid, 1000, now - 90 * second, 49152, std::move(name), "program"};
  context.process = process;
  return context;
}

ChannelReport idle_report() {
  ChannelSnapshot channel;
  channel.id = {17};
  channel.created_ns = now - 60 * second;
  channel.taken_ns = now;
  channel.port[0].info = {shm::PortState::owned, 0, {1}, 1};
  channel.port[0].owner = context(1, "player", 4712);
  channel.port[1].info = {shm::PortState::owned, 1, {2}, 1};
  channel.port[1].owner = context(2, "sink", 4713);
  channel.port[1].past = {{1}, now - 60 * second};
  channel.port[1].former = channel.port[0].owner;
  for (PortSnapshot& port : channel.port) {
    port.half.state = HalfSnapshot::State::readable;
    port.half.read.started = true;
  }
  ChannelReport report;
  report.broker = {"/run/user/1000/fairway", 4711, "fairwayd", ProcessState::running};
  report.before = report.now = channel;
  report.before.taken_ns = now - 100 * ms;
  report.segments = {{"ch-17.1", 1, 0, 12288, false, {}, 0, 1, true}, {"ch-17.2", 2, 0, 12288, false, {}, 1, 0, true}};
  return report;
}

ChannelReport waiting_report(std::uint64_t read) {
  ChannelReport report = idle_report();
  both(report, [read](ChannelSnapshot& channel) {
    Written& written = channel.port[0].half.written;
    written.messages = 900;
    written.bytes = 9000;
    written.largest = 10;
    written.high_water = 8000;
    written.doorbells = 3;
    written.readable_since_ns = now - 4 * second;
    Read& reader = channel.port[1].half.read;
    reader.messages = read;
    reader.bytes = read * 10;
    reader.last_read_ns = now - 5 * second;
    reader.arms = 7;
    reader.wakes = 3;
    reader.spins = 12;
  });
  return report;
}

ChannelReport moving_report() {
  ChannelReport report = waiting_report(300);
  both(report, [](ChannelSnapshot& channel) {
    channel.id = {301};
    PortSnapshot& moving = channel.port[1];
    moving.info = {shm::PortState::transit, 3, {}, 2};
    moving.owner.reset();
    moving.past = {{2}, now - 3 * second};
    moving.former = context(2, "", 4713);
    moving.half.read.started = false;
    moving.half.read.last_read_ns = 0;
  });
  report.segments = {{"ch-301.1", 1, 0, 12288, false, {}, 0, 1, true},
                     {"ch-301.1.g3", 1, 3, 12288, false, {}, 0, 2, true},
                     {"ch-301.1.g4", 1, 4, 69632, false, {}, 0, 2, false},
                     {"ch-301.2.g1", 2, 1, 12288, false, {}, 2, 0, true}};
  return report;
}

Snapshot snapshot() {
  Snapshot snapshot;
  snapshot.broker = {"/run/user/1000/fairway", 4711, "fairwayd", ProcessState::stopped};
  snapshot.taken_ns = now;
  snapshot.contexts = {context(1, "player", 4712), context(2, "", 4713, ProcessState::ended)};
  snapshot.contexts[1].info.memory = 5 << 20;
  ChannelSnapshot first = waiting_report(0).now;
  ChannelSnapshot second_one = idle_report().now;
  second_one.id = {300};
  second_one.created_ns = now - 2 * 3600 * second;
  second_one.port[0].info = {shm::PortState::closed, 0, {9}, 2};
  second_one.port[0].owner.reset();
  second_one.port[0].half = {};
  second_one.port[0].half.state = HalfSnapshot::State::gone;
  second_one.port[1].owner = snapshot.contexts[1];
  second_one.port[0].past = {{9}, now - 60 * second};
  snapshot.channels = {first, second_one, moving_report().now};
  return snapshot;
}

std::string golden(const std::string& file, const std::string& actual) {
  const std::string path = std::string(FAIRWAY_GOLDEN) + "/" + file;
  if (std::getenv("FAIRWAY_UPDATE_GOLDEN") != nullptr) std::ofstream(path) << actual;
  std::ifstream stream(path);
  return {std::istreambuf_iterator<char>(stream), {}};
}

}  // namespace fairway::test
