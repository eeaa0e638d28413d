#include "inspector/json.hpp"

#include <cmath>

#include "inspector/diagnosis.hpp"
#include "inspector/json_parts.hpp"
#include "inspector/names.hpp"

namespace fairway::inspector {

namespace json = boost::json;

namespace {

json::value optional_number(const std::optional<std::uint64_t>& number) {
  return number ? json::value(*number) : json::value(nullptr);
}

json::value optional_text(const std::string& text) { return text.empty() ? json::value(nullptr) : json::value(text); }

json::value age(std::uint64_t now, std::uint64_t then) {
  if (then == 0) return nullptr;
  return then < now ? now - then : 0;  // what happened while the snapshot was taken
}

json::value word(std::string_view text) { return json::value(json::string_view(text.data(), text.size())); }

json::object context_json(const ContextSnapshot& context, std::uint64_t now) {
  const shm::ContextInfo& info = context.info;
  return {{"id", info.id.value},
          {"name", optional_text(info.name)},
          {"pid", info.pid},
          {"uid", info.uid},
          {"command", optional_text(info.command)},
          {"process", word(to_string(context.process))},
          {"memory_bytes", info.memory},
          {"age_ns", age(now, info.joined_ns)}};
}

json::object port_json(const ChannelSnapshot& channel, int side, std::uint64_t now) {
  const PortSnapshot& port = channel.port[static_cast<std::size_t>(side - 1)];
  const auto waiting = waiting_at(channel, side);
  json::object object{{"side", side},
                      {"name", to_string(PortId::of(channel.id, side))},
                      {"state", word(to_string(port.info.state))},
                      {"state_age_ns", age(now, port.past.since_ns)},
                      {"epoch", port.info.epoch},
                      {"context", nullptr},
                      {"owner", nullptr},
                      {"pid", nullptr},
                      {"process", nullptr},
                      {"former_context", nullptr},
                      {"former_owner", nullptr},
                      {"former_pid", nullptr},
                      {"generations", port.info.generations},
                      {"memory", word(to_string(port.half.state))},
                      {"unread_messages", nullptr},
                      {"unread_bytes", nullptr}};
  if (port.info.owner) object["context"] = port.info.owner.value;
  if (port.owner) {
    object["owner"] = optional_text(port.owner->info.name);
    object["pid"] = port.owner->info.pid;
    object["process"] = word(to_string(port.owner->process));
  }
  if (port.past.former) object["former_context"] = port.past.former.value;
  if (port.former) {
    object["former_owner"] = optional_text(port.former->info.name);
    object["former_pid"] = port.former->info.pid;
  }
  if (waiting) {
    object["unread_messages"] = waiting->messages;
    object["unread_bytes"] = waiting->bytes;
  }
  return object;
}

json::object channel_json(const ChannelSnapshot& channel, std::uint64_t now) {
  return {{"id", channel.id.value},
          {"name", to_string(channel.id)},
          {"age_ns", age(now, channel.created_ns)},
          {"ports", json::array{port_json(channel, 1, now), port_json(channel, 2, now)}}};
}

json::object direction_json(const ChannelReport& report, int side) {
  const Flow flow = inspector::flow(report.before, report.now, side);
  const PortSnapshot& writer = report.now.port[static_cast<std::size_t>(flow.writer - 1)];
  const PortSnapshot& reader = report.now.port[static_cast<std::size_t>(flow.reader - 1)];
  const Written& written = writer.half.written;
  const Read& read = reader.half.read;
  const bool w = writer.half.state == HalfSnapshot::State::readable;
  const bool r = reader.half.state == HalfSnapshot::State::readable;
  const auto when = [](bool known, std::uint64_t number) { return known ? json::value(number) : json::value(nullptr); };
  json::object object{{"from", flow.writer},
                      {"to", flow.reader},
                      {"messages_posted", when(w, written.messages)},
                      {"messages_read", when(r, read.messages)},
                      {"posted_per_second", whole(flow.posted_per_second)},
                      {"read_per_second", whole(flow.read_per_second)},
                      {"bytes_posted", when(w, written.bytes)},
                      {"bytes_read", when(r, read.bytes)},
                      {"unread_messages", nullptr},
                      {"unread_bytes", nullptr},
                      {"oldest_unread_at_least_ns", optional_number(flow.oldest_at_least_ns)},
                      {"oldest_unread_at_most_ns", optional_number(flow.oldest_at_most_ns)},
                      {"backlog_messages", when(w, written.backlog_messages)},
                      {"backlog_bytes", when(w, written.backlog_bytes)},
                      {"high_water_bytes", when(w, flow.high_water)},
                      {"largest_bytes", when(w, written.largest)},
                      {"doorbells", when(w, written.doorbells)},
                      {"arms", when(r, read.arms)},
                      {"wakes", when(r, read.wakes)},
                      {"spins", when(r, read.spins)},
                      {"backpressure_ns", when(w, flow.backpressure_ns)},
                      {"in_backpressure", w ? json::value(flow.backpressure_for_ns.has_value()) : json::value(nullptr)},
                      {"generation", when(w, written.generation)},
                      {"epoch", writer.info.epoch},
                      {"started", r ? json::value(read.started) : json::value(nullptr)}};
  if (flow.waiting) {
    object["unread_messages"] = flow.waiting->messages;
    object["unread_bytes"] = flow.waiting->bytes;
  }
  json::array segments;
  for (const SegmentSnapshot& segment : report.segments)
    if (segment.side == flow.writer)
      segments.push_back(json::object{{"name", segment.name},
                                      {"generation", segment.generation},
                                      {"epoch", segment.epoch},
                                      {"for_epoch", segment.peer_epoch},
                                      {"first", segment.first},
                                      {"shape", segment.linear ? "linear" : "ring"},
                                      {"size_bytes", segment.size},
                                      {"problem", optional_text(segment.problem)}});
  object["segments"] = std::move(segments);
  return object;
}

json::array errors_json(const ChannelSnapshot& channel) {
  json::array errors;
  for (const int side : {1, 2})
    for (const FaultSnapshot& fault : channel.port[static_cast<std::size_t>(side - 1)].half.faults)
      errors.push_back(json::object{{"port", to_string(PortId::of(channel.id, side))},
                                    {"error", word(shm::name_of(fault.fault))},
                                    {"what", word(shm::describe(fault.fault))},
                                    {"count", fault.count},
                                    {"last_age_ns", age(channel.taken_ns, fault.last_ns)}});
  return errors;
}

}  // namespace

std::int64_t whole(double rate) { return std::llround(rate); }

std::string line(const json::object& object) { return json::serialize(object) + '\n'; }

json::object broker_json(const BrokerSnapshot& broker) {
  json::object object{{"directory", broker.directory},
                      {"pid", nullptr},
                      {"command", optional_text(broker.command)},
                      {"process", word(to_string(broker.process))}};
  if (broker.pid != 0) object["pid"] = broker.pid;
  return object;
}

std::string list_json(const Snapshot& snapshot) {
  json::array contexts;
  for (const ContextSnapshot& context : snapshot.contexts) contexts.push_back(context_json(context, snapshot.taken_ns));
  json::array channels;
  for (const ChannelSnapshot& channel : snapshot.channels) channels.push_back(channel_json(channel, snapshot.taken_ns));
  return line({{"format", 1},
               {"broker", broker_json(snapshot.broker)},
               {"contexts", std::move(contexts)},
               {"channels", std::move(channels)}});
}

std::string report_json(const ChannelReport& report) {
  json::object channel = channel_json(report.now, report.now.taken_ns);
  channel["directions"] = json::array{direction_json(report, 1), direction_json(report, 2)};
  channel["errors"] = errors_json(report.now);
  return line({{"format", 1},
               {"broker", broker_json(report.broker)},
               {"channel", std::move(channel)},
               {"diagnosis", diagnose(report)}});
}

}  // namespace fairway::inspector
