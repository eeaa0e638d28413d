#include "inspector/text.hpp"

#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "inspector/diagnosis.hpp"
#include "inspector/drawing.hpp"
#include "inspector/names.hpp"

namespace fairway::inspector {

namespace {

/// Who owned the port before.
std::string former_owner(const PortSnapshot& port) {
  if (!port.past.former) return std::string(nothing);
  if (!port.former) return fmt::format("context {}, gone", port.past.former.value);
  const shm::ContextInfo& info = port.former->info;
  return fmt::format("{}, pid {}", info.name.empty() ? info.command : info.name, info.pid);
}

std::vector<Cell> port_row(const Snapshot& snapshot, const ChannelSnapshot& channel, int side) {
  const PortSnapshot& port = channel.port[static_cast<std::size_t>(side - 1)];
  const auto waiting = waiting_at(channel, side);
  const Ink unread_ink = waiting && waiting->messages != 0 ? Ink::notice : Ink::plain;
  return {
      to_string(PortId::of(channel.id, side)),
      {to_string(port.info.state), port.info.state == shm::PortState::owned ? Ink::plain : Ink::notice},
      age(snapshot.taken_ns, port.past.since_ns),
      std::to_string(port.info.epoch),
      port.owner ? or_nothing(port.owner->info.name) : std::string(nothing),
      port.owner ? Cell(std::to_string(port.owner->info.pid), process_cell(port.owner->process).ink) : Cell(nothing),
      former_owner(port),
      std::to_string(port.info.generations),
      {waiting ? std::to_string(waiting->messages) : std::string(nothing), unread_ink},
      {waiting ? bytes_text(waiting->bytes) : std::string(nothing), unread_ink},
      age(snapshot.taken_ns, channel.created_ns)};
}

}  // namespace

std::string list_text(const Snapshot& snapshot, Colour colour) {
  std::string text = broker_line(snapshot.broker, colour);
  if (!snapshot.contexts.empty()) {
    std::vector<std::vector<Cell>> rows{{"CONTEXT", "NAME", "PID", "COMMAND", "PROCESS", "MEMORY", "AGE"}};
    for (const ContextSnapshot& context : snapshot.contexts)
      rows.push_back({std::to_string(context.info.id.value), or_nothing(context.info.name),
                      std::to_string(context.info.pid), or_nothing(context.info.command), process_cell(context.process),
                      bytes_text(context.info.memory), age(snapshot.taken_ns, context.info.joined_ns)});
    text += '\n' + table(rows, colour);
  }
  if (!snapshot.channels.empty()) {
    std::vector<std::vector<Cell>> rows{
        {"PORT", "STATE", "SINCE", "EPOCH", "OWNER", "PID", "FORMER OWNER", "GENERATIONS", "UNREAD", "BYTES", "AGE"}};
    for (const ChannelSnapshot& channel : snapshot.channels)
      for (const int side : {1, 2}) rows.push_back(port_row(snapshot, channel, side));
    text += '\n' + table(rows, colour);
  }
  return text;
}

// One channel -----------------------------------------------------------------------------------------------

namespace {

std::string port_line(const PortSnapshot& port, std::uint64_t now) {
  if (port.info.state == shm::PortState::transit && port.past.since_ns != 0)
    return fmt::format("transit for {}", age(now, port.past.since_ns));
  if (!port.owner) return std::string(to_string(port.info.state));
  return fmt::format("{}, {}, pid {}", to_string(port.info.state), or_nothing(port.owner->info.name),
                     port.owner->info.pid);
}

std::string rate_text(std::uint64_t count, double per_second) {
  return per_second >= 0.5 ? fmt::format("{} (+{:.0f}/s)", count, per_second) : std::to_string(count);
}

std::string oldest_text(const Flow& flow) {
  if (!flow.oldest_at_least_ns) return std::string(nothing);
  const std::uint64_t least = *flow.oldest_at_least_ns;
  if (!flow.oldest_at_most_ns) return least == 0 ? std::string(nothing) : "at least " + duration_text(least);
  const std::uint64_t most = *flow.oldest_at_most_ns;
  if (least == 0) return "at most " + duration_text(most);
  if (most - least <= most / 20) return duration_text(least);
  return duration_text(least) + " to " + duration_text(most);
}

/// The cells of one direction, in the order of the labels in `report_text`.
std::vector<Cell> direction(const ChannelReport& report, int writer_side) {
  const Flow flow = inspector::flow(report.before, report.now, writer_side);
  const PortSnapshot& writer = report.now.port[static_cast<std::size_t>(flow.writer - 1)];
  const PortSnapshot& reader = report.now.port[static_cast<std::size_t>(flow.reader - 1)];
  const Written& written = writer.half.written;
  const Read& read = reader.half.read;
  const bool w = writer.half.state == HalfSnapshot::State::readable;
  const bool r = reader.half.state == HalfSnapshot::State::readable;
  const auto when = [](bool known, std::string text) { return known ? std::move(text) : std::string(nothing); };
  const std::string unread = flow.waiting
                                 ? fmt::format("{}, {}", flow.waiting->messages, bytes_text(flow.waiting->bytes))
                                 : std::string(nothing);
  const std::string backpressure =
      duration_text(flow.backpressure_ns) +
      (flow.backpressure_for_ns ? ", now for " + duration_text(*flow.backpressure_for_ns) : "");
  return {fmt::format("{} TO {}", flow.writer, flow.reader),
          Cell(port_line(writer, report.now.taken_ns), process_cell(writer.owner ? writer.owner->process : ProcessState::unknown).ink),
          Cell(port_line(reader, report.now.taken_ns), process_cell(reader.owner ? reader.owner->process : ProcessState::unknown).ink),
          when(w, rate_text(written.messages, flow.posted_per_second)),
          when(r, rate_text(read.messages, flow.read_per_second)),
          when(w, bytes_text(written.bytes)),
          {unread, flow.waiting && flow.waiting->messages != 0 ? Ink::notice : Ink::plain},
          oldest_text(flow),
          when(w, fmt::format("{}, {}", written.backlog_messages, bytes_text(written.backlog_bytes))),
          when(w, bytes_text(flow.high_water)),
          when(w, bytes_text(written.largest)),
          when(w, std::to_string(written.doorbells)),
          when(r, std::to_string(read.arms)),
          when(r, std::to_string(read.wakes)),
          when(r, std::to_string(read.spins)),
          {when(w, backpressure), flow.backpressure_for_ns ? Ink::notice : Ink::plain},
          when(w, std::to_string(written.generation)),
          std::to_string(writer.info.epoch),
          former_owner(writer),
          when(r, read.started ? "yes" : "no")};
}

}  // namespace

std::string report_text(const ChannelReport& report, Colour colour) {
  std::string text =
      fmt::format("{}, {} old; ", to_string(report.now.id), age(report.now.taken_ns, report.now.created_ns)) +
      broker_line(report.broker, colour) + '\n';
  const std::vector<Cell> one = direction(report, 1);
  const std::vector<Cell> two = direction(report, 2);
  constexpr std::string_view labels[] = {
      "DIRECTION",     "writing port",  "reading port", "messages posted", "messages read", "bytes posted",
      "unread",        "oldest unread", "held back",    "high-water mark", "largest",       "doorbells rung",
      "reader's arms", "reader's wakes", "reader's spins", "backpressure", "generation", "writer's epoch",
      "written before by", "reader started"};
  std::vector<std::vector<Cell>> rows;
  for (std::size_t i = 0; i < one.size(); ++i) rows.push_back({labels[i], one[i], two[i]});
  text += table(rows, colour);
  if (!report.segments.empty()) {
    // A pairing is one owner of either port; its control block is in the first segment that each writes for it.
    rows = {{"SEGMENT", "GENERATION", "EPOCH", "FOR EPOCH", "PAIRING", "SHAPE", "SIZE"}};
    for (const SegmentSnapshot& segment : report.segments) {
      rows.push_back({segment.name, std::to_string(segment.generation), std::to_string(segment.epoch),
                      std::to_string(segment.peer_epoch), segment.first ? "begins" : "goes on",
                      segment.linear ? "linear" : "ring", bytes_text(segment.size)});
      if (!segment.problem.empty()) rows.back().push_back({segment.problem, Ink::alarm});
    }
    text += '\n' + table(rows, colour);
  }
  rows = {{"ERROR AT", "COUNT", "LAST", "WHAT"}};
  for (const int side : {1, 2})
    for (const FaultSnapshot& fault : report.now.port[static_cast<std::size_t>(side - 1)].half.faults)
      rows.push_back({to_string(PortId::of(report.now.id, side)), std::to_string(fault.count), age(report.now.taken_ns, fault.last_ns) + " ago",
                      {fmt::format("{}: {}", shm::name_of(fault.fault), shm::describe(fault.fault)), Ink::notice}});
  if (rows.size() > 1) text += '\n' + table(rows, colour);
  return text + '\n' + paint(diagnose(report), Ink::head, colour) + '\n';
}

}  // namespace fairway::inspector
