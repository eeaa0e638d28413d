#include "inspector/life.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "inspector/drawing.hpp"
#include "inspector/json_parts.hpp"
#include "inspector/names.hpp"

/// What `trace` writes: lines, JSON, slices.
namespace fairway::inspector {

namespace json = boost::json;
using Kind = LifeEvent::Kind;

namespace {

std::string utc(std::uint64_t at_ns, std::int64_t offset_ns) {
  const std::int64_t ms = (static_cast<std::int64_t>(at_ns) + offset_ns) / 1'000'000;
  return fmt::format("{:%FT%T}.{:03}Z", fmt::gmtime(static_cast<std::time_t>(ms / 1000)), ms % 1000);
}

std::string text_of(const Party& party) {
  if (!party.id) return "nobody yet";
  if (party.pid == 0) return fmt::format("context {}, which has gone", party.id.value);
  return fmt::format("{} (context {}, pid {})", or_nothing(party.name), party.id.value, party.pid);
}

std::string counted(std::uint64_t count, std::string_view what) { return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s"); }

std::string missed(const LifeEvent& event) {
  if (event.unseen == 0) return {};
  return fmt::format("; {} of its owner before went unseen", counted(event.unseen, "change"));
}

std::string_view verb(ProcessState state) {
  switch (state) {
    case ProcessState::running: return "runs on";
    case ProcessState::stopped: return "is stopped";
    case ProcessState::ended: return "has ended";
    case ProcessState::unknown: break;
  }
  return "is in an unknown state";
}

std::string sentence(const LifeEvent& event) {
  const std::string channel = to_string(event.channel);
  const std::string port = to_string(event.port);
  switch (event.kind) {
    case Kind::broker_found: return fmt::format("broker {} (pid {}) is there, {}", or_nothing(event.who.name), event.who.pid, to_string(event.process));
    case Kind::broker_changed: return fmt::format("broker {} (pid {}): {}", or_nothing(event.who.name), event.who.pid, to_string(event.process));
    case Kind::context_found: return fmt::format("context {} is there since then, {}", text_of(event.who), to_string(event.process));
    case Kind::context_joined: return fmt::format("context {} joined", text_of(event.who));
    case Kind::context_changed: return fmt::format("context {}: its process {}", text_of(event.who), verb(event.process));
    case Kind::context_gone:
      return fmt::format("context {} {}", text_of(event.who), event.process == ProcessState::ended ? "died: its process has ended" : "left: its process runs on");
    case Kind::contexts_unseen: return counted(event.unseen, "context") + " came and went unseen";
    case Kind::channel_found: return fmt::format("{} is there since then: {} and {}", channel, text_of(event.owners[0]), text_of(event.owners[1]));
    case Kind::channel_made: return fmt::format("{} created: {} and {}", channel, text_of(event.owners[0]), text_of(event.owners[1]));
    case Kind::channel_gone: return fmt::format("{} is gone", channel);
    case Kind::port_left: return fmt::format("{} left {}, in transit, epoch {}{}", port, text_of(event.who), event.epoch, missed(event));
    case Kind::port_arrived:
      return fmt::format("{} moved to {} from {}, epoch {}{}", port, text_of(event.who), text_of(event.from), event.epoch, missed(event));
    case Kind::port_closed: return fmt::format("{} closed, of {}{}", port, text_of(event.who), missed(event));
  }
  return {};
}

std::string_view name_of(Kind kind) {
  switch (kind) {
    case Kind::broker_found: return "broker_found";
    case Kind::broker_changed: return "broker_changed";
    case Kind::context_found: return "context_found";
    case Kind::context_joined: return "context_joined";
    case Kind::context_changed: return "context_changed";
    case Kind::context_gone: return "context_gone";
    case Kind::contexts_unseen: return "contexts_unseen";
    case Kind::channel_found: return "channel_found";
    case Kind::channel_made: return "channel_created";
    case Kind::channel_gone: return "channel_gone";
    case Kind::port_left: return "port_left";
    case Kind::port_arrived: return "port_moved";
    case Kind::port_closed: return "port_closed";
  }
  return "unknown";
}

json::value word(std::string_view text) { return json::value(json::string_view(text.data(), text.size())); }

json::value party_json(const Party& party) {
  if (!party.id && party.pid == 0) return nullptr;
  json::object object{{"context", nullptr}, {"name", nullptr}, {"pid", nullptr}};
  if (party.id) object["context"] = party.id.value;
  if (!party.name.empty()) object["name"] = party.name;
  if (party.pid != 0) object["pid"] = party.pid;
  return object;
}

std::uint64_t microseconds(std::uint64_t ns) { return ns / 1000; }

}  // namespace

std::string event_text(const LifeEvent& event, std::int64_t offset_ns) {
  return fmt::format("{}{}  {}\n", event.after_ns == event.at_ns ? " " : "~", utc(event.at_ns, offset_ns), sentence(event));
}

std::string event_json(const LifeEvent& event, std::int64_t offset_ns) {
  json::object object{{"format", 1},
                      {"event", word(name_of(event.kind))},
                      {"time", utc(event.at_ns, offset_ns)},
                      {"at_ns", event.at_ns},
                      {"after_ns", event.after_ns},
                      {"who", party_json(event.who)},
                      {"from", party_json(event.from)},
                      {"process", nullptr},
                      {"channel", nullptr},
                      {"port", nullptr},
                      {"epoch", nullptr},
                      {"owners", nullptr},
                      {"unseen", event.unseen}};
  if (event.process != ProcessState::unknown) object["process"] = word(to_string(event.process));
  if (event.channel) object["channel"] = to_string(event.channel);
  if (event.port) {
    object["port"] = to_string(event.port);
    object["epoch"] = event.epoch;
  }
  if (event.kind == Kind::channel_found || event.kind == Kind::channel_made)
    object["owners"] = json::array{party_json(event.owners[0]), party_json(event.owners[1])};
  return line(object);
}

// Slices ----------------------------------------------------------------------------------------------------

void ChromeTrace::write(const std::string& object, std::string& out) {
  if (!std::exchange(first_, false)) out += ",\n";
  out += object;
}

void ChromeTrace::introduce(const Party& context, std::string& out) {
  if (!introduced_.insert(context.id.value).second) return;
  const std::string name = context.id ? text_of(context) : "in transit";
  write(json::serialize(json::object{{"name", "process_name"}, {"ph", "M"}, {"pid", context.id.value}, {"tid", 0}, {"args", json::object{{"name", name}}}}), out);
}

void ChromeTrace::open(PortId port, const Party& owner, const std::string& name, std::uint64_t at_ns, std::string& out) {
  close(port, at_ns, out);
  introduce(owner, out);
  if (threads_.insert({owner.id.value, port}).second)
    write(json::serialize(json::object{{"name", "thread_name"},
                                       {"ph", "M"},
                                       {"pid", owner.id.value},
                                       {"tid", port.value},
                                       {"args", json::object{{"name", to_string(port)}}}}),
          out);
  write(json::serialize(json::object{{"name", name}, {"cat", "port"}, {"ph", "B"}, {"ts", microseconds(at_ns)}, {"pid", owner.id.value}, {"tid", port.value}}), out);
  ports_[port] = {owner.id.value, at_ns};
}

void ChromeTrace::close(PortId port, std::uint64_t at_ns, std::string& out) {
  const auto slice = ports_.find(port);
  if (slice == ports_.end()) return;
  const std::uint64_t end = std::max(at_ns, slice->second.since_ns);
  write(json::serialize(json::object{{"ph", "E"}, {"ts", microseconds(end)}, {"pid", slice->second.context}, {"tid", port.value}}), out);
  ports_.erase(slice);
}

std::string ChromeTrace::add(const LifeEvent& event) {
  std::string out;
  const std::uint32_t context = event.who.id.value;
  switch (event.kind) {
    case Kind::context_found:
    case Kind::context_joined:
      introduce(event.who, out);
      write(json::serialize(json::object{{"name", event.who.name}, {"cat", "context"}, {"ph", "B"}, {"ts", microseconds(event.at_ns)}, {"pid", context}, {"tid", 0}}), out);
      contexts_[context] = event.at_ns;
      break;
    case Kind::context_gone:
      if (contexts_.erase(context) != 0)
        write(json::serialize(json::object{{"ph", "E"}, {"ts", microseconds(event.at_ns)}, {"pid", context}, {"tid", 0}}), out);
      break;
    case Kind::channel_found:
    case Kind::channel_made:
      for (const int side : {1, 2}) {
        const Party& owner = event.owners[static_cast<std::size_t>(side - 1)];
        const PortId port = PortId::of(event.channel, side);
        if (owner.id) open(port, owner, to_string(port), event.at_ns, out);
      }
      break;
    case Kind::channel_gone:
      for (const int side : {1, 2}) close(PortId::of(event.channel, side), event.at_ns, out);
      break;
    case Kind::port_left: open(event.port, {}, fmt::format("{} from {}", to_string(event.port), event.who.name), event.at_ns, out); break;
    case Kind::port_arrived: open(event.port, event.who, fmt::format("{} epoch {}", to_string(event.port), event.epoch), event.at_ns, out); break;
    case Kind::port_closed: close(event.port, event.at_ns, out); break;
    case Kind::broker_found:
    case Kind::broker_changed:
    case Kind::context_changed:
    case Kind::contexts_unseen:
      write(json::serialize(json::object{{"name", sentence(event)}, {"ph", "i"}, {"s", "g"}, {"ts", microseconds(event.at_ns)}, {"pid", 0}, {"tid", 0}}), out);
      break;
  }
  return out;
}

std::string ChromeTrace::end(std::uint64_t now_ns) {
  std::string out;
  while (!ports_.empty()) close(ports_.begin()->first, now_ns, out);
  for (const auto& [context, since] : contexts_)
    write(json::serialize(json::object{{"ph", "E"}, {"ts", microseconds(std::max(now_ns, since))}, {"pid", context}, {"tid", 0}}), out);
  contexts_.clear();
  return out + "\n]\n";
}

}  // namespace fairway::inspector
