#include "client/held_stream.hpp"

#include <algorithm>
#include <utility>

#include "sys/process.hpp"

namespace fairway::client {

namespace {

/// Two descriptors each, while they are quiet. Thousands would be a burden to the process, and to what it starts.
constexpr std::size_t most_ports_shown = 250;

}  // namespace

bool MemoryKeeper::stops_with(std::size_t ports) noexcept {
  const bool keeps = ports <= most_ports_shown;
  return std::exchange(keeps_, keeps) && !keeps;
}

KeptMemory MemoryKeeper::keep(sys::Fd memory) const {
  if (!keeps_ || !memory || !sys::can_spare(memory.get())) return nullptr;
  return std::make_shared<const sys::Fd>(std::move(memory));
}

void HeldStream::forget_before(Generation index, Epoch epoch, Epoch peer_epoch) {
  std::erase_if(generations_, [&](const Held& held) {
    const bool words = held.first && held.epoch == epoch && held.peer_epoch == peer_epoch;
    return static_cast<std::int16_t>(held.index - index) < 0 && !words;  // generations wrap
  });
}

void HeldStream::let_go() noexcept {
  for (Held& held : generations_) held.memory = nullptr;
}

bool HeldStream::whole() const noexcept {
  return std::ranges::all_of(generations_, [](const Held& held) { return held.memory != nullptr; });
}

}  // namespace fairway::client
