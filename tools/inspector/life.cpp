#include "inspector/life.hpp"

#include <algorithm>
#include <iterator>

namespace fairway::inspector {

using Kind = LifeEvent::Kind;

namespace {

Party party(const ContextSnapshot& context) {
  const shm::ContextInfo& info = context.info;
  return {info.id, info.name.empty() ? info.command : info.name, info.pid};
}

const ContextSnapshot* find(const Snapshot& snapshot, ContextId id) {
  const auto found = std::ranges::lower_bound(snapshot.contexts, id, {}, [](const ContextSnapshot& c) { return c.info.id; });
  return found != snapshot.contexts.end() && found->info.id == id ? &*found : nullptr;
}

const ChannelSnapshot* find(const Snapshot& snapshot, const ChannelSnapshot& channel) {
  const auto found = std::ranges::lower_bound(snapshot.channels, channel.id, {}, &ChannelSnapshot::id);
  return found != snapshot.channels.end() && found->id == channel.id && found->created_ns == channel.created_ns ? &*found : nullptr;
}

}  // namespace

/// Who has left the table meanwhile was in it at the last look, if anybody saw it there.
Party Life::party(const std::optional<ContextSnapshot>& context, ContextId id) const {
  if (context) return inspector::party(*context);
  if (const ContextSnapshot* const before = last_ && id ? find(*last_, id) : nullptr) return inspector::party(*before);
  return {id};
}

std::vector<LifeEvent> Life::look(const Snapshot& now) {
  Events events;
  look_at_broker(now, events);
  if (last_ && last_->broker.pid != now.broker.pid && now.broker.pid != 0) {
    // Another broker counts anew; who is there has joined it since.
    last_->contexts.clear();
    last_->channels.clear();
    newest_context_ = 0;
  }
  look_at_contexts(now, events);
  look_at_channels(now, events);
  std::ranges::stable_sort(events, {}, &LifeEvent::at_ns);
  last_ = now;
  return events;
}

void Life::look_at_broker(const Snapshot& now, Events& events) const {
  const BrokerSnapshot& broker = now.broker;
  if (broker.pid == 0 || (last_ && last_->broker.pid == broker.pid && last_->broker.process == broker.process)) return;
  events.push_back({last_ ? Kind::broker_changed : Kind::broker_found, last_ ? last_->taken_ns : now.taken_ns, now.taken_ns,
                    {{}, broker.command, static_cast<std::int32_t>(broker.pid)}, {}, broker.process});
}

void Life::look_at_contexts(const Snapshot& now, Events& events) {
  std::uint32_t newest = newest_context_;
  std::uint64_t fresh = 0;
  for (const ContextSnapshot& context : now.contexts) {
    newest = std::max(newest, context.info.id.value);
    fresh += context.info.id.value > newest_context_;
    const ContextSnapshot* const before = last_ ? find(*last_, context.info.id) : nullptr;
    const std::uint64_t joined = context.info.joined_ns;
    if (before == nullptr) {
      events.push_back({last_ ? Kind::context_joined : Kind::context_found, joined, joined, inspector::party(context), {}, context.process});
    } else if (before->process != context.process) {
      events.push_back({Kind::context_changed, last_->taken_ns, now.taken_ns, inspector::party(context), {}, context.process});
    }
  }
  // The broker numbers them one by one.
  if (last_ && newest_context_ != 0 && newest - newest_context_ > fresh)
    events.push_back({.kind = Kind::contexts_unseen, .after_ns = last_->taken_ns, .at_ns = now.taken_ns, .unseen = newest - newest_context_ - fresh});
  newest_context_ = newest;
  if (!last_) return;
  for (const ContextSnapshot& context : last_->contexts)
    if (find(now, context.info.id) == nullptr)
      events.push_back({Kind::context_gone, last_->taken_ns, now.taken_ns, inspector::party(context), {}, process_(context.info.pid)});
}

void Life::look_at_channels(const Snapshot& now, Events& events) const {
  for (const ChannelSnapshot& channel : now.channels) {
    const ChannelSnapshot* const before = last_ ? find(*last_, channel) : nullptr;
    for (const int side : {1, 2})
      if (before != nullptr) look_at_port(*before, channel, side, events);
    if (before != nullptr) continue;
    LifeEvent event{.kind = last_ ? Kind::channel_made : Kind::channel_found, .after_ns = channel.created_ns, .at_ns = channel.created_ns, .channel = channel.id};
    for (std::size_t i = 0; i < 2; ++i)
      if (channel.port[i].info.owner && channel.port[i].info.state != shm::PortState::closed) event.owners[i] = party(channel.port[i].owner, channel.port[i].info.owner);
    events.push_back(std::move(event));
  }
  if (!last_) return;
  for (const ChannelSnapshot& channel : last_->channels)
    if (find(now, channel) == nullptr)
      events.push_back({.kind = Kind::channel_gone, .after_ns = last_->taken_ns, .at_ns = now.taken_ns, .channel = channel.id});
}

/// Each change of the owner makes the epoch one larger: how many were missed is known, and not who.
void Life::look_at_port(const ChannelSnapshot& before, const ChannelSnapshot& now, int side, Events& events) const {
  const PortSnapshot& was = before.port[static_cast<std::size_t>(side - 1)];
  const PortSnapshot& is = now.port[static_cast<std::size_t>(side - 1)];
  if (is.info.state == shm::PortState::memory) return;
  if (was.info.state == is.info.state && was.info.epoch == is.info.epoch && was.info.owner == is.info.owner) return;
  const std::uint32_t changes = is.info.epoch - was.info.epoch;
  LifeEvent event{.kind = Kind::port_arrived,
                  .after_ns = is.past.since_ns,
                  .at_ns = is.past.since_ns,
                  .port = PortId::of(now.id, side),
                  .channel = now.id,
                  .epoch = is.info.epoch,
                  .unseen = changes == 0 ? 0u : changes - 1u};
  switch (is.info.state) {
    case shm::PortState::owned:
      event.who = party(is.owner, is.info.owner);
      event.from = party(is.former, is.past.former);
      break;
    case shm::PortState::transit:
      event.kind = Kind::port_left;
      event.who = party(is.former, is.past.former);
      break;
    default:
      event.kind = Kind::port_closed;
      event.who = is.info.owner ? party(is.owner, is.info.owner) : party(is.former, is.past.former);
      event.unseen = changes;
  }
  // The broker may have been between two of its words: then the look is what is known.
  if (event.at_ns > now.taken_ns || event.at_ns < before.created_ns) event.after_ns = before.taken_ns, event.at_ns = now.taken_ns;
  events.push_back(std::move(event));
}

}  // namespace fairway::inspector
