#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <boost/serialization/string.hpp>
#include <boost/serialization/vector.hpp>
#include <fairway/fairway.hpp>

/// One owner of the port that a stream arrives at. Times are those of CLOCK_MONOTONIC, which all processes share.
struct Owner {
  std::string name;
  std::int64_t pid = 0;
  std::uint64_t from = 0;  ///< the first byte that it read
  std::uint64_t to = 0;    ///< the byte after its last
  std::uint64_t messages = 0;
  std::int64_t came_ns = 0;  ///< when it had the port
  std::int64_t left_ns = 0;  ///< when it had let go of it
  std::int64_t most_mib = 0; ///< memory

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive & name & pid & from & to & messages & came_ns & left_ns & most_mib;
  }
};

/// What one owner tells the next, in the message that carries the port.
struct Handover {
  std::vector<std::uint8_t> hash;  ///< of all bytes so far, unfinished; empty: there were none
  std::vector<Owner> owners;       ///< so far

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive & hash & owners;
  }
};

template <>
inline constexpr std::string_view fairway::type_key<Handover> = "stream.Handover";
