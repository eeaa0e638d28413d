#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "bench/measure.hpp"

namespace fairway::bench {

enum class Unit { nanoseconds, messages_per_second, bytes_per_second, per_second };

/// One line of the table: the parts of a measurement, of which the near process runs one and the far process the other,
/// and a third process what some rows have for it. Every process makes all rows, in the same order.
class Row {
 public:
  Row(std::string name, std::string text, Unit unit, std::size_t count, std::size_t quick_count)
      : name_(std::move(name)), text_(std::move(text)), unit_(unit), count_(count), quick_count_(quick_count) {}
  virtual ~Row() = default;
  Row(const Row&) = delete;

  const std::string& name() const { return name_; }
  const std::string& text() const { return text_; }
  Unit unit() const { return unit_; }
  std::size_t count(bool quick) const { return quick ? quick_count_ : count_; }

  /// Before the first run, in this order: each has returned when the next is called.
  virtual void open_far() {}
  virtual void open_third() {}
  virtual void open_near() {}
  /// One run; all parts at the same time. The near one measures.
  virtual Sample near(std::size_t count) = 0;
  virtual void far(std::size_t) {}
  virtual void third(std::size_t) {}

 private:
  std::string name_;
  std::string text_;
  Unit unit_;
  std::size_t count_;
  std::size_t quick_count_;
};

using Rows = std::vector<std::unique_ptr<Row>>;

enum class Side { near, far, third };

/// What the processes have in common without Fairway: a memory object and socket pairs, inherited.
struct Common {
  Side side;
  int memory;
  int doorbell;            ///< between near and far: this side's end
  std::vector<int> relay;  ///< of near and far: to the third; of the third: to near, to far
};

/// The size of the memory object.
std::size_t common_memory_size();

/// The limits of the machine: `raw_rows.cpp`, `relay_rows.cpp`. Ours: `fairway_rows.cpp`, `transfer_rows.cpp`,
/// `buffer_rows.cpp`. Both ours and others': `value_rows.cpp`. A row of ours follows what it is measured against, so that a
/// run of both is one moment's.
Rows make_rows(const Common& common, const std::filesystem::path& broker);

void add_cache_line(Rows& rows, const Common& common);
void add_bare_ping_pong(Rows& rows, const Common& common);
void add_bare_stream(Rows& rows, const Common& common);
void add_bare_large_stream(Rows& rows, const Common& common);
void add_doorbell(Rows& rows, const Common& common);
void add_memcpy(Rows& rows);
void add_relay(Rows& rows, const Common& common);
void add_handover(Rows& rows, const std::filesystem::path& broker);
void add_moving_stream(Rows& rows, const std::filesystem::path& broker);
void add_values(Rows& rows, const Common& common);
/// With FAIRWAY_LONG=1 also of 1 GiB.
void add_buffers(Rows& rows, const std::filesystem::path& broker);

/// Stops both sides when one of them gives up.
[[noreturn]] void fail(const std::string& what);

}  // namespace fairway::bench
