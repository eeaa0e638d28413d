#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <variant>

#include <fairway/error.hpp>
#include <fairway/types.hpp>

#include "base/ids.hpp"
#include "shm/layout.hpp"
#include "wire/versions.hpp"

/// The control messages between a context and the broker, one struct each. PROTOCOL.md has the conversation.
/// A struct's members are its wire format, in native byte order, behind a tag; frames are zero-padded.
namespace fairway::wire {

inline constexpr std::size_t name_limit = 63;

/// A text of at most `n - 1` bytes, zero-terminated and zero-padded.
template <std::size_t n>
struct Text {
  std::array<char, n> chars{};

  static Text of(std::string_view from) noexcept {
    Text text;
    for (std::size_t i = 0; i < from.size() && i < n - 1; ++i) text.chars[i] = from[i];
    return text;
  }
  std::string_view view() const noexcept { return {chars.data()}; }
  bool valid() const noexcept {
    std::size_t end = 0;
    while (end < n && chars[end] != '\0') ++end;
    for (std::size_t i = end; i < n; ++i)
      if (chars[i] != '\0') return false;
    return end < n;
  }
};

using Name = Text<64>;
using Detail = Text<160>;
/// Proves that a process was started by who holds it; 128 random bits.
using Secret = std::array<std::uint64_t, 2>;

/// "Nobody knows": the stream ends where its writer stopped.
inline constexpr std::uint64_t unknown_final = ~std::uint64_t{0};

// Context to broker -----------------------------------------------------------------------------------------

/// The first message of a connection. `protocol` and `layout` stand where they stand in every version, newer fields behind
/// older ones: 0 in one that its sender does not know.
struct Hello {
  std::uint32_t protocol = protocol_version;
  std::uint32_t layout = shm::layout_version;
  std::uint64_t features = feature::all;
  Name name;
  Secret invitation{};  ///< zero: none
  std::uint32_t oldest_protocol = protocol_version;  ///< 0: `protocol`
  std::uint32_t oldest_layout = shm::layout_version;  ///< 0: `layout`
  ContextId identity;      ///< my number at the first broker that I joined; none: this is that one
  std::uint32_t pad = 0;
  std::uint64_t life = 0;  ///< of the broker that I joined last
};
/// Asks for a fresh segment of `size` bytes.
struct LeaseRequest {
  std::uint64_t size = 0;
};
/// The segment is mapped, its memory is there: it can be sealed.
struct LeaseMapped {
  SegmentId segment;
};
/// A lease that is not needed, or could not be mapped.
struct LeaseReturned {
  SegmentId segment;
};
/// Both ports of a new channel are mine; the next messages share them.
struct Create {
  ChannelId channel;
};
/// The lease becomes a generation of the port's stream.
struct Bind {
  PortId port;
  SegmentId segment;
  std::uint64_t previous_final = 0;  ///< where my previous generation ends; 0 for the first that I open
  Generation generation = 0;
  std::uint16_t linear = 0;
  Epoch peer_epoch = 0;  ///< of the port opposite, as I know it; my first one for it holds the control block
};
/// The port goes to the context of that name. Answered by Reply; `patient`: not before the name is there.
struct Connect {
  std::uint64_t request = 0;
  PortId port;
  std::uint64_t patient = 0;
  Name name;
};
/// Do not wait for the name any longer.
struct CancelConnect {
  std::uint64_t request = 0;
};
/// The port waits for the process that shows the secret.
struct Invite {
  PortId port;
  Secret secret{};
};
/// The process is gone: close the port if it still waits.
struct Revoke {
  Secret secret{};
};
/// The lease becomes my half of the link.
struct LinkBind {
  LinkId link;
  std::uint32_t pad = 0;
  SegmentId segment;
};
/// The port is closed; its stream ends at `final` of the newest generation.
struct Close {
  PortId port;
  std::uint64_t final = 0;
  CloseReason reason = CloseReason::closed;
  std::uint32_t pad = 0;
};
/// The port's incoming stream is read to its end.
struct End {
  PortId port;
};
/// Of the port's incoming stream, this generation is read to its end.
struct Done {
  PortId port;
  Generation generation = 0;
  std::uint16_t pad[3] = {};
};
/// The segment of an Install could not be taken in: send it again.
struct Refetch {
  PortId port;
  Generation generation = 0;
  std::uint16_t pad[3] = {};
};
/// The same for a LinkInstall.
struct RefetchLink {
  LinkId link;
};
/// So many messages with descriptors have arrived.
struct Credit {
  std::uint64_t count = 0;
};
/// What went through a port, over all of its owners. The owners' word: only statistics and their own backpressure
/// depend on it.
struct Counts {
  std::uint64_t messages_posted = 0;
  std::uint64_t bytes_posted = 0;
  std::uint64_t messages_read = 0;
  std::uint64_t bytes_read = 0;
  friend bool operator==(const Counts&, const Counts&) = default;
};
/// The port leaves in a message on my port `carrier`. Its token there is (port, epoch).
struct Detach {
  PortId port;
  PortId carrier;
  std::uint64_t final = 0;  ///< where the newest generation that I opened ends; 0: I opened none
  std::uint64_t read = 0;   ///< shm::Position, packed: behind the last dispatched record of the incoming stream
  Epoch epoch = 0;          ///< the new one
  std::uint32_t pad = 0;
  Counts counts;
};
/// The record that my port `carrier` has reached, in this generation, carries that token.
struct Claim {
  PortId port;
  PortId carrier;
  Epoch epoch = 0;
  Generation generation = 0;
  std::uint16_t pad = 0;
};
/// The record stays unread: the token goes back to where it was.
struct Unclaim {
  PortId port;
  PortId carrier;
  Epoch epoch = 0;
  std::uint32_t pad = 0;
};
/// Of a token that stands for memory; and of one for memory that was lent over the same channel: no port has moved so often.
inline constexpr Epoch box_epoch = 1;
inline constexpr Epoch lent_epoch = Epoch{1} << 31;

/// With feature::boxes, and the memory: that leaves in a message on my port `carrier`, as the token (port, box_epoch); or was lent,
/// and is still to come back on the `carrier` that my port reads, as (port, lent_epoch). The port is the second of a channel number
/// that I have not used; nothing is at the first.
struct Box {
  PortId port;
  PortId carrier;
  std::uint64_t size = 0;
  Epoch token = box_epoch;
  std::uint32_t pad = 0;
};

// With feature::rejoin, by a context that has lost its broker and joined the next one.

/// That port was mine when the broker died, and the one opposite was `peer`'s.
struct Reassert {
  PortId port;
  std::uint64_t read = 0;     ///< shm::Position, packed: behind the last dispatched record of the incoming stream
  ContextId peer;             ///< its identity; mine: I have both
  LinkId link;                ///< to it; none: I have both
  std::int64_t peer_pid = 0;
  Epoch epoch = 0;
  Epoch peer_epoch = 0;
  Epoch opened_for = 0;
  Generation next = 0;        ///< of the port's own stream
  std::uint16_t shown = 0;    ///< so many Shown of this port follow
  std::uint16_t opened = 0;   ///< 1: the newest generation is mine, for `opened_for`
  std::uint16_t linked = 0;   ///< 1: doorbell, and both halves of the link, are there
  std::uint16_t partial = 0;  ///< 1: I cannot show all that there is
  std::uint16_t pad = 0;
};
/// With the memory: a generation of the stream that the port writes, or reads.
struct Shown {
  PortId port;
  std::uint64_t size = 0;
  std::uint64_t final = 0;
  Epoch epoch = 0;       ///< of the port that wrote it
  Epoch peer_epoch = 0;  ///< of the port opposite, as its writer knew it
  Generation generation = 0;
  std::uint16_t linear = 0;
  std::uint16_t first = 0;
  std::uint16_t reads = 0;  ///< 1: it is of the stream that the port reads
};
/// Nothing that I have is missing now.
struct Returned {
  std::uint64_t pad = 0;
};
/// The link that I had to that context is dead.
struct PeerGone {
  ContextId peer;
  std::uint32_t pad = 0;
  std::int64_t peer_pid = 0;
};

// Broker to context -----------------------------------------------------------------------------------------

/// With the table of contexts.
struct Welcome {
  std::uint64_t features = 0;  ///< of both
  ContextId context;
  std::uint32_t row = 0;  ///< in that table
  std::uint32_t protocol = protocol_version;  ///< the newest that both know
  std::uint32_t layout = shm::layout_version;  ///< likewise
  std::uint64_t life = 0;  ///< how many brokers have served the directory, with this one
};
/// The answer to Hello instead of Welcome. The same in every version.
struct Refusal {
  std::uint64_t code = 0;  ///< Errc
  Detail detail;
};
/// With the memory, writable.
struct Lease {
  SegmentId segment;
  std::uint64_t size = 0;
};
struct LeaseRefused {
  std::uint64_t size = 0;
  Detail detail;
};
/// Channel numbers to use, with their table.
struct Ids {
  ChannelId first;
  std::uint64_t count = 0;
};
/// With this side's end of the doorbell and the other's pidfd.
struct Link {
  LinkId link;
  ContextId peer;
  std::int64_t pid = 0;
  Name name;
  std::uint64_t features = 0;                  ///< of both contexts
  std::uint32_t layout = shm::layout_version;  ///< that the other one writes
  std::uint32_t pad = 0;
};
/// With the other side's half of the link, read-only.
struct LinkInstall {
  LinkId link;
};
struct LinkDrop {
  LinkId link;
  std::uint32_t peer_gone = 0;  ///< 1: with the context at the other end, which may not know that yet
};
/// The port opposite is owned by the context at the other end of the link; without a link, by this one.
struct Paired {
  PortId port;
  LinkId link;
  Epoch peer_epoch = 0;
};
/// A generation of the port's incoming stream, read-only.
struct Install {
  PortId port;
  std::uint64_t size = 0;
  std::uint64_t previous_final = 0;  ///< where `previous` ends
  Epoch epoch = 0;                   ///< of the port that wrote it
  Generation generation = 0;
  std::uint16_t linear = 0;
  Epoch reader_epoch = 0;   ///< of this port, as the writer knew it
  Generation previous = 0;  ///< the one to read before; generations between the two are empty. Itself: nothing is left of it
  std::uint16_t first = 0;  ///< 1: holds the control block of the pairing (epoch, reader_epoch)
};
/// Answers Connect.
struct Reply {
  std::uint64_t request = 0;
  std::uint64_t code = 0;  ///< Errc; 0: done
  Detail detail;
};
/// The port is yours: somebody connected, your parent left it for you, or it is the answer to a Claim.
struct Granted {
  enum class Origin : std::uint32_t { connect = 1, parent = 2, token = 3 };
  PortId port;
  PortId carrier;          ///< token: of the Claim
  std::uint64_t read = 0;  ///< shm::Position, packed: the incoming stream is read up to there
  Epoch epoch = 0;
  Epoch token = 0;         ///< token: of the Claim
  Epoch peer_epoch = 0;
  Origin origin = Origin::connect;
  Generation generation = 0;  ///< the next of the port's own stream
  std::uint16_t unread = 0;   ///< generations of it that others wrote and nobody has read
  std::uint32_t pad = 0;
  Counts counts;
};
/// With the memory, writable: it is what the port of the Granted that follows stands for.
struct Boxed {
  PortId port;
  std::uint64_t size = 0;
  std::uint64_t again = 0;  ///< 1: the answer to Refetch
};
/// The port opposite is closed, its stream ends at `final` of that generation; later ones are empty.
struct PortClosed {
  PortId port;
  std::uint64_t final = 0;
  CloseReason reason = CloseReason::closed;
  Generation generation = 0;
  std::uint16_t pad = 0;
};
/// The answer to a Claim: that token stands for a closed port.
struct Refused {
  PortId port;
  PortId carrier;
  Epoch epoch = 0;
  std::uint32_t pad = 0;
};
/// The port opposite has left its owner: what that one wrote ends at `final` of that generation, later ones are empty.
struct Moved {
  PortId port;
  std::uint64_t final = 0;
  Epoch peer_epoch = 0;
  Generation generation = 0;
  std::uint16_t pad = 0;
};

/// The answer to Reassert, when both sides have spoken.
struct Reasserted {
  enum class Outcome : std::uint32_t { kept = 1, over = 2, alone = 3 };
  PortId port;
  Outcome outcome = Outcome::kept;
  CloseReason reason = CloseReason::broker_lost;  ///< over: why
  LinkId link;  ///< kept: the one that is kept with it, if it is
  std::uint32_t pad = 0;
};

using ClientMessage = std::variant<Hello, LeaseRequest, LeaseMapped, LeaseReturned, Create, Bind, Connect, CancelConnect, Invite, Revoke,
                                   LinkBind, Close, End, Done, Refetch, RefetchLink, Credit, Detach, Claim, Unclaim, Reassert, Shown, Returned, PeerGone, Box>;
using BrokerMessage = std::variant<Welcome, Refusal, Lease, LeaseRefused, Ids, Link, LinkInstall, LinkDrop, Paired,
                                   Install, Reply, Granted, PortClosed, Refused, Moved, Reasserted, Boxed>;

/// How many descriptors come with a message.
std::size_t descriptors_of(const BrokerMessage& message) noexcept;
std::size_t descriptors_of(const ClientMessage& message) noexcept;

}  // namespace fairway::wire
