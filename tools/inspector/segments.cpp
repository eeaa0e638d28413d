#include "inspector/segments.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <system_error>

#include <fmt/format.h>

#include "sys/runtime_dir.hpp"

namespace fairway::inspector {

namespace fs = std::filesystem;

namespace {

shm::SegmentHeader load_header(std::span<const std::byte> memory) {
  std::array<std::uint64_t, sizeof(shm::SegmentHeader) / sizeof(std::uint64_t)> words{};
  // relaxed: written before the name was made; a hostile writer may change it at any time, hence one copy.
  for (std::size_t i = 0; i < words.size(); ++i)
    words[i] = std::atomic_ref(const_cast<std::uint64_t&>(reinterpret_cast<const std::uint64_t*>(memory.data())[i]))
                   .load(std::memory_order_relaxed);
  return std::bit_cast<shm::SegmentHeader>(words);
}

std::string problem_of(const shm::SegmentHeader& header, shm::SegmentKind kind, std::uint64_t subject,
                       std::uint64_t size) {
  if (header.magic != shm::magic) return "its header does not begin with FAIRWAY1";
  if (header.layout_version != shm::layout_version)
    return fmt::format("its layout is version {}, this inspector knows {}", header.layout_version, shm::layout_version);
  if (header.kind != kind || header.subject != subject) return "its header says that it is another segment";
  if (header.capacity != size - shm::data_offset || header.linear > 1) return "its header gives an impossible size";
  return {};
}

}  // namespace

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

Opened open_segment(const fs::path& name, shm::SegmentKind kind, std::uint64_t subject, std::uint64_t size,
                    std::uint64_t mapped) {
  Opened opened;
  const sys::NamedMemory named = sys::open_memory(name);
  if (!named.fd) {
    std::error_code error;
    if (!fs::is_symlink(fs::symlink_status(name, error))) return opened;
    const bool there = fs::exists(name, error);
    if (error == std::errc::permission_denied) opened.result = Opened::Result::refused;
    if (there) opened.result = Opened::Result::foreign;
    return opened;
  }
  opened.result = Opened::Result::foreign;
  opened.size = named.size;
  opened.identity = named.identity;
  if (opened.size < shm::data_offset || (size != 0 && opened.size != size) || !named.sealed) {
    opened.problem = "what has its name is no sealed segment of the right size";
    return opened;
  }
  opened.memory = sys::Mapping(named.fd.get(), mapped == 0 ? opened.size : mapped, sys::Mapping::Access::read);
  opened.header = load_header(opened.memory.bytes());
  opened.problem = problem_of(opened.header, kind, subject, opened.size);
  if (opened.problem.empty()) opened.result = Opened::Result::ok;
  return opened;
}

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

}  // namespace fairway::inspector
