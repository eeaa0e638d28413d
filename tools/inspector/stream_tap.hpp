#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "inspector/passing.hpp"
#include "inspector/segments.hpp"
#include "shm/ring_tap.hpp"
#include "shm/tables.hpp"

namespace fairway::inspector {

/// Reads along in what one port posts, across its generations and owners. Opens and maps by name, writes nothing,
/// tells nobody. Everything that it reads may be hostile: it can only make up what is said of its own channel.
///
/// Its places are those that the reading port has published: records' beginnings that are not overwritten before
/// that port moves on.
class StreamTap {
 public:
  /// `row`: of the channel; outlives this. Copies at most so many bytes of a message, or 64 KiB of a value if that is more.
  StreamTap(std::filesystem::path folder, PortId from, const shm::ChannelRow& row, std::uint64_t most);

  /// Steps over what has been posted.
  void skip_present();
  /// What passed next. None: nothing for the moment.
  std::optional<Passing> next();
  /// Nothing follows any more: `next` has said so.
  bool over() const noexcept { return over_; }

 private:
  struct Ring {
    Opened segment;
    shm::RingTap tap = {};
  };

  shm::PortInfo info(PortId port) const noexcept { return shm::read_port(row_.port[port.side() - 1]); }
  std::optional<Ring> open(Generation generation) const;
  /// Maps the words of the reading port, if they are other ones now. Null: it has none.
  const shm::ControlBlock* reader();
  /// Goes to where the reading port is. False: there is no such place, or none further on.
  bool find_place();
  bool find_first_place();
  void go_to(Ring ring, std::uint64_t position, std::uint64_t before);
  /// The next generation, once there is one and nothing is left in this one.
  bool advance();
  std::optional<Passing> take();
  Passing event(Passing::What what) const;
  std::optional<Passing> end(Passing::What what);
  std::optional<Passing> end_of_row();

  std::filesystem::path folder_;
  PortId from_;
  const shm::ChannelRow& row_;
  std::uint64_t most_;
  std::optional<Ring> ring_;
  shm::RecordNumbers numbers_;
  shm::TappedRecord record_;
  bool held_ = false;   ///< in `record_`: what was missed in front of it has been said
  bool lost_ = false;   ///< about `before_` records were before the next one
  bool begun_ = false;
  bool over_ = false;
  std::uint64_t before_ = 0;
  sys::Mapping reader_memory_;
  shm::PortInfo reader_info_;  ///< when that was mapped
};

}  // namespace fairway::inspector
