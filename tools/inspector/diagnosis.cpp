#include "inspector/diagnosis.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>

namespace fairway::inspector {

namespace {

/// What waits for less than that is on its way.
constexpr std::uint64_t patience_ns = 1'000'000'000;

const PortSnapshot& port_at(const ChannelSnapshot& channel, int side) {
  return channel.port[static_cast<std::size_t>(side - 1)];
}

std::uint64_t missing(std::uint64_t written, std::uint64_t read) { return written - std::min(written, read); }

/// Time since `then`; none: never, or in a future that somebody made up.
std::optional<std::uint64_t> since(std::uint64_t now, std::uint64_t then) {
  if (then == 0 || then > now) return std::nullopt;
  return now - then;
}

bool unreadable(const HalfSnapshot& half) {
  return half.state == HalfSnapshot::State::gone || half.state == HalfSnapshot::State::damaged;
}

double rate(std::uint64_t before, std::uint64_t now, std::uint64_t ns) {
  return ns == 0 ? 0 : static_cast<double>(missing(now, before)) * 1e9 / static_cast<double>(ns);
}

}  // namespace

std::optional<Waiting> waiting_at(const ChannelSnapshot& channel, int side) {
  const HalfSnapshot& writer = port_at(channel, 3 - side).half;
  const HalfSnapshot& reader = port_at(channel, side).half;
  if (unreadable(writer) || unreadable(reader)) return std::nullopt;
  return Waiting{missing(writer.written.messages, reader.read.messages),
                 missing(writer.written.bytes, reader.read.bytes)};
}

Flow flow(const ChannelSnapshot& before, const ChannelSnapshot& now, int writer) {
  Flow flow{writer, 3 - writer, waiting_at(now, 3 - writer)};
  const Written& w0 = port_at(before, flow.writer).half.written;
  const Written& w = port_at(now, flow.writer).half.written;
  const Read& r0 = port_at(before, flow.reader).half.read;
  const Read& r = port_at(now, flow.reader).half.read;
  const std::uint64_t passed = missing(now.taken_ns, before.taken_ns);
  flow.rates_known = passed != 0 && waiting_at(before, flow.reader) && flow.waiting;
  if (flow.rates_known) {
    flow.posted_per_second = rate(w0.messages, w.messages, passed);
    flow.read_per_second = rate(r0.messages, r.messages, passed);
    flow.bytes_per_second = rate(w0.bytes, w.bytes, passed);
    // A new owner counts its wakes from 0.
    const bool same = port_at(before, flow.reader).info.epoch == port_at(now, flow.reader).info.epoch;
    flow.wakes_per_second = rate(same ? r0.wakes : 0, r.wakes, passed);
  }
  flow.backpressure_for_ns = since(now.taken_ns, w.full_since_ns);
  flow.backpressure_ns = w.backpressure_ns + flow.backpressure_for_ns.value_or(0);
  flow.high_water = std::max(w.high_water, flow.waiting ? flow.waiting->bytes : 0);
  if (!flow.waiting || flow.waiting->messages == 0) return flow;

  const bool waited_before = w0.messages > r0.messages;
  flow.stuck = waited_before && r.messages == r0.messages && passed != 0;

  // At least: what waited then waits now; what was there when the reader was told is there if nothing was ever read.
  std::uint64_t least = flow.stuck ? passed : 0;
  const auto told = since(now.taken_ns, w.readable_since_ns);
  if (told && r.messages == 0) least = std::max(least, *told);
  flow.oldest_at_least_ns = least;

  // At most: everything came after the first sample, or after the reader had found nothing.
  std::optional<std::uint64_t> most = since(now.taken_ns, now.created_ns);
  const auto lower = [&most](std::optional<std::uint64_t> bound) {
    if (bound && (!most || *bound < *most)) most = bound;
  };
  if (r.messages >= w0.messages) lower(passed);
  lower(since(now.taken_ns, r.last_read_ns));
  if (r.last_read_ns != 0 && w.readable_since_ns >= r.last_read_ns) lower(told);
  if (most) flow.oldest_at_most_ns = std::max(*most, least);
  return flow;
}

std::string duration_text(std::uint64_t ns) {
  const auto in = [ns](double unit) { return static_cast<double>(ns) / unit; };
  if (ns < 1'000) return fmt::format("{} ns", ns);
  if (ns < 1'000'000) return fmt::format("{:.3g} us", in(1e3) < 999.4 ? in(1e3) : 999);
  if (ns < 1'000'000'000) return fmt::format("{:.3g} ms", in(1e6) < 999.4 ? in(1e6) : 999);
  if (in(1e9) < 60) return fmt::format("{:.{}f} s", in(1e9), in(1e9) < 10 ? 1 : 0);
  if (in(1e9) < 3'600) return fmt::format("{} min", ns / 60'000'000'000);
  if (in(1e9) < 48 * 3'600) return fmt::format("{} h", ns / 3'600'000'000'000);
  return fmt::format("{} d", ns / 86'400'000'000'000);
}

std::string bytes_text(std::uint64_t bytes) {
  if (bytes < 1024) return fmt::format("{} B", bytes);
  constexpr std::array<std::string_view, 6> units{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double size = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  while (size >= 1023.95 && unit + 1 < units.size()) {
    size /= 1024;
    ++unit;
  }
  return fmt::format("{:.1f} {}", size, units[unit]);
}

// Sentences -------------------------------------------------------------------------------------------------

namespace {

/// A finding; the channel's diagnosis is the one with the highest rank, and of equals the first.
enum class Rank { fine, note, slow, broken };
struct Finding {
  Rank rank = Rank::fine;
  std::string text = {};
};

std::string who(const PortSnapshot& port) {
  if (!port.owner) return "nobody";
  const shm::ContextInfo& info = port.owner->info;
  return fmt::format("pid {} ({})", info.pid, !info.name.empty() ? info.name : info.command);
}

ProcessState process_of(const PortSnapshot& port) { return port.owner ? port.owner->process : ProcessState::unknown; }

std::string name_of(const ChannelSnapshot& channel, int side) {
  return fmt::format("port {} of {}", side, to_string(channel.id));
}

/// "3 unread for 4.2 s"
std::string unread(const Flow& flow) {
  std::string text = fmt::format("{} unread", flow.waiting->messages);
  const std::uint64_t least = flow.oldest_at_least_ns.value_or(0);
  const std::uint64_t most = flow.oldest_at_most_ns.value_or(0);
  if (least >= patience_ns) {
    text += " for " + duration_text(least);
  } else if (flow.stuck && most >= patience_ns) {
    text += " for up to " + duration_text(most);
  }
  return text;
}

/// "in transit for 3.0 s, from pid 4712 (player): …"
std::string in_transit(const ChannelSnapshot& channel, int side) {
  const PortSnapshot& port = port_at(channel, side);
  std::string text = "in transit";
  if (const auto age = since(channel.taken_ns, port.past.since_ns)) text += " for " + duration_text(*age);
  if (port.former) text += fmt::format(", from pid {} ({})", port.former->info.pid,
                                       port.former->info.name.empty() ? port.former->info.command : port.former->info.name);
  return text + ": nobody has taken it from its message or invitation yet";
}

std::string broker_hint(const BrokerSnapshot& broker) {
  if (broker.process == ProcessState::stopped)
    return fmt::format("the broker (pid {}) is stopped: kill -CONT {}", broker.pid, broker.pid);
  if (broker.process == ProcessState::ended) return fmt::format("the broker (pid {}) has ended", broker.pid);
  return fmt::format("look at the log of the broker (pid {})", broker.pid);
}

Finding diagnose_half(const ChannelReport& report, int side) {
  const PortSnapshot& port = port_at(report.now, side);
  const std::string name = to_string(PortId::of(report.now.id, side));
  if (port.half.state == HalfSnapshot::State::damaged)
    return {Rank::broken, fmt::format("the memory of {} cannot be trusted: {}; end its owner, {}", name,
                                      port.half.problem, who(port))};
  if (port.info.state == shm::PortState::owned && process_of(port) == ProcessState::ended)
    return {Rank::broken, fmt::format("the owner of {}, {}, has ended and the port is not closed yet: {}",
                                      name_of(report.now, side), who(port), broker_hint(report.broker))};
  return {};
}

Finding diagnose_reader(const ChannelReport& report, const Flow& flow) {
  const ChannelSnapshot& channel = report.now;
  const PortSnapshot& reader = port_at(channel, flow.reader);
  const PortSnapshot& writer = port_at(channel, flow.writer);
  const Read& read = reader.half.read;
  const Written& written = writer.half.written;
  const std::string name = name_of(channel, flow.reader);
  const std::string waits = name + " has " + unread(flow);

  if (process_of(reader) == ProcessState::stopped)
    return {Rank::broken, fmt::format("{}: its owner, {}, is stopped: kill -CONT {}, or leave the debugger", waits,
                                      who(reader), reader.owner->info.pid)};
  if (reader.half.state == HalfSnapshot::State::none) {
    if (!flow.stuck)
      return {Rank::note, fmt::format("{}, on their way: its owner, {}, has not looked yet", waits, who(reader))};
    return {Rank::broken,
            fmt::format("{}: its owner, {}, has not looked since the port came; it must call on_message(), receive() or "
                        "start(), and run() or poll()",
                        waits, who(reader))};
  }
  if (!read.started && flow.stuck)
    return {Rank::broken, fmt::format("{}: start() was never called; {} must call on_message(), receive() or start()",
                                      waits, who(reader))};

  if (flow.stuck && written.backlog_messages >= flow.waiting->messages) {
    // Everything in shared memory is read: the writer cannot move the rest there.
    if (process_of(writer) == ProcessState::stopped)
      return {Rank::broken, fmt::format("{}, all in the heap of {}, which is stopped: kill -CONT {}", waits,
                                        who(writer), writer.owner->info.pid)};
    if (report.broker.process == ProcessState::stopped || report.broker.process == ProcessState::ended)
      return {Rank::broken, fmt::format("{}, all in the heap of {}, which waits for memory: {}", waits, who(writer),
                                        broker_hint(report.broker))};
    if (flow.backpressure_for_ns && *flow.backpressure_for_ns < patience_ns)
      return {Rank::slow,
              fmt::format("{}, all in the heap of {}, which waits for a larger segment: if that is often so, "
                          "it should use try_post() and on_drain()",
                          waits, who(writer))};
    return {Rank::broken,
            fmt::format("{}, all in the heap of {}: it must call run(), poll() or receive() to move them; if it does, "
                        "the broker refuses memory (see its log) or takes long to give so much",
                        waits, who(writer))};
  }

  const Flow back = inspector::flow(report.before, channel, flow.reader);
  const auto asleep = since(channel.taken_ns, read.last_read_ns);
  const bool nothing_to_write = back.waiting && back.waiting->messages == 0;
  const bool broker_runs =
      report.broker.process == ProcessState::running;  // without it two sides may not be linked yet
  if (flow.stuck && read.last_read_ns > written.readable_since_ns && asleep && *asleep >= patience_ns &&
      nothing_to_write && broker_runs)
    return {
        Rank::broken,
        fmt::format("{}, and nobody woke its owner, {}, which went to sleep {} ago: a lost wake-up, a bug of Fairway; "
                    "report it with the output of fairway stat {} --json",
                    waits, who(reader), duration_text(*asleep), to_string(channel.id))};
  if (flow.stuck)
    return {Rank::slow,
            fmt::format("{}: its owner, {}, reads nothing now; it is busy in a callback, or must call run(), poll() or "
                        "receive(): look at its stack (gdb -p {})",
                        waits, who(reader), reader.owner ? reader.owner->info.pid : 0)};
  if (flow.backpressure_for_ns && *flow.backpressure_for_ns >= patience_ns)
    return {Rank::slow,
            fmt::format(
                "{} reads {:.0f} messages/s and {} has held messages back for {}: the reader, {}, is slower than the "
                "writer, which should use try_post() and on_drain()",
                name, flow.read_per_second, name_of(channel, flow.writer), duration_text(*flow.backpressure_for_ns),
                who(reader))};
  return {Rank::fine, fmt::format("{} reads along, {} unread now", name, flow.waiting->messages)};
}

Finding diagnose_flow(const ChannelReport& report, const Flow& flow) {
  const ChannelSnapshot& channel = report.now;
  const PortSnapshot& reader = port_at(channel, flow.reader);
  const PortSnapshot& writer = port_at(channel, flow.writer);
  // One more: the writer counts a message just after it has become visible.
  if (reader.half.state == HalfSnapshot::State::readable && writer.half.state == HalfSnapshot::State::readable &&
      reader.half.read.messages > writer.half.written.messages &&
      reader.half.read.messages - writer.half.written.messages > 1)
    return {Rank::broken,
            fmt::format(
                "{} says that it has read {} messages of {} written: the counters of {} or {} are not to be trusted",
                name_of(channel, flow.reader), reader.half.read.messages, writer.half.written.messages, who(reader),
                who(writer))};
  if (reader.info.state == shm::PortState::closed) return {};
  if (!flow.waiting || flow.waiting->messages == 0) return {};
  if (reader.info.state == shm::PortState::transit)
    return {Rank::note,
            fmt::format("{} has {} and is {}", name_of(channel, flow.reader), unread(flow),
                        in_transit(channel, flow.reader))};
  return diagnose_reader(report, flow);
}

std::string summary(const ChannelReport& report) {
  const ChannelSnapshot& channel = report.now;
  if (port_at(channel, 1).info.state == shm::PortState::memory) {
    const PortSnapshot& token = port_at(channel, 2);
    return "memory that a message carries: port 2 stands for it, " +
           (token.info.state == shm::PortState::transit ? in_transit(channel, 2)
                                                        : fmt::format("with {}, whose message is not delivered yet", who(token)));
  }
  for (const int side : {1, 2}) {
    if (port_at(channel, side).info.state != shm::PortState::closed) continue;
    const auto left = waiting_at(channel, 3 - side);
    if (port_at(channel, 3 - side).info.state == shm::PortState::closed)
      return "both ports are closed: the channel goes with its last reader";
    if (left && left->messages != 0)
      return fmt::format("port {} is closed; port {}, of {}, has {} left to read before it gets its close event", side,
                         3 - side, who(port_at(channel, 3 - side)), left->messages);
    return fmt::format("port {} is closed; port {}, of {}, gets its close event when its owner looks", side, 3 - side,
                       who(port_at(channel, 3 - side)));
  }
  for (const int side : {1, 2})
    if (port_at(channel, side).info.state == shm::PortState::transit)
      return fmt::format("port {} is {}", side, in_transit(channel, side));
  const bool used =
      std::ranges::any_of(channel.port, [](const PortSnapshot& port) { return port.half.written.messages != 0; });
  const bool hidden = std::ranges::any_of(channel.port, [](const PortSnapshot& port) { return unreadable(port.half); });
  if (hidden) return "nothing is known of what waits: a port has moved and its owner has not used it yet, or its memory cannot be opened; try again";
  return used ? "idle: everything that was posted is read" : "idle: nothing was posted yet";
}

}  // namespace

std::string diagnose(const ChannelReport& report) {
  Finding worst;
  const auto consider = [&worst](Finding finding) {
    if (finding.rank > worst.rank || worst.text.empty()) worst = std::move(finding);
  };
  for (const int side : {1, 2}) consider(diagnose_half(report, side));
  for (const int writer : {1, 2}) consider(diagnose_flow(report, flow(report.before, report.now, writer)));
  return worst.text.empty() ? summary(report) : worst.text;
}

}  // namespace fairway::inspector
