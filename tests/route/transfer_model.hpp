#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "route/claims.hpp"
#include "route/pairing.hpp"
#include "route/registry.hpp"

namespace fairway::route::test {

/// What contexts do besides the registry's rules; each can be left out.
enum class Habit : std::uint32_t {
  detaches_first = 1u << 0,      ///< the record of a token is committed after its Detach was accepted
  waits_for_grants = 1u << 1,    ///< a message is delivered when its tokens are answered
  unclaims = 1u << 2,            ///< before its port goes with a record unread
  broker_drains = 1u << 3,       ///< what a dead context had sent is handled before its end
};

/// A value: one Registry, a few contexts that say what the library says, the memory they share, and messages crossing in
/// both directions. Everything that may happen next is a step.
class TransferModel {
 public:
  struct Budget {
    int posts = 0, transfers = 0, closes = 0, deaths = 0;
  };
  struct Step {
    enum class Kind : std::uint8_t { broker_handles, context_handles, end_of_file, commit, read, post, transfer, close, die } kind;
    int context = 0;
    PortId port;
    PortId carrier;
    int lost = 0;  ///< die: of the messages of its last act, so many were not accepted
  };

  /// Two ends of a channel, each with the index of its owner.
  struct Channel {
    int one, two;
  };
  TransferModel(int contexts, const std::vector<Channel>& channels, Budget budget, std::uint32_t habits_left_out = 0);

  std::vector<Step> steps() const;
  void take(const Step& step);
  /// Whether nothing happens unless somebody wants something.
  bool quiet() const;
  /// What is wrong with it; empty: nothing.
  std::string violation() const { return violation_; }
  /// In a quiet state: is everything where it must be?
  std::string unsettled() const;
  std::string fingerprint() const;
  static std::string to_text(const Step& step);

 private:
  struct Record {
    int data = 0;
    std::optional<Token> token;
  };
  struct Memory {
    std::map<Generation, std::vector<Record>> generations;
    int posted = 0, delivered = 0;
  };
  struct Part {
    Generation index = 0;
    std::uint64_t final = wire::unknown_final;
  };
  struct Port {
    Pairing pairing;
    bool held = false;  ///< granted, and its message is not delivered
    Generation next = 0;
    bool open = false;
    std::vector<Part> parts;
    shm::Position at;
    bool closed = false, ended = false;
  };
  struct Context {
    ContextId id;
    bool alive = true, left = false;
    std::deque<wire::ClientMessage> out;
    std::deque<wire::BrokerMessage> in;
    int last_act = 0;  ///< messages of it that a death may still take back
    Claims claims;
    std::map<PortId, Port> ports;
    PortId committing;
    Record record;
    std::optional<wire::ClientMessage> late;
  };

  bool has(Habit habit) const { return (left_out_ & static_cast<std::uint32_t>(habit)) == 0; }
  void wrong(const std::string& what) {
    if (violation_.empty()) violation_ = what;
  }
  void perform(Actions actions);
  void send(Context& context, const wire::ClientMessage& message);
  void handle(Context& context, const wire::ClientMessage& message);
  void on(Context& context, const wire::Granted& m);
  void on(Context& context, const wire::Refused& m);
  void on(Context& context, const wire::Moved& m);
  void on(Context& context, const wire::Paired& m);
  void on(Context& context, const wire::Install& m);
  void on(Context& context, const wire::PortClosed& m);
  void ends_at(Port& port, PortId id, Generation generation, std::uint64_t final);
  bool readable(const Context& context, PortId id, const Port& port) const;
  void read(Context& context, PortId id);
  bool at_end_of_part(const Port& port) const;
  void ready(Context& context, PortId id, Port& port);
  void post(Context& context, PortId id);
  void transfer(Context& context, PortId id, PortId carrier);
  void close(Context& context, PortId id);
  void check();

  Registry registry_;
  std::vector<Context> contexts_;
  std::map<PortId, Memory> memory_;
  std::map<PortId, shm::PortInfo> rows_;
  Budget budget_;
  std::uint32_t left_out_;
  std::string violation_;
};

}  // namespace fairway::route::test
