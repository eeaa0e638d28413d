#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
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
/// 1. A port is owned by one context; or waits there for a name to appear; or is invited (to a process that has not come
///    yet); or is in transit: a message on the stream of its carrier holds its token; or is closed.
/// 2. Both ports of a channel owned by two contexts: the channel counts in exactly one link between them. Owned by one
///    context, or one of them not owned: it counts in none.
/// 3. A generation is announced to the port's reader after it was sealed, and in order.
/// 4. A channel is forgotten when each of its ports is closed or has read its incoming stream to the end.
/// 5. The table row says so before anybody is told.
/// 6. The reader of a carrier is neither closed nor at its end; and following carriers from a port in transit leads to
///    one that is not in transit. So every token can be claimed, or closes one day.
/// 7. A claim that waits is of a port that its record's writer owns: only a Detach of that writer can answer it, or the
///    port closes.
class Registry {
 public:
  /// The next numbers that nobody has been given in this directory yet.
  struct Numbers {
    std::uint32_t context = 1;
    std::uint32_t link = 1;
    std::uint64_t channel = 1;  ///< first of a table
  };
  /// `life`: how many brokers have served the directory, with this one; what they gave out is below `first`.
  explicit Registry(Limits limits, wire::Versions versions = {}, std::uint64_t life = 1, Numbers first = {1, 1, 1})
      : limits_(limits),
        versions_(versions),
        life_(life),
        first_(first),
        next_context_(first.context),
        next_link_(first.link),
        next_channel_(first.channel) {}
  Numbers numbers() const noexcept { return {next_context_, next_link_, next_channel_}; }

  struct Peer {
    std::uint32_t uid = 0;
    std::int64_t pid = 0;
  };

  /// A connection said Hello. Returns its new id, or none with `refusal` filled in.
  ContextId join(const wire::Hello& hello, const Peer& peer, std::uint32_t row, Actions& actions, wire::Refusal& refusal);
  /// The answer to a Hello that says no version of which this broker speaks one.
  std::optional<wire::Refusal> refusal_of_versions(const wire::Versions& theirs) const;
  /// Any later message. A violation becomes a Disconnect; the server then calls `leave`.
  void handle(ContextId from, const wire::ClientMessage& message, Actions& actions);
  /// A memory object as the kernel tells them apart.
  struct Memory {
    std::uint64_t device = 0;
    std::uint64_t object = 0;
    bool sealed = false;  ///< nobody can resize it or map it writable any more, and all of it is there
    friend bool operator==(const Memory&, const Memory&) = default;
  };
  /// A Shown and its memory. Returns under which number that is kept until it is dropped; none: it is not.
  /// Without memory: there was no room for it here.
  SegmentId show(ContextId from, const wire::Shown& message, const std::optional<Memory>& memory, Actions& actions);
  /// A Box; `there`: its memory is what it has to be, and there is room for it here. Returns under which number that is kept
  /// until it is dropped; none: it is not, and the token stands for a closed port.
  SegmentId box(ContextId from, const wire::Box& message, bool there, Actions& actions);
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
  /// Allocated for that context, and not yet dropped.
  std::size_t segments_of(ContextId context) const { return contexts_.at(context).segments.size(); }

 private:
  friend struct RegistryProbe;  ///< tests/route

  enum class Life : std::uint8_t { owned, waiting, invited, transit, closed };
  enum class SegmentState : std::uint8_t { allocating, leased, mapped, bound, shown, boxed };

  struct SegmentEntry {
    ContextId owner;  ///< none: it has left, and what it wrote is still being read
    std::uint32_t uid = 0;
    std::uint64_t size = 0;
    SegmentState state = SegmentState::allocating;
  };
  struct GenerationEntry {
    Generation index = 0;
    SegmentId segment;
    ContextId writer;
    std::uint64_t size = 0;
    std::uint64_t final = wire::unknown_final;  ///< unknown while it is written, and where its writer died
    Epoch epoch = 0;       ///< of the port when it was opened
    Epoch peer_epoch = 0;  ///< of the port opposite, as its writer knew it
    bool linear = false;
    bool first = false;   ///< holds the control block of the pairing (epoch, peer_epoch)
    bool pinned = false;  ///< that pairing goes on: it outlives Done
    bool done = false;
  };
  struct Claimant {
    PortId port;  ///< whose owner has claimed
    Epoch token = 0;
  };
  struct PortEntry {
    Life life = Life::owned;
    ContextId owner;  ///< closed: the last one, whose messages may cross the news
    Epoch epoch = 0;
    CloseReason reason = CloseReason::closed;
    // The stream that it writes.
    Generation next_generation = 0;
    bool opened = false;   ///< the newest generation is its owner's
    Epoch opened_for = 0;  ///< the peer_epoch of that
    std::vector<GenerationEntry> generations;  ///< those that the reader is not done with, and pinned ones
    // The stream that it reads.
    bool ended = false;      ///< its owner has read it to the end
    std::uint64_t read = 0;  ///< shm::Position where the last owner left it, or behind what is done since
    wire::Counts counts;     ///< likewise
    // How it came, or is coming: by a token, on the stream that `carrier` writes.
    PortId carrier;
    Epoch token = 0;
    ContextId sender;  ///< counts against its limit while it is in transit
    // Tokens of others.
    std::set<PortId> cargo;        ///< in transit on the stream that this port writes
    std::set<PortId> awaits;       ///< claimed by this port's owner, and not detached yet
    std::vector<Claimant> claimants;  ///< the reverse
  };
  struct ChannelEntry {
    PortEntry port[2];
    LinkId link;
    SegmentId box;  ///< what the second port stands for; the first is closed then
  };
  struct ContextEntry {
    Peer peer;
    std::string name;
    wire::Agreement agreement;
    std::uint64_t memory = 0;
    std::set<PortId> ports;
    std::set<SegmentId> segments;
    std::set<LinkId> links;
    ChannelId ids_end;             ///< one past the last channel number that it has
    std::uint64_t ids_unused = 0;
    std::uint64_t ids_block = 0;
    std::size_t sent = 0;          ///< ports in transit that it sent
    ContextId identity;            ///< its number at the first broker that it joined
    bool leaving = false;          ///< its connection has ended
    bool returning = false;        ///< it has lost a broker before this one
    bool complete = false;         ///< and has said all that it has
    std::size_t reasserted = 0;    ///< ports that wait for their other sides
  };
  /// Who a context was when the former broker was there. The pid is the kernel's word: nobody returns as somebody else.
  using Identity = std::pair<ContextId, std::int64_t>;
  struct ShownEntry {
    GenerationEntry generation;
    Memory memory;
    bool reads = false;
  };
  /// What one side says of a channel that the broker does not know yet.
  struct Reasserting {
    wire::Reassert said;
    std::vector<ShownEntry> shown;
  };
  using Side = std::pair<PortId, ContextId>;
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
  /// By the name that is waited for, in the order of their coming.
  using Waiting = std::multimap<std::string, std::pair<ContextId, wire::Connect>, std::less<>>;
  /// Generations are counted modulo 2^16.
  static bool older(Generation a, Generation b) { return static_cast<std::int16_t>(a - b) < 0; }

  /// Null, or how the sender broke the protocol.
  using Wrong = const char*;
  /// What a message names. Nothing at all: it was there, and the message crossed the news that it is not.
  template <class Entry>
  struct Named {
    Entry* entry;
    Wrong wrong;
  };
  struct Closing {
    PortId port;
    std::uint64_t final;
    CloseReason reason;
  };
  struct End {
    Generation generation = 0;
    std::uint64_t final = 0;
  };

  Wrong on(ContextId from, const wire::Hello& m, Actions& actions);
  Wrong on(ContextId from, const wire::LeaseRequest& m, Actions& actions);
  Wrong on(ContextId from, const wire::LeaseMapped& m, Actions& actions);
  Wrong on(ContextId from, const wire::LeaseReturned& m, Actions& actions);
  Wrong on(ContextId from, const wire::Create& m, Actions& actions);
  Wrong on(ContextId from, const wire::Bind& m, Actions& actions);
  Wrong on(ContextId from, const wire::Connect& m, Actions& actions);
  Wrong on(ContextId from, const wire::CancelConnect& m, Actions& actions);
  Wrong on(ContextId from, const wire::Invite& m, Actions& actions);
  Wrong on(ContextId from, const wire::Revoke& m, Actions& actions);
  Wrong on(ContextId from, const wire::LinkBind& m, Actions& actions);
  Wrong on(ContextId from, const wire::Close& m, Actions& actions);
  Wrong on(ContextId from, const wire::End& m, Actions& actions);
  Wrong on(ContextId from, const wire::Done& m, Actions& actions);
  Wrong on(ContextId from, const wire::Refetch& m, Actions& actions);
  Wrong on(ContextId from, const wire::RefetchLink& m, Actions& actions);
  Wrong on(ContextId from, const wire::Credit& m, Actions& actions);
  Wrong on(ContextId from, const wire::Detach& m, Actions& actions);
  Wrong on(ContextId from, const wire::Claim& m, Actions& actions);
  Wrong on(ContextId from, const wire::Unclaim& m, Actions& actions);
  Wrong on(ContextId from, const wire::Box& m, Actions& actions);
  Wrong on(ContextId from, const wire::Reassert& m, Actions& actions);
  Wrong on(ContextId from, const wire::Shown& m, Actions& actions);
  Wrong on(ContextId from, const wire::Returned& m, Actions& actions);
  Wrong on(ContextId from, const wire::PeerGone& m, Actions& actions);

  PortEntry& port(PortId id) { return channels_.at(id.channel()).port[id.side() - 1]; }
  /// Null where the channel is over, or never was.
  PortEntry* find_port(PortId id);
  /// Nothing: it was the owner, and the port is closed.
  Named<PortEntry> owned_port(ContextId from, PortId id);
  /// Whether the channel is over, as opposed to one that never was.
  bool was_channel(ChannelId id) const;
  /// A port that its owner has neither opened nor read.
  Named<PortEntry> movable_port(ContextId from, PortId id);
  Named<SegmentEntry> own_segment(ContextId from, SegmentId id, SegmentState state);

  void give_ids(ContextId to, Actions& actions);
  /// With a number that it was given and has not used. It has no ports yet.
  Named<ChannelEntry> begin_channel(ContextId from, ChannelId id, Actions& actions);
  /// The limit that so much more memory would exceed; null: none.
  const char* limit_reached(const ContextEntry& context, std::uint64_t size) const;
  SegmentId add_segment(ContextId owner, std::uint64_t size, SegmentState state, Actions& actions);
  void publish_row(PortId id, Actions& actions);
  void answer(ContextId to, const wire::Connect& m, Errc code, std::string_view detail, Actions& actions);
  void connect(ContextId from, ContextId to, const wire::Connect& m, Actions& actions);
  void wait(ContextId from, const wire::Connect& m);
  void forget_waiter(PortId id);
  void forget_invitation(PortId id);

  // Streams
  void install(PortId reader, const GenerationEntry& generation, Actions& actions);
  static GenerationEntry* find_generation(PortEntry& writer, Generation index);
  static std::string name_of(PortId writer, Generation generation);
  static End stream_end(const PortEntry& writer);
  void drop_generation(PortEntry& writer, Generation index, Actions& actions);
  void drop_stream(PortEntry& writer, Actions& actions);
  void drop_read(PortEntry& writer, std::uint64_t read, Actions& actions);
  void drop_empty(PortEntry& writer, Actions& actions);
  template <class Condition>
  void drop_if(PortEntry& writer, Actions& actions, Condition condition);
  void end_pairing(ChannelEntry& channel, Actions& actions);

  // Channels of a former broker
  std::optional<wire::Refusal> refusal_of_return(const wire::Hello& hello) const;
  std::vector<Side> sides_that_await(const Identity& peer) const;
  void withdraw(const Side& side, Actions& actions);
  void forget_returned(ContextId id, Actions& actions);
  void drop_shown(const Reasserting& claim, Actions& actions);
  void answer(const Side& side, wire::Reasserted::Outcome outcome, CloseReason reason, Actions& actions);
  void settle_with_all(const Side& side, Actions& actions);
  void settle(const Side& side, Actions& actions);
  static bool fit(const Reasserting& mine, const Reasserting& theirs);
  bool link_fits(const Side& one, const Reasserting& mine, const Side& other, const Reasserting& theirs) const;
  static bool stream_fits(const Reasserting& writer, const Reasserting& reader);
  static bool same_generation(const ShownEntry& one, const ShownEntry& other);
  static const ShownEntry* find_shown(const Reasserting& claim, Generation index, bool reads);
  void take_over(const Side& one, const Side& other, Actions& actions);
  std::vector<Generation> take_stream(const Reasserting& writer, const Reasserting& reader, Actions& actions);
  ContextId reader_of(const GenerationEntry& shown) const;
  void keep_link(ChannelEntry& channel, LinkId id, ContextId a, ContextId b, Actions& actions);

  // Transfer
  /// Whether the stream that it writes has a reader.
  bool is_read(PortId writer);
  void depart(PortId id, std::uint64_t final, std::uint64_t read, Actions& actions);
  void send_on(PortId id, PortId carrier, Epoch token, ContextId sender);
  void arrive(PortId id, ContextId to, wire::Granted::Origin origin, Actions& actions);
  void leave_carrier(PortId id);
  void tell_moved(PortId moved, Actions& actions);
  void pair(ChannelId channel, Actions& actions);

  // Memory that changes hands
  Wrong take_box(ContextId from, const wire::Box& m, bool there, SegmentId& kept, Actions& actions);
  void send_box(PortId id, ContextId to, bool again, Actions& actions);

  // Tokens
  bool full(ContextId context) const;
  void grant(PortId id, PortId claimant, Actions& actions);
  static void refuse(PortId id, Epoch token, PortId claimant, ContextId to, Actions& actions);
  void answer_claims(PortId id, Actions& actions);
  void drop_claims_of(PortId claimant);
  /// Who may still create that channel; none: it is there, was there, or never can be.
  ContextId creator_of_unborn(ChannelId id) const;
  void forget_unborn(PortId id, PortId claimant);
  void refuse_unborn(ContextId creator, Actions& actions);
  void close_if_circular(PortId id, Actions& actions);
  void sweep(Actions& actions);

  LinkId link_between(ContextId a, ContextId b, Actions& actions);
  void unlink_channel(ChannelEntry& channel, Actions& actions);
  void drop_link(LinkId id, Actions& actions);
  /// Whether one of its sides has re-asserted a channel over it that waits for the other side.
  bool awaited(LinkId id) const;
  void drop_unused_link(LinkId id, Actions& actions);
  void close_port(PortId id, std::uint64_t final, CloseReason reason, Actions& actions);
  void close_one(const Closing& closing, std::vector<Closing>& next, Actions& actions);
  void forget_if_over(ChannelId id, Actions& actions);
  void release_table(ChannelId channel, Actions& actions);
  void drop_segment(SegmentId id, Actions& actions);
  void charge(ContextId context, std::int64_t bytes, Actions& actions);

  Limits limits_;
  wire::Versions versions_;
  std::uint64_t life_;
  Numbers first_;
  std::uint32_t next_context_;
  std::uint32_t next_link_;
  std::uint64_t next_segment_ = 1;
  std::uint64_t next_channel_;
  std::unordered_map<ContextId, ContextEntry, IdHash> contexts_;
  std::unordered_map<ChannelId, ChannelEntry, IdHash> channels_;
  std::unordered_map<SegmentId, SegmentEntry, IdHash> segments_;
  std::unordered_map<LinkId, LinkEntry, IdHash> links_;
  std::map<std::pair<ContextId, ContextId>, LinkId> link_by_pair_;
  std::map<std::string, ContextId, std::less<>> names_;
  std::map<wire::Secret, Invitation> invitations_;
  std::map<PortId, wire::Secret> invited_;  ///< the reverse
  Waiting waiting_;                         ///< for a name to appear
  std::map<PortId, Waiting::iterator> waiters_;                   ///< the same by port
  std::map<std::pair<ContextId, std::uint64_t>, PortId> requests_;  ///< and by request
  std::map<ChannelId, TableEntry> tables_;
  std::map<std::uint32_t, std::uint64_t> memory_by_user_;
  std::size_t in_transit_ = 0;
  std::map<PortId, std::vector<Claimant>> unborn_;  ///< claims of ports whose Create has not come yet
  std::map<Identity, ContextId> returned_;
  std::map<Side, Reasserting> reasserting_;
  std::size_t unchecked_ = 0;  ///< ports that went into transit too deep to be followed, since the last sweep
};

}  // namespace fairway::route
