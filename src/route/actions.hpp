#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/ids.hpp"
#include "shm/tables.hpp"
#include "wire/messages.hpp"

/// What the registry wants done. The broker's server does it, in order; tests read it.
namespace fairway::route {

struct NoAttachment {
  friend bool operator==(NoAttachment, NoAttachment) = default;
};
struct SegmentAttachment {
  enum class Access { writable, readable };
  SegmentId segment;
  Access access;
  friend bool operator==(SegmentAttachment, SegmentAttachment) = default;
};
struct ContextsAttachment {
  friend bool operator==(ContextsAttachment, ContextsAttachment) = default;
};
struct ChannelsAttachment {
  ChannelId first;
  friend bool operator==(ChannelsAttachment, ChannelsAttachment) = default;
};
/// This context's end of the doorbell and the other context's pidfd.
struct LinkAttachment {
  LinkId link;
  friend bool operator==(LinkAttachment, LinkAttachment) = default;
};
using Attachment = std::variant<NoAttachment, SegmentAttachment, ContextsAttachment, ChannelsAttachment, LinkAttachment>;

struct Send {
  ContextId to;
  wire::BrokerMessage message;
  Attachment attachment = NoAttachment{};
};
/// Answered by `Registry::allocated` or `Registry::allocation_failed`.
struct Allocate {
  SegmentId segment;
  std::uint64_t size;
};
/// Answered by `Registry::sealing_failed` if the context has tampered with it.
struct Seal {
  SegmentId segment;
};
/// Gives the segment a name in the runtime directory.
struct Publish {
  SegmentId segment;
  std::string name;
};
struct Drop {
  SegmentId segment;
};
/// A pair of doorbells; answered by `Registry::link_failed` if there is none to be had.
struct MakeLink {
  LinkId link;
  ContextId a, b;
};
/// A link that a former broker has made: its sides have all of it.
struct KeepLink {
  LinkId link;
  ContextId a, b;
};
struct DropLink {
  LinkId link;
};
struct MakeTable {
  ChannelId first;
};
struct DropTable {
  ChannelId first;
};
struct UpdatePort {
  PortId port;
  shm::PortInfo info;
};
struct UpdateMemory {
  ContextId context;
  std::uint64_t bytes;
};
/// The context broke the protocol.
struct Disconnect {
  ContextId context;
  std::string why;
};

using Action = std::variant<Send, Allocate, Seal, Publish, Drop, MakeLink, KeepLink, DropLink, MakeTable, DropTable, UpdatePort,
                            UpdateMemory, Disconnect>;
using Actions = std::vector<Action>;

}  // namespace fairway::route
