#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "inspector/snapshot.hpp"

namespace fairway::inspector {

/// Nothing can be shown: one line that says what is wrong and what to do.
class Failure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Reads what a broker has published. Opens names read-only and maps them; sends nothing to anybody, takes no lock,
/// waits for nobody: it works while broker and contexts are stopped. Whatever a name leads to is checked: a memory
/// object of this user, sealed, of the right size, whose header names the expected kind, version and subject.
class Reader {
 public:
  /// `broker`: as `ContextOptions::broker`. Throws Failure when there is no broker to look at.
  explicit Reader(const std::filesystem::path& broker);

  const BrokerSnapshot& broker() const noexcept { return broker_; }

  /// All contexts and channels. Throws Failure.
  Snapshot snapshot() const;
  /// One channel, sampled twice. None: there is no such channel. Throws Failure.
  std::optional<ChannelReport> report(ChannelId channel, std::chrono::nanoseconds interval) const;

 private:
  std::vector<ContextSnapshot> contexts() const;
  std::optional<ChannelSnapshot> channel(ChannelId id, const std::vector<ContextSnapshot>& contexts) const;
  std::vector<SegmentSnapshot> segments(const ChannelSnapshot& channel) const;

  std::filesystem::path directory_;
  BrokerSnapshot broker_;
};

/// As /proc tells it; ended: it shows no such process.
ProcessState process_state(std::int64_t pid);

/// "17" or "ch-17". None: neither.
std::optional<ChannelId> parse_channel(std::string_view text);

}  // namespace fairway::inspector
