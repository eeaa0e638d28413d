#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "shm/layout.hpp"

/// Rows of the published tables, copied out consistently: the broker writes while anybody reads.
namespace fairway::shm {

struct ContextInfo {
  ContextId id;
  std::int32_t pid = 0;
  std::uint32_t uid = 0;
  std::uint64_t joined_ns = 0;
  std::uint64_t memory = 0;
  std::string name;
  std::string command;
};

/// Fills a free row, or frees it (`info.id` 0). Only the broker.
void write_row(ContextRow& row, const ContextInfo& info) noexcept;
/// False: the row is free, or did not stand still for a thousand tries.
bool read_row(const ContextRow& row, ContextInfo& info);

struct PortInfo {
  PortState state = PortState::none;
  Epoch epoch = 0;
  ContextId owner;
  std::uint32_t generations = 0;
  friend bool operator==(const PortInfo&, const PortInfo&) = default;
};

void write_port(PortRow& row, const PortInfo& info) noexcept;
PortInfo read_port(const PortRow& row) noexcept;

/// What a port was before, as the broker has seen it.
struct PortHistory {
  ContextId former;            ///< who owned it before its present owner, or last if it has none; none: nobody
  std::uint64_t since_ns = 0;  ///< when its state, epoch or owner last changed; to the millisecond
};

/// Writes the port of that side, and what it was before. Only the broker.
void write_port(ChannelRow& row, int side, const PortInfo& info, std::uint64_t now_ns) noexcept;
PortHistory read_history(const ChannelRow& row, int side) noexcept;

}  // namespace fairway::shm
