#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "shm/tables.hpp"

/// What the inspector shows, as plain values: copied once out of tables and halves, validated, free of pointers into
/// memory that somebody else writes. `reader.hpp` fills it; everything else is a pure function of it, so tests build
/// it by hand.
namespace fairway::inspector {

enum class ProcessState { unknown, running, stopped, ended };

struct BrokerSnapshot {
  std::string directory;
  std::int64_t pid = 0;  ///< 0: no name leads to it
  std::string command;
  ProcessState process = ProcessState::unknown;
};

struct ContextSnapshot {
  shm::ContextInfo info;  ///< name and command are printable
  ProcessState process = ProcessState::unknown;
};

/// What the owner of a half counts as the writer of its ring. Goes on from owner to owner, like `Read`.
struct Written {
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;
  std::uint64_t largest = 0;
  std::uint64_t high_water = 0;
  std::uint64_t backlog_messages = 0;
  std::uint64_t backlog_bytes = 0;
  std::uint64_t doorbells = 0;
  std::uint64_t readable_since_ns = 0;
  std::uint64_t backpressure_ns = 0;
  std::uint64_t full_since_ns = 0;
  std::uint64_t generation = 0;
};

/// What the owner of a half counts as the reader of the ring in the other half.
struct Read {
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;
  std::uint64_t last_read_ns = 0;
  std::uint64_t arms = 0;
  std::uint64_t wakes = 0;
  std::uint64_t spins = 0;
  bool started = false;
};

/// A kind of error that its owner has noted at a port.
struct FaultSnapshot {
  shm::Fault fault;
  std::uint64_t count = 0;
  std::uint64_t last_ns = 0;
};

struct HalfSnapshot {
  enum class State {
    none,  ///< the port has neither written nor been written to
    readable,
    gone,     ///< it had one; the broker has dropped it, or nobody can open it now, or the port's owner has opened none yet
    damaged,  ///< what has its name is not this port's half: `problem` says why
  };
  State state = State::none;
  std::string problem = {};
  Written written = {};
  Read read = {};
  std::vector<FaultSnapshot> faults = {};  ///< of the present owner; the last one first
  std::uint64_t memory = 0;  ///< bytes of the segments that its owners opened and that are still there
};

struct PortSnapshot {
  shm::PortInfo info;
  std::optional<ContextSnapshot> owner = {};  ///< none: nobody, or it has left the table
  shm::PortHistory past = {};
  std::optional<ContextSnapshot> former = {};  ///< who had it before, if that is still in the table
  HalfSnapshot half = {};
};

struct ChannelSnapshot {
  ChannelId id;
  std::uint64_t created_ns = 0;
  std::uint64_t taken_ns = 0;  ///< when the counters were copied
  std::array<PortSnapshot, 2> port = {};
};

struct SegmentSnapshot {
  std::string name;
  int side = 1;
  std::uint32_t generation = 0;
  std::uint64_t size = 0;
  bool linear = false;
  std::string problem = {};  ///< empty: the header says what the name says
  Epoch epoch = 0;           ///< of the port that wrote it
  Epoch peer_epoch = 0;      ///< of the port opposite, for whose owner it was written
  bool first = false;        ///< of its pairing: with the control block
};

/// Everything that the tables and halves say; for `ls`.
struct Snapshot {
  BrokerSnapshot broker;
  std::uint64_t taken_ns = 0;
  std::vector<ContextSnapshot> contexts;  ///< by id
  std::vector<ChannelSnapshot> channels;  ///< by id
};

/// One channel, twice: what moves between the two is what lives. For `stat`.
struct ChannelReport {
  BrokerSnapshot broker;
  ChannelSnapshot before;
  ChannelSnapshot now;
  std::vector<SegmentSnapshot> segments;  ///< by side, in the order of the stream
};

}  // namespace fairway::inspector
