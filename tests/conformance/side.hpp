#pragma once

#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include <fairway/fairway.hpp>

#include "support/broker_thread.hpp"
#include "support/child.hpp"

/// One body, three transports: a conformance test sees two Sides of a channel and does not know whether they are in
/// one context, in two, or in two processes.
namespace fairway::test {

/// What happened at a side: "m:text", "e" (messageerror), "c:reason", "d" (drain), in order.
using Events = std::vector<std::string>;

class Side {
 public:
  virtual ~Side() = default;

  virtual void post(const std::string& text) = 0;
  virtual std::string try_post(const std::string& text) = 0;
  virtual void start() = 0;
  /// Sets on_message (which starts the port), on_message_error and on_drain to record.
  virtual void listen() = 0;
  virtual void listen_for_close() = 0;
  /// Dispatches until `count` events were recorded since the last call, or nothing came for `patience`.
  Events pump(std::size_t count, std::chrono::milliseconds patience = std::chrono::seconds(20)) { return do_pump(count, patience); }
  /// "text", or "" when nothing came.
  std::string receive(std::chrono::milliseconds timeout = std::chrono::seconds(20)) { return do_receive(timeout); }
  virtual void close() = 0;
  virtual std::string reason() = 0;
  virtual std::size_t buffered() = 0;
  virtual int pid() = 0;

  /// Dispatches what is there, for events that must not come.
  Events settle() { return pump(~std::size_t{0}, std::chrono::milliseconds(50)); }

 private:
  virtual Events do_pump(std::size_t count, std::chrono::milliseconds patience) = 0;
  virtual std::string do_receive(std::chrono::milliseconds timeout) = 0;
};

/// A port of this process.
class LocalSide : public Side {
 public:
  LocalSide(std::shared_ptr<Context> context, MessagePort port) : context_(std::move(context)), port_(std::move(port)) {}

  void post(const std::string& text) override { port_.post_message(text); }
  std::string try_post(const std::string& text) override { return std::string(to_string(port_.try_post(text))); }
  void start() override { port_.start(); }
  void listen() override;
  void listen_for_close() override;
  Events do_pump(std::size_t count, std::chrono::milliseconds patience) override;
  std::string do_receive(std::chrono::milliseconds timeout) override;
  void close() override { port_.close(); }
  std::string reason() override;
  std::size_t buffered() override { return port_.buffered_amount(); }
  int pid() override;
  MessagePort& port() { return port_; }

 private:
  std::shared_ptr<Context> context_;
  MessagePort port_;
  Events events_;
};

/// A port of a child process, which does what it is told, line by line.
class RemoteSide : public Side {
 public:
  explicit RemoteSide(std::unique_ptr<Child> child) : child_(std::move(child)) {}

  void post(const std::string& text) override { child_->ask("post " + text); }
  std::string try_post(const std::string& text) override { return child_->ask("try_post " + text); }
  void start() override { child_->ask("start"); }
  void listen() override { child_->ask("listen"); }
  void listen_for_close() override { child_->ask("listen_for_close"); }
  Events do_pump(std::size_t count, std::chrono::milliseconds patience) override;
  std::string do_receive(std::chrono::milliseconds timeout) override {
    return child_->ask("receive " + std::to_string(timeout.count()));
  }
  void close() override { child_->ask("close"); }
  std::string reason() override { return child_->ask("reason"); }
  std::size_t buffered() override { return std::stoul(child_->ask("buffered")); }
  int pid() override { return child_->pid(); }
  Child& child() { return *child_; }

 private:
  std::unique_ptr<Child> child_;
};

enum class Transport { one_context, two_contexts, two_processes };
std::string name_of(Transport transport);
inline void PrintTo(Transport transport, std::ostream* out) { *out << name_of(transport); }

/// A channel over a transport: `a` is always a port of this process.
struct Channel {
  explicit Channel(Transport transport);
  ~Channel();

  std::unique_ptr<BrokerThread> broker;
  std::shared_ptr<Context> context;  ///< of `a`
  std::unique_ptr<LocalSide> a;
  std::unique_ptr<Side> b;
};

}  // namespace fairway::test
