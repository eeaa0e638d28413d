#pragma once

#include <cstdint>
#include <string>

#include "inspector/snapshot.hpp"

/// Snapshots built by hand: no process, no memory, no clock.
namespace fairway::test {

inline constexpr std::uint64_t ms = 1'000'000;
inline constexpr std::uint64_t second = 1'000 * ms;
/// The time of every sample.
inline constexpr std::uint64_t now = 100'000 * second;

inspector::ContextSnapshot context(std::uint32_t id, std::string name, std::int32_t pid,
                                   inspector::ProcessState process = inspector::ProcessState::running);

/// ch-17 between player (port 1) and sink (port 2), a minute old, sampled twice 100 ms apart, with nothing posted.
inspector::ChannelReport idle_report();
/// The same; the player has posted 900 messages of 10 bytes, of which the sink, started, has read `read`, none of
/// them between the samples. The sink found its queue empty 5 s ago and was told 4 s ago.
inspector::ChannelReport waiting_report(std::uint64_t read);

/// The same as ch-301: port 2 is in transit for 3 s, in epoch 3; its second owner read 300 messages and is still there.
inspector::ChannelReport moving_report();

/// `change` on both samples.
template <class Change>
void both(inspector::ChannelReport& report, Change&& change) {
  change(report.before);
  change(report.now);
}

/// Two contexts and three channels, one with a port that is closed and one with a port in transit.
inspector::Snapshot snapshot();

/// What a file of golden/ holds. With FAIRWAY_UPDATE_GOLDEN set it is written first.
std::string golden(const std::string& file, const std::string& actual);

}  // namespace fairway::test
