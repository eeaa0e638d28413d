#include "route/walk.hpp"

#include <algorithm>
#include <deque>
#include <exception>
#include <map>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "route/simulated_client.hpp"
#include "route/world.hpp"

namespace fairway::route::test {

namespace {

const std::vector<std::string> names = {"a", "b", "c", "d", "e", "nobody"};

class Walker {
 public:
  explicit Walker(const Walk& walk) : walk_(walk), random_(walk.seed), world_(Limits{40, shm::small_segment * 60, shm::small_segment * 150}) {}

  std::string run() {
    try {
      for (int i = 0; i < walk_.steps && wrong_.empty(); ++i) step();
      while (!clients_.empty() && wrong_.empty()) leave(clients_.begin()->first, random_() % 2 == 0);
      if (wrong_.empty() && (world_.registry().channels() != 0 || world_.registry().segments() != 0 || world_.registry().links() != 0 || world_.tables() != 0))
        wrong_ = "all have left, and there remain " + std::to_string(world_.registry().channels()) + " channels, " +
                 std::to_string(world_.registry().segments()) + " segments, " + std::to_string(world_.registry().links()) + " links, " +
                 std::to_string(world_.tables()) + " tables";
    } catch (const std::exception& error) {
      wrong_ = std::string("the broker dies of ") + error.what();
    }
    if (wrong_.empty()) return {};
    std::string text = "seed " + std::to_string(walk_.seed) + ": " + wrong_ + "\n";
    for (const std::string& line : last_) text += "  " + line + "\n";
    return text;
  }

 private:
  struct Member {
    std::unique_ptr<SimulatedClient> client;
    bool hostile;
  };

  bool chance(int one_in) { return random_() % static_cast<std::uint64_t>(one_in) == 0; }

  void step() {
    world_.no_memory = walk_.memory_fails && chance(10);
    world_.no_links = walk_.links_fail && chance(4);
    if (clients_.size() < 2 || chance(100)) return arrive();
    auto member = std::next(clients_.begin(), static_cast<std::ptrdiff_t>(random_() % clients_.size()));
    SimulatedClient& client = *member->second.client;
    switch (random_() % 8) {
      case 0:
      case 1:
      case 2: return deliver(client.id);
      case 3:
      case 4:
      case 5:
        collect(client);
        if (!client.in.empty()) client.receive(random_);
        break;
      case 6:
        if (member->second.hostile && chance(2)) {
          client.misbehave(random_, names);
        } else {
          client.act(random_, names);
        }
        break;
      case 7:
        if (chance(2)) return reach(client);
        if (chance(60) && (walk_.parents_die || client.started.empty())) return leave(client.id, chance(2));
        if (!client.started.empty() && chance(6)) return child(client.id);
        break;
    }
    if (!member->second.hostile && !client.confused.empty()) wrong_ = "context " + std::to_string(client.id.value) + " is confused: " + client.confused;
  }

  void arrive() {
    const auto count = [this](bool hostile) { return std::ranges::count_if(clients_, [hostile](const auto& entry) { return entry.second.hostile == hostile; }); };
    const bool hostile = count(true) < walk_.hostile;
    if (!hostile && count(false) >= walk_.honest) return;
    add(names[random_() % 5], {}, hostile);
  }

  ContextId add(const std::string& name, wire::Secret secret, bool hostile) {
    const ContextId id = world_.join(name, secret);
    note("context " + std::to_string(id.value) + " joins as '" + name + "'");
    if (id) clients_[id] = {std::make_unique<SimulatedClient>(id, name, Troubles{walk_.mapping_fails, walk_.hostile != 0}), hostile};
    after();
    return id;
  }

  /// A child comes, or ends without having come; either way it ends one day, and the parent says so.
  void child(ContextId parent) {
    auto& started = clients_.at(parent).client->started;
    const std::size_t which = random_() % started.size();
    const wire::Secret secret = started[which];
    started.erase(started.begin() + static_cast<std::ptrdiff_t>(which));
    if (!chance(3)) {
      // It was started after the Invite was sent.
      while (clients_.contains(parent) && !clients_.at(parent).client->out.empty() && wrong_.empty()) deliver(parent);
      add({}, secret, false);
    }
    if (const auto found = clients_.find(parent); found != clients_.end()) found->second.client->child_ended(secret);
  }

  /// One message reaches the broker.
  void deliver(ContextId id) {
    SimulatedClient& client = *clients_.at(id).client;
    if (client.out.empty()) return;
    const wire::ClientMessage message = client.out.front();
    client.out.pop_front();
    note(std::to_string(id.value) + " sends message kind " + std::to_string(message.index()));
    for (const std::string& line : world_.send(id, message)) note("    " + line);
    after();
  }

  /// Whoever reads the stream that this one put a token into comes to it.
  void reach(SimulatedClient& writer) {
    if (writer.sent_tokens.empty()) return;
    const wire::Claim token = writer.sent_tokens.front();
    for (auto& [id, member] : clients_) {
      if (!member.client->claim(token)) continue;
      writer.sent_tokens.erase(writer.sent_tokens.begin());
      return;
    }
    if (chance(8)) writer.sent_tokens.erase(writer.sent_tokens.begin());  // dropped with its stream, for all that is known here
  }

  void collect(SimulatedClient& client) {
    auto& box = world_.inbox(client.id);
    client.in.insert(client.in.end(), box.begin(), box.end());
    box.clear();
  }

  /// What the kernel has accepted reaches the broker before the end does; the rest is lost.
  void leave(ContextId id, bool suddenly) {
    SimulatedClient& client = *clients_.at(id).client;
    const auto is_revocation = [](const wire::ClientMessage& message) { return std::holds_alternative<wire::Revoke>(message); };
    if (!walk_.parents_die) {
      for (const wire::Secret secret : std::exchange(client.started, {})) client.child_ended(secret);
      if (std::ranges::any_of(client.out, is_revocation)) suddenly = false;
    }
    if (suddenly) client.out.resize(random_() % (client.out.size() + 1), wire::Done{});
    while (clients_.contains(id) && !clients_.at(id).client->out.empty() && wrong_.empty()) deliver(id);
    if (!clients_.contains(id)) return;
    note(std::to_string(id.value) + " leaves");
    for (const std::string& line : world_.leave(id)) note("    " + line);
    clients_.erase(id);
    after();
  }

  void after() {
    for (auto entry = clients_.begin(); entry != clients_.end();) {
      const auto why = world_.disconnected(entry->first);
      if (why && !entry->second.hostile && wrong_.empty())
        wrong_ = "the honest context " + std::to_string(entry->first.value) + " is disconnected: " + *why;
      entry = why ? clients_.erase(entry) : std::next(entry);
    }
    if (!world_.broken().empty() && wrong_.empty()) wrong_ = "the ledger: " + world_.broken();
  }

  void note(std::string line) {
    last_.push_back(std::move(line));
    if (last_.size() > 60) last_.pop_front();
  }

  const Walk walk_;
  std::mt19937_64 random_;
  World world_;
  std::map<ContextId, Member> clients_;
  std::deque<std::string> last_;
  std::string wrong_;
};

}  // namespace

std::string run(const Walk& walk) { return Walker(walk).run(); }

}  // namespace fairway::route::test
