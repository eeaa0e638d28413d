#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <fairway/broker.hpp>

#include "shm/layout.hpp"
#include "support/temporary_directory.hpp"
#include "sys/memory.hpp"
#include "sys/socket.hpp"
#include "wire/codec.hpp"

namespace fairway::broker::test {

/// A broker in this thread: it does something only inside `serve`.
class PolledBroker {
 public:
  explicit PolledBroker(BrokerOptions options = {});

  /// Until it has nothing more to do.
  void serve();
  const std::filesystem::path& directory() const { return directory_.path(); }
  std::vector<std::string> segment_names() const;

 private:
  fairway::test::TemporaryDirectory directory_;
  Broker broker_;
};

/// The socket of a context and nothing else: it says what the test says. With a PolledBroker every wait serves it;
/// with a broker in a thread (`broker` null) it waits, with a watchdog.
class RawContext {
 public:
  struct Message {
    wire::BrokerMessage body;
    std::vector<sys::Fd> descriptors;
  };

  /// Connects, and says Hello unless that is left to the test.
  explicit RawContext(const std::filesystem::path& directory, PolledBroker* broker, std::optional<std::string> hello_as = "");

  void send(const wire::ClientMessage& message, std::span<const int> descriptors = {});
  void send_bytes(std::span<const std::byte> bytes, std::span<const int> descriptors = {});
  /// False: the socket is full.
  bool try_send(const wire::ClientMessage& message);
  /// The next message; none: nothing is there, or `gone`.
  std::optional<Message> receive();
  /// The first message of that kind; those before it are kept for later.
  template <class Body>
  std::pair<Body, std::vector<sys::Fd>> wait_for();
  /// Whether the broker has ended the connection; what it sent before is read and dropped.
  bool ended();
  /// Everything that has come so far.
  std::vector<Message> take_all();

  sys::Fd& socket() { return socket_; }
  int fd() const { return socket_.get(); }

  // What an honest library would do.
  SegmentId lease(std::uint64_t size = shm::small_segment);
  PortId create();
  /// A channel to the context of that name; the port that stays here.
  PortId connect(const std::string& name);

 private:
  void wait();

  PolledBroker* broker_;
  sys::Fd socket_;
  std::deque<Message> kept_;
  std::uint64_t next_channel_ = 0;
  std::uint64_t next_request_ = 1;
  bool gone_ = false;
};

template <class Body>
std::pair<Body, std::vector<sys::Fd>> RawContext::wait_for() {
  constexpr int watchdog = 600;  // waits of 100 ms
  std::size_t looked = 0;
  for (int waits = 0; waits < watchdog; ++waits) {
    for (; looked < kept_.size(); ++looked) {
      if (!std::holds_alternative<Body>(kept_[looked].body)) continue;
      Message message = std::move(kept_[looked]);
      kept_.erase(kept_.begin() + static_cast<std::ptrdiff_t>(looked));
      return {std::get<Body>(message.body), std::move(message.descriptors)};
    }
    wait();
    auto message = receive();
    if (message) {
      kept_.push_back(*std::move(message));
    } else if (gone_ || broker_ != nullptr) {
      break;
    }
  }
  throw std::runtime_error("the message that was waited for does not come");
}

}  // namespace fairway::broker::test
