#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <span>
#include <utility>

#include "bench/channel_row.hpp"

namespace fairway::bench {

namespace {

Bytes bytes_of(const std::uint64_t& value) { return std::as_bytes(std::span(&value, 1)); }

/// A port goes to the far side and comes back. If it is used, its other end stays here and hears from it at each
/// arrival: then each owner has opened a stream. An unused one has none, and its move is news and nothing else.
class Handover final : public ChannelRow {
 public:
  enum class Port { used, unused };

  Handover(const std::filesystem::path& broker, Port kind)
      : ChannelRow(broker, Wait::poll, kind == Port::used ? "handover.poll" : "handover.poll.unused",
                   std::string("Fairway, port there and back, ") + (kind == Port::used ? "used by both" : "unused") +
                       ", Wait::poll",
                   Unit::nanoseconds, 200, 20),
        kind_(kind) {}

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
      hear(i);
      take();
      use(i);
      hear(i);
      laps.lap();
    }
    return laps.latency();
  }
  void far(std::size_t count) override {
    for (std::uint64_t i = 0; i < count; ++i) {
      take();
      use(i);
      port().post_message(bytes_of(i), {.transfer = {travels_}});
    }
  }

 private:
  void take() {
    auto event = port().receive();
    if (!event || event->ports.size() != 1) fail("a port did not come");
    travels_ = std::move(event->ports[0]);
  }
  void use(std::uint64_t number) {
    if (kind_ == Port::used) travels_.post_message(bytes_of(number));
  }
  void hear(std::uint64_t number) {
    if (kind_ == Port::used) expect(stays_.receive(), number);
  }

  Port kind_;
  MessagePort stays_;
  MessagePort travels_;
};

using Clock = std::chrono::steady_clock;  // the same for all processes

/// The near side posts as fast as the soft limit allows, for as many milliseconds as the row counts. The port that
/// reads goes from the far process to the third and back, by a timetable; whoever has it reads. An owner that is late
/// moves it on as soon as it has read something.
class MovingStream final : public ChannelRow {
 public:
  enum class Reader { stays, moves };
  enum class Result { messages, moves };

  MovingStream(const std::filesystem::path& broker, Reader reader, Result result, std::string name, std::string text)
      : ChannelRow(broker, Wait::adaptive, std::move(name), std::move(text),
                   result == Result::messages ? Unit::messages_per_second : Unit::per_second, 200, 50, soft_limit),
        reader_(reader),
        result_(result) {}

  void open_third() override { open_near(); }

  Sample near(std::size_t milliseconds) override {
    MessageChannel channel(context());
    const Baton first{0, 0, Clock::now()};
    port().post_message(std::as_bytes(std::span(&first, 1)), {.transfer = {channel.port2}});
    MessagePort source = std::move(channel.port1);
    const Stopwatch watch;
    const double until = static_cast<double>(milliseconds) / 1e3;
    std::uint64_t posted = 0;
    while (posted % looks != 0 || watch.seconds() < until) post(source, posted++);
    post(source, last);
    const auto answer = source.receive();
    const double seconds = watch.seconds();
    expect(answer, posted);
    return {static_cast<double>(result_ == Result::messages ? posted : moves_of(*answer)) / seconds};
  }
  void far(std::size_t) override {
    if (!third_) third_ = next_port();
    take(port());
    while (own(*third_) && take(*third_)) {
    }
  }
  void third(std::size_t) override {
    while (take(port()) && own(port())) {
    }
  }

 private:
  static constexpr std::chrono::milliseconds period{1};
  /// What waits when the port moves is mapped anew by each owner: with a longer queue the moves come too late.
  static constexpr std::size_t soft_limit = std::size_t{256} << 10;
  static constexpr std::uint64_t last = ~std::uint64_t{0};
  static constexpr std::uint64_t looks = 32;  ///< messages between two looks at the clock

  /// What comes with the port; the time is that of its last move.
  struct Baton {
    std::uint64_t read;
    std::uint64_t moves;
    Clock::time_point leaves;
  };

  void post(MessagePort& source, std::uint64_t number) {
    std::array<std::uint64_t, 8> record{number};
    for (;;) {
      switch (source.try_post(std::as_bytes(std::span(record)))) {
        case Status::ok: return;
        case Status::full: break;
        default: fail("the other side is gone");
      }
      bool drained = false;
      source.on_drain([&] { drained = true; });
      while (!drained) context().run_once();
      source.on_drain(nullptr);
    }
  }
  static std::uint64_t moves_of(const MessageEvent& answer) {
    std::uint64_t moves = 0;
    std::memcpy(&moves, answer.bytes().data() + sizeof moves, sizeof moves);
    return moves;
  }

  /// False: the other owner has read the last message.
  bool take(MessagePort& from) {
    auto event = from.receive();
    if (!event) fail("the other owner is gone");
    if (event->ports.empty()) return false;
    std::memcpy(&baton_, event->bytes().data(), sizeof baton_);
    baton_.leaves = std::max(baton_.leaves + period, Clock::now() + period / 2);
    stream_ = std::move(event->ports[0]);
    return true;
  }
  /// Reads, and hands the port to the other owner. False: that was the last message.
  bool own(MessagePort& other) {
    do {
      const auto event = stream_.receive();
      if (!event) fail("the source is gone");
      if (number_of(*event) == last) {
        const std::array answer{baton_.read, baton_.moves};
        stream_.post_message(std::as_bytes(std::span(answer)));
        other.post_message("end");
        return false;
      }
      expect(event, baton_.read++);
    } while (reader_ == Reader::stays || baton_.read % looks != 0 || Clock::now() < baton_.leaves);
    ++baton_.moves;
    other.post_message(std::as_bytes(std::span(&baton_, 1)), {.transfer = {stream_}});
    return true;
  }

  Reader reader_;
  Result result_;
  std::optional<MessagePort> third_;  ///< of far: the port to the third
  MessagePort stream_;
  Baton baton_{};
};

}  // namespace

void add_handover(Rows& rows, const std::filesystem::path& broker) {
  rows.push_back(std::make_unique<Handover>(broker, Handover::Port::unused));
  rows.push_back(std::make_unique<Handover>(broker, Handover::Port::used));
}
void add_moving_stream(Rows& rows, const std::filesystem::path& broker) {
  const auto add = [&](MovingStream::Reader reader, MovingStream::Result result, const char* name, const char* text) {
    rows.push_back(std::make_unique<MovingStream>(broker, reader, result, name, text));
  };
  using enum MovingStream::Reader;
  using Result = MovingStream::Result;
  add(stays, Result::messages, "stream.staying", "Fairway, 64 B stream, its port stays");
  add(moves, Result::messages, "stream.moving", "Fairway, 64 B stream, its port moves each millisecond");
  add(moves, Result::moves, "stream.moving.moves", "Fairway, the moves of that port");
}

}  // namespace fairway::bench
