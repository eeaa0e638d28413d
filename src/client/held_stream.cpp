#include "client/held_stream.hpp"

#include <algorithm>
#include <utility>

#include "sys/process.hpp"

namespace fairway::client {

KeptMemory keep_memory(sys::Fd memory) {
  if (!memory || !sys::can_spare(memory.get())) return nullptr;
  return std::make_shared<const sys::Fd>(std::move(memory));
}

void HeldStream::forget_before(Generation index, Epoch epoch, Epoch peer_epoch) {
  std::erase_if(generations_, [&](const Held& held) {
    const bool words = held.first && held.epoch == epoch && held.peer_epoch == peer_epoch;
    return static_cast<std::int16_t>(held.index - index) < 0 && !words;  // generations wrap
  });
}

bool HeldStream::whole() const noexcept {
  return std::ranges::all_of(generations_, [](const Held& held) { return held.memory != nullptr; });
}

}  // namespace fairway::client
