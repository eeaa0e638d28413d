#include "inspector/reader.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <charconv>
#include <fstream>
#include <map>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "sys/memory.hpp"
#include "sys/process.hpp"
#include "sys/runtime_dir.hpp"

namespace fairway::inspector {

namespace fs = std::filesystem;

namespace {

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// The numbers N of the names PREFIX.N in a folder, in order.
std::vector<std::uint64_t> numbered(const fs::path& folder, std::string_view prefix) {
  std::vector<std::uint64_t> numbers;
  for (const std::string& name : sys::list_names(folder))
    if (name.starts_with(prefix))
      if (const auto number = parse_number(std::string_view(name).substr(prefix.size()))) numbers.push_back(*number);
  std::ranges::sort(numbers);
  return numbers;
}

/// Names come from strangers: nothing of theirs moves a cursor or breaks JSON.
std::string printable(std::string_view text) {
  const std::string quoted = fmt::format("{:?}", text);
  return quoted.substr(1, quoted.size() - 2);
}

// Processes -------------------------------------------------------------------------------------------------

/// The process that a published name leads to; 0: it is no such name.
std::int64_t process_behind(const fs::path& name) {
  std::error_code error;
  const std::string target = fs::read_symlink(name, error).native();
  constexpr std::string_view proc = "/proc/";
  if (error || !target.starts_with(proc)) return 0;
  const auto end = target.find('/', proc.size());
  if (end == std::string::npos) return 0;
  const auto pid = parse_number(std::string_view(target).substr(proc.size(), end - proc.size()));
  return pid ? static_cast<std::int64_t>(*pid) : 0;
}

// Segments --------------------------------------------------------------------------------------------------

shm::SegmentHeader load_header(std::span<const std::byte> memory) {
  std::array<std::uint64_t, sizeof(shm::SegmentHeader) / sizeof(std::uint64_t)> words{};
  // relaxed: written before the name was made; a hostile writer may change it at any time, hence one copy.
  for (std::size_t i = 0; i < words.size(); ++i)
    words[i] = std::atomic_ref(const_cast<std::uint64_t&>(reinterpret_cast<const std::uint64_t*>(memory.data())[i]))
                   .load(std::memory_order_relaxed);
  return std::bit_cast<shm::SegmentHeader>(words);
}

struct Opened {
  enum class Result { ok, gone, refused, foreign };
  Result result = Result::gone;
  sys::Mapping memory = {};
  std::uint64_t size = 0;
  shm::SegmentHeader header = {};
  std::string problem = {};
};

std::string problem_of(const shm::SegmentHeader& header, shm::SegmentKind kind, std::uint64_t subject,
                       std::uint64_t size) {
  if (header.magic != shm::magic) return "its header does not begin with FAIRWAY1";
  if (header.layout_version != shm::layout_version)
    return fmt::format("its layout is version {}, this inspector knows {}", header.layout_version, shm::layout_version);
  if (header.kind != kind || header.subject != subject) return "its header says that it is another segment";
  if (header.capacity != size - shm::data_offset || header.linear > 1) return "its header gives an impossible size";
  return {};
}

/// Opens a published name and maps its first `mapped` bytes (0: all). `size` 0: any.
Opened open_segment(const fs::path& name, shm::SegmentKind kind, std::uint64_t subject, std::uint64_t size,
                    std::uint64_t mapped) {
  Opened opened;
  const sys::Fd fd = sys::open_name(name);
  if (!fd) {
    std::error_code error;
    if (!fs::is_symlink(fs::symlink_status(name, error))) return opened;
    const bool there = fs::exists(name, error);
    if (error == std::errc::permission_denied) opened.result = Opened::Result::refused;
    if (there) opened.result = Opened::Result::foreign;
    return opened;
  }
  opened.result = Opened::Result::foreign;
  opened.size = sys::size_of(fd.get());
  if (opened.size < shm::data_offset || (size != 0 && opened.size != size) ||
      !sys::is_sealed_memory(fd.get(), opened.size)) {
    opened.problem = "what has its name is no sealed segment of the right size";
    return opened;
  }
  opened.memory = sys::Mapping(fd.get(), mapped == 0 ? opened.size : mapped, sys::Mapping::Access::read);
  opened.header = load_header(opened.memory.bytes());
  opened.problem = problem_of(opened.header, kind, subject, opened.size);
  if (opened.problem.empty()) opened.result = Opened::Result::ok;
  return opened;
}

/// A table of the broker. None: it was dropped meanwhile.
std::optional<sys::Mapping> open_table(const BrokerSnapshot& broker, const fs::path& name, shm::SegmentKind kind,
                                       std::uint64_t first, std::uint64_t size) {
  Opened opened = open_segment(name, kind, first, size, 0);
  if (opened.result == Opened::Result::ok) return std::move(opened.memory);
  std::error_code error;
  if (!fs::is_symlink(fs::symlink_status(name, error))) return std::nullopt;
  if (opened.result == Opened::Result::refused)
    throw Failure(fmt::format(
        "the broker at {} (pid {}) keeps its memory to itself (--private); run it without --private to look inside",
        broker.directory, broker.pid));
  if (opened.header.magic == shm::magic && opened.header.layout_version != shm::layout_version)
    throw Failure(fmt::format("the tables of {}: {}; use the inspector of the same version as fairwayd",
                              broker.directory, opened.problem));
  const bool ended = process_state(broker.pid) == ProcessState::ended;
  throw Failure(
      fmt::format("the broker at {} is gone: its names lead to pid {}, {}; running channels go on unseen, and the next "
                  "program that starts makes a new broker",
                  broker.directory, broker.pid,
                  ended ? "which has ended (or lives in another pid namespace)" : "which is another program now"));
}

const std::byte* rows(const sys::Mapping& table) { return table.bytes().data() + shm::data_offset; }

std::uint64_t load(const std::atomic<std::uint64_t>& counter) { return counter.load(std::memory_order_relaxed); }

const shm::Statistics& statistics(const sys::Mapping& half) {
  return reinterpret_cast<const shm::HalfSegment*>(half.bytes().data())->control.statistics;
}

/// `present`: the owner of now. Of a former one only the sums count.
Read copy_read(const shm::Statistics& s, bool present) {
  Read read{load(s.messages_read), load(s.bytes_read), load(s.last_read_ns), load(s.arms),
            load(s.wakes), load(s.spins), load(s.started) != 0};
  if (!present) read.last_read_ns = read.started = 0;
  return read;
}

Written copy_written(const shm::Statistics& s, bool present) {
  Written written{load(s.messages_posted),  load(s.bytes_posted),  load(s.largest),   load(s.high_water),
                  load(s.backlog_messages), load(s.backlog_bytes), load(s.doorbells), load(s.readable_since_ns),
                  load(s.backpressure_ns),  load(s.full_since_ns), load(s.generation)};
  if (!present) written.backlog_messages = written.backlog_bytes = written.full_since_ns = 0;
  return written;
}

/// The generations of a port's stream that have names, newest first.
using Generations = std::vector<Generation>;

/// What the folder of segments holds. "ch-17.1" is generation 0 of port 1, "ch-17.1.g3" generation 3.
std::map<PortId, Generations> published(const fs::path& folder) {
  std::map<PortId, Generations> ports;
  for (const std::string& name : sys::list_names(folder)) {
    std::string_view text = name;
    Generation generation = 0;
    if (const auto dot = text.rfind(".g"); dot != text.npos) {
      const auto number = parse_number(text.substr(dot + 2));
      if (!number || *number == 0 || *number > 0xffff) continue;
      generation = static_cast<Generation>(*number);
      text = text.substr(0, dot);
    }
    const auto dot = text.rfind('.');
    if (dot == text.npos || !text.starts_with("ch-")) continue;
    const auto channel = parse_number(text.substr(3, dot - 3));
    const auto side = parse_number(text.substr(dot + 1));
    if (channel && side && (*side == 1 || *side == 2))
      ports[PortId::of({*channel}, static_cast<int>(*side))].push_back(generation);
  }
  return ports;
}

/// Numbers wrap: how far each is behind the next one tells their order.
void newest_first(Generations& generations, std::uint32_t next) {
  std::ranges::sort(generations, {}, [next](Generation g) { return static_cast<Generation>(next - 1 - g); });
}

std::string segment_name(PortId port, Generation generation) {
  return to_string(port) + (generation == 0 ? "" : ".g" + std::to_string(generation));
}

Opened open_generation(const fs::path& folder, PortId port, Generation generation) {
  Opened opened = open_segment(folder / segment_name(port, generation), shm::SegmentKind::half, port.value, 0, shm::page);
  if (opened.result == Opened::Result::ok && opened.header.generation != generation) {
    opened.result = Opened::Result::foreign;
    opened.problem = "its header says that it is another segment";
  }
  return opened;
}

/// A half that can be read, and whether its owner is the port's present one.
struct Half {
  sys::Mapping memory = {};
  bool present = true;
};

/// Maps what holds the counters of a port: the newest segment that is the first of a pairing. A former owner's counts
/// as well, as long as nothing of what followed it is gone: then nobody has counted since.
Half open_half(const fs::path& folder, PortId port, const shm::PortInfo& info, Generations generations, HalfSnapshot& half) {
  if (info.generations == 0) return {};
  half.state = HalfSnapshot::State::gone;
  newest_first(generations, info.generations);
  Generation expected = static_cast<Generation>(info.generations - 1);
  bool complete = true;
  for (const Generation generation : generations) {
    Opened opened = open_generation(folder, port, generation);
    if (!opened.problem.empty()) {
      half.state = HalfSnapshot::State::damaged;
      half.problem = opened.problem;
      return {};
    }
    if (opened.result != Opened::Result::ok) continue;
    complete = complete && generation == expected--;
    if (opened.header.first == 0) continue;
    const bool present = static_cast<std::int32_t>(opened.header.epoch - info.epoch) >= 0;
    if (!present && !complete) return {};
    half.state = HalfSnapshot::State::readable;
    return {std::move(opened.memory), present};
  }
  return {};
}

/// False: the row is free.
bool copy_row(const shm::ChannelRow& row, ChannelId expected, ChannelSnapshot& channel) {
  // acquire: pairs with the release in Tables::update; the row is filled.
  if (row.id.load(std::memory_order_acquire) != expected.value) return false;
  channel.id = expected;
  channel.created_ns = load(row.created_ns);
  for (const int side : {1, 2}) {
    PortSnapshot& port = channel.port[static_cast<std::size_t>(side - 1)];
    port.info = shm::read_port(row.port[side - 1]);
    port.past = shm::read_history(row, side);
  }
  return true;
}

std::optional<ContextSnapshot> find(const std::vector<ContextSnapshot>& contexts, ContextId id) {
  const auto found = std::ranges::lower_bound(contexts, id, {}, [](const ContextSnapshot& c) { return c.info.id; });
  return id && found != contexts.end() && found->info.id == id ? std::optional(*found) : std::nullopt;
}

void find_owners(ChannelSnapshot& channel, const std::vector<ContextSnapshot>& contexts) {
  for (PortSnapshot& port : channel.port) {
    port.owner = find(contexts, port.info.owner);
    port.former = find(contexts, port.past.former);
  }
}

/// Copies the counters of both halves; `names`: what the folder of segments holds of each port.
void copy_halves(const fs::path& folder, const std::map<PortId, Generations>& names, ChannelSnapshot& channel) {
  Half half[2];
  for (const int side : {1, 2}) {
    PortSnapshot& port = channel.port[static_cast<std::size_t>(side - 1)];
    const auto own = names.find(PortId::of(channel.id, side));
    half[side - 1] = open_half(folder, PortId::of(channel.id, side), port.info, own == names.end() ? Generations{} : own->second, port.half);
  }
  // What was read first, then what was written: then nobody seems to have read what was not written yet.
  for (std::size_t i = 0; i < 2; ++i)
    if (half[i].memory) channel.port[i].half.read = copy_read(statistics(half[i].memory), half[i].present);
  std::atomic_thread_fence(std::memory_order_acquire);
  for (std::size_t i = 0; i < 2; ++i)
    if (half[i].memory) channel.port[i].half.written = copy_written(statistics(half[i].memory), half[i].present);
  channel.taken_ns = sys::now_ns();
}

}  // namespace

ProcessState process_state(std::int64_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  if (!std::getline(file, line)) return ProcessState::ended;
  const auto name_end = line.rfind(')');  // the name itself may hold one
  if (name_end == std::string::npos || name_end + 2 >= line.size()) return ProcessState::unknown;
  switch (line[name_end + 2]) {
    case 'T':
    case 't': return ProcessState::stopped;
    case 'Z':
    case 'X': return ProcessState::ended;
    default: return ProcessState::running;
  }
}

Reader::Reader(const fs::path& broker) : directory_(sys::runtime_directory(broker)) {
  broker_.directory = directory_.native();
  std::error_code error;
  const fs::file_status status = fs::status(directory_, error);
  const fs::path tables = sys::tables_path(directory_);
  const bool there = fs::is_directory(status) && fs::exists(tables, error);
  if (error == std::errc::permission_denied)
    throw Failure(fmt::format("{} is not yours to read; run as its owner, or name another directory with --broker",
                              directory_.native()));
  if (!there)
    throw Failure(fmt::format(
        "no broker has been at {}; start a program that uses Fairway, or fairwayd, or name its directory with --broker",
        directory_.native()));
  const std::vector<std::string> names = sys::list_names(tables);
  if (names.empty() && !fs::exists(sys::socket_path(directory_), error))
    throw Failure(fmt::format(
        "no broker is at {} now; start a program that uses Fairway, or fairwayd, or name its directory with --broker",
        directory_.native()));
  for (const std::string& name : names) {
    broker_.pid = process_behind(tables / name);
    if (broker_.pid == 0) continue;
    broker_.command = printable(sys::command_of(broker_.pid));
    broker_.process = process_state(broker_.pid);
    break;
  }
}

std::vector<ContextSnapshot> Reader::contexts() const {
  std::vector<ContextSnapshot> contexts;
  std::map<std::int32_t, ProcessState> processes;
  const fs::path folder = sys::tables_path(directory_);
  for (const std::uint64_t first : numbered(folder, "contexts.")) {
    const auto table = open_table(broker_, folder / ("contexts." + std::to_string(first)), shm::SegmentKind::contexts,
                                  first, shm::contexts_table_size);
    if (!table) continue;
    for (std::size_t i = 0; i < shm::contexts_per_table; ++i) {
      ContextSnapshot context;
      if (!shm::read_row(reinterpret_cast<const shm::ContextRow*>(rows(*table))[i], context.info)) continue;
      context.info.name = printable(context.info.name);
      context.info.command = printable(context.info.command);
      const auto [known, fresh] = processes.try_emplace(context.info.pid);
      if (fresh) known->second = process_state(context.info.pid);
      context.process = known->second;
      contexts.push_back(std::move(context));
    }
  }
  std::ranges::sort(contexts, {}, [](const ContextSnapshot& c) { return c.info.id; });
  return contexts;
}

Snapshot Reader::snapshot() const {
  Snapshot snapshot{broker_, sys::now_ns(), contexts(), {}};
  const fs::path folder = sys::tables_path(directory_);
  const fs::path segments = sys::segments_path(directory_);
  const std::map<PortId, Generations> names = published(segments);
  for (const std::uint64_t first : numbered(folder, "channels.")) {
    const auto table = open_table(broker_, folder / ("channels." + std::to_string(first)), shm::SegmentKind::channels,
                                  first, shm::channels_table_size);
    if (!table) continue;
    for (std::size_t i = 0; i < shm::channels_per_table; ++i) {
      ChannelSnapshot channel;
      if (!copy_row(reinterpret_cast<const shm::ChannelRow*>(rows(*table))[i], {first + i}, channel)) continue;
      find_owners(channel, snapshot.contexts);
      copy_halves(segments, names, channel);
      snapshot.channels.push_back(std::move(channel));
    }
  }
  return snapshot;
}

std::optional<ChannelSnapshot> Reader::channel(ChannelId id, const std::vector<ContextSnapshot>& contexts) const {
  const fs::path folder = sys::tables_path(directory_);
  const std::vector<std::uint64_t> tables = numbered(folder, "channels.");
  const auto after = std::ranges::upper_bound(tables, id.value);
  if (after == tables.begin()) return std::nullopt;
  const std::uint64_t first = *std::prev(after);
  if (id.value - first >= shm::channels_per_table) return std::nullopt;
  const auto table = open_table(broker_, folder / ("channels." + std::to_string(first)), shm::SegmentKind::channels,
                                first, shm::channels_table_size);
  ChannelSnapshot channel;
  if (!table || !copy_row(reinterpret_cast<const shm::ChannelRow*>(rows(*table))[id.value - first], id, channel))
    return std::nullopt;
  find_owners(channel, contexts);
  const fs::path segments = sys::segments_path(directory_);
  copy_halves(segments, published(segments), channel);
  return channel;
}

std::vector<SegmentSnapshot> Reader::segments(const ChannelSnapshot& channel) const {
  std::vector<SegmentSnapshot> segments;
  const fs::path folder = sys::segments_path(directory_);
  std::map<PortId, Generations> names = published(folder);
  for (const int side : {1, 2}) {
    const PortId port = PortId::of(channel.id, side);
    Generations& generations = names[port];
    newest_first(generations, channel.port[static_cast<std::size_t>(side - 1)].info.generations);
    std::ranges::reverse(generations);
    for (const Generation generation : generations) {
      const Opened opened = open_generation(folder, port, generation);
      if (opened.result != Opened::Result::ok && opened.problem.empty()) continue;  // read to its end and gone
      const shm::SegmentHeader& header = opened.header;
      segments.push_back({segment_name(port, generation), side, generation, opened.size, header.linear != 0, opened.problem,
                          header.epoch, header.peer_epoch, header.first != 0});
    }
  }
  return segments;
}

std::optional<ChannelReport> Reader::report(ChannelId id, std::chrono::nanoseconds interval) const {
  const std::optional<ChannelSnapshot> before = channel(id, contexts());
  if (!before) return std::nullopt;
  std::this_thread::sleep_for(interval);
  const std::optional<ChannelSnapshot> now = channel(id, contexts());
  if (!now) return std::nullopt;
  return ChannelReport{broker_, *before, *now, segments(*now)};
}

std::optional<ChannelId> parse_channel(std::string_view text) {
  if (text.starts_with("ch-")) text.remove_prefix(3);
  const auto number = parse_number(text);
  return number && *number != 0 ? std::optional(ChannelId{*number}) : std::nullopt;
}

}  // namespace fairway::inspector
