#include <cstring>
#include <utility>

#include "base/hook.hpp"
#include "base/scoped_flag.hpp"
#include "client/context.hpp"
#include "client/endpoint.hpp"
#include "client/kind.hpp"
#include "route/token_table.hpp"

/// How ports leave in a message: DETACH for each, accepted by the kernel, and only then the record that carries them.
namespace fairway::client {

std::vector<std::byte> Endpoint::record_with(std::size_t ports, Bytes payload) {
  const std::size_t table = route::token_table_size(ports);
  std::vector<std::byte> record(table + payload.size());
  if (!payload.empty()) std::memcpy(record.data() + table, payload.data(), payload.size());
  return record;
}

void Endpoint::post_with(shm::RecordType type, std::vector<std::byte> record, std::vector<std::unique_ptr<Endpoint>> ports) {
  context_.service_broker_if_news();
  if (peer_gone()) {
    for (auto& endpoint : ports) context_.close_later(std::move(endpoint));
    return;
  }
  context_.note_post();
  std::vector<route::Token> tokens;
  for (const auto& endpoint : ports) {
    tokens.push_back({endpoint->id_, endpoint->pairing_.mine() + 1});
  }
  route::write_token_table(tokens, record.data());
  out_.push_held(type, shm::record_has_tokens, std::move(record));
  leaving_.push_back(std::move(ports));
  progress();
  context_.service_broker_if_news();
}

void Endpoint::let_ports_go() {
  if (leaving_.empty() || letting_go_) return;
  const ScopedFlag letting_go(letting_go_);
  if (!out_.open()) grow();  // the stream that the tokens stand in is the broker's first
  const auto stuck_for_ever = [](Endpoint& endpoint) { return !endpoint.known() && endpoint.forsaken(); };
  while (!leaving_.empty() && (out_.open() || stuck_for_ever(*this))) {
    if (leaving_.front().empty()) {
      leaving_.pop_front();
      out_.release();
      continue;
    }
    // Out of the list: news that come meanwhile may clear that.
    std::unique_ptr<Endpoint> endpoint = std::move(leaving_.front().back());
    leaving_.front().pop_back();
    if (endpoint->detach(*this)) continue;
    if (leaving_.empty() || stuck_for_ever(*this) || stuck_for_ever(*endpoint)) {
      context_.close_later(std::move(endpoint));
    } else {
      leaving_.front().push_back(std::move(endpoint));
      break;
    }
  }
  if (leaving_.empty()) {
    context_.departed(*this);
  } else {
    context_.await_departure(*this);
  }
}

bool Endpoint::detach(Endpoint& carrier) {
  if (!known() || !carrier.known()) return false;
  context_.abandon_claims(*this);
  moving_ = true;
  progress();
  if (out_.has_backlog() && !in_.closed()) return false;
  const bool wrote = out_.ever_open();
  const std::uint64_t final = wrote ? out_.tail() : 0;
  const Epoch epoch = pairing_.mine() + 1;
  const wire::Counts counts{out_.posted_messages(), out_.posted_bytes(), messages_read_, bytes_read_};
  FAIRWAY_HOOK(detach_before);
  out_.say_left(true);  // before: should the broker die with the news, the other side finds it
  if (!context_.broker().try_send(wire::Detach{id_, carrier.id_, final, in_.position().pack(), epoch, 0, counts})) {
    out_.say_left(false);
    return false;
  }
  FAIRWAY_HOOK(detach_sent);
  if (Endpoint* const opposite = context_.find(id_.opposite())) {
    // Nobody tells this context of its own move.
    if (wrote) opposite->in_.ends_at({static_cast<Generation>(out_.next_generation() - 1), final});
    opposite->peer_moved(epoch);
  }
  return true;
}

void Endpoint::replay(MessageEvent event) {
  if (event.ports.empty()) return post(record_type(event.kind()), event.bytes());
  std::vector<std::unique_ptr<Endpoint>> ports;
  for (const MessagePort& handle : event.ports) ports.push_back(context_.take_endpoint(*handle.implementation()));
  std::vector<std::byte> record = record_with(ports.size(), event.bytes());
  post_with(record_type(event.kind()), std::move(record), std::move(ports));
}

}  // namespace fairway::client
