#include <span>
#include <utility>

#include "bench/channel_row.hpp"

namespace fairway::bench {

namespace {

Bytes bytes_of(const std::uint64_t& value) { return std::as_bytes(std::span(&value, 1)); }

/// A port goes to the far side and comes back. Its other end stays here and hears from it at each arrival, so that
/// each owner has really had it.
class Handover final : public ChannelRow {
 public:
  explicit Handover(const std::filesystem::path& broker)
      : ChannelRow(broker, Wait::poll, "handover.poll", "Fairway, port there and back, used at both, Wait::poll",
                   Unit::nanoseconds, 200, 20) {}

  void open_near() override {
    ChannelRow::open_near();
    MessageChannel channel(context());
    stays_ = std::move(channel.port1);
    travels_ = std::move(channel.port2);
  }

  Sample near(std::size_t count) override {
    Laps laps(count);
    laps.start();
    for (std::uint64_t i = 0; i < count; ++i) {
      port().post_message(bytes_of(i), {.transfer = {travels_}});
      expect(stays_.receive(), i);
      take();
      travels_.post_message(bytes_of(i));
      expect(stays_.receive(), i);
      laps.lap();
    }
    return laps.latency();
  }
  void far(std::size_t count) override {
    for (std::uint64_t i = 0; i < count; ++i) {
      take();
      travels_.post_message(bytes_of(i));
      port().post_message(bytes_of(i), {.transfer = {travels_}});
    }
  }

 private:
  void take() {
    auto event = port().receive();
    if (!event || event->ports.size() != 1) fail("a port did not come");
    travels_ = std::move(event->ports[0]);
  }

  MessagePort stays_;
  MessagePort travels_;
};

}  // namespace

void add_handover(Rows& rows, const std::filesystem::path& broker) {
  rows.push_back(std::make_unique<Handover>(broker));
}

}  // namespace fairway::bench
