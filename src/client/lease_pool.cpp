#include "client/lease_pool.hpp"

#include <algorithm>
#include <string>
#include <system_error>
#include <utility>

#include "base/hook.hpp"
#include "base/log.hpp"
#include "shm/layout.hpp"

namespace fairway::client {

namespace {

constexpr std::size_t most_kept = 64;
/// Larger leases that nobody took in the end go back when there are more of them.
constexpr std::size_t most_spare = 1;

}  // namespace

void LeasePool::request(std::uint64_t size) {
  ++requested_[size];
  broker_.send(wire::LeaseRequest{size});
  FAIRWAY_HOOK(lease_requested);
}

void LeasePool::stock_up() {
  if (refused_.contains(shm::small_segment)) return;  // asked for again when its time comes
  while (leases_.count(shm::small_segment) + requested_[shm::small_segment] < keep_) request(shm::small_segment);
}

void LeasePool::ask(std::uint64_t size) {
  if (size == shm::small_segment) return stock_up();
  if (requested_[size] == 0 && !refused_.contains(size)) request(size);
}

std::optional<LeasePool::Lease> LeasePool::take(std::uint64_t size) {
  const auto found = leases_.find(size);
  if (found == leases_.end()) {
    if (size == shm::small_segment) keep_ = std::min(keep_ * 2, most_kept);
    ask(size);
    return std::nullopt;
  }
  Lease lease = std::move(found->second);
  leases_.erase(found);
  return lease;
}

void LeasePool::put_back(Lease lease) {
  const std::uint64_t size = lease.memory.bytes().size();
  leases_.emplace(size, std::move(lease));
}

bool LeasePool::add(const wire::Lease& message, sys::Fd memory) {
  if (std::size_t& count = requested_[message.size]; count != 0) --count;
  FAIRWAY_HOOK(lease_received);
  try {
    if (!memory || !sys::is_fresh_memory(memory.get(), message.size))
      throw std::system_error(std::make_error_code(std::errc::bad_file_descriptor), "the lease came without its memory");
    sys::Mapping mapping(memory.get(), message.size, sys::Mapping::Access::write);
    mapping.populate();
    FAIRWAY_HOOK(lease_mapped);
    broker_.send(wire::LeaseMapped{message.segment});
    FAIRWAY_HOOK(lease_acknowledged);
    put_back({message.segment, std::move(mapping), keeper_.keep(std::move(memory))});
  } catch (const std::system_error& error) {
    log(LogLevel::warning, [&] { return std::string("a segment cannot be mapped: ") + error.what(); });
    broker_.send(wire::LeaseReturned{message.segment});
    ++refused_[message.size];
    ++refusals_;
    return false;
  }
  if (message.size != shm::small_segment && leases_.size() - leases_.count(shm::small_segment) > most_spare + 1) {
    const auto largest = std::prev(leases_.end());
    if (largest->first != message.size) {
      broker_.send(wire::LeaseReturned{largest->second.segment});
      leases_.erase(largest);
    }
  }
  return true;
}

void LeasePool::refused(const wire::LeaseRefused& message) {
  log(LogLevel::warning, [&] { return "no segment of " + std::to_string(message.size) + " bytes: " + std::string(message.detail.view()); });
  if (std::size_t& count = requested_[message.size]; count != 0) --count;
  ++refused_[message.size];
  ++refusals_;
}

void LeasePool::retry_refused() {
  for (const auto& [size, count] : std::exchange(refused_, {}))
    if (requested_[size] == 0) request(size);
}

}  // namespace fairway::client
