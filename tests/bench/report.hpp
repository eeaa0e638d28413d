#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "bench/row.hpp"

namespace fairway::bench {

/// What was measured: for each row the samples of all rounds, in their order.
using Results = std::map<std::string, std::vector<Sample>>;

/// Ours against the limit that was measured in the same round, so that both saw the same machine: a virtual one moves
/// its CPUs, and a cache line then takes several times as long. The median of the rounds' ratios judges.
struct Floor {
  enum class Bound { at_most, at_least, none };
  std::string text;
  std::string ours;
  std::string limit;  ///< empty: the factor is an amount, in the unit of ours
  Bound bound;        ///< none: the ratio is reported and judged by nobody
  double factor = 0;
};

std::vector<Floor> floors();

void print(const Rows& rows, const Results& results);
void write_json(const std::filesystem::path& file, const Rows& rows, const Results& results);

}  // namespace fairway::bench
