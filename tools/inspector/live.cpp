#include "inspector/live.hpp"

#include <algorithm>
#include <tuple>

#include <fmt/format.h>

#include "inspector/names.hpp"

namespace fairway::inspector {

namespace {

std::string label(const PortSnapshot& port) {
  if (!port.owner) return {};
  const shm::ContextInfo& info = port.owner->info;
  return info.name.empty() ? fmt::format("{} {}", info.command, info.pid) : info.name;
}

bool is(const PortSnapshot& port, ProcessState state) { return port.owner && port.owner->process == state; }

/// What one should know first.
Cell state_of(const PortSnapshot& from, const PortSnapshot& to, const Flow& flow) {
  for (const shm::PortState state : {shm::PortState::memory, shm::PortState::closed, shm::PortState::transit})
    if (from.info.state == state || to.info.state == state) return {to_string(state), Ink::notice};
  for (const ProcessState state : {ProcessState::ended, ProcessState::stopped}) {
    const std::string_view word = state == ProcessState::ended ? "ended" : "stopped";
    if (is(from, state)) return {fmt::format("from {}", word), Ink::alarm};
    if (is(to, state)) return {fmt::format("to {}", word), Ink::alarm};
  }
  if (from.half.state == HalfSnapshot::State::damaged || to.half.state == HalfSnapshot::State::damaged) return {"damaged", Ink::alarm};
  if (flow.stuck) return {"unread", Ink::notice};
  if (flow.backpressure_for_ns) return {"held back", Ink::notice};
  return flow.posted_per_second > 0 || flow.read_per_second > 0 ? "flows" : "idle";
}

/// The channel as it was, or as it was before it was made.
ChannelSnapshot former(const Snapshot& before, const ChannelSnapshot& now) {
  const auto found = std::ranges::lower_bound(before.channels, now.id, {}, &ChannelSnapshot::id);
  if (found != before.channels.end() && found->id == now.id && found->created_ns == now.created_ns) return *found;
  ChannelSnapshot none;
  none.id = now.id;
  none.taken_ns = before.taken_ns;
  return none;
}

LiveRow row_of(const ChannelSnapshot& before, const ChannelSnapshot& now, int writer) {
  LiveRow row{now.id, flow(before, now, writer)};
  const PortSnapshot& from = now.port[static_cast<std::size_t>(row.flow.writer - 1)];
  const PortSnapshot& to = now.port[static_cast<std::size_t>(row.flow.reader - 1)];
  row.from = label(from);
  row.to = label(to);
  row.from_pid = from.owner ? from.owner->info.pid : 0;
  row.to_pid = to.owner ? to.owner->info.pid : 0;
  row.state = state_of(from, to, row.flow);
  row.memory = from.half.memory + from.half.written.backlog_bytes;
  return row;
}

std::uint64_t depth(const LiveRow& row) { return row.flow.waiting ? row.flow.waiting->messages : 0; }

}  // namespace

Live live(const Snapshot& before, const Snapshot& now, std::string time) {
  Live live{now.broker, std::move(time), now.taken_ns - std::min(now.taken_ns, before.taken_ns), now.contexts.size(), now.channels.size()};
  // Another broker numbers its channels anew.
  const Snapshot nothing_before{before.broker, before.taken_ns, {}, {}};
  const Snapshot& first = before.broker.pid == now.broker.pid ? before : nothing_before;
  for (const ChannelSnapshot& channel : now.channels) {
    const ChannelSnapshot earlier = former(first, channel);
    for (const int writer : {1, 2}) live.rows.push_back(row_of(earlier, channel, writer));
  }
  return live;
}

void sort(Live& live, Order order) {
  const auto key = [order](const LiveRow& row) {
    const double by = order == Order::rate     ? row.flow.posted_per_second
                      : order == Order::depth ? static_cast<double>(depth(row))
                                              : static_cast<double>(row.memory);
    return std::tuple(-by, row.channel, row.flow.writer);
  };
  std::ranges::sort(live.rows, {}, key);
}

}  // namespace fairway::inspector
