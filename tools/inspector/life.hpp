#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "inspector/snapshot.hpp"

/// What becomes of contexts, channels and ports, by comparing what the tables say now with what they said before. Pure.
namespace fairway::inspector {

struct Party {
  ContextId id;
  std::string name = {};
  std::int32_t pid = 0;  ///< 0: it is not in the table any more
};

struct LifeEvent {
  enum class Kind {
    broker_found, broker_changed,
    context_found, context_joined, context_changed, context_gone, contexts_unseen,
    channel_found, channel_made, channel_gone,
    port_left, port_arrived, port_closed,
  };
  Kind kind;
  /// When: CLOCK_MONOTONIC. The tables say it where the two are the same; else it was in between.
  std::uint64_t after_ns = 0, at_ns = 0;
  Party who = {};   ///< the context; of a port: its owner, or who has let it go or had it last
  Party from = {};  ///< arrived: who had it before
  ProcessState process = ProcessState::unknown;  ///< of the context, of the broker
  PortId port = {};
  ChannelId channel = {};
  std::array<Party, 2> owners = {};  ///< of a new channel's ports
  Epoch epoch = 0;
  std::uint64_t unseen = 0;  ///< contexts, or changes of the port's owner, that came and went between two looks
};

/// Remembers the last look.
class Life {
 public:
  /// `process`: how a process is whose context is in no table any more.
  explicit Life(std::function<ProcessState(std::int64_t)> process) : process_(std::move(process)) {}

  /// What has happened since the last look, in order of time; at the first look, what is there. Only the tables count.
  std::vector<LifeEvent> look(const Snapshot& now);

 private:
  using Events = std::vector<LifeEvent>;
  void look_at_broker(const Snapshot& now, Events& events) const;
  void look_at_contexts(const Snapshot& now, Events& events);
  void look_at_channels(const Snapshot& now, Events& events) const;
  void look_at_port(const ChannelSnapshot& before, const ChannelSnapshot& now, int side, Events& events) const;
  Party party(const std::optional<ContextSnapshot>& context, ContextId id) const;

  std::function<ProcessState(std::int64_t)> process_;
  std::optional<Snapshot> last_;
  std::uint32_t newest_context_ = 0;
};

/// A line. `offset_ns`: what the wall clock is ahead of CLOCK_MONOTONIC.
std::string event_text(const LifeEvent& event, std::int64_t offset_ns);
/// An object, and a newline.
std::string event_json(const LifeEvent& event, std::int64_t offset_ns);

/// The trace-event format of chrome://tracing and Perfetto, as a JSON array: each context is a process; each port is a
/// thread of its owner, with a slice for as long as that owned it; process 0 has the ports in transit.
class ChromeTrace {
 public:
  std::string begin() const { return "[\n"; }
  std::string add(const LifeEvent& event);
  /// Ends what is open.
  std::string end(std::uint64_t now_ns);

 private:
  struct Slice {
    std::uint32_t context = 0;
    std::uint64_t since_ns = 0;
  };
  void open(PortId port, const Party& owner, const std::string& name, std::uint64_t at_ns, std::string& out);
  void close(PortId port, std::uint64_t at_ns, std::string& out);
  void introduce(const Party& context, std::string& out);
  void write(const std::string& object, std::string& out);

  std::map<PortId, Slice> ports_;
  std::map<std::uint32_t, std::uint64_t> contexts_;  ///< since when
  std::set<std::uint32_t> introduced_;
  std::set<std::pair<std::uint32_t, PortId>> threads_;
  bool first_ = true;
};

}  // namespace fairway::inspector
