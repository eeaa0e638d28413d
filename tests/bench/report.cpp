#include "bench/report.hpp"

#include <algorithm>
#include <fstream>
#include <optional>
#include <stdexcept>

#include <fmt/format.h>
#include <boost/json.hpp>

namespace fairway::bench {

namespace {

std::vector<double> values(const std::vector<Sample>& samples, double Sample::*part) {
  std::vector<double> result;
  for (const Sample& sample : samples) result.push_back(sample.*part);
  return result;
}

std::string amount(Unit unit, double value) {
  switch (unit) {
    case Unit::nanoseconds:
      return value < 10000 ? fmt::format("{:.0f} ns", value) : fmt::format("{:.1f} us", value / 1e3);
    case Unit::messages_per_second: return fmt::format("{:.2f} M/s", value / 1e6);
    case Unit::bytes_per_second: return fmt::format("{:.2f} GB/s", value / 1e9);
    case Unit::per_second: return fmt::format("{:.0f} /s", value);
  }
  return {};
}

const char* unit_name(Unit unit) {
  switch (unit) {
    case Unit::nanoseconds: return "ns";
    case Unit::messages_per_second: return "messages/s";
    case Unit::bytes_per_second: return "bytes/s";
    case Unit::per_second: return "1/s";
  }
  return "?";
}

double best(Unit unit, const std::vector<Sample>& samples) {
  const std::vector<double> all = values(samples, &Sample::value);
  return unit == Unit::nanoseconds ? *std::ranges::min_element(all) : *std::ranges::max_element(all);
}

struct Ratio {
  double middle;  ///< the median of the rounds
  double least;
  double most;
};

std::optional<Ratio> ratio(const Floor& floor, const Results& results) {
  const auto ours = results.find(floor.ours);
  if (ours == results.end()) return std::nullopt;
  std::vector<double> ratios = values(ours->second, &Sample::value);
  if (!floor.limit.empty()) {
    const auto limit = results.find(floor.limit);
    if (limit == results.end()) return std::nullopt;
    for (std::size_t i = 0; i < ratios.size(); ++i) ratios[i] /= limit->second.at(i).value;
  }
  const auto [least, most] = std::ranges::minmax(ratios);
  return Ratio{median(std::move(ratios)), least, most};
}

bool holds(const Floor& floor, double value) {
  return floor.bound == Floor::Bound::at_most ? value <= floor.factor : value >= floor.factor;
}

std::string bound_text(const Floor& floor) {
  if (floor.bound == Floor::Bound::none) return "";
  return fmt::format("{} {:.2f}", floor.bound == Floor::Bound::at_most ? "<=" : ">=", floor.factor);
}

const char* verdict(const Floor& floor, double value) {
  if (floor.bound == Floor::Bound::none) return "";
  return holds(floor, value) ? "ok" : "BELOW";
}

std::string cpu_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  return "unknown";
}

}  // namespace

std::vector<Floor> floors() {
  using enum Floor::Bound;
  return {
      {"64 B ping-pong, polling", "ping_pong.poll", "ring.ping_pong", at_most, 2},
      {"64 B ping-pong, adaptive, busy", "ping_pong.adaptive", "ring.ping_pong", at_most, 3},
      {"64 B ping-pong, blocking", "ping_pong.block", "doorbell", at_most, 1.15},
      {"64 B stream, polling, receive", "stream.poll", "ring.stream", at_least, 0.4},
      {"64 B stream, polling, on_message", "stream.poll.on_message", "ring.stream", at_least, 0.4},
      {"64 B stream, adaptive, receive", "stream.adaptive", "ring.stream", at_least, 0.4},
      {"64 B stream, adaptive, on_message", "stream.adaptive.on_message", "ring.stream", at_least, 0.4},
      {"1 MiB stream, polling", "large_stream.poll", "ring.large_stream", at_least, 0.7},
      {"1 MiB stream, adaptive", "large_stream.adaptive", "ring.large_stream", at_least, 0.7},
      {"MessageChannel made and closed, ns", "channel", "", at_most, 2000},
      {"port there and back", "handover.poll.unused", "relay", none},
      {"port there and back", "handover.poll.unused", "relay.memory", at_most, 2},
      {"port there and back, used by both", "handover.poll", "relay.memory", at_most, 2},
      {"port there and back, used by both", "handover.poll", "relay.fresh", none},
      {"64 B stream, its port moves", "stream.moving", "stream.staying", none},
      {"small object, encoded", "value.encode.object", "v8.encode.object", none},
      {"small object, decoded", "value.decode.object", "v8.decode.object", none},
      {"array of 1000 numbers, encoded", "value.encode.numbers", "v8.encode.numbers", none},
      {"array of 1000 numbers, decoded", "value.decode.numbers", "v8.decode.numbers", none},
      {"1 MiB Uint8Array, encoded", "value.encode.bytes", "v8.encode.bytes", none},
      {"1 MiB Uint8Array, encoded", "value.encode.bytes", "v8.write.bytes", none},
      {"1 MiB Uint8Array, decoded", "value.decode.bytes", "v8.decode.bytes", none},
      {"1 MiB Uint8Array, decoded", "value.decode.bytes", "v8.read.bytes", none},
  };
}

void print(const Rows& rows, const Results& results) {
  fmt::print("{}\n\n{:<58} {:>12} {:>12} {:>12}   rounds\n", cpu_name(), "", "median", "p99", "best round");
  for (const auto& row : rows) {
    const auto found = results.find(row->name());
    if (found == results.end()) continue;
    const double p99 = median(values(found->second, &Sample::p99));
    fmt::print("{:<58} {:>12} {:>12} {:>12}   {}\n", row->text(),
               amount(row->unit(), median(values(found->second, &Sample::value))),
               p99 > 0 ? amount(row->unit(), p99) : "", amount(row->unit(), best(row->unit(), found->second)),
               found->second.size());
  }
  fmt::print("\n{:<58} {:>12} {:>12} {:>16}\n", "floor", "bound", "median ratio", "all rounds");
  for (const Floor& floor : floors()) {
    const auto value = ratio(floor, results);
    if (!value) continue;
    fmt::print("{:<58} {:>12} {:>12.2f} {:>16}   {}\n",
               floor.limit.empty() ? floor.text : floor.text + " / " + floor.limit, bound_text(floor), value->middle,
               fmt::format("{:.2f} - {:.2f}", value->least, value->most), verdict(floor, value->middle));
  }
  if (results.size() == rows.size()) fmt::print("\nall rows measured: {}\n", rows.size());
}

void write_json(const std::filesystem::path& file, const Rows& rows, const Results& results) {
  boost::json::array measured;
  for (const auto& row : rows) {
    const auto found = results.find(row->name());
    if (found == results.end()) continue;
    boost::json::object entry{{"name", row->name()},
                              {"text", row->text()},
                              {"unit", unit_name(row->unit())},
                              {"median", median(values(found->second, &Sample::value))},
                              {"best", best(row->unit(), found->second)},
                              {"rounds", boost::json::value_from(values(found->second, &Sample::value))}};
    if (row->unit() == Unit::nanoseconds) entry["p99"] = median(values(found->second, &Sample::p99));
    measured.emplace_back(std::move(entry));
  }
  boost::json::array judged;
  for (const Floor& floor : floors()) {
    const auto value = ratio(floor, results);
    if (!value) continue;
    boost::json::object entry{{"text", floor.text},        {"ours", floor.ours},    {"limit", floor.limit},
                              {"measured", value->middle}, {"least", value->least}, {"most", value->most}};
    if (floor.bound != Floor::Bound::none) {
      entry["bound"] = floor.bound == Floor::Bound::at_most ? "at_most" : "at_least";
      entry["factor"] = floor.factor;
      entry["ok"] = holds(floor, value->middle);
    }
    judged.emplace_back(std::move(entry));
  }
  std::ofstream out(file);
  out << boost::json::object{{"cpu", cpu_name()}, {"rows", std::move(measured)}, {"floors", std::move(judged)}} << "\n";
  if (!out.flush()) throw std::runtime_error("cannot write " + file.native());
}

}  // namespace fairway::bench
