#include <algorithm>
#include <bit>
#include <iterator>

#include "route/registry.hpp"

namespace fairway::route {

Registry::Wrong Registry::on(ContextId from, const wire::Bind& m, Actions& actions) {
  const auto [segment, no_lease] = own_segment(from, m.segment, SegmentState::mapped);
  if (segment == nullptr) return no_lease;
  const auto [entry, wrong] = owned_port(from, m.port);
  if (entry == nullptr) {
    if (wrong == nullptr) drop_segment(m.segment, actions);
    return wrong;
  }
  const PortEntry& opposite = port(m.port.opposite());
  if (m.generation != entry->next_generation) return "a generation out of order";
  if (m.peer_epoch > opposite.epoch || (entry->opened && m.peer_epoch < entry->opened_for)) return "a generation for an owner that never was";
  if (entry->opened && m.previous_final >= std::uint64_t{1} << shm::Position::offset_bits) return "an impossible final position";
  const std::uint64_t capacity = segment->size - shm::data_offset;
  if (m.linear == 0 && !std::has_single_bit(capacity)) return "a ring whose size is no power of two";

  if (entry->opened && !entry->generations.empty()) {
    GenerationEntry& previous = entry->generations.back();
    previous.final = m.previous_final;
    if (previous.final == 0 && !previous.pinned) drop_generation(*entry, previous.index, actions);
  }
  GenerationEntry generation;
  generation.index = m.generation;
  generation.segment = m.segment;
  generation.writer = from;
  generation.size = segment->size;
  generation.epoch = entry->epoch;
  generation.peer_epoch = m.peer_epoch;
  generation.linear = m.linear != 0;
  generation.first = !entry->opened || m.peer_epoch != entry->opened_for;
  generation.pinned = generation.first && m.peer_epoch == opposite.epoch;
  segment->state = SegmentState::bound;
  // A pinned one, 2^16 older, may have that name.
  if (find_generation(*entry, m.generation) == nullptr)
    actions.push_back(Publish{m.segment, name_of(m.port, m.generation)});
  ++entry->next_generation;
  entry->opened = true;
  entry->opened_for = m.peer_epoch;
  entry->generations.push_back(generation);
  publish_row(m.port, actions);
  install(m.port.opposite(), generation, actions);
  return nullptr;
}

std::string Registry::name_of(PortId writer, Generation generation) {
  return to_string(writer) + (generation == 0 ? "" : ".g" + std::to_string(generation));
}

/// The newest of that index: generations are counted modulo 2^16, and a pinned one may be older than that.
Registry::GenerationEntry* Registry::find_generation(PortEntry& writer, Generation index) {
  const auto found = std::ranges::find(writer.generations.rbegin(), writer.generations.rend(), index, &GenerationEntry::index);
  return found == writer.generations.rend() ? nullptr : &*found;
}

void Registry::install(PortId reader, const GenerationEntry& g, Actions& actions) {
  const PortEntry& entry = port(reader);
  if (entry.life != Life::owned || entry.ended) return;
  PortEntry& writer = port(reader.opposite());
  const GenerationEntry* const at = find_generation(writer, g.index);
  wire::Install message{reader, g.size, 0, g.epoch, g.index, static_cast<std::uint16_t>(g.linear), g.peer_epoch, g.index,
                        static_cast<std::uint16_t>(g.first)};
  if (at != writer.generations.data()) {
    message.previous = at[-1].index;
    message.previous_final = at[-1].final;
  }
  actions.push_back(Send{entry.owner, message, SegmentAttachment{g.segment, SegmentAttachment::Access::readable}});
}

Registry::Wrong Registry::on(ContextId from, const wire::Done& m, Actions& actions) {
  const auto [entry, wrong] = owned_port(from, m.port);
  if (entry == nullptr) return wrong;
  PortEntry& writer = port(m.port.opposite());
  if (!older(static_cast<Generation>(m.generation + 1), writer.next_generation)) return "done with the newest generation";
  const shm::Position reached{static_cast<Generation>(m.generation + 1), 0};
  if (older(shm::Position::unpack(entry->read).generation, reached.generation)) entry->read = reached.pack();
  GenerationEntry* const found = find_generation(writer, m.generation);
  if (found == nullptr) return nullptr;  // it was empty, or the stream was dropped in the meantime
  found->done = true;
  if (!found->pinned) drop_generation(writer, m.generation, actions);
  return nullptr;
}

Registry::Wrong Registry::on(ContextId from, const wire::Refetch& m, Actions& actions) {
  const auto [entry, wrong] = owned_port(from, m.port);
  if (entry == nullptr) return wrong;
  if (channels_.at(m.port.channel()).box) return send_box(m.port, from, true, actions), nullptr;
  const GenerationEntry* const generation = find_generation(port(m.port.opposite()), m.generation);
  if (generation != nullptr) install(m.port, *generation, actions);
  return nullptr;
}

Registry::End Registry::stream_end(const PortEntry& writer) {
  if (writer.generations.empty()) return {};
  return {writer.generations.back().index, writer.generations.back().final};
}

void Registry::drop_generation(PortEntry& writer, Generation index, Actions& actions) {
  const GenerationEntry* const found = find_generation(writer, index);
  const SegmentId segment = found->segment;
  writer.generations.erase(writer.generations.begin() + (found - writer.generations.data()));
  drop_segment(segment, actions);
}

template <class Condition>
void Registry::drop_if(PortEntry& writer, Actions& actions, Condition condition) {
  std::erase_if(writer.generations, [&](const GenerationEntry& generation) {
    if (!condition(generation)) return false;
    drop_segment(generation.segment, actions);
    return true;
  });
}

void Registry::drop_stream(PortEntry& writer, Actions& actions) {
  for (const GenerationEntry& generation : writer.generations) drop_segment(generation.segment, actions);
  writer.generations.clear();
}

void Registry::end_pairing(ChannelEntry& channel, Actions& actions) {
  for (PortEntry& writer : channel.port) {
    for (GenerationEntry& generation : writer.generations) generation.pinned = false;
    drop_if(writer, actions, [](const GenerationEntry& g) { return g.done; });
  }
}

void Registry::drop_read(PortEntry& writer, std::uint64_t read, Actions& actions) {
  const shm::Position position = shm::Position::unpack(read);
  drop_if(writer, actions, [position](const GenerationEntry& g) {
    return older(g.index, position.generation) || (g.index == position.generation && g.final == position.offset);
  });
}

void Registry::drop_empty(PortEntry& writer, Actions& actions) {
  drop_if(writer, actions, [](const GenerationEntry& g) { return g.final == 0; });
}

}  // namespace fairway::route
