#include "inspector/halves.hpp"

#include <algorithm>
#include <atomic>
#include <functional>
#include <system_error>
#include <utility>

#include "sys/process.hpp"

namespace fairway::inspector {

namespace fs = std::filesystem;

namespace {

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

/// The owner of now has counted them; a former one's are over.
std::vector<FaultSnapshot> copy_faults(const shm::Statistics& s, bool present) {
  std::vector<FaultSnapshot> faults;
  for (std::size_t i = 0; present && i < shm::faults; ++i)
    if (const std::uint64_t count = load(s.fault[i].count); count != 0)
      faults.push_back({static_cast<shm::Fault>(i), count, load(s.fault[i].last_ns)});
  std::ranges::stable_sort(faults, std::ranges::greater{}, &FaultSnapshot::last_ns);
  return faults;
}

}  // namespace

void Halves::refresh() {
  std::map<PortId, Generations> names = published(folder_);
  std::erase_if(known_, [&](const auto& entry) { return !names.contains(entry.first); });
  for (auto& entry : names) {
    Generations& generations = entry.second;
    Known& known = known_[entry.first];
    const auto named = [&](Generation g) { return std::ranges::find(generations, g) != generations.end(); };
    if (known.half.memory && !named(known.half.generation)) known.half = {};
    std::erase_if(known.sizes, [&](const auto& size) { return !named(size.first); });
    known.names = std::move(generations);
  }
  kept_ = static_cast<std::size_t>(std::ranges::count_if(known_, [](const auto& entry) { return static_cast<bool>(entry.second.half.memory); }));
}

/// Maps what holds the counters of a port: the newest segment that is the first of a pairing. A former owner's counts
/// as well, as long as nothing of what followed it is gone: then nobody has counted since.
Halves::Half Halves::open(PortId port, const shm::PortInfo& info, Known& known, HalfSnapshot& half) const {
  newest_first(known.names, info.generations);
  Generation expected = static_cast<Generation>(info.generations - 1);
  bool complete = true;
  for (const Generation generation : known.names) {
    Opened opened = open_generation(folder_, port, generation);
    if (!opened.problem.empty()) {
      half.state = HalfSnapshot::State::damaged;
      half.problem = opened.problem;
      return {};
    }
    if (opened.result != Opened::Result::ok) continue;
    known.sizes[generation] = opened.size;
    complete = complete && generation == expected--;
    if (opened.header.first == 0) continue;
    const bool present = static_cast<std::int32_t>(opened.header.epoch - info.epoch) >= 0;
    if (!present && !complete) return {};
    half.state = HalfSnapshot::State::readable;
    return {std::move(opened.memory), present, generation, info.generations, info.epoch};
  }
  return {};
}

const Halves::Half* Halves::find(PortId port, const shm::PortInfo& info, HalfSnapshot& half, Half& here) {
  if (info.generations == 0) return nullptr;
  half.state = HalfSnapshot::State::gone;
  const auto entry = known_.find(port);
  if (entry == known_.end()) return nullptr;
  Known& known = entry->second;
  if (known.half.memory && known.half.generations == info.generations && known.half.epoch == info.epoch) {
    half.state = HalfSnapshot::State::readable;
    return &known.half;
  }
  if (std::exchange(known.half, {}).memory) --kept_;
  here = open(port, info, known, half);
  if (!here.memory) return nullptr;
  // Whether a former owner's still counts, the names say anew each time.
  if (!here.present || kept_ == most_kept) return &here;
  ++kept_;
  known.half = std::move(here);
  return &known.half;
}

std::uint64_t Halves::memory_of(PortId port, Known& known) const {
  std::uint64_t sum = 0;
  for (const Generation generation : known.names) {
    auto size = known.sizes.find(generation);
    if (size == known.sizes.end()) {
      std::error_code error;
      const std::uint64_t bytes = fs::file_size(folder_ / segment_name(port, generation), error);
      if (error) continue;
      size = known.sizes.emplace(generation, bytes).first;
    }
    sum += size->second;
  }
  return sum;
}

void Halves::copy(ChannelSnapshot& channel) {
  Half here[2];
  const Half* half[2] = {};
  for (std::size_t i = 0; i < 2; ++i) {
    const PortId port = PortId::of(channel.id, static_cast<int>(i) + 1);
    half[i] = find(port, channel.port[i].info, channel.port[i].half, here[i]);
    if (const auto known = known_.find(port); known != known_.end()) channel.port[i].half.memory = memory_of(port, known->second);
  }
  // What was read first, then what was written: then nobody seems to have read what was not written yet.
  for (std::size_t i = 0; i < 2; ++i)
    if (half[i] != nullptr) channel.port[i].half.read = copy_read(statistics(half[i]->memory), half[i]->present);
  std::atomic_thread_fence(std::memory_order_acquire);
  for (std::size_t i = 0; i < 2; ++i)
    if (half[i] != nullptr) channel.port[i].half.written = copy_written(statistics(half[i]->memory), half[i]->present);
  for (std::size_t i = 0; i < 2; ++i)
    if (half[i] != nullptr) channel.port[i].half.faults = copy_faults(statistics(half[i]->memory), half[i]->present);
  channel.taken_ns = sys::now_ns();
}

std::vector<SegmentSnapshot> Halves::segments(const ChannelSnapshot& channel) const {
  std::vector<SegmentSnapshot> segments;
  for (const int side : {1, 2}) {
    const PortId port = PortId::of(channel.id, side);
    const auto known = known_.find(port);
    if (known == known_.end()) continue;
    Generations generations = known->second.names;
    newest_first(generations, channel.port[static_cast<std::size_t>(side - 1)].info.generations);
    std::ranges::reverse(generations);
    for (const Generation generation : generations) {
      const Opened opened = open_generation(folder_, port, generation);
      if (opened.result != Opened::Result::ok && opened.problem.empty()) continue;  // read to its end and gone
      const shm::SegmentHeader& header = opened.header;
      segments.push_back({segment_name(port, generation), side, generation, opened.size, header.linear != 0, opened.problem,
                          header.epoch, header.peer_epoch, header.first != 0});
    }
  }
  return segments;
}

}  // namespace fairway::inspector
