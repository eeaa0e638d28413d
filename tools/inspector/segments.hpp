#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shm/layout.hpp"
#include "sys/memory.hpp"

/// What a broker has published by name: opened read-only, checked, mapped.
namespace fairway::inspector {

std::optional<std::uint64_t> parse_number(std::string_view text);

struct Opened {
  enum class Result { ok, gone, refused, foreign };
  Result result = Result::gone;
  sys::Mapping memory = {};
  std::uint64_t size = 0;  ///< of the whole segment
  std::uint64_t identity = 0;
  shm::SegmentHeader header = {};
  std::string problem = {};  ///< why it is foreign, where that can be said
};

/// Opens a published name and maps its first `mapped` bytes (0: all). `size` 0: any. Throws std::system_error where it
/// cannot be mapped.
Opened open_segment(const std::filesystem::path& name, shm::SegmentKind kind, std::uint64_t subject, std::uint64_t size,
                    std::uint64_t mapped);

/// The generations of a port's stream that have names.
using Generations = std::vector<Generation>;

/// What the folder of segments holds.
std::map<PortId, Generations> published(const std::filesystem::path& folder);
/// Numbers wrap: how far each is behind the next one tells their order.
void newest_first(Generations& generations, std::uint32_t next);
/// "ch-17.1" is generation 0 of port 1, "ch-17.1.g3" generation 3.
std::string segment_name(PortId port, Generation generation);
/// With its first page mapped.
Opened open_generation(const std::filesystem::path& folder, PortId port, Generation generation);

}  // namespace fairway::inspector
