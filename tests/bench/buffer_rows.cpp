#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "bench/channel_row.hpp"

namespace fairway::bench {

namespace {

struct Size {
  std::size_t bytes;
  const char* name;
  const char* text;
  std::size_t count;
  std::size_t quick_count;
};

/// What a copy of that size costs, to measure the next row with.
class Copy final : public Row {
 public:
  explicit Copy(const Size& size)
      : Row(std::string("memcpy.") + size.name, std::string("memcpy of ") + size.text + " between warm buffers", Unit::nanoseconds,
            size.count, size.quick_count),
        from_(size.bytes, std::byte{7}),
        to_(size.bytes, std::byte{8}) {}

  Sample near(std::size_t count) override {
    Laps laps(count);
    laps.start();
    for (std::size_t i = 0; i < count; ++i) {
      std::memcpy(to_.data(), from_.data(), from_.size());
      asm volatile("" : : "r"(to_.data()) : "memory");
      laps.lap();
    }
    return laps.latency();
  }

 private:
  std::vector<std::byte> from_;
  std::vector<std::byte> to_;
};

/// An ArrayBuffer goes to the far side and comes back, transferred both times.
class BufferTrip final : public ChannelRow {
 public:
  BufferTrip(const std::filesystem::path& broker, const Size& size)
      : ChannelRow(broker, Wait::poll, std::string("buffer.") + size.name,
                   std::string("Fairway, buffer of ") + size.text + " there and back, Wait::poll", Unit::nanoseconds, size.count,
                   size.quick_count),
        size_(size.bytes) {}

  Sample near(std::size_t count) override {
    ArrayBuffer buffer(size_);
    Laps laps(count);
    laps.start();
    for (std::size_t i = 0; i < count; ++i) {
      port().post_message(buffer, {.transfer = {buffer}});
      buffer = take();
      laps.lap();
    }
    return laps.latency();
  }
  void far(std::size_t count) override {
    for (std::size_t i = 0; i < count; ++i) {
      ArrayBuffer buffer = take();
      port().post_message(buffer, {.transfer = {buffer}});
    }
  }

 private:
  ArrayBuffer take() {
    const auto event = port().receive();
    if (!event || event->data().type() != Value::Type::array_buffer || event->data().size() != size_) fail("a buffer did not come");
    return ArrayBuffer(event->data());
  }

  std::size_t size_;
};

}  // namespace

void add_buffers(Rows& rows, const std::filesystem::path& broker) {
  std::vector<Size> sizes = {{std::size_t{64} << 10, "64k", "64 KiB", 2000, 50}, {std::size_t{1} << 20, "1m", "1 MiB", 200, 5},
                             {std::size_t{16} << 20, "16m", "16 MiB", 100, 2}};
  if (std::getenv("FAIRWAY_LONG") != nullptr) sizes.push_back({std::size_t{1} << 30, "1g", "1 GiB", 2, 1});
  for (const Size& size : sizes) {
    rows.push_back(std::make_unique<Copy>(size));
    rows.push_back(std::make_unique<BufferTrip>(broker, size));
  }
}

}  // namespace fairway::bench
