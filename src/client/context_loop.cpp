#include <algorithm>
#include <utility>

#include "base/scoped_flag.hpp"
#include "client/context.hpp"
#include "sys/process.hpp"

/// The loop: what is due is handed out, one kind after the other.
namespace fairway::client {

namespace {

/// A handler that posts to itself for ever must not starve the others (SEMANTICS 10).
constexpr std::size_t messages_per_turn = 1000;
constexpr std::uint64_t turns_between_clock_reads = 16;

std::uint64_t deadline_after(Timeout timeout) {
  if (timeout == Timeout::max()) return for_ever;
  if (timeout <= Timeout::zero()) return 0;  // now, whenever that is: a look costs no look at the clock
  return sys::now_ns() + static_cast<std::uint64_t>(timeout.count());
}

}  // namespace

// The public loop -------------------------------------------------------------------------------------------

void Context::run() {
  check_thread();
  while (!stopped_.exchange(false)) {
    if (dispatch() == 0) wait(for_ever, nullptr);
  }
}

bool Context::run_once(Timeout timeout) {
  check_thread();
  const std::uint64_t deadline = deadline_after(timeout);
  for (;;) {
    if (dispatch() != 0) return true;
    if (stopped_.exchange(false) || sys::now_ns() >= deadline) return false;
    wait(deadline, nullptr);
  }
}

std::size_t Context::poll() {
  check_thread();
  waited_for_elsewhere_ = false;
  stopped_ = false;  // there is no `run` to end
  handle_descriptors(Timeout::zero());
  retry();
  return dispatch();
}

void Context::stop() noexcept {
  stopped_ = true;
  wake_up_.set();
}

void Context::post_callback(Callback<void()> callback) {
  {
    const std::lock_guard lock(callbacks_mutex_);
    callbacks_.push_back(std::move(callback));
  }
  has_callbacks_ = true;
  wake_up_.set();
}

std::optional<MessageEvent> Context::receive(Port& port, Timeout timeout) {
  check_thread();
  if (!port.started) start(port);
  const std::uint64_t deadline = deadline_after(timeout);
  std::optional<MessageEvent> event(std::in_place);  // the one that is returned: nothing is copied
  bool last_look = false;
  // Where a former owner's part ends must reach a reader that never waits, too.
  service_broker_if_news();
  while (port.endpoint) {
    const Endpoint::Next next = port.endpoint->next(*event);
    if (next == Endpoint::Next::message) {
      make_hot(*port.endpoint);  // behind it may be the end, or nothing: then the port has to be armed
      return event;
    }
    if (next == Endpoint::Next::closed) note_end(port);
    if (next == Endpoint::Next::closed || last_look) break;
    if (timeout == Timeout::zero() || (deadline != for_ever && sys::now_ns() >= deadline)) {
      service_broker_if_news();
      collect_ready();
      last_look = true;
    } else {
      wait(deadline, port.endpoint.get());
    }
  }
  event.reset();
  return event;
}

// Dispatch --------------------------------------------------------------------------------------------------

std::size_t Context::dispatch() {
  if (dispatching_) throw DOMException("InvalidStateError", "run, run_once and poll cannot be called from a callback");
  const ScopedFlag dispatching(dispatching_);
  // A loop that always finds something never waits, and must notice deaths and children, and ask again, all the same.
  if (++turns_ % turns_between_clock_reads == 0 && sys::now_ns() - last_descriptors_ns_ >= descriptors_interval_ns) {
    handle_descriptors(Timeout::zero());
    retry();
  }
  service_broker_if_news();
  collect_ready();
  finish_what_waits();
  std::size_t count = dispatch_callbacks();
  count += dispatch_connections();
  count += dispatch_local();
  count += dispatch_shared();
  count += dispatch_notices();
  return count;
}

std::size_t Context::dispatch_callbacks() {
  if (!has_callbacks_.exchange(false)) return 0;
  std::size_t count = 0;
  for (std::size_t limit = messages_per_turn; limit != 0; --limit) {
    Callback<void()> callback;
    {
      const std::lock_guard lock(callbacks_mutex_);
      if (callbacks_.empty()) return count;
      callback = std::move(callbacks_.front());
      callbacks_.pop_front();
      if (!callbacks_.empty()) has_callbacks_ = true;
    }
    ++count;
    if (callback) callback();
  }
  return count;
}

std::size_t Context::dispatch_connections() {
  std::size_t count = 0;
  while (on_connect_ && !connections_.empty()) {
    MessageEvent event;
    static_cast<void>(event.assign(MessageEvent::Kind::string, 0));
    event.ports.reserve(1);
    event.ports.emplace_back(adopt(std::move(connections_.front())));
    connections_.pop_front();
    ++count;
    on_connect_(event);
  }
  return count;
}

std::size_t Context::dispatch_local() {
  std::size_t count = 0;
  while (!local_order_.empty() && count < messages_per_turn) {
    const std::shared_ptr<Port> port = local_order_.begin()->port->shared_from_this();
    if (!wants_messages(*port->endpoint)) {  // its handler was taken away
      local_message_taken(*port->endpoint);
    } else if (deliver_next(*port)) {
      ++count;
    } else {
      break;
    }
  }
  return count;
}

std::size_t Context::dispatch_shared() {
  std::size_t count = 0;
  // By index and with an owner: callbacks may make, close and transfer ports.
  for (std::size_t i = 0; i < hot_.size(); ++i) {
    Endpoint* const endpoint = hot_[i];
    endpoint->progress();
    if (endpoint->port == nullptr) continue;
    const std::shared_ptr<Port> port = endpoint->port->shared_from_this();
    if (endpoint->drained()) {
      notices_.push_back({port, News::drained});
      endpoint->told_drained();
    }
    for (std::size_t n = 0; n < messages_per_turn && port->endpoint && !port->endpoint->has_local_messages() &&
                            wants_messages(*port->endpoint) && deliver_next(*port);
         ++n)
      ++count;
    if (port->endpoint && !port->close_reason && port->endpoint->readable() && port->endpoint->at_end()) note_end(*port);
  }
  return count;
}

bool Context::wants_messages(const Endpoint& endpoint) const noexcept {
  const Port* const port = endpoint.port;
  return port != nullptr && port->started && (port->on_message || port->on_readable);
}

bool Context::tell_readable(Port& port) {
  const Callback<void()> callback = std::move(port.on_readable);
  if (!callback) return false;
  local_message_taken(*port.endpoint);
  local_message(*port.endpoint);  // on_message may want it
  callback();
  return true;
}

bool Context::deliver_next(Port& port) {
  if (port.on_readable) return port.endpoint->has_news() && tell_readable(port);
  MessageEvent event;
  switch (port.endpoint->next(event)) {
    case Endpoint::Next::message: deliver(port, event); return true;
    case Endpoint::Next::closed: note_end(port); return false;
    case Endpoint::Next::empty: return false;
  }
  return false;
}

void Context::deliver(Port& port, MessageEvent& event) {
  if (event.kind() != MessageEvent::Kind::error && port.on_message(event)) return;
  if (port.on_message_error) port.on_message_error(event);
}

void Context::note_end(Port& port) {
  if (port.close_reason) return;
  notices_.push_back({port.shared_from_this(), News::closed});
  port.close_reason = port.endpoint->reason();
}

std::size_t Context::dispatch_notices() {
  std::size_t count = 0;
  while (!notices_.empty()) {
    const Notice notice = std::move(notices_.front());
    notices_.pop_front();
    if (!notice.port->endpoint) continue;  // closed here before the event's turn came
    if (notice.news == News::readable) {
      count += tell_readable(*notice.port) ? 1 : 0;
    } else if (notice.news == News::closed) {
      if (notice.port->on_close && !std::exchange(notice.port->close_told, true)) {
        ++count;
        notice.port->on_close(*notice.port->close_reason);
      }
    } else if (notice.port->on_drain) {
      ++count;
      notice.port->on_drain();
    }
  }
  return count;
}

}  // namespace fairway::client
