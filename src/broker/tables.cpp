#include "broker/tables.hpp"

#include <algorithm>
#include <utility>

#include "sys/runtime_dir.hpp"

namespace fairway::broker {

Tables::~Tables() {
  for (const Table& table : contexts_) sys::remove_name(folder_ / table.name);
  for (const auto& [first, table] : channels_) sys::remove_name(folder_ / table.name);
}

Tables::Table Tables::make(shm::SegmentKind kind, std::uint64_t first, std::uint64_t size, std::string name) {
  const sys::Fd writable = sys::create_memory("fairway:" + name, size);
  sys::Mapping memory(writable.get(), size, sys::Mapping::Access::write);
  memory.populate();
  auto& header = *reinterpret_cast<shm::SegmentHeader*>(memory.bytes().data());
  header = {shm::magic, shm::layout_version, kind, first, 0, 0, 0, size - shm::data_offset, 0, 0, {}};
  sys::seal_against_writing(writable.get());
  Table table{sys::reopen_readonly(writable.get()), std::move(memory), std::move(name)};
  names_.make(folder_ / table.name, table.readable.get());
  return table;
}

std::uint32_t Tables::take_context_row() {
  const auto free = std::ranges::find(taken_, false);
  const auto row = static_cast<std::uint32_t>(free - taken_.begin());
  if (free == taken_.end()) {
    contexts_.push_back(make(shm::SegmentKind::contexts, row, shm::contexts_table_size, "contexts." + std::to_string(row)));
    taken_.resize(taken_.size() + shm::contexts_per_table, false);
  }
  taken_[row] = true;
  return row;
}

void Tables::free_context_row(std::uint32_t row) noexcept {
  shm::write_row(context(row), {});
  context(row).notices.store(0, std::memory_order_relaxed);
  taken_[row] = false;
}

shm::ContextRow& Tables::context(std::uint32_t row) noexcept {
  std::byte* const rows = contexts_[row / shm::contexts_per_table].memory.bytes().data() + shm::data_offset;
  return reinterpret_cast<shm::ContextRow*>(rows)[row % shm::contexts_per_table];
}

int Tables::context_table_fd(std::uint32_t row) const noexcept {
  return contexts_[row / shm::contexts_per_table].readable.get();
}

void Tables::make_channels(ChannelId first) {
  channels_[first] = make(shm::SegmentKind::channels, first.value, shm::channels_table_size,
                          "channels." + std::to_string(first.value));
}

void Tables::drop_channels(ChannelId first) noexcept {
  const auto found = channels_.find(first);
  if (found == channels_.end()) return;
  names_.remove(folder_ / found->second.name);
  channels_.erase(found);
}

void Tables::update(PortId port, const shm::PortInfo& info, std::uint64_t now_ns) noexcept {
  auto table = channels_.upper_bound(port.channel());
  if (table == channels_.begin()) return;
  --table;
  const std::uint64_t row = port.channel().value - table->first.value;
  if (row >= shm::channels_per_table) return;
  std::byte* const rows = table->second.memory.bytes().data() + shm::data_offset;
  shm::ChannelRow& channel = reinterpret_cast<shm::ChannelRow*>(rows)[row];
  shm::write_port(channel, port.side(), info, now_ns);
  const bool over = shm::read_port(channel.port[0]).state == shm::PortState::none &&
                    shm::read_port(channel.port[1]).state == shm::PortState::none;
  if (over) {
    channel.id.store(0, std::memory_order_release);
  } else if (channel.id.load(std::memory_order_relaxed) == 0) {
    channel.created_ns.store(now_ns, std::memory_order_relaxed);
    channel.id.store(port.channel().value, std::memory_order_release);
  }
}

int Tables::channels_fd(ChannelId first) const noexcept {
  const auto found = channels_.find(first);
  return found == channels_.end() ? -1 : found->second.readable.get();
}

}  // namespace fairway::broker
