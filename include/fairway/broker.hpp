#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>

#include <fairway/export.hpp>
#include <fairway/types.hpp>

namespace fairway {

namespace broker {
class Server;
}

struct BrokerOptions {
  /// The runtime directory: socket, names of segments, tables. Empty: as `ContextOptions::broker`.
  std::filesystem::path directory = {};
  /// Keeps every other process, of one's own uid too, from opening segments by name.
  bool private_names = false;
  /// A socket of type SOCK_SEQPACKET that listens at `directory`/socket already, as a service manager passes it. The broker
  /// owns it, and leaves its name when it ends. -1: the broker makes its own.
  int listener = -1;
  /// Leaves `run` when no context has been there for so long. Empty: never.
  std::optional<Timeout> idle_exit = std::nullopt;

  std::size_t contexts = 4096;                                  ///< at once
  std::size_t ports_per_context = 65536;                        ///< that are shared with another context
  std::size_t memory_per_context = std::size_t{16} << 30;       ///< bytes of segments allocated for one context
  std::size_t memory_per_user = std::size_t{64} << 30;          ///< bytes of segments allocated for one uid
};

/// The trusted process's part: allocates segments, knows who owns each port, introduces contexts. Never on the
/// data path. Single-threaded: one thread runs it; only `stop` may come from another.
class FAIRWAY_API Broker {
 public:
  using Options = BrokerOptions;

  /// Takes the directory. Throws std::system_error: `name_taken` when another broker serves it, or the system's error.
  explicit Broker(Options options = {});
  ~Broker();
  Broker(Broker&&) = delete;

  /// Serves until `stop`, or until idle for `idle_exit`.
  void run();
  /// For foreign loops: serves what is there, never waits.
  void poll();
  int native_handle() const;
  void stop() noexcept;

 private:
  std::unique_ptr<broker::Server> server_;
};

}  // namespace fairway
