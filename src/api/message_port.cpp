#include <fairway/message_port.hpp>

#include <algorithm>
#include <new>
#include <string>
#include <utility>

#include <fairway/context.hpp>
#include <fairway/message_channel.hpp>
#include <fairway/message_event.hpp>

#include "api/transfer.hpp"
#include "client/context.hpp"
#include "client/endpoint.hpp"
#include "client/kind.hpp"
#include "client/port.hpp"

namespace fairway {

namespace {

std::vector<std::byte>& scratch() {
  thread_local std::vector<std::byte> buffer;
  return buffer;
}

bool usable(const std::shared_ptr<client::Port>& port) noexcept {
  return port && port->context != nullptr && port->context->usable_here();
}

/// False: the handle is empty, or its Context is gone. Throws on a wrong thread.
bool belongs_to_thread(const std::shared_ptr<client::Port>& port) {
  if (!port || port->context == nullptr) return false;
  port->context->check_thread();
  return true;
}

[[noreturn]] void throw_full(client::Endpoint& endpoint) {
  endpoint.note(shm::Fault::quota_exceeded);
  throw DOMException("QuotaExceededError", std::to_string(endpoint.buffered_amount()) + " bytes wait for the other side, which does not read; "
                                           "use try_post and on_drain");
}

/// What a message that waits in a heap is counted as at least: it takes more than its bytes.
constexpr std::size_t least_counted = 64;

/// Whether the queue takes a message of that size. `try_post` respects the soft limit, and is told.
template <bool trying>
[[gnu::always_inline]] inline Status admit(client::Port& port, std::size_t size) {
  client::Endpoint& endpoint = *port.endpoint;
  const ContextOptions& limits = port.context->options();
  if constexpr (trying) {
    // A message alone may pass the limit. The drain event comes not before this very message would go.
    const std::size_t room = limits.queue_soft_limit - std::min(limits.queue_soft_limit, size);
    if (endpoint.unread_exceeds(room)) {
      endpoint.want_drain(std::min(limits.queue_soft_limit / 2, room));
      port.context->make_hot(endpoint);
      return Status::full;
    }
  }
  if (limits.queue_hard_limit == 0 || endpoint.unread_exceeds(limits.queue_hard_limit - 1) ||
      endpoint.holds_more_than(limits.queue_hard_limit / least_counted))
    throw_full(endpoint);
  return Status::ok;
}

/// A message that takes something along, as it is posted.
struct Laden {
  shm::RecordType type;
  Bytes bytes;
  std::vector<graph::BufferNode*> buffers;  ///< that the value, or the object, refers to

  std::size_t size() const noexcept {
    std::size_t sum = bytes.size();
    for (const graph::BufferNode* const buffer : buffers) sum += buffer->weight();
    return sum;
  }
};

Laden laden(const Payload& payload, const PostOptions& options) {
  Laden message{client::record_type(payload.kind()), payload.bytes(), {}};
  if (payload.kind() == Payload::Kind::object) {
    detail::Sending sending(options);
    message.bytes = payload.encode_into(scratch(), &sending);
    message.buffers = sending.beside();
  }
  if (payload.kind() != Payload::Kind::value) return message;
  scratch().clear();
  message.buffers = serialize(payload.value(), options, scratch());
  message.bytes = scratch();
  return message;
}

/// To the other port of this context: what it takes along changes hands, and is not copied.
Status hand_over(client::Endpoint& endpoint, const Laden& laden, const PostOptions& options) {
  client::Endpoint::LocalMessage message{0, client::Endpoint::local_message(laden.type, laden.bytes, laden.buffers.size()), {}};
  message.event.ports = detach_ports(options);
  endpoint.post_local(std::move(message), laden.buffers);
  return Status::ok;
}

/// The last step for a message that takes something along: ports leave their handles, and this context if the message does.
Status post_laden(client::Context& context, client::Endpoint& endpoint, const Laden& laden, const PostOptions& options) {
  if (endpoint.local()) return hand_over(endpoint, laden, options);
  std::vector<client::Endpoint*> ends;
  for (client::Port* const port : listed_ports(options)) ends.push_back(port->endpoint.get());
  const std::vector<client::Endpoint*> to_share = context.channels_that_leave(ends);
  const std::vector<graph::Contents*> buffers(laden.buffers.begin(), laden.buffers.end());
  context.stock_numbers(endpoint.numbers_wanted(buffers) + context.count_objects(to_share));
  if (!ends.empty()) context.create_channels(to_share.size());  // the last that may wait: what it has got is still there below
  client::Endpoint::Departure departure{{}, endpoint.pack(buffers)};
  client::Outgoing::Record record = client::Endpoint::record_with(laden.type, ends.size(), buffers, laden.bytes, departure.how());
  if (ends.empty() && departure.boxes.empty()) return endpoint.post_record(std::move(record), laden.buffers), Status::ok;
  const bool done = context.carry_out([&] {
    context.share_channels(to_share);
    for (client::Port* const port : listed_ports(options)) departure.ports.push_back(context.take_endpoint(*port));
    endpoint.post_with(std::move(record), std::move(departure), laden.buffers);
  });
  if (done) return Status::ok;
  endpoint.strand();  // what is posted next must not arrive without this message
  return Status::closed;
}

/// Nobody will read it: what was listed goes with it, unless the caller is told and may go on with it.
Status drop(const PostOptions& options, bool tell, Status why) {
  if (tell) return why;
  static_cast<void>(detach_ports(options));
  detach_buffers(options);
  return why;
}

/// As `post_in_order` for what has a transfer list, or refers to what is shared.
template <bool trying>
[[gnu::noinline]] Status post_laden_in_order(const std::shared_ptr<client::Port>& port, const Payload& payload,
                                           const PostOptions& options) {
  validate(options, port.get());
  const Laden message = laden(payload, options);
  validate_attached(options, port.get());
  if (!port || !port->endpoint) return drop(options, trying, Status::detached);
  client::Endpoint& endpoint = *port->endpoint;
  if (endpoint.peer_gone()) return drop(options, trying, Status::closed);
  if (const Status status = admit<trying>(*port, message.size()); status != Status::ok) return status;
  const auto to_itself = [&](const client::Port* listed) { return endpoint.is_twin(*listed->endpoint); };
  if (std::ranges::any_of(listed_ports(options), to_itself)) return drop(options, false, Status::ok);
  if (options.transfer.empty() && message.buffers.empty()) return endpoint.post(message.type, message.bytes), Status::ok;
  const Status status = post_laden(*port->context, endpoint, message, options);
  detach_buffers(options);
  return status;
}

/// The steps of HTML's postMessage on a port, in their order.
template <bool trying>
Status post_in_order(const std::shared_ptr<client::Port>& port, const Payload& payload, const PostOptions& options) {
  if (port && port->context != nullptr) port->context->check_thread();
  if (payload.kind() >= Payload::Kind::object || !options.transfer.empty()) [[unlikely]] return post_laden_in_order<trying>(port, payload, options);
  const Bytes bytes = payload.bytes();
  if (!port || !port->endpoint) return Status::detached;
  client::Endpoint& endpoint = *port->endpoint;
  if (endpoint.peer_gone()) return Status::closed;
  if (const Status status = admit<trying>(*port, bytes.size()); status != Status::ok) return status;
  endpoint.post(client::record_type(payload.kind()), bytes);
  return Status::ok;
}

template <bool trying>
Status post(const std::shared_ptr<client::Port>& port, const Payload& payload, const PostOptions& options) {
  try {
    return post_in_order<trying>(port, payload, options);
  } catch (const std::bad_alloc&) {
    throw DOMException("RangeError", "no memory for the message");
  }
}

}  // namespace

MessagePort::MessagePort() noexcept = default;
MessagePort::MessagePort(std::shared_ptr<client::Port> port) noexcept : port_(std::move(port)) {}
MessagePort::MessagePort(MessagePort&&) noexcept = default;

MessagePort& MessagePort::operator=(MessagePort&& other) noexcept {
  if (this != &other) {
    close();
    port_ = std::move(other.port_);
  }
  return *this;
}

MessagePort::~MessagePort() { close(); }

void MessagePort::post_message(Payload payload, PostOptions options) {
  static_cast<void>(post<false>(port_, payload, options));
}

Status MessagePort::try_post(Payload payload, PostOptions options) { return post<true>(port_, payload, options); }

void MessagePort::on_message(Callback<void(MessageEvent&)> callback) {
  on_checked_message(callback ? Callback<bool(MessageEvent&)>([callback = std::move(callback)](MessageEvent& event) {
    callback(event);
    return true;
  })
                              : Callback<bool(MessageEvent&)>());
}

void MessagePort::on_checked_message(Callback<bool(MessageEvent&)> callback) {
  if (!belongs_to_thread(port_)) return;
  port_->on_message = std::move(callback);
  port_->context->start(*port_);
}

void MessagePort::on_message_error(Callback<void(MessageEvent&)> callback) {
  if (belongs_to_thread(port_)) port_->on_message_error = std::move(callback);
}

void MessagePort::on_close(Callback<void(CloseReason)> callback) {
  if (!belongs_to_thread(port_)) return;
  port_->on_close = std::move(callback);
  if (port_->on_close) port_->context->note_close_handler(*port_);
}

void MessagePort::on_drain(Callback<void()> callback) {
  if (belongs_to_thread(port_)) port_->on_drain = std::move(callback);
}

void MessagePort::on_readable(Callback<void(MessagePort&)> callback) {
  if (!belongs_to_thread(port_)) return;  // with the callback
  Callback<void()> with_handle;
  if (callback)
    with_handle = [callback = std::move(callback), port = port_.get()] {
      struct Borrowed {
        MessagePort handle;
        ~Borrowed() { handle.port_.reset(); }  // not closed
      } borrowed{MessagePort(port->shared_from_this())};
      callback(borrowed.handle);
    };
  port_->context->on_readable(*port_, std::move(with_handle));
}

std::optional<MessageEvent> MessagePort::receive(Timeout timeout) {
  if (!port_ || port_->context == nullptr) return std::nullopt;
  return port_->context->receive(*port_, timeout);  // runs nothing of the user's: the port stays
}

std::optional<MessageEvent> MessagePort::try_receive() { return receive(Timeout::zero()); }

std::optional<CloseReason> MessagePort::close_reason() const {
  if (port_ && port_->context != nullptr) port_->context->check_thread();
  return port_ ? port_->close_reason : std::nullopt;
}

void MessagePort::start() {
  if (belongs_to_thread(port_)) port_->context->start(*port_);
}

void MessagePort::close() noexcept {
  if (!port_) return;
  const std::shared_ptr<client::Port> port = std::move(port_);
  client::Context* const context = port->context;
  if (context == nullptr) return;
  if (!context->on_other_thread()) return context->close(*port);
  context->post_callback([port] {
    if (port->context != nullptr) port->context->close(*port);
  });
}

std::size_t MessagePort::buffered_amount() const noexcept {
  return usable(port_) && port_->endpoint ? port_->endpoint->buffered_amount() : 0;
}

MessagePort::operator bool() const noexcept { return usable(port_) && port_->endpoint && !port_->endpoint->peer_gone(); }

MessageChannel::MessageChannel(Context& context) {
  context.implementation().check_thread();
  auto [one, two] = context.implementation().make_channel();
  port1 = MessagePort(std::move(one));
  port2 = MessagePort(std::move(two));
}

}  // namespace fairway
