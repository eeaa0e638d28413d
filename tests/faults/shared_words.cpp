#include "faults/shared_words.hpp"

#include "shm/layout.hpp"

namespace fairway::test {

namespace {

/// What the names of a struct's fields are taken down for.
struct Segment {
  std::string prefix;
  SharedWord::Place place;
  const void* begin;
  bool by_peers;
};

template <std::size_t n, class... Fields>
void list(std::vector<SharedWord>& words, const Segment& segment, const char* const (&names)[n], const Fields&... fields) {
  static_assert(n == sizeof...(Fields), "a name for each word");
  std::size_t i = 0;
  const auto offset = [&](const void* field) {
    return static_cast<std::size_t>(static_cast<const std::byte*>(field) - static_cast<const std::byte*>(segment.begin));
  };
  (words.push_back({segment.prefix + names[i++], segment.place, offset(&fields), sizeof fields, segment.by_peers}), ...);
}

void list_header(std::vector<SharedWord>& words, const Segment& segment, const shm::SegmentHeader& header) {
  const auto& [magic, version, kind, subject, epoch, generation, linear, capacity, peer_epoch, first, reserved] = header;
  list(words, segment,
       {"magic", "layout_version", "kind", "subject", "epoch", "generation", "linear", "capacity", "peer_epoch", "first", "reserved"}, magic,
       version, kind, subject, epoch, generation, linear, capacity, peer_epoch, first, reserved);
}

void list_half(std::vector<SharedWord>& words) {
  static const shm::HalfSegment half{};
  const auto& [header, control] = half;
  const Segment segment{"half_", SharedWord::Place::half, &half, true};
  list_header(words, segment, header);
  const auto& [head, arm, want, want_position, left, statistics] = control;
  list(words, {"", SharedWord::Place::half, &half, true}, {"head", "arm", "want", "want_position", "left"}, head, arm, want, want_position, left);
  const auto& [messages_posted, bytes_posted, largest, high_water, backlog_messages, backlog_bytes, doorbells, readable_since_ns,
               backpressure_ns, full_since_ns, generation, messages_read, bytes_read, last_read_ns, started, arms, wakes, spins,
               claimed, fault, reserved] = statistics;
  list(words, {"statistics_", SharedWord::Place::half, &half, true},
       {"messages_posted", "bytes_posted", "largest", "high_water", "backlog_messages", "backlog_bytes", "doorbells", "readable_since_ns",
        "backpressure_ns", "full_since_ns", "generation", "messages_read", "bytes_read", "last_read_ns", "started", "arms", "wakes",
        "spins", "claimed", "fault", "reserved"},
       messages_posted, bytes_posted, largest, high_water, backlog_messages, backlog_bytes, doorbells, readable_since_ns, backpressure_ns,
       full_since_ns, generation, messages_read, bytes_read, last_read_ns, started, arms, wakes, spins, claimed, fault,
       reserved);
}

void list_link(std::vector<SharedWord>& words) {
  static const shm::LinkSegment link{};
  const auto& [header, sleep, cpu, membarrier, ready_head, ready_tail, ready_overflow] = link;
  list_header(words, {"link_", SharedWord::Place::link, &link, true}, header);
  list(words, {"", SharedWord::Place::link, &link, true}, {"sleep", "cpu", "membarrier", "ready_head", "ready_tail", "ready_overflow"}, sleep,
       cpu, membarrier, ready_head, ready_tail, ready_overflow);
}

void list_rows(std::vector<SharedWord>& words) {
  static const shm::ContextRow context{};
  const auto& [version, id, pid, uid, joined_ns, memory, name, command, notices] = context;
  list(words, {"context_", SharedWord::Place::contexts, &context, false},
       {"version", "id", "pid", "uid", "joined_ns", "memory", "name", "command", "notices"}, version, id, pid, uid, joined_ns, memory, name,
       command, notices);
  static const shm::ChannelRow channel{};
  const auto& [channel_id, created_ns, ports, pasts] = channel;
  const Segment row{"channel_", SharedWord::Place::channels, &channel, false};
  list(words, row, {"id", "created_ns"}, channel_id, created_ns);
  for (const shm::PortRow& port : ports) {
    const auto& [state, epoch, owner, generations] = port;
    list(words, row, {"state", "epoch", "owner", "generations"}, state, epoch, owner, generations);
  }
  for (const shm::PortPast& past : pasts) {
    const auto& [former, since_ms] = past;
    list(words, row, {"former", "since_ms"}, former, since_ms);
  }
}

/// A kind of segment that is not taken down above does not compile here.
[[maybe_unused]] constexpr SharedWord::Place place_of(shm::SegmentKind kind) {
  switch (kind) {
    case shm::SegmentKind::half: return SharedWord::Place::half;
    case shm::SegmentKind::link: return SharedWord::Place::link;
    case shm::SegmentKind::contexts: return SharedWord::Place::contexts;
    case shm::SegmentKind::channels: return SharedWord::Place::channels;
  }
  return SharedWord::Place::half;
}

}  // namespace

std::vector<SharedWord> shared_words() {
  std::vector<SharedWord> words;
  list_half(words);
  list_link(words);
  list_rows(words);
  return words;
}

}  // namespace fairway::test
