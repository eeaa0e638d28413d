#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "route/registry.hpp"
#include "wire/messages.hpp"

namespace fairway::route::test {

/// What may go wrong in a simulated process.
struct Troubles {
  bool mapping = false;   ///< a segment cannot be mapped: it is fetched again later, whatever happened meanwhile
  bool hostile = false;   ///< between honest messages, others
};

/// What src/client says to the broker, without memory and sockets: the same messages for the same reasons, in the
/// same order. `in` and `out` are the two directions of its socket; messages cross in them.
class SimulatedClient {
 public:
  SimulatedClient(ContextId its_id, std::string its_name, Troubles troubles)
      : id(its_id), name(std::move(its_name)), troubles_(troubles) {}

  const ContextId id;
  const std::string name;
  std::deque<wire::BrokerMessage> in;
  std::deque<wire::ClientMessage> out;
  /// Secrets of children that were started and have neither come nor ended.
  std::vector<wire::Secret> started;
  std::string confused;  ///< the broker said something that it should not have said

  /// Tokens that it put into streams: what whoever reads them will claim.
  std::vector<wire::Claim> sent_tokens;

  /// Reaches a record with that token.
  bool claim(const wire::Claim& claim);
  /// Takes the next message out of `in`.
  void receive(std::mt19937_64& random);
  /// The user, or a timer, does something.
  void act(std::mt19937_64& random, const std::vector<std::string>& names);
  /// A child has ended, whether it had come or not.
  void child_ended(wire::Secret secret) { out.push_back(wire::Revoke{secret}); }
  /// Something that no library of ours says, with numbers that exist or nearly.
  void misbehave(std::mt19937_64& random, const std::vector<std::string>& names);

 private:
  struct Port {
    LinkId link;
    bool open = false;
    Epoch peer_epoch = 0;
    std::uint64_t read = 0;
    Generation next = 0;
    std::vector<Generation> incoming;
    std::set<Generation> missing;  ///< could not be mapped
    bool in_closed = false;
    bool ended = false;
    bool closing = false;  ///< closed here, with a backlog on its way
  };
  struct Pending {
    std::uint64_t request;
    PortId mine;
    bool patient;
  };

  void on(const wire::Welcome&) {}
  void on(const wire::Reasserted&) {}
  void on(const wire::Refusal&) { confused = "refused in the middle"; }
  void on(const wire::Lease& m);
  void on(const wire::LeaseRefused&) {}
  void on(const wire::Ids& m);
  void on(const wire::Link& m);
  void on(const wire::LinkInstall& m);
  void on(const wire::LinkDrop& m);
  void on(const wire::Paired& m);
  void on(const wire::Install& m);
  void on(const wire::Reply& m);
  void on(const wire::Granted& m);
  void on(const wire::PortClosed& m);
  void on(const wire::Refused&) {}
  void on(const wire::Moved& m);
  void on(const wire::Boxed& m);

  bool chance(int one_in) { return (*random_)() % static_cast<std::uint64_t>(one_in) == 0; }
  std::optional<SegmentId> take_lease();
  void bind_links();
  bool bind(PortId id, Port& port);
  std::optional<PortId> share();
  void connect(const std::vector<std::string>& names);
  void finish_connecting();
  void spawn();
  void post(PortId id, Port& port);
  void transfer(PortId id, Port& port);
  void box(PortId carrier, Port& port);
  void read(PortId id, Port& port);
  void close(PortId id);
  void fetch_again();

  Troubles troubles_;
  std::mt19937_64* random_ = nullptr;
  std::deque<std::pair<std::uint64_t, std::uint64_t>> ids_;
  std::vector<SegmentId> leases_;
  std::map<PortId, Port> ports_;
  std::map<PortId, Epoch> epochs_;
  std::set<PortId> boxes_;  ///< that came, and not yet what they were granted for
  std::map<LinkId, bool> links_;  ///< whether my half is bound
  std::vector<std::pair<PortId, Generation>> uninstalled_;
  std::vector<LinkId> uninstalled_links_;
  std::optional<Pending> pending_;
  std::map<std::uint64_t, wire::Reply> replies_;
  std::uint64_t next_request_ = 1;
  std::uint64_t next_secret_ = 1;
};

}  // namespace fairway::route::test
