#include "shm/tables.hpp"

#include <algorithm>
#include <cstring>

namespace fairway::shm {

namespace {

template <std::size_t n>
void store_text(char (&to)[n], std::string_view from) noexcept {
  const std::size_t size = std::min(from.size(), n - 1);
  for (std::size_t i = 0; i < n; ++i)
    std::atomic_ref(to[i]).store(i < size ? from[i] : '\0', std::memory_order_relaxed);
}

template <std::size_t n>
std::string load_text(const char (&from)[n]) {
  std::string text;
  for (std::size_t i = 0; i < n; ++i) {
    const char c = std::atomic_ref(const_cast<char&>(from[i])).load(std::memory_order_relaxed);
    if (c == '\0') break;
    text.push_back(c);
  }
  return text;
}

}  // namespace

void write_row(ContextRow& row, const ContextInfo& info) noexcept {
  const std::uint32_t version = row.version.load(std::memory_order_relaxed);
  row.version.store(version + 1, std::memory_order_relaxed);
  // release fence: pairs with the acquire fence in read_row; who sees a new field sees the odd version.
  std::atomic_thread_fence(std::memory_order_release);
  row.id.store(info.id.value, std::memory_order_relaxed);
  row.pid.store(info.pid, std::memory_order_relaxed);
  row.uid.store(info.uid, std::memory_order_relaxed);
  row.joined_ns.store(info.joined_ns, std::memory_order_relaxed);
  row.memory.store(info.memory, std::memory_order_relaxed);
  store_text(row.name, info.name);
  store_text(row.command, info.command);
  // release: pairs with the first acquire in read_row.
  row.version.store(version + 2, std::memory_order_release);
}

bool read_row(const ContextRow& row, ContextInfo& info) {
  for (int attempt = 0; attempt < 1000; ++attempt) {
    const std::uint32_t before = row.version.load(std::memory_order_acquire);
    if (before % 2 != 0) continue;
    info.id = {row.id.load(std::memory_order_relaxed)};
    info.pid = row.pid.load(std::memory_order_relaxed);
    info.uid = row.uid.load(std::memory_order_relaxed);
    info.joined_ns = row.joined_ns.load(std::memory_order_relaxed);
    info.memory = row.memory.load(std::memory_order_relaxed);
    info.name = load_text(row.name);
    info.command = load_text(row.command);
    // acquire fence: pairs with the release fence in write_row.
    std::atomic_thread_fence(std::memory_order_acquire);
    if (row.version.load(std::memory_order_relaxed) == before) return static_cast<bool>(info.id);
  }
  return false;
}

void write_port(PortRow& row, const PortInfo& info) noexcept {
  row.owner.store(info.owner.value, std::memory_order_relaxed);
  row.generations.store(info.generations, std::memory_order_relaxed);
  row.epoch.store(info.epoch, std::memory_order_relaxed);
  // release: pairs with the acquire in read_port; the broker stores before it sends.
  row.state.store(static_cast<std::uint32_t>(info.state), std::memory_order_release);
}

PortInfo read_port(const PortRow& row) noexcept {
  PortInfo info;
  info.state = static_cast<PortState>(row.state.load(std::memory_order_acquire));
  info.epoch = row.epoch.load(std::memory_order_relaxed);
  info.owner = {row.owner.load(std::memory_order_relaxed)};
  info.generations = row.generations.load(std::memory_order_relaxed);
  return info;
}

namespace {

constexpr std::uint64_t ns_per_ms = 1'000'000;

}  // namespace

void write_port(ChannelRow& row, int side, const PortInfo& info, std::uint64_t now_ns) noexcept {
  PortPast& past = row.past[side - 1];
  const PortInfo before = read_port(row.port[side - 1]);
  if (info.state == PortState::none) past.former.store(0, std::memory_order_relaxed);
  if (info.state != PortState::none && before.owner && before.owner != info.owner)
    past.former.store(before.owner.value, std::memory_order_relaxed);
  if (info.state != before.state || info.epoch != before.epoch || info.owner != before.owner) {
    // A row that is free gets its time of creation with the first port.
    const std::uint64_t created = row.id.load(std::memory_order_relaxed) == 0 ? now_ns : row.created_ns.load(std::memory_order_relaxed);
    const std::uint64_t after = (now_ns - std::min(now_ns, created)) / ns_per_ms;
    past.since_ms.store(static_cast<std::uint32_t>(std::min<std::uint64_t>(after, ~std::uint32_t{0})), std::memory_order_relaxed);
  }
  write_port(row.port[side - 1], info);
}

PortHistory read_history(const ChannelRow& row, int side) noexcept {
  const PortPast& past = row.past[side - 1];
  return {{past.former.load(std::memory_order_relaxed)},
          row.created_ns.load(std::memory_order_relaxed) + past.since_ms.load(std::memory_order_relaxed) * ns_per_ms};
}

}  // namespace fairway::shm
