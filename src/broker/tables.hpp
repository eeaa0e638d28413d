#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <vector>

#include "base/ids.hpp"
#include "broker/names.hpp"
#include "shm/tables.hpp"
#include "sys/memory.hpp"

namespace fairway::broker {

/// The published tables: memory that only this broker can write, readable by whom it serves, found by name under
/// `tables/`. Throws std::system_error.
class Tables {
 public:
  Tables(std::filesystem::path folder, Names& names) : folder_(std::move(folder)), names_(names) {}
  ~Tables();

  /// A free row of the table of contexts.
  std::uint32_t take_context_row();
  void free_context_row(std::uint32_t row) noexcept;
  shm::ContextRow& context(std::uint32_t row) noexcept;
  int context_table_fd(std::uint32_t row) const noexcept;

  void make_channels(ChannelId first);
  void drop_channels(ChannelId first) noexcept;
  void update(PortId port, const shm::PortInfo& info, std::uint64_t now_ns) noexcept;
  /// -1: there is no such table.
  int channels_fd(ChannelId first) const noexcept;

 private:
  struct Table {
    sys::Fd readable;
    sys::Mapping memory;
    std::string name;
  };

  Table make(shm::SegmentKind kind, std::uint64_t first, std::uint64_t size, std::string name);

  std::filesystem::path folder_;
  Names& names_;
  std::vector<Table> contexts_;
  std::vector<bool> taken_;
  std::map<ChannelId, Table> channels_;
};

}  // namespace fairway::broker
