#include "route/registry.hpp"

/// Memory that changes hands: a token for it travels like that of a port, whose other end was never there.
namespace fairway::route {

SegmentId Registry::box(ContextId from, const wire::Box& m, bool there, Actions& actions) {
  SegmentId kept;
  if (const Wrong wrong = take_box(from, m, there, kept, actions)) actions.push_back(Disconnect{from, wrong});
  return kept;
}

Registry::Wrong Registry::take_box(ContextId from, const wire::Box& m, bool there, SegmentId& kept, Actions& actions) {
  if (m.port.side() != 2 || m.port.channel() == m.carrier.channel()) return "a box in the place of another port";
  const bool lent = m.token == wire::lent_epoch;  // and to come back on the stream that the sender reads, for who reads on
  const auto [own, not_its_own] = owned_port(from, lent ? m.carrier.opposite() : m.carrier);
  if (not_its_own != nullptr) return not_its_own;
  const auto [channel, wrong] = begin_channel(from, m.port.channel(), actions);
  if (channel == nullptr) return wrong;
  channel->port[0].life = Life::closed;
  channel->port[0].owner = from;
  channel->port[1].life = Life::transit;
  channel->port[1].epoch = 1;

  const bool read = own != nullptr && is_read(m.carrier);
  const ContextEntry& context = contexts_.at(from);
  const bool room = there && limit_reached(context, m.size) == nullptr && context.sent < limits_.ports_per_context;
  if (read && room) kept = channel->box = add_segment(from, m.size, SegmentState::boxed, actions);
  for (const int side : {1, 2}) publish_row(PortId::of(m.port.channel(), side), actions);
  answer_claims(m.port.opposite(), actions);
  if (!kept) {
    close_port(m.port, 0, read ? CloseReason::broker_refused : CloseReason::dropped, actions);
    return nullptr;
  }
  send_on(m.port, m.carrier, m.token, from);
  answer_claims(m.port, actions);
  return nullptr;
}

void Registry::send_box(PortId id, ContextId to, bool again, Actions& actions) {
  const SegmentId box = channels_.at(id.channel()).box;
  actions.push_back(Send{to, wire::Boxed{id, segments_.at(box).size, again ? 1u : 0u},
                         SegmentAttachment{box, SegmentAttachment::Access::writable}});
}

Registry::Wrong Registry::on(ContextId, const wire::Box&, Actions&) { return "a box without its memory"; }

}  // namespace fairway::route
