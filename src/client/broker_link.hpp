#pragma once

#include <deque>
#include <filesystem>
#include <optional>
#include <vector>

#include <fairway/types.hpp>

#include "client/held_stream.hpp"
#include "sys/fd.hpp"
#include "sys/memory.hpp"
#include "sys/socket.hpp"
#include "wire/codec.hpp"

namespace fairway::client {

/// A context's connection to its broker. Nothing here blocks but `join` and `wait`.
class BrokerLink {
 public:
  struct Message {
    wire::BrokerMessage body;
    std::vector<sys::Fd> descriptors;
  };

  /// Finds the broker of the directory, or starts one, says Hello and waits for the answer. Throws
  /// std::system_error with the broker's refusal, or `Errc::no_broker` when the time is over.
  Message join(const std::filesystem::path& directory, const wire::Hello& hello, Timeout timeout);

  /// Says Hello to the next broker of the directory, if there is one, or if it can be started. Whether that lets this
  /// context in, it answers like anything else. May throw std::system_error.
  enum class Start { never, if_missing };
  bool rejoin(const std::filesystem::path& directory, const wire::Hello& hello, Start start, Timeout timeout);

  bool alive() const noexcept { return static_cast<bool>(socket_); }
  int fd() const noexcept { return socket_.get(); }

  /// Sends behind what waits already; without a broker the message is dropped. Without memory to let it wait, the
  /// connection ends.
  void send(const wire::ClientMessage& message, KeptMemory memory = nullptr) noexcept;
  /// True: the kernel has accepted the message. False: it is not sent, now or later.
  [[nodiscard]] bool try_send(const wire::ClientMessage& message, const KeptMemory& memory = nullptr);
  /// Sends what waits; true: nothing waits any more.
  bool flush();
  /// The kernel had no room for a message since `unblock`: that one waits, or was given up by `try_send`.
  bool blocked() const noexcept { return alive() && blocked_; }
  /// The socket has room again: sends what waits.
  void unblock();

  /// The next message; none: nothing is there, or the broker is gone (`alive`).
  std::optional<Message> receive();
  /// Messages received since Hello.
  std::uint64_t received() const noexcept { return received_; }

  /// Waits until there is something to receive, or room if it is `blocked`; false: time is over or the broker is gone.
  bool wait(Timeout timeout) const;
  void close() noexcept { socket_.close(); }
  /// Ends the connection, and lets `received` differ from what the broker has sent: there is news.
  void give_up() noexcept;

 private:
  std::optional<Message> try_join(const std::filesystem::path& directory, const wire::Hello& hello, std::uint64_t deadline);

  struct Waiting {
    wire::Frame frame;
    KeptMemory memory;
  };
  void connect(const std::filesystem::path& directory);
  bool try_connect(const std::filesystem::path& directory);
  /// True: the kernel has accepted it.
  bool deliver(const wire::Frame& frame, const KeptMemory& memory);

  sys::Fd socket_;
  std::deque<Waiting> waiting_;
  std::uint64_t received_ = 0;
  std::uint64_t unacknowledged_ = 0;
  bool blocked_ = false;
};

}  // namespace fairway::client
