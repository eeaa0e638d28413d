#include <array>
#include <cstring>
#include <optional>
#include <span>
#include <utility>

#include "bench/channel_row.hpp"

namespace fairway::bench {

namespace {

constexpr std::size_t small = 64;
constexpr std::size_t large = std::size_t{1} << 20;

std::string wait_name(Wait wait) {
  switch (wait) {
    case Wait::poll: return "poll";
    case Wait::block: return "block";
    case Wait::adaptive: return "adaptive";
  }
  return "?";
}

class PingPong final : public ChannelRow {
 public:
  PingPong(const std::filesystem::path& broker, Wait wait, std::size_t count)
      : ChannelRow(broker, wait, "ping_pong." + wait_name(wait), "Fairway, 64 B round trip, Wait::" + wait_name(wait),
                   Unit::nanoseconds, count, count / 10) {}

  Sample near(std::size_t count) override {
    std::array<std::byte, small> record{};
    Laps laps(count);
    laps.start();
    for (std::uint64_t i = 0; i < count; ++i) {
      std::memcpy(record.data(), &i, sizeof i);
      port().post_message(record);
      expect(port().receive(), i);
      laps.lap();
    }
    return laps.latency();
  }
  void far(std::size_t count) override {
    for (std::size_t i = 0; i < count; ++i) {
      const auto event = port().receive();
      if (!event) fail("the other side is gone");
      port().post_message(event->bytes());
    }
  }
};

enum class Reading { receive, callback };

/// Posts as fast as the soft limit allows. A first message tells that the reader is there, an answer that all is read.
class Stream final : public ChannelRow {
 public:
  Stream(const std::filesystem::path& broker, Wait wait, Reading reading, std::size_t size, std::size_t count,
         std::size_t quick_count)
      : ChannelRow(broker, wait,
                   (size == large ? "large_stream." : "stream.") + wait_name(wait) +
                       (reading == Reading::callback ? ".on_message" : ""),
                   std::string("Fairway, ") + (size == large ? "1 MiB" : "64 B") + " stream, Wait::" + wait_name(wait) +
                       (reading == Reading::callback ? ", on_message" : ", receive"),
                   size == large ? Unit::bytes_per_second : Unit::messages_per_second, count, quick_count),
        reading_(reading),
        record_(size, std::byte{7}) {}

  Sample near(std::size_t count) override {
    std::memset(record_.data(), 0, sizeof(std::uint64_t));
    post();
    expect(port().receive(), 1);
    const Stopwatch watch;
    for (std::uint64_t i = 0; i < count; ++i) {
      std::memcpy(record_.data(), &i, sizeof i);
      post();
    }
    expect(port().receive(), 2);
    const double rate = static_cast<double>(count) / watch.seconds();
    return {unit() == Unit::bytes_per_second ? rate * static_cast<double>(record_.size()) : rate};
  }

  void far(std::size_t count) override {
    expect(port().receive(), 0);
    answer(1);
    if (reading_ == Reading::receive) {
      for (std::uint64_t i = 0; i < count; ++i) expect(port().receive(), i);
    } else {
      std::uint64_t next = 0;
      port().on_message([&](MessageEvent& event) {
        if (number_of(event) != next)
          fail("message " + std::to_string(number_of(event)) + " arrived for " + std::to_string(next));
        if (++next == count) context().stop();
      });
      context().run();
      port().on_message(nullptr);
    }
    answer(2);
  }

 private:
  void post() {
    for (;;) {
      switch (port().try_post(record_)) {
        case Status::ok: return;
        case Status::full: break;
        default: fail("the other side is gone");
      }
      bool drained = false;
      port().on_drain([&] { drained = true; });
      while (!drained) context().run_once();
      port().on_drain(nullptr);
    }
  }
  void answer(std::uint64_t value) { port().post_message(std::as_bytes(std::span(&value, 1))); }

  Reading reading_;
  std::vector<std::byte> record_;
};

/// Each lap is a channel of its own: connect, a message there, its answer, close.
class Connect final : public ChannelRow {
 public:
  enum class Until { connected, answered };
  Connect(const std::filesystem::path& broker, Until until)
      : ChannelRow(broker, Wait::adaptive, until == Until::connected ? "connect" : "connect.answer",
                   until == Until::connected ? "Fairway, connect()" : "Fairway, connect(), first message, its answer",
                   Unit::nanoseconds, 20, 5),
        until_(until) {}

  void open_near() override {
    ChannelRow::open_near();
    port().close();
  }
  Sample near(std::size_t count) override {
    const std::array<std::byte, small> record{};
    Laps laps(count);
    for (std::size_t i = 0; i < count; ++i) {
      laps.start();
      MessagePort port = context().connect(name());
      if (until_ == Until::connected) laps.lap();
      port.post_message(record);
      if (!port.receive()) fail("the other side is gone");
      if (until_ == Until::answered) laps.lap();
    }
    return laps.latency();
  }
  void far(std::size_t count) override {
    for (std::size_t i = 0; i < count; ++i) {
      if (!std::exchange(first_gone_, true)) next_port().close();
      MessagePort port = next_port();
      const auto event = port.receive();
      if (!event) fail("the other side is gone");
      port.post_message(event->bytes());
      if (port.receive()) fail("a message that nobody sent");
    }
  }

 private:
  Until until_;
  bool first_gone_ = false;
};

/// A channel that never leaves its context.
class LocalChannel final : public Row {
 public:
  explicit LocalChannel(std::filesystem::path broker)
      : Row("channel", "Fairway, MessageChannel made and closed", Unit::nanoseconds, 2000, 500),
        broker_(std::move(broker)) {}

  void open_near() override { context_.emplace(ContextOptions{.broker = broker_}); }
  Sample near(std::size_t count) override {
    Laps laps(count);
    laps.start();
    for (std::size_t i = 0; i < count; ++i) {
      MessageChannel channel(*context_);
      channel.port1.close();
      channel.port2.close();
      laps.lap();
    }
    return laps.latency();
  }

 private:
  std::filesystem::path broker_;
  std::optional<Context> context_;
};

}  // namespace

Rows make_rows(const Common& common, const std::filesystem::path& broker) {
  Rows rows;
  const auto stream = [&](Wait wait, Reading reading) {
    rows.push_back(std::make_unique<Stream>(broker, wait, reading, small, 200000, 20000));
  };
  add_cache_line(rows, common);
  add_bare_ping_pong(rows, common);
  rows.push_back(std::make_unique<PingPong>(broker, Wait::poll, 10000));
  rows.push_back(std::make_unique<PingPong>(broker, Wait::adaptive, 10000));
  add_doorbell(rows, common);
  rows.push_back(std::make_unique<PingPong>(broker, Wait::block, 1000));
  add_bare_stream(rows, common);
  stream(Wait::poll, Reading::receive);
  stream(Wait::poll, Reading::callback);
  stream(Wait::adaptive, Reading::receive);
  stream(Wait::adaptive, Reading::callback);
  add_memcpy(rows);
  add_bare_large_stream(rows, common);
  for (const Wait wait : {Wait::poll, Wait::adaptive})
    rows.push_back(std::make_unique<Stream>(broker, wait, Reading::receive, large, 256, 16));
  rows.push_back(std::make_unique<Connect>(broker, Connect::Until::connected));
  rows.push_back(std::make_unique<Connect>(broker, Connect::Until::answered));
  rows.push_back(std::make_unique<LocalChannel>(broker));
  add_relay(rows, common);
  add_handover(rows, broker);
  add_moving_stream(rows, broker);
  add_values(rows, common);
  add_buffers(rows, broker);
  return rows;
}

}  // namespace fairway::bench
