#include "client/broker_link.hpp"

#include <algorithm>
#include <cerrno>
#include <limits>
#include <new>
#include <string>
#include <system_error>

#include "base/hook.hpp"
#include "base/log.hpp"
#include "sys/process.hpp"
#include "sys/runtime_dir.hpp"
#include "sys/socket.hpp"

namespace fairway::client {

namespace {

/// The broker lets so many messages with descriptors be under way; half of that is acknowledged at a time.
constexpr std::uint64_t acknowledge_after = 8;

Timeout left_until(std::uint64_t deadline) {
  const std::uint64_t now = sys::now_ns();
  return now >= deadline ? Timeout::zero() : Timeout(static_cast<std::int64_t>(deadline - now));
}

std::system_error no_broker(const std::filesystem::path& directory, const std::string& why) {
  return {Errc::no_broker, "no broker at " + directory.native() + ": " + why};
}

sys::Started start_broker(const std::filesystem::path& directory, Timeout timeout, std::string& said) {
  const std::string program = sys::broker_program();
  log(LogLevel::info, [&] { return "starts " + program + " for " + directory.native(); });
  return sys::start_detached({program, "--on-demand", "--directory", directory.native()}, timeout, said);
}

}  // namespace

BrokerLink::Message BrokerLink::join(const std::filesystem::path& directory, const wire::Hello& hello, Timeout timeout) {
  const std::uint64_t now = sys::now_ns();
  const std::uint64_t deadline = now + static_cast<std::uint64_t>(std::clamp<Timeout>(timeout, {}, std::chrono::hours(24 * 365)).count());
  std::string why;
  do {
    try {
      if (auto answer = try_join(directory, hello, deadline)) return *std::move(answer);
      why = "it did not answer within broker_timeout";
      if (socket_) continue;
    } catch (const std::system_error& error) {
      if (error.code().category() == error_category()) throw;
      const int reason = error.code().value();
      if (reason == EACCES || reason == EPERM) throw std::system_error(Errc::denied, error.what());
      if (reason != ENOENT && reason != ECONNREFUSED && reason != EAGAIN) throw no_broker(directory, error.what());
      why = error.what();
    }
    const std::string program = sys::broker_program();
    std::string said;
    switch (start_broker(directory, left_until(deadline), said)) {
      case sys::Started::ready: break;
      case sys::Started::timed_out: why = program + " was started, but is not ready"; break;
      case sys::Started::failed:
        throw no_broker(directory, program + " could not be started there: " +
                                       (!said.empty() ? said : "it said nothing (set FAIRWAYD, or see FAIRWAY_LOG=debug)"));
    }
  } while (left_until(deadline) > Timeout::zero());
  socket_.close();
  throw no_broker(directory, why);
}

std::optional<BrokerLink::Message> BrokerLink::try_join(const std::filesystem::path& directory, const wire::Hello& hello,
                                                        std::uint64_t deadline) {
  connect(directory);
  const bool sent = try_send(hello);
  FAIRWAY_HOOK(join_sent);
  for (;;) {
    auto message = receive();
    if (message) {
      if (const auto* const refusal = std::get_if<wire::Refusal>(&message->body)) {
        const std::string detail(refusal->detail.view());
        const auto code = static_cast<Errc>(refusal->code);
        socket_.close();
        throw std::system_error(code, detail);
      }
      if (std::holds_alternative<wire::Welcome>(message->body) && message->descriptors.empty()) {
        socket_.close();
        throw std::system_error(std::make_error_code(std::errc::too_many_files_open), "recvmsg: the table of contexts");
      }
      if (!std::holds_alternative<wire::Welcome>(message->body)) {
        socket_.close();
        throw std::system_error(Errc::version, "the broker's answer is not one of " + to_string(wire::Versions::of(hello)));
      }
      const auto answer = wire::Agreement::of(std::get<wire::Welcome>(message->body));
      if (!wire::allows(wire::Versions::of(hello), answer)) {
        socket_.close();
        throw std::system_error(Errc::version, "this context speaks " + to_string(wire::Versions::of(hello)) +
                                                   "; the broker answers in " + to_string(answer));
      }
      return message;
    }
    // Gone before it answered: it was about to leave; the next try finds, or starts, another one. One that had refused
    // before it heard of us has said so.
    if (!alive() || !sent) return std::nullopt;
    if (!wait(left_until(deadline)) && left_until(deadline) == Timeout::zero()) return std::nullopt;
  }
}

void BrokerLink::connect(const std::filesystem::path& directory) {
  waiting_.clear();
  received_ = unacknowledged_ = 0;
  blocked_ = false;
  socket_ = sys::connect_to(sys::socket_path(directory));
}

bool BrokerLink::try_connect(const std::filesystem::path& directory) {
  try {
    connect(directory);
    return true;
  } catch (const std::system_error& error) {
    if (error.code().value() == ENOENT || error.code().value() == ECONNREFUSED) return false;
    throw;
  }
}

bool BrokerLink::rejoin(const std::filesystem::path& directory, const wire::Hello& hello, Start start, Timeout timeout) {
  std::string said;
  const bool found = try_connect(directory) || (start == Start::if_missing &&
                                                start_broker(directory, timeout, said) == sys::Started::ready && try_connect(directory));
  return found && try_send(hello);
}

void BrokerLink::send(const wire::ClientMessage& message, KeptMemory memory) noexcept {
  if (!alive()) return;
  try {
    const wire::Frame frame = wire::encode(message);
    if (flush() && deliver(frame, memory)) return;
    waiting_.push_back({frame, std::move(memory)});
  } catch (const std::bad_alloc&) {
    give_up();
  }
}

void BrokerLink::give_up() noexcept {
  log(LogLevel::error, [] { return "no memory for what the broker has to know, or says: the connection ends"; });
  socket_.close();
  received_ = std::numeric_limits<std::uint64_t>::max();
}

bool BrokerLink::try_send(const wire::ClientMessage& message, const KeptMemory& memory) {
  return alive() && flush() && deliver(wire::encode(message), memory);
}

bool BrokerLink::deliver(const wire::Frame& frame, const KeptMemory& memory) {
  const int descriptor = memory ? memory->get() : -1;
  const sys::Sent sent = sys::send_message(socket_.get(), frame, {&descriptor, memory ? 1u : 0u});
  if (sent == sys::Sent::full || sent == sys::Sent::short_of) blocked_ = true;
  return sent == sys::Sent::ok;
}

bool BrokerLink::flush() {
  while (!waiting_.empty() && alive()) {
    if (!deliver(waiting_.front().frame, waiting_.front().memory)) return false;
    waiting_.pop_front();
  }
  return true;
}

void BrokerLink::unblock() {
  blocked_ = false;
  flush();
}

std::optional<BrokerLink::Message> BrokerLink::receive() {
  if (!alive()) return std::nullopt;
  wire::Frame frame;
  Message message;
  const sys::Received received = sys::receive_message(socket_.get(), frame, message.descriptors);
  if (received.kind == sys::Received::Kind::nothing) return std::nullopt;
  auto body = received.kind == sys::Received::Kind::message && received.size == frame.size() ? wire::decode_broker(frame)
                                                                                           : std::nullopt;
  if (!body) {
    log(LogLevel::info, [] { return "the broker is gone"; });
    socket_.close();
    return std::nullopt;
  }
  ++received_;
  message.body = *body;
  if (wire::descriptors_of(message.body) != 0 && ++unacknowledged_ == acknowledge_after) {
    send(wire::Credit{unacknowledged_});
    unacknowledged_ = 0;
  }
  return message;
}

bool BrokerLink::wait(Timeout timeout) const {
  if (!alive()) return false;
  return blocked_ ? sys::wait_readable_or_writable(socket_.get(), timeout) : sys::wait_readable(socket_.get(), timeout);
}

}  // namespace fairway::client
