#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/ids.hpp"
#include "route/actions.hpp"
#include "wire/messages.hpp"

namespace fairway::route {

struct Limits {
  std::size_t ports_per_context = 65536;
  std::uint64_t memory_per_context = std::uint64_t{16} << 30;
  std::uint64_t memory_per_user = std::uint64_t{64} << 30;
};

/// The broker's truth: who is there, who owns each port, which segments make its stream, who is linked with
/// whom. A pure state machine: a message or an event goes in, actions come out; it touches no descriptor and
/// no clock. Every message of a context is checked against what that context owns.
///
/// Invariants
/// 1. A port is owned by one context, or waits there for a name to appear, or is invited (in transit to a process that
///    has not come yet), or is closed.
/// 2. Both ports of a channel owned by two contexts: the channel counts in exactly one link between them.
/// 3. A generation is announced to the port's reader after it was sealed, and in order.
/// 4. A channel is forgotten when each of its ports is closed or has read its incoming stream to the end.
/// 5. The table row says "owned" before the owner is told.
class Registry {
 public:
  explicit Registry(Limits limits) : limits_(limits) {}

  struct Peer {
    std::uint32_t uid = 0;
    std::int64_t pid = 0;
  };

  /// A connection said Hello. Returns its new id, or none with `refusal` filled in.
  ContextId join(const wire::Hello& hello, const Peer& peer, std::uint32_t row, Actions& actions, wire::Refusal& refusal);
  /// Any later message. A violation becomes a Disconnect; the server then calls `leave`.
  void handle(ContextId from, const wire::ClientMessage& message, Actions& actions);
  /// The connection ended and everything it sent was handled.
  void leave(ContextId context, Actions& actions);

  void allocated(SegmentId segment, Actions& actions);
  void allocation_failed(SegmentId segment, std::string_view why, Actions& actions);
  void sealing_failed(SegmentId segment, Actions& actions);
  void link_failed(LinkId link, Actions& actions);

  std::size_t contexts() const noexcept { return contexts_.size(); }
  std::size_t channels() const noexcept { return channels_.size(); }
  std::size_t segments() const noexcept { return segments_.size(); }
  std::size_t links() const noexcept { return links_.size(); }

 private:
  enum class Life : std::uint8_t { owned, waiting, invited, closed };
  enum class SegmentState : std::uint8_t { allocating, leased, mapped, bound };

  struct SegmentEntry {
    ContextId owner;  ///< none: it has left, and what it wrote is still being read
    std::uint32_t uid = 0;
    std::uint64_t size = 0;
    SegmentState state = SegmentState::allocating;
  };
  struct GenerationEntry {
    Generation index = 0;
    SegmentId segment;
    std::uint64_t size = 0;
    std::uint64_t previous_final = 0;
    bool linear = false;
    bool first = false;  ///< holds the control block of the pairing
  };
  struct PortEntry {
    Life life = Life::owned;
    ContextId owner;
    Epoch epoch = 0;
    Generation next_generation = 0;
    bool ended = false;  ///< its owner has read the incoming stream to the end
    std::uint64_t final = wire::unknown_final;
    CloseReason reason = CloseReason::closed;
    std::vector<GenerationEntry> generations;  ///< those that the reader is not done with, and the first
  };
  struct ChannelEntry {
    PortEntry port[2];
    LinkId link;
  };
  struct ContextEntry {
    Peer peer;
    std::string name;
    std::uint64_t memory = 0;
    std::set<PortId> ports;
    std::set<SegmentId> segments;
    std::set<LinkId> links;
    ChannelId ids_end;             ///< one past the last channel number that it has
    std::uint64_t ids_unused = 0;
    std::uint64_t ids_block = 0;
  };
  struct LinkEntry {
    ContextId side[2];
    SegmentId half[2];
    std::size_t channels = 0;
  };
  struct TableEntry {
    ContextId creator;  ///< none once it has left
    std::size_t channels = 0;
    std::bitset<shm::channels_per_table> used;
  };
  struct Invitation {
    PortId port;
    ContextId from;
  };
  struct Violation {
    const char* why;
  };

  void on(ContextId from, const wire::Hello& m, Actions& actions);
  void on(ContextId from, const wire::LeaseRequest& m, Actions& actions);
  void on(ContextId from, const wire::LeaseMapped& m, Actions& actions);
  void on(ContextId from, const wire::LeaseReturned& m, Actions& actions);
  void on(ContextId from, const wire::Create& m, Actions& actions);
  void on(ContextId from, const wire::Bind& m, Actions& actions);
  void on(ContextId from, const wire::Connect& m, Actions& actions);
  void on(ContextId from, const wire::CancelConnect& m, Actions& actions);
  void on(ContextId from, const wire::Invite& m, Actions& actions);
  void on(ContextId from, const wire::Revoke& m, Actions& actions);
  void on(ContextId from, const wire::LinkBind& m, Actions& actions);
  void on(ContextId from, const wire::Kick& m, Actions& actions);
  void on(ContextId from, const wire::Close& m, Actions& actions);
  void on(ContextId from, const wire::End& m, Actions& actions);
  void on(ContextId from, const wire::Done& m, Actions& actions);
  void on(ContextId from, const wire::Refetch& m, Actions& actions);
  void on(ContextId from, const wire::RefetchLink& m, Actions& actions);
  void on(ContextId from, const wire::Credit& m, Actions& actions);

  PortEntry& port(PortId id) { return channels_.at(id.channel()).port[id.side() - 1]; }
  /// Null: it was the owner, and the port is closed: the message crossed the news.
  PortEntry* owned_port(ContextId from, PortId id);
  /// Whether the channel is over, as opposed to one that never was.
  bool was_channel(ChannelId id) const;
  PortEntry& movable_port(ContextId from, PortId id);
  SegmentEntry& own_segment(ContextId from, SegmentId id, SegmentState state);

  void give_ids(ContextId to, Actions& actions);
  void publish_row(PortId id, Actions& actions);
  void give_port(PortId id, ContextId to, wire::Granted::Origin origin, Actions& actions);
  void answer(ContextId to, const wire::Connect& m, Errc code, std::string_view detail, Actions& actions);
  void connect(ContextId from, ContextId to, const wire::Connect& m, Actions& actions);
  void pair(ChannelId channel, Actions& actions);
  LinkId link_between(ContextId a, ContextId b, Actions& actions);
  void unlink_channel(ChannelEntry& channel, Actions& actions);
  void drop_link(LinkId id, Actions& actions);
  void install(PortId reader, const GenerationEntry& generation, Actions& actions);
  void close_port(PortId id, std::uint64_t final, CloseReason reason, Actions& actions);
  void drop_stream(PortEntry& writer, Actions& actions);
  void forget_if_over(ChannelId id, Actions& actions);
  void release_table(ChannelId channel, Actions& actions);
  void drop_segment(SegmentId id, Actions& actions);
  void charge(ContextId context, std::int64_t bytes, Actions& actions);

  Limits limits_;
  std::uint32_t next_context_ = 1;
  std::uint32_t next_link_ = 1;
  std::uint64_t next_segment_ = 1;
  std::uint64_t next_channel_ = 1;
  std::unordered_map<ContextId, ContextEntry, IdHash> contexts_;
  std::unordered_map<ChannelId, ChannelEntry, IdHash> channels_;
  std::unordered_map<SegmentId, SegmentEntry, IdHash> segments_;
  std::unordered_map<LinkId, LinkEntry, IdHash> links_;
  std::map<std::pair<ContextId, ContextId>, LinkId> link_by_pair_;
  std::map<std::string, ContextId, std::less<>> names_;
  std::map<wire::Secret, Invitation> invitations_;
  std::multimap<std::string, std::pair<ContextId, wire::Connect>, std::less<>> waiting_;  ///< for a name to appear
  std::map<ChannelId, TableEntry> tables_;
  std::map<std::uint32_t, std::uint64_t> memory_by_user_;
};

}  // namespace fairway::route
