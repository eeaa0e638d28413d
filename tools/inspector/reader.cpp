#include "inspector/reader.hpp"

#include <algorithm>
#include <atomic>
#include <fstream>
#include <system_error>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "inspector/segments.hpp"
#include "sys/process.hpp"
#include "sys/runtime_dir.hpp"

namespace fairway::inspector {

namespace fs = std::filesystem;

namespace {

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

// Tables ----------------------------------------------------------------------------------------------------

[[noreturn]] void throw_no_table(const BrokerSnapshot& broker, const Opened& opened) {
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

constexpr std::string_view contexts_prefix = "contexts.";
constexpr std::string_view channels_prefix = "channels.";

/// False: the row is free.
bool copy_row(const shm::ChannelRow& row, ChannelId expected, ChannelSnapshot& channel) {
  // acquire: pairs with the release in Tables::update; the row is filled.
  if (row.id.load(std::memory_order_acquire) != expected.value) return false;
  channel.id = expected;
  channel.created_ns = row.created_ns.load(std::memory_order_relaxed);
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

Reader::Reader(const fs::path& broker) : directory_(sys::runtime_directory(broker)), halves_(sys::segments_path(directory_)) {
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
  if (sys::list_names(tables).empty() && !fs::exists(sys::socket_path(directory_), error))
    throw Failure(fmt::format(
        "no broker is at {} now; start a program that uses Fairway, or fairwayd, or name its directory with --broker",
        directory_.native()));
  look_at_broker();
}

void Reader::look_at_broker() {
  const fs::path folder = sys::tables_path(directory_);
  std::int64_t pid = 0;
  for (const std::string& name : sys::list_names(folder))
    if ((pid = process_behind(folder / name)) != 0) break;
  if (pid != broker_.pid) broker_.command = pid == 0 ? "" : printable(sys::command_of(pid));
  broker_.pid = pid;
  broker_.process = pid == 0 ? ProcessState::unknown : process_state(pid);
}

std::vector<std::uint64_t> Reader::tables_of(std::string_view kind) {
  std::vector<std::uint64_t> numbers;
  const std::vector<std::string> names = sys::list_names(sys::tables_path(directory_));
  std::erase_if(tables_, [&](const auto& entry) { return !std::ranges::binary_search(names, entry.first); });
  for (const std::string& name : names)
    if (name.starts_with(kind))
      if (const auto number = parse_number(std::string_view(name).substr(kind.size()))) numbers.push_back(*number);
  std::ranges::sort(numbers);
  return numbers;
}

const std::byte* Reader::table(std::string_view kind, std::uint64_t first) {
  const std::string name = fmt::format("{}{}", kind, first);
  const fs::path path = sys::tables_path(directory_) / name;
  const auto rows = [](const Table& table) { return table.memory.bytes().data() + shm::data_offset; };
  const auto kept = tables_.find(name);
  if (kept != tables_.end()) {
    const sys::NamedMemory named = sys::open_memory(path);
    if (!named.fd || named.identity == kept->second.identity) return rows(kept->second);
    tables_.clear();  // another broker's
    halves_.forget();
  }
  const bool contexts = kind == contexts_prefix;
  Opened opened = open_segment(path, contexts ? shm::SegmentKind::contexts : shm::SegmentKind::channels, first,
                               contexts ? shm::contexts_table_size : shm::channels_table_size, 0);
  if (opened.result == Opened::Result::ok)
    return rows(tables_.insert_or_assign(name, Table{opened.identity, std::move(opened.memory)}).first->second);
  std::error_code error;
  if (fs::is_symlink(fs::symlink_status(path, error))) throw_no_table(broker_, opened);
  return nullptr;
}

std::vector<ContextSnapshot> Reader::contexts() {
  std::vector<ContextSnapshot> contexts;
  std::map<std::int32_t, ProcessState> processes;
  for (const std::uint64_t first : tables_of(contexts_prefix)) {
    const std::byte* const rows = table(contexts_prefix, first);
    if (rows == nullptr) continue;
    for (std::size_t i = 0; i < shm::contexts_per_table; ++i) {
      ContextSnapshot context;
      if (!shm::read_row(reinterpret_cast<const shm::ContextRow*>(rows)[i], context.info)) continue;
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

Snapshot Reader::tables() {
  look_at_broker();
  Snapshot snapshot{broker_, sys::now_ns(), contexts(), {}};
  for (const std::uint64_t first : tables_of(channels_prefix)) {
    const std::byte* const rows = table(channels_prefix, first);
    if (rows == nullptr) continue;
    for (std::size_t i = 0; i < shm::channels_per_table; ++i) {
      ChannelSnapshot channel;
      if (!copy_row(reinterpret_cast<const shm::ChannelRow*>(rows)[i], {first + i}, channel)) continue;
      find_owners(channel, snapshot.contexts);
      channel.taken_ns = snapshot.taken_ns;
      snapshot.channels.push_back(std::move(channel));
    }
  }
  return snapshot;
}

Snapshot Reader::snapshot() {
  Snapshot snapshot = tables();
  halves_.refresh();
  for (ChannelSnapshot& channel : snapshot.channels) halves_.copy(channel);
  return snapshot;
}

fs::path Reader::segments() const { return sys::segments_path(directory_); }

const shm::ChannelRow* Reader::row(ChannelId id) {
  const std::vector<std::uint64_t> tables = tables_of(channels_prefix);
  const auto after = std::ranges::upper_bound(tables, id.value);
  if (after == tables.begin()) return nullptr;
  const std::uint64_t first = *std::prev(after);
  if (id.value - first >= shm::channels_per_table) return nullptr;
  const std::byte* const rows = table(channels_prefix, first);
  if (rows == nullptr) return nullptr;
  const auto* const row = reinterpret_cast<const shm::ChannelRow*>(rows) + (id.value - first);
  // acquire: pairs with the release in Tables::update; the row is filled.
  return row->id.load(std::memory_order_acquire) == id.value ? row : nullptr;
}

std::optional<ChannelSnapshot> Reader::channel(ChannelId id) {
  look_at_broker();
  const std::vector<ContextSnapshot> everybody = contexts();
  const shm::ChannelRow* const found = row(id);
  ChannelSnapshot channel;
  if (found == nullptr || !copy_row(*found, id, channel)) return std::nullopt;
  find_owners(channel, everybody);
  halves_.refresh();
  halves_.copy(channel);
  return channel;
}

std::optional<ChannelReport> Reader::report(ChannelId id, std::chrono::nanoseconds interval) {
  const std::optional<ChannelSnapshot> before = channel(id);
  if (!before) return std::nullopt;
  std::this_thread::sleep_for(interval);
  return report(id, before);
}

std::optional<ChannelReport> Reader::report(ChannelId id, const std::optional<ChannelSnapshot>& before) {
  const std::optional<ChannelSnapshot> now = channel(id);
  if (!now) return std::nullopt;
  return ChannelReport{broker_, before ? *before : *now, *now, halves_.segments(*now)};
}

std::optional<ChannelId> parse_channel(std::string_view text) {
  if (text.starts_with("ch-")) text.remove_prefix(3);
  const auto number = parse_number(text);
  return number && *number != 0 ? std::optional(ChannelId{*number}) : std::nullopt;
}

}  // namespace fairway::inspector
