#include <algorithm>
#include <utility>

#include "route/registry.hpp"

/// Channels of a broker that died, shown to this one by those who have them. A channel is taken over when both of its sides
/// say the same of it, and show the same memory: nothing that one says alone is believed. Until then, and for ever where one
/// cannot show everything, it goes on without a broker.
namespace fairway::route {

namespace {

constexpr std::size_t most_shown = 256;

bool later(Epoch one, Epoch other) { return static_cast<std::int32_t>(one - other) > 0; }

}  // namespace

std::optional<wire::Refusal> Registry::refusal_of_return(const wire::Hello& hello) const {
  if (!hello.identity) return std::nullopt;
  const bool earlier = hello.life < life_ && hello.identity.value < first_.context;
  if (earlier) return std::nullopt;
  return wire::Refusal{static_cast<std::uint64_t>(Errc::denied),
                       wire::Detail::of("this broker has ended the connection, or its directory was cleared: its channels go on without it")};
}

Registry::Wrong Registry::on(ContextId from, const wire::Reassert& m, Actions& actions) {
  ContextEntry& context = contexts_.at(from);
  if (!context.returning || context.complete) return "re-asserted a port and had lost no broker";
  if (!m.port || m.port.channel() >= ChannelId{first_.channel}) return "re-asserted a port that no broker before has known";
  if (m.shown > most_shown) return "shows more generations than a stream has";
  const Side side{m.port, from};
  if (reasserting_.contains(side)) return "re-asserted a port twice";
  if (const PortEntry* const known = find_port(m.port)) {
    if (known->owner == from) return "re-asserted a port twice";
    actions.push_back(Send{from, wire::Reasserted{m.port, wire::Reasserted::Outcome::over, CloseReason::broker_lost, {}, 0}});
    return nullptr;
  }
  if (context.ports.size() + ++context.reasserted > limits_.ports_per_context) return "re-asserted more ports than its limit";
  Reasserting& claim = reasserting_[side];
  claim.said = m;
  if (m.peer == context.identity) claim.said.peer_pid = context.peer.pid;
  settle_with_all(side, actions);
  return nullptr;
}

SegmentId Registry::show(ContextId from, const wire::Shown& m, const std::optional<Memory>& memory, Actions& actions) {
  const auto found = reasserting_.find({m.port, from});
  if (found == reasserting_.end()) return {};  // answered in the meantime, or never its port
  Reasserting& claim = found->second;
  const bool possible = m.size >= shm::small_segment && m.size % shm::page == 0 && m.size >> shm::Position::offset_bits == 0;
  if (!possible || (memory && !memory->sealed) || claim.shown.size() == claim.said.shown) {
    actions.push_back(Disconnect{from, "shows memory that no broker has given out"});
    return {};
  }
  ContextEntry& context = contexts_.at(from);
  const std::uint32_t uid = context.peer.uid;
  GenerationEntry generation;
  generation.index = m.generation;
  generation.writer = from;
  generation.size = m.size;
  generation.final = m.final;
  generation.epoch = m.epoch;
  generation.peer_epoch = m.peer_epoch;
  generation.linear = m.linear != 0;
  generation.first = m.first != 0;
  if (!memory || context.memory + m.size > limits_.memory_per_context || memory_by_user_[uid] + m.size > limits_.memory_per_user) {
    claim.said.partial = 1;
  } else {
    generation.segment = SegmentId{next_segment_++};
    segments_[generation.segment] = {from, uid, m.size, SegmentState::shown};
    context.segments.insert(generation.segment);
    memory_by_user_[uid] += m.size;
    charge(from, static_cast<std::int64_t>(m.size), actions);
  }
  claim.shown.push_back({generation, memory.value_or(Memory{}), m.reads != 0});
  settle_with_all({m.port, from}, actions);
  return generation.segment;
}

Registry::Wrong Registry::on(ContextId, const wire::Shown&, Actions&) { return "shows no memory"; }  // `show` has those with it

Registry::Wrong Registry::on(ContextId from, const wire::Returned&, Actions& actions) {
  ContextEntry& context = contexts_.at(from);
  if (!context.returning || std::exchange(context.complete, true)) return "returned and had lost no broker";
  for (const auto& [side, claim] : reasserting_)
    if (side.second == from && claim.shown.size() < claim.said.shown) return "shows less than it said";
  for (const Side& side : sides_that_await({context.identity, context.peer.pid})) settle(side, actions);
  return nullptr;
}

Registry::Wrong Registry::on(ContextId from, const wire::PeerGone& m, Actions& actions) {
  const Identity peer{m.peer, m.peer_pid};
  if (returned_.contains(peer)) return nullptr;  // it has come back, and what it does counts
  for (const Side& side : sides_that_await(peer))
    if (side.second == from) answer(side, wire::Reasserted::Outcome::over, CloseReason::peer_lost, actions);
  return nullptr;
}

std::vector<Registry::Side> Registry::sides_that_await(const Identity& peer) const {
  std::vector<Side> sides;
  for (const auto& [side, claim] : reasserting_)
    if (Identity{claim.said.peer, claim.said.peer_pid} == peer) sides.push_back(side);
  return sides;
}

/// Its owner does not want it any more, and has said so before it was answered.
void Registry::withdraw(const Side& side, Actions& actions) {
  const auto found = reasserting_.find(side);
  if (found == reasserting_.end()) return;
  const auto peer = returned_.find({found->second.said.peer, found->second.said.peer_pid});
  const LinkId link = found->second.said.link;
  drop_shown(found->second, actions);
  reasserting_.erase(found);
  drop_unused_link(link, actions);
  --contexts_.at(side.second).reasserted;
  if (peer != returned_.end()) settle({side.first.opposite(), peer->second}, actions);
}

/// With its connection all that it has said is gone, and its memory with its other segments.
void Registry::forget_returned(ContextId id, Actions& actions) {
  const ContextEntry& context = contexts_.at(id);
  if (!context.returning) return;
  std::erase_if(reasserting_, [id](const auto& entry) { return entry.first.second == id; });
  const Identity identity{context.identity, context.peer.pid};
  returned_.erase(identity);
  for (const Side& side : sides_that_await(identity)) answer(side, wire::Reasserted::Outcome::over, CloseReason::peer_lost, actions);
}

void Registry::drop_shown(const Reasserting& claim, Actions& actions) {
  for (const ShownEntry& shown : claim.shown)
    if (shown.generation.segment) drop_segment(shown.generation.segment, actions);
}

void Registry::answer(const Side& side, wire::Reasserted::Outcome outcome, CloseReason reason, Actions& actions) {
  const auto found = reasserting_.extract(side);
  drop_shown(found.mapped(), actions);
  --contexts_.at(side.second).reasserted;
  drop_unused_link(found.mapped().said.link, actions);
  actions.push_back(Send{side.second, wire::Reasserted{side.first, outcome, reason, {}, 0}});
}

// What two sides say of one channel -------------------------------------------------------------------------

/// Others may have said that the port opposite is theirs.
void Registry::settle_with_all(const Side& side, Actions& actions) {
  settle(side, actions);
  std::vector<Side> opposite;
  for (auto entry = reasserting_.lower_bound({side.first.opposite(), {}}); entry != reasserting_.end() && entry->first.first == side.first.opposite(); ++entry)
    opposite.push_back(entry->first);
  for (const Side& other : opposite) settle(other, actions);
}

/// Once a side has said everything: what the other side's word makes of it, if that is there.
void Registry::settle(const Side& side, Actions& actions) {
  using Outcome = wire::Reasserted::Outcome;
  const auto mine = reasserting_.find(side);
  if (mine == reasserting_.end() || mine->second.shown.size() < mine->second.said.shown) return;
  const wire::Reassert& said = mine->second.said;
  const auto peer = returned_.find({said.peer, said.peer_pid});
  if (peer == returned_.end()) return;
  const Side opposite{side.first.opposite(), peer->second};
  const auto theirs = reasserting_.find(opposite);
  if (theirs == reasserting_.end()) {
    if (contexts_.at(peer->second).complete) answer(side, Outcome::over, CloseReason::broker_lost, actions);
    return;
  }
  const ContextEntry& me = contexts_.at(side.second);
  const bool meant = theirs->second.said.peer == me.identity && theirs->second.said.peer_pid == me.peer.pid;
  if (!meant) return answer(side, Outcome::over, CloseReason::broker_lost, actions);
  if (theirs->second.shown.size() < theirs->second.said.shown) return;
  const bool partial = said.partial != 0 || theirs->second.said.partial != 0;
  if (!partial && fit(mine->second, theirs->second)) return take_over(side, opposite, actions);
  for (const Side& each : {side, opposite}) answer(each, partial ? Outcome::alone : Outcome::over, CloseReason::broker_lost, actions);
}

bool Registry::fit(const Reasserting& mine, const Reasserting& theirs) {
  const bool same_pairing = mine.said.epoch == theirs.said.peer_epoch && theirs.said.epoch == mine.said.peer_epoch;
  return same_pairing && stream_fits(mine, theirs) && stream_fits(theirs, mine);
}

/// Both have all of the same link, and nobody else has it.
bool Registry::link_fits(const Side& one, const Reasserting& mine, const Side& other, const Reasserting& theirs) const {
  const LinkId id = mine.said.link;
  if (!id || id != theirs.said.link || mine.said.linked == 0 || theirs.said.linked == 0) return false;
  if (one.second == other.second || id.value >= first_.link) return false;
  const auto link = links_.find(id);
  const auto pair = std::minmax(one.second, other.second);
  return link == links_.end() || (link->second.side[0] == pair.first && link->second.side[1] == pair.second);
}

/// Whether the reader has of the stream what its writer has written, as far as both still have it.
bool Registry::stream_fits(const Reasserting& writer, const Reasserting& reader) {
  const wire::Reassert& said = writer.said;
  const Generation read = shm::Position::unpack(reader.said.read).generation;
  if (older(said.next, read) || (said.opened != 0 && later(said.opened_for, reader.said.epoch))) return false;
  const ShownEntry* before = nullptr;
  Generation oldest_unread = said.next;  // but for the one that has the pairing's words
  for (const ShownEntry& written : writer.shown) {
    if (written.reads) continue;
    const GenerationEntry& g = written.generation;
    // In a row; but behind the one with the pairing's words those that its reader has read meanwhile are gone.
    const bool in_row = before == nullptr || g.index == static_cast<Generation>(before->generation.index + 1) ||
                        (before->generation.first && older(before->generation.index, g.index));
    if (g.epoch != said.epoch || !in_row || !older(g.index, said.next)) return false;
    if (before == nullptr || (before->generation.first && oldest_unread == before->generation.index)) oldest_unread = g.index;
    before = &written;
  }
  const bool newest = before != nullptr && before->generation.index == static_cast<Generation>(said.next - 1) &&
                      before->generation.peer_epoch == said.opened_for;
  if (said.opened != 0 ? !newest : before != nullptr) return false;

  const ShownEntry* last_read = nullptr;
  for (const ShownEntry& shown : reader.shown) {
    if (!shown.reads) continue;
    const GenerationEntry& g = shown.generation;
    if (!older(g.index, said.next) || (last_read != nullptr && !older(last_read->generation.index, g.index))) return false;
    last_read = &shown;
    const ShownEntry* const written = find_shown(writer, g.index, false);
    // What an owner before has written, its reader alone has; what has been read since, its writer has no more.
    const bool fits = written == nullptr ? later(said.epoch, g.epoch) || older(g.index, oldest_unread) : same_generation(*written, shown);
    if (!fits) return false;
  }
  return std::ranges::all_of(writer.shown, [&](const ShownEntry& written) {
    const Generation index = written.generation.index;
    const bool empty = written.generation.final == 0 && !written.generation.first;  // the broker has dropped it
    return written.reads || empty || older(index, read) || last_read == nullptr || older(last_read->generation.index, index) ||
           find_shown(reader, index, true) != nullptr;
  });
}

bool Registry::same_generation(const ShownEntry& one, const ShownEntry& other) {
  const GenerationEntry& a = one.generation;
  const GenerationEntry& b = other.generation;
  return one.memory == other.memory && a.size == b.size && a.epoch == b.epoch && a.peer_epoch == b.peer_epoch && a.linear == b.linear &&
         a.first == b.first;
}

const Registry::ShownEntry* Registry::find_shown(const Reasserting& claim, Generation index, bool reads) {
  const auto found = std::ranges::find_if(
      claim.shown, [&](const ShownEntry& shown) { return shown.reads == reads && shown.generation.index == index; });
  return found == claim.shown.end() ? nullptr : &*found;
}

// Taking over -----------------------------------------------------------------------------------------------

void Registry::take_over(const Side& one, const Side& other, Actions& actions) {
  const auto mine = reasserting_.extract(one);
  const auto theirs = reasserting_.extract(other);
  const ChannelId id = one.first.channel();
  const ChannelId first{(id.value - 1) / shm::channels_per_table * shm::channels_per_table + 1};
  const auto [table, fresh] = tables_.try_emplace(first);
  if (fresh) {
    table->second.used.set();
    actions.push_back(MakeTable{first});
  }
  ++table->second.channels;
  ChannelEntry& channel = channels_[id];
  for (const auto& [side, claim] : {std::pair(one, &mine.mapped()), std::pair(other, &theirs.mapped())}) {
    PortEntry& entry = port(side.first);
    entry.owner = side.second;
    entry.epoch = claim->said.epoch;
    entry.next_generation = claim->said.next;
    entry.opened = claim->said.opened != 0;
    entry.opened_for = claim->said.opened_for;
    entry.read = claim->said.read;
    contexts_.at(side.second).ports.insert(side.first);
    --contexts_.at(side.second).reasserted;
    publish_row(side.first, actions);
  }
  const std::vector<Generation> for_other = take_stream(mine.mapped(), theirs.mapped(), actions);
  const std::vector<Generation> for_one = take_stream(theirs.mapped(), mine.mapped(), actions);
  const bool linked = link_fits(one, mine.mapped(), other, theirs.mapped());
  const LinkId kept = linked ? mine.mapped().said.link : LinkId{};
  if (linked) keep_link(channel, kept, one.second, other.second, actions);
  for (const Side& side : {one, other})
    actions.push_back(Send{side.second, wire::Reasserted{side.first, wire::Reasserted::Outcome::kept, CloseReason::closed, kept, 0}});
  if (!linked) {
    pair(id, actions);
    for (const LinkId former : {mine.mapped().said.link, theirs.mapped().said.link}) drop_unused_link(former, actions);
  }
  for (const Generation index : for_other) install(other.first, *find_generation(port(one.first), index), actions);
  for (const Generation index : for_one) install(one.first, *find_generation(port(other.first), index), actions);
}

/// Returns what the reader has not got yet.
std::vector<Generation> Registry::take_stream(const Reasserting& writer, const Reasserting& reader, Actions& actions) {
  PortEntry& entry = port(writer.said.port);
  const Generation read = shm::Position::unpack(reader.said.read).generation;
  std::vector<Generation> missing;
  const auto keep = [&](const GenerationEntry& generation) {
    segments_.at(generation.segment).state = SegmentState::bound;
    entry.generations.push_back(generation);
    actions.push_back(Publish{generation.segment, name_of(writer.said.port, generation.index)});
  };
  for (const ShownEntry& shown : reader.shown) {
    if (!shown.reads) continue;
    GenerationEntry generation = shown.generation;
    const bool of_owner_before = later(writer.said.epoch, generation.epoch);
    if (!of_owner_before || find_shown(writer, generation.index, false) != nullptr || older(generation.index, read)) {
      drop_segment(generation.segment, actions);
      continue;
    }
    generation.writer = {};
    charge(reader_of(generation), -static_cast<std::int64_t>(generation.size), actions);
    contexts_.at(reader_of(generation)).segments.erase(generation.segment);
    segments_.at(generation.segment).owner = {};
    keep(generation);
  }
  for (const ShownEntry& shown : writer.shown) {
    if (shown.reads) continue;
    GenerationEntry generation = shown.generation;
    generation.pinned = generation.first && generation.peer_epoch == reader.said.epoch;
    generation.done = older(generation.index, read);
    if ((generation.done || generation.final == 0) && !generation.pinned) {
      drop_segment(generation.segment, actions);
      continue;
    }
    if (generation.index == static_cast<Generation>(writer.said.next - 1)) generation.final = wire::unknown_final;
    keep(generation);
    if (find_shown(reader, generation.index, true) == nullptr) missing.push_back(generation.index);
  }
  return missing;
}

ContextId Registry::reader_of(const GenerationEntry& shown) const { return segments_.at(shown.segment).owner; }

/// Both still have its doorbells and halves, and need nothing new.
void Registry::keep_link(ChannelEntry& channel, LinkId id, ContextId a, ContextId b, Actions& actions) {
  const auto pair = std::minmax(a, b);
  const auto [link, fresh] = links_.try_emplace(id, LinkEntry{{pair.first, pair.second}, {}, 0});
  if (fresh) {
    link_by_pair_.try_emplace(pair, id);
    for (const ContextId side : {a, b}) contexts_.at(side).links.insert(id);
    actions.push_back(KeepLink{id, pair.first, pair.second});
  }
  channel.link = id;
  ++link->second.channels;
}

}  // namespace fairway::route
