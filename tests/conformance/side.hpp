#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include <fairway/fairway.hpp>

#include "support/broker_thread.hpp"
#include "support/child.hpp"

/// One body, several transports: a conformance test sees Sides and does not know whether they are in one context, in
/// several, or in several processes.
namespace fairway::test {

class Side;

/// What happened at a side: "m:text", "e" (messageerror), "c:reason", "d" (drain), in order.
using Events = std::vector<std::string>;
/// Sides that a message takes along: ports of the context that posts.
using Transfer = std::vector<std::reference_wrapper<Side>>;

struct Message {
  std::string text;
  std::vector<std::unique_ptr<Side>> ports;
};

/// A port, wherever it is. Its end closes the port. What throws there throws here: DOMException with the same name.
class Side {
 public:
  virtual ~Side() = default;

  void post(const std::string& text, const Transfer& transfer = {}) { do_post(text, transfer); }
  std::string try_post(const std::string& text, const Transfer& transfer = {}) { return do_try_post(text, transfer); }
  /// Posts "m0", "m1", …, each filled up with 'x' to `size`. Another process may still be at it when this returns.
  virtual void post_many(std::size_t count, std::size_t size = 0) = 0;
  /// A channel in the same context.
  virtual std::pair<std::unique_ptr<Side>, std::unique_ptr<Side>> make_channel() = 0;
  virtual void start() = 0;
  /// Sets on_message (which starts the port), on_message_error and on_drain to record.
  virtual void listen() = 0;
  virtual void listen_for_close() = 0;
  /// As `listen`; its first message makes it leave over `carrier`, with the text "the rest", while it is handled.
  virtual void listen_and_leave_over(Side& carrier) = 0;
  /// Dispatches until `count` events were recorded since the last call, or nothing came for `patience`.
  Events pump(std::size_t count, std::chrono::milliseconds patience = std::chrono::seconds(20)) { return do_pump(count, patience); }
  /// The next message's text, or "" when nothing came. Its ports close.
  std::string receive(std::chrono::milliseconds timeout = std::chrono::seconds(20)) { return do_take(timeout).text; }
  /// The next message, with its ports where this one is.
  Message take(std::chrono::milliseconds timeout = std::chrono::seconds(20)) { return do_take(timeout); }
  /// The only port of the next message. Throws if that is another one.
  std::unique_ptr<Side> take_port();
  /// Posts the next message back as it came: its value, with its ports, transferred if it is an ArrayBuffer.
  virtual void bounce() = 0;
  /// Obeys the next message as the incrementer of WPT does: of {message: "initial payload", sab} says the number in the memory,
  /// makes it a 2 and says so; of any other it says that it has come, and the number.
  virtual void increment() = 0;
  virtual void close() = 0;
  virtual bool open() = 0;
  virtual std::string reason() = 0;
  virtual std::size_t buffered() = 0;
  /// Its loop does not run before it is asked for something else.
  virtual void stand_still() = 0;
  /// Ends the whole context that has this port, in order; no side of it may be used from then on.
  virtual void end_context() = 0;
  virtual int pid() = 0;

  /// Dispatches what is there, for events that must not come.
  Events settle() { return pump(~std::size_t{0}, std::chrono::milliseconds(50)); }

 private:
  virtual void do_post(const std::string& text, const Transfer& transfer) = 0;
  virtual std::string do_try_post(const std::string& text, const Transfer& transfer) = 0;
  virtual Events do_pump(std::size_t count, std::chrono::milliseconds patience) = 0;
  virtual Message do_take(std::chrono::milliseconds timeout) = 0;
};

/// The contexts of this thread. Whoever waits lets all of them run.
class Locals {
 public:
  Context& add(ContextOptions options) { return *contexts_.emplace_back(std::make_unique<Context>(std::move(options))); }
  void end(const Context& context) {
    std::erase_if(contexts_, [&](const auto& entry) { return entry.get() == &context; });
  }
  void poll_all_but(const Context* waiting) {
    for (const auto& context : contexts_)
      if (context.get() != waiting) context->poll();
  }
  bool several() const { return contexts_.size() > 1; }

 private:
  std::deque<std::unique_ptr<Context>> contexts_;
};

/// A port of this process.
class LocalSide : public Side {
 public:
  LocalSide(std::shared_ptr<Locals> locals, Context& context, MessagePort port)
      : locals_(std::move(locals)), context_(&context), port_(std::move(port)) {}

  void post_many(std::size_t count, std::size_t size) override;
  std::pair<std::unique_ptr<Side>, std::unique_ptr<Side>> make_channel() override;
  void start() override { port_.start(); }
  void listen() override;
  void listen_for_close() override;
  void listen_and_leave_over(Side& carrier) override;
  void bounce() override;
  void increment() override;
  void close() override { port_.close(); }
  bool open() override { return static_cast<bool>(port_); }
  std::string reason() override;
  std::size_t buffered() override { return port_.buffered_amount(); }
  void stand_still() override {}  // it runs only while somebody waits
  void end_context() override { locals_->end(*context_); }
  int pid() override;
  MessagePort& port() { return port_; }
  /// The next message, or nothing when none came.
  std::optional<MessageEvent> next(std::chrono::milliseconds timeout = std::chrono::seconds(20));

 private:
  void do_post(const std::string& text, const Transfer& transfer) override;
  std::string do_try_post(const std::string& text, const Transfer& transfer) override;
  Events do_pump(std::size_t count, std::chrono::milliseconds patience) override;
  Message do_take(std::chrono::milliseconds timeout) override;
  std::unique_ptr<LocalSide> beside(MessagePort port) const;

  std::shared_ptr<Locals> locals_;
  Context* context_;
  MessagePort port_;
  SharedArrayBuffer incremented_;
  Events events_;
};

/// A child process that holds ports, under numbers, and does what it is told, line by line. While it is waited for, the
/// contexts of this thread run.
class Agent {
 public:
  Agent(std::shared_ptr<Locals> locals, std::vector<std::string> arguments);

  /// The answer; throws the DOMException that came instead of it.
  std::string ask(const std::string& request);
  /// Asks, and lets the answer come before that to the next question.
  void ask_later(const std::string& request);
  std::string line();
  Child& child() { return child_; }

 private:
  std::shared_ptr<Locals> locals_;
  Child child_;
  std::size_t owed_ = 0;
};

/// A port of a child process. The number 0 is the one that the child got when it started.
class RemoteSide : public Side {
 public:
  RemoteSide(std::shared_ptr<Agent> agent, int number) : agent_(std::move(agent)), number_(number) {}
  ~RemoteSide() override;

  void post_many(std::size_t count, std::size_t size) override;
  std::pair<std::unique_ptr<Side>, std::unique_ptr<Side>> make_channel() override;
  void start() override { ask("start"); }
  void listen() override { ask("listen"); }
  void listen_for_close() override { ask("listen_for_close"); }
  void listen_and_leave_over(Side& carrier) override;
  void bounce() override { ask("bounce"); }
  void increment() override { ask("increment"); }
  void close() override { ask("close"); }
  bool open() override { return ask("open") == "yes"; }
  std::string reason() override { return ask("reason"); }
  std::size_t buffered() override { return std::stoul(ask("buffered")); }
  void stand_still() override { ask("stand_still"); }
  void end_context() override;
  int pid() override { return child().pid(); }
  Child& child() { return agent_->child(); }

 private:
  std::string ask(const std::string& verb, const std::string& rest = "");
  std::string with_ports(const std::string& text, const Transfer& transfer) const;
  std::unique_ptr<RemoteSide> beside(int number) const { return std::make_unique<RemoteSide>(agent_, number); }

  void do_post(const std::string& text, const Transfer& transfer) override { ask("post", with_ports(text, transfer)); }
  std::string do_try_post(const std::string& text, const Transfer& transfer) override {
    return ask("try_post", with_ports(text, transfer));
  }
  Events do_pump(std::size_t count, std::chrono::milliseconds patience) override;
  Message do_take(std::chrono::milliseconds timeout) override;

  std::shared_ptr<Agent> agent_;
  int number_;
};

enum class Transport { one_context, two_contexts, two_processes, three_contexts, three_processes };
std::string name_of(Transport transport);
inline void PrintTo(Transport transport, std::ostream* out) { *out << name_of(transport); }

/// A channel over a transport: `a` is always a port of this process.
struct Channel {
  explicit Channel(Transport transport, BrokerOptions options = {});
  ~Channel();

  std::unique_ptr<BrokerThread> broker;
  std::shared_ptr<Locals> locals = std::make_shared<Locals>();
  Context* context;  ///< of `a`
  std::unique_ptr<LocalSide> a;
  std::unique_ptr<Side> b;
};

/// Three parties over a transport: this process has a channel to each of the others, which do not know each other.
struct Trio {
  explicit Trio(Transport transport);
  ~Trio();

  std::unique_ptr<BrokerThread> broker;
  std::shared_ptr<Locals> locals = std::make_shared<Locals>();
  Context* context;  ///< of `to_b` and `to_c`
  std::unique_ptr<LocalSide> to_b, to_c;
  std::unique_ptr<Side> b, c;
};

}  // namespace fairway::test
