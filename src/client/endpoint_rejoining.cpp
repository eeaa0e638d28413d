#include "client/context.hpp"
#include "client/endpoint.hpp"
#include "client/link.hpp"

/// What becomes of a port when its broker dies, and what it says to the next one.
namespace fairway::client {

void Endpoint::lose_broker() noexcept {
  if (standing_ == Standing::known) standing_ = Standing::former;
}

bool Endpoint::known() const noexcept { return standing_ == Standing::known && context_.broker_alive(); }

bool Endpoint::returnable() const noexcept { return known() && !taken_over_; }

bool Endpoint::forsaken() noexcept { return standing_ == Standing::alone || !context_.returns_to_broker(); }

void Endpoint::hold_read(const wire::Install& m, KeptMemory memory) {
  const auto& held = read_.generations();
  if (!held.empty() && held.back().index == m.generation) return;  // it came once more
  read_.add({m.generation, m.epoch, m.reader_epoch, m.size, wire::unknown_final, m.linear != 0, m.first != 0, std::move(memory)});
}

void Endpoint::hold_written(std::uint64_t size, shm::Shape shape, bool first, KeptMemory memory) {
  written_.end_newest(out_.tail());
  forget_what_is_read();
  written_.add({out_.next_generation(), pairing_.mine(), pairing_.peer(), size, wire::unknown_final, shape == shm::Shape::linear, first,
                std::move(memory)});
}

/// By the reader's word: what it takes back is its own loss.
void Endpoint::forget_what_is_read() {
  if (const shm::ControlBlock* const reader = in_.control()) {
    const Generation head = shm::Position::unpack(reader->head.load(std::memory_order_relaxed)).generation;
    if (static_cast<std::int16_t>(head - out_.next_generation()) < 0) written_.forget_before(head, pairing_.mine(), pairing_.peer());
  }
}

void Endpoint::let_go_of_descriptors() noexcept {
  written_.let_go();
  read_.let_go();
}

bool Endpoint::reassert() {
  if (standing_ != Standing::former || local()) return false;
  if (ended_ || in_.closed() || (link_ == nullptr && !home_)) {
    standing_ = Standing::alone;
    return false;
  }
  forget_what_is_read();
  read_.forget_before(in_.position().generation, pairing_.peer(), pairing_.mine());
  wire::Reassert m;
  m.port = id_;
  m.read = in_.position().pack();
  m.peer = home_ ? context_.identity() : link_->peer();
  m.link = home_ ? LinkId{} : link_->id();
  m.peer_pid = home_ ? 0 : link_->pid();
  m.epoch = pairing_.mine();
  m.peer_epoch = pairing_.peer();
  m.opened_for = pairing_.opened_for();
  m.next = out_.next_generation();
  m.opened = out_.ever_open() ? 1 : 0;
  m.linked = !home_ && link_->complete() ? 1 : 0;
  m.partial = written_.whole() && read_.whole() ? 0 : 1;
  if (m.partial == 0) m.shown = static_cast<std::uint16_t>(written_.generations().size() + read_.generations().size());
  context_.broker().send(m);
  if (m.partial != 0) return true;
  for (const HeldStream* const stream : {&written_, &read_}) show(*stream);
  return true;
}

void Endpoint::show(const HeldStream& stream) {
  const bool reads = &stream == &read_;
  for (const HeldStream::Held& held : stream.generations()) {
    wire::Shown m;
    m.port = id_;
    m.size = held.size;
    m.final = reads ? in_.final_of(held.index) : held.final;
    m.epoch = held.epoch;
    m.peer_epoch = held.peer_epoch;
    m.generation = held.index;
    m.linear = held.linear ? 1 : 0;
    m.first = held.first ? 1 : 0;
    m.reads = reads ? 1 : 0;
    context_.broker().send(m, held.memory);
  }
}

void Endpoint::reasserted(const wire::Reasserted& m) {
  if (standing_ != Standing::former) return;
  standing_ = m.outcome == wire::Reasserted::Outcome::kept ? Standing::known : Standing::alone;
  taken_over_ = true;
  if (m.outcome == wire::Reasserted::Outcome::over) peer_closed(std::nullopt, m.reason);
  context_.make_hot(*this);
}

}  // namespace fairway::client
