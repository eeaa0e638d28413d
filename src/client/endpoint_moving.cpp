#include <algorithm>
#include <cstring>
#include <utility>

#include "base/hook.hpp"
#include "base/scoped_flag.hpp"
#include "client/context.hpp"
#include "client/endpoint.hpp"
#include "client/kind.hpp"
#include "route/token_table.hpp"
#include "wire/buffer_block.hpp"

/// How ports leave in a message: DETACH for each, accepted by the kernel, and only then the record that carries them.
namespace fairway::client {

Outgoing::Record Endpoint::record_with(shm::RecordType type, std::size_t ports, std::span<const graph::Contents* const> buffers,
                                       Bytes payload, wire::Contained how) {
  const auto boxed = [how](const graph::Contents* buffer) { return wire::goes_in_box(*buffer, how); };
  const std::size_t tokens = ports + static_cast<std::size_t>(std::ranges::count_if(buffers, boxed));
  const std::size_t table = tokens == 0 ? 0 : route::token_table_size(tokens);
  const std::size_t size = buffers.empty() ? payload.size() : wire::buffer_head_size(buffers, payload);
  Outgoing::Record record{type, 0, std::vector<std::byte>(table + size)};
  if (tokens != 0) record.flags |= shm::record_has_tokens;
  std::byte* const place = record.bytes.data() + table;
  if (!buffers.empty()) {
    record.flags |= shm::record_has_buffers;
    wire::write_buffer_head(buffers, payload, how, place);
    for (const graph::Contents* const buffer : buffers) {
      if (boxed(buffer)) record.elsewhere += buffer->weight();
      if (wire::stands_inside(*buffer, how)) record.length += wire::padded(buffer->bytes().size());
    }
  } else if (!payload.empty()) {
    std::memcpy(place, payload.data(), payload.size());
  }
  return record;
}

void Endpoint::post_record(Outgoing::Record record, std::span<graph::BufferNode* const> buffers) {
  context_.service_broker_if_news();
  if (peer_gone()) return;
  context_.note_post();
  out_.push(std::move(record), buffers, wire::Contained::copied);
  progress();
  context_.service_broker_if_news();
}

void Endpoint::post_with(Outgoing::Record record, Departure departure, std::span<graph::BufferNode* const> buffers) {
  context_.service_broker_if_news();
  if (peer_gone()) return give_up(departure);
  context_.note_post();
  std::vector<route::Token> tokens;
  for (const auto& endpoint : departure.ports) tokens.push_back({endpoint->id_, endpoint->pairing_.mine() + 1});
  for (const Departure::Box& box : departure.boxes) tokens.push_back({box.number.id, box.back ? wire::lent_epoch : wire::box_epoch});
  route::write_token_table(tokens, record.bytes.data());
  std::vector<graph::BufferNode*> boxed;
  for (graph::BufferNode* const buffer : buffers)
    if (wire::goes_in_box(*buffer, departure.how())) boxed.push_back(buffer);
  record.held = true;
  Departure& leaving = leaving_.emplace_back();
  out_.push(std::move(record), buffers, departure.how());
  leaving = std::move(departure);
  for (const Departure::Box& box : leaving.boxes)
    if (box.back) lending_.gave_back(box.number.id);
  for (std::size_t i = 0; i < boxed.size(); ++i) leaving.boxes[i].memory = boxed[i]->leave().memory;
  progress();
  context_.service_broker_if_news();
}

void Endpoint::let_ports_go() {
  if (leaving_.empty() || letting_go_) return;
  const ScopedFlag letting_go(letting_go_);
  if (!out_.open()) grow();  // the stream that the tokens stand in is the broker's first
  const auto stuck_for_ever = [](Endpoint& endpoint) { return !endpoint.known() && endpoint.forsaken(); };
  while (!leaving_.empty() && (out_.open() || stuck_for_ever(*this))) {
    if (leaving_.front().ports.empty() && leaving_.front().boxes.empty()) {
      leaving_.pop_front();
      out_.release();
      continue;
    }
    if (auto& boxes = leaving_.front().boxes; !boxes.empty()) {
      const bool lost = !boxes.back().back && stuck_for_ever(*this);
      if (!lost && !let_go(boxes.back())) break;
      boxes.pop_back();
      continue;
    }
    // Out of the list: news that come meanwhile may clear that.
    auto& ports = leaving_.front().ports;
    std::unique_ptr<Endpoint> endpoint = std::move(ports.back());
    ports.pop_back();
    if (endpoint->detach(*this)) continue;
    if (leaving_.empty() || stuck_for_ever(*this) || stuck_for_ever(*endpoint)) {
      context_.close_later(std::move(endpoint));
    } else {
      leaving_.front().ports.push_back(std::move(endpoint));
      break;
    }
  }
  if (leaving_.empty()) {
    context_.departed(*this);
  } else {
    context_.await_departure(*this);
  }
}

/// It does not leave: nobody will read the message.
void Endpoint::give_up(Departure& departure) noexcept {
  for (auto& endpoint : departure.ports)
    if (endpoint) context_.close_later(std::move(endpoint));
  context_.carry_out([&] {
    std::vector<Number> unused;
    for (const Departure::Box& box : departure.boxes) {
      if (!box.back) unused.push_back(box.number);
      if (box.lent.id) unused.push_back(box.lent);
    }
    context_.return_numbers(std::move(unused));
  });
  departure.boxes.clear();
}

bool Endpoint::detach(Endpoint& carrier) {
  if (!known() || !carrier.known()) return false;
  context_.abandon_claims(*this);
  moving_ = true;
  lending_.keep_all();
  relinquish();
  progress();
  if ((out_.has_backlog() && !in_.closed()) || !leave_lent()) return false;
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
  end_lending();
  if (Endpoint* const opposite = context_.find(id_.opposite())) {
    // Nobody tells this context of its own move.
    if (wrote) opposite->in_.ends_at({static_cast<Generation>(out_.next_generation() - 1), final});
    opposite->peer_moved(epoch);
  }
  return true;
}

void Endpoint::replay(LocalMessage message) {
  const MessageEvent& event = message.event;
  const shm::RecordType type = record_type(event.kind());
  if (event.ports.empty() && message.buffers.empty()) return post(type, event.bytes());
  std::vector<graph::Contents*> buffers;
  for (graph::Contents& buffer : message.buffers) buffers.push_back(&buffer);
  Departure departure{{}, pack(buffers)};
  Outgoing::Record record = record_with(type, event.ports.size(), buffers, event.bytes(), departure.how());
  auto box = departure.boxes.begin();
  for (graph::Contents& buffer : message.buffers) {
    if (wire::goes_in_box(buffer, departure.how())) {
      (box++)->memory = std::move(buffer.memory);
    } else if (wire::stands_inside(buffer, departure.how())) {
      record.contents.push_back(std::move(buffer));
    }
  }
  if (event.ports.empty() && departure.boxes.empty()) return post_record(std::move(record), {});
  for (const MessagePort& handle : event.ports) departure.ports.push_back(context_.take_endpoint(*handle.implementation()));
  post_with(std::move(record), std::move(departure), {});
}

}  // namespace fairway::client
