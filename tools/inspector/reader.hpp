#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "inspector/halves.hpp"
#include "inspector/snapshot.hpp"
#include "sys/memory.hpp"

namespace fairway::inspector {

/// Nothing can be shown: one line that says what is wrong and what to do.
class Failure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Reads what a broker has published. Opens names read-only and maps them; sends nothing to anybody, takes no lock,
/// waits for nobody: it works while broker and contexts are stopped. Whatever a name leads to is checked: a memory
/// object of this user, sealed, of the right size, whose header names the expected kind, version and subject.
/// What it has mapped it keeps while that has a name: it goes on seeing what was there when the broker dies, and
/// sees another broker that takes the directory.
class Reader {
 public:
  /// `broker`: as `ContextOptions::broker`. Throws Failure when there is no broker to look at.
  explicit Reader(const std::filesystem::path& broker);

  /// As of the last look.
  const BrokerSnapshot& broker() const noexcept { return broker_; }

  /// All contexts and channels. Throws Failure.
  Snapshot snapshot();
  /// The same without what the halves say: as cheap as reading the tables.
  Snapshot tables();
  /// One channel, sampled twice. None: there is no such channel. Throws Failure.
  std::optional<ChannelReport> report(ChannelId channel, std::chrono::nanoseconds interval);
  /// The same from a former sample of it, if there is one, to now.
  std::optional<ChannelReport> report(ChannelId channel, const std::optional<ChannelSnapshot>& before);

  /// A channel's row, as long as this looks at nothing else. Null: there is no such channel. Throws Failure.
  const shm::ChannelRow* row(ChannelId channel);
  std::filesystem::path segments() const;

 private:
  struct Table {
    std::uint64_t identity = 0;
    sys::Mapping memory = {};
  };

  void look_at_broker();
  /// Its rows; null: it was dropped meanwhile. Throws Failure.
  const std::byte* table(std::string_view kind, std::uint64_t first);
  /// The numbers of the tables of that kind, in order.
  std::vector<std::uint64_t> tables_of(std::string_view kind);
  std::vector<ContextSnapshot> contexts();
  std::optional<ChannelSnapshot> channel(ChannelId id);

  std::filesystem::path directory_;
  BrokerSnapshot broker_;
  std::map<std::string, Table> tables_;
  Halves halves_;
};

/// As /proc tells it; ended: it shows no such process.
ProcessState process_state(std::int64_t pid);

/// "17" or "ch-17". None: neither.
std::optional<ChannelId> parse_channel(std::string_view text);

}  // namespace fairway::inspector
