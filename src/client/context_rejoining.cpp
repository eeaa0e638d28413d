#include <algorithm>
#include <new>
#include <system_error>
#include <utility>

#include "base/log.hpp"
#include "client/context.hpp"
#include "client/watch.hpp"
#include "sys/process.hpp"

/// A context whose broker has died joins the next one, and shows it what it holds. Nobody waits for that: whoever has news for
/// the loop looks for it, and who needs something of a broker starts one.
namespace fairway::client {

namespace {

constexpr std::uint64_t first_look_ns = 10'000'000;
constexpr std::uint64_t longest_pause_ns = 500'000'000;

}  // namespace

constinit const shm::ContextRow Context::no_row{};

void Context::look_for_broker() noexcept {
  if (!may_return_) return;
  pause_ns_ = pause_ns_ == 0 ? first_look_ns : std::min(pause_ns_ * 2, longest_pause_ns);
  next_look_ns_ = sys::now_ns() + pause_ns_;
  wake_other_loop();
}

void Context::look() noexcept {
  next_look_ns_ = for_ever;
  if (broker_.alive()) return;
  // Over such a link nobody is woken, whoever posts.
  const auto needs_another = [](const auto& entry) { return entry.second->endpoints != 0 && !entry.second->reaches(); };
  const bool needed = !stays_away_ && std::ranges::any_of(links_, needs_another);
  if (rejoin(needed ? BrokerLink::Start::if_missing : BrokerLink::Start::never)) return;
  stays_away_ |= needed;
  look_for_broker();
}

bool Context::returns_to_broker() noexcept {
  if (broker_.alive()) return true;
  if (!may_return_ || stays_away_) return false;
  if (!loss_handled_) return true;  // it is about to be noticed
  if (rejoin(BrokerLink::Start::if_missing)) return true;
  stays_away_ = true;
  return false;
}

bool Context::rejoin(BrokerLink::Start start) noexcept {
  try {
    if (!broker_.rejoin(directory_, hello_, start, options_.broker_timeout)) return false;
    poller_.add(broker_.fd(), watch::broker);
  } catch (const std::exception& error) {
    log(LogLevel::warning, [&] { return std::string("the broker cannot be joined again: ") + error.what(); });
    broker_.close();
    return false;
  }
  row_ = &no_row;
  loss_handled_ = watches_for_room_ = false;
  return true;
}

void Context::on(const wire::Welcome& m, BrokerLink::Message& message) {
  try {
    if (row_ != &no_row || message.descriptors.empty()) return broker_.close();
    take_row(m, message.descriptors[0]);
  } catch (const std::system_error& error) {
    log(LogLevel::error, [&] { return std::string("the broker is back, and not usable: ") + error.what(); });
    return broker_.close();
  }
  hello_.life = m.life;
  may_box_ = (m.features & wire::feature::boxes) != 0;
  for (Endpoint* const lender : lenders_) lender->lending().keep_all();  // this broker will take none of these numbers
  stays_away_ = false;
  pause_ns_ = 0;
  silence_ = {};
  log(LogLevel::info, [] { return "the broker is back"; });
  leases_.stock_up();
  if ((m.features & wire::feature::rejoin) == 0) return;
  for (const auto& [id, link] : links_)
    if (link->peer_dead) lose_link(*link);
  for (const auto& [id, endpoint] : endpoints_) endpoint->reassert();
  broker_.send(wire::Returned{});
}

void Context::on(const wire::Refusal& m, BrokerLink::Message&) {
  const std::string why(m.detail.view());
  if (row_ == &no_row && static_cast<Errc>(m.code) == Errc::name_taken) {
    log(LogLevel::error, [&] { return "the broker is back, but " + why + ": this context goes on without a name"; });
    hello_.name = {};
  } else {
    log(LogLevel::error, [&] { return "the broker ends the connection: " + why; });
    may_return_ = false;
  }
  broker_.close();
}

void Context::on(const wire::Reasserted& m, BrokerLink::Message&) {
  if (const auto link = links_.find(m.link); link != links_.end()) link->second->life = hello_.life;
  Endpoint* const endpoint = find(m.port);
  if (endpoint != nullptr) endpoint->reasserted(m);
  drop_former_links();
}

/// Before more of them are kept.
void Context::mind_descriptors_kept() noexcept {
  if (!keeper_.stops_with(endpoints_.size())) return;
  leases_.let_go_of_descriptors();
  for (const auto& [id, endpoint] : endpoints_) endpoint->let_go_of_descriptors();
}

/// The other side may not have heard yet that it goes, or over which one it goes on, and never hear if the broker dies now. But
/// one that this broker has cut off has to see by the doorbell that it is alone.
void Context::leave(Link& link, bool in_peace) {
  if (in_peace) link.let_go();
  unwatch(link);
  links_.erase(link.id());
}

/// Those that nobody uses any more; of the others the broker says when they go.
void Context::drop_former_links() {
  if (row_ == &no_row) return;
  for (auto entry = links_.begin(); entry != links_.end();) {
    const auto link = entry++;
    if (link->second->life == hello_.life || link->second->endpoints != 0) continue;
    leave(*link->second, true);
  }
}

/// The doorbell or the process of the other side is gone. What this broker knows it decides, after what was sent before.
void Context::on_link_dead(Link& link) {
  link.peer_dead = true;
  unwatch(link);
  if (!broker_.alive() || row_ == &no_row) return lose_link(link);
  if (link.life == hello_.life) return;
  broker_.send(wire::PeerGone{link.peer(), 0, link.pid()});
  for (const auto& [id, endpoint] : endpoints_)
    if (endpoint->link() == &link && endpoint->alone()) endpoint->peer_closed(std::nullopt, CloseReason::peer_lost);
}

}  // namespace fairway::client
