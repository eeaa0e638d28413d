#include "broker/raw_context.hpp"

#include <poll.h>

#include <utility>

#include "sys/runtime_dir.hpp"

namespace fairway::broker::test {

namespace {

BrokerOptions in(const fairway::test::TemporaryDirectory& directory, BrokerOptions options) {
  options.directory = directory.path();
  return options;
}

}  // namespace

PolledBroker::PolledBroker(BrokerOptions options) : broker_(in(directory_, std::move(options))) {}

void PolledBroker::serve() {
  pollfd entry{broker_.native_handle(), POLLIN, 0};
  // Bounded: a broker that is out of descriptors has always something to do.
  for (int turn = 0; turn < 2000 && ::poll(&entry, 1, 0) == 1; ++turn) broker_.poll();
  broker_.poll();
}

std::vector<std::string> PolledBroker::segment_names() const { return sys::list_names(sys::segments_path(directory_.path())); }

RawContext::RawContext(const std::filesystem::path& directory, PolledBroker* broker, std::optional<std::string> hello_as)
    : broker_(broker), socket_(sys::connect_to(sys::socket_path(directory))) {
  if (!hello_as) return;
  wire::Hello hello;
  hello.name = wire::Name::of(*hello_as);
  send(hello);
}

void RawContext::send(const wire::ClientMessage& message, std::span<const int> descriptors) {
  send_bytes(wire::encode(message), descriptors);
}

void RawContext::send_bytes(std::span<const std::byte> bytes, std::span<const int> descriptors) {
  while (sys::send_message(fd(), bytes, descriptors) == sys::Sent::full) wait();
  if (broker_ != nullptr) broker_->serve();
}

bool RawContext::try_send(const wire::ClientMessage& message) { return sys::send_message(fd(), wire::encode(message)) == sys::Sent::ok; }

void RawContext::wait() {
  if (broker_ != nullptr) {
    broker_->serve();
  } else {
    static_cast<void>(sys::wait_readable(fd(), std::chrono::milliseconds(100)));
  }
}

std::optional<RawContext::Message> RawContext::receive() {
  wire::Frame frame;
  Message message;
  const sys::Received received = sys::receive_message(fd(), frame, message.descriptors);
  if (received.kind == sys::Received::Kind::gone) gone_ = true;
  if (received.kind != sys::Received::Kind::message) return std::nullopt;
  const auto body = received.size == frame.size() ? wire::decode_broker(frame) : std::nullopt;
  if (!body) throw std::runtime_error("the broker sent what is no message");
  message.body = *body;
  return message;
}

bool RawContext::ended() {
  wait();
  while (auto message = receive()) kept_.push_back(*std::move(message));
  return gone_;
}

std::vector<RawContext::Message> RawContext::take_all() {
  ended();
  std::vector<Message> all;
  for (Message& message : std::exchange(kept_, {})) all.push_back(std::move(message));
  return all;
}

SegmentId RawContext::lease(std::uint64_t size) {
  send(wire::LeaseRequest{size});
  const auto [lease, descriptors] = wait_for<wire::Lease>();
  sys::Mapping memory(descriptors.at(0).get(), lease.size, sys::Mapping::Access::write);
  memory.populate();
  send(wire::LeaseMapped{lease.segment});
  return lease.segment;
}

PortId RawContext::create() {
  if (next_channel_ == 0) next_channel_ = wait_for<wire::Ids>().first.first.value;
  const ChannelId channel{next_channel_++};
  send(wire::Create{channel});
  return PortId::of(channel, 1);
}

PortId RawContext::connect(const std::string& name) {
  const PortId port = create();
  send(wire::Connect{next_request_++, port.opposite(), 0, wire::Name::of(name)});
  if (wait_for<wire::Reply>().first.code != 0) throw std::runtime_error("refused");
  return port;
}

}  // namespace fairway::broker::test
