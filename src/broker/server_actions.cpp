#include <system_error>
#include <type_traits>
#include <utility>

#include "base/check.hpp"
#include "base/hook.hpp"
#include "base/log.hpp"
#include "broker/server.hpp"
#include "sys/memory.hpp"
#include "sys/process.hpp"
#include "sys/runtime_dir.hpp"
#include "sys/socket.hpp"

namespace fairway::broker {

namespace {

constexpr std::uint32_t context_block = 1024;
constexpr std::uint32_t link_block = 4096;
constexpr std::uint64_t channel_block = 256 * shm::channels_per_table;

bool is_answer(const wire::BrokerMessage& message) {
  return std::holds_alternative<wire::Reply>(message) || std::holds_alternative<wire::LeaseRefused>(message);
}

}  // namespace

void Server::execute(route::Actions& actions) {
  for (route::Action& action : actions) pending_.push_back(std::move(action));
  reserve_numbers();
  if (std::exchange(executing_, true)) return;  // an action made more of them; the outer call goes on
  while (!pending_.empty()) {
    route::Action action = std::move(pending_.front());
    pending_.pop_front();
    std::visit([this](auto& body) { perform(body); }, action);
  }
  executing_ = false;
}

/// Before anybody is told one of them: should this broker die, the next one gives out others.
void Server::reserve_numbers() {
  const route::Registry::Numbers used = registry_.numbers();
  if (used.context <= reserved_.context && used.link <= reserved_.link && used.channel <= reserved_.channel) return;
  reserved_ = {used.context + context_block, used.link + link_block, used.channel + channel_block};
  try {
    sys::remember(lock_.get(), {life_, reserved_.context, reserved_.link, reserved_.channel});
  } catch (const std::system_error& error) {
    log(LogLevel::error, [&] { return std::string("the next broker here may give out numbers of this one: ") + error.what(); });
  }
}

void Server::perform(route::Send& action) {
  Session* const session = find(action.to);
  if (session == nullptr) return;
  forget_old_news(*session, action.message);
  if (std::holds_alternative<wire::Refused>(action.message) && ++session->refusals > Session::most_refusals &&
      enforced(Check::answers_are_read)) {
    session->why = "claims and does not read the answers";
    return end(*session);
  }
  const bool answer = is_answer(action.message) || refetching_ == session;
  if (answer && ++session->answers > Session::most_answers && enforced(Check::answers_are_read)) {
    session->why = "asks and does not read the answers";
    return end(*session);
  }
  session->outbox.push_back({std::move(action), answer});
  flush(*session);
}

/// Where a port's other end is, is a state: who does not read gets the newest, not a history that grows. Of generations, those
/// that are still there.
void Server::forget_old_news(Session& session, const wire::BrokerMessage& news) {
  const auto* const moved = std::get_if<wire::Moved>(&news);
  if (moved == nullptr) return;
  const auto is_of = [port = moved->port](const auto* message) { return message != nullptr && message->port == port; };
  std::erase_if(session.outbox, [&](const Session::Outgoing& waiting) {
    const wire::BrokerMessage& message = waiting.send.message;
    const auto* const segment = std::get_if<route::SegmentAttachment>(&waiting.send.attachment);
    const bool gone = segment != nullptr && !segments_.contains(segment->segment);
    const bool old = is_of(std::get_if<wire::Moved>(&message)) || is_of(std::get_if<wire::Paired>(&message)) ||
                     (gone && is_of(std::get_if<wire::Install>(&message)));
    if (old) session.answers -= waiting.answer;
    return old;
  });
}

void Server::perform(const route::Allocate& action) {
  route::Actions actions;
  try {
    segments_[action.segment] = {sys::create_memory("fairway:segment", action.size), action.size, {}};
    FAIRWAY_HOOK(broker_lease_created);
    registry_.allocated(action.segment, actions);
  } catch (const std::system_error& error) {
    const std::string why = shortage(error, "the broker cannot allocate memory");
    log(LogLevel::warning, [&] { return why; });
    segments_.erase(action.segment);
    registry_.allocation_failed(action.segment, why, actions);
  }
  execute(actions);
}

void Server::perform(const route::Seal& action) {
  Segment& segment = segments_.at(action.segment);
  bool sealed = false;
  try {
    sys::seal_against_writing(segment.fd.get());
    sealed = sys::is_complete(segment.fd.get(), segment.size);
    if (enforced(Check::read_only)) segment.fd = sys::reopen_readonly(segment.fd.get());
  } catch (const std::system_error& error) {
    // Sealed memory behind a writable descriptor can be neither mapped writable nor written either.
    log(LogLevel::warning, [&] { return std::string("of a segment: ") + error.what(); });
  }
  FAIRWAY_HOOK(broker_sealed);
  if (sealed) return;
  route::Actions actions;
  registry_.sealing_failed(action.segment, actions);
  execute(actions);
}

void Server::perform(const route::Publish& action) {
  Segment& segment = segments_.at(action.segment);
  if (names_.make(sys::segments_path(directory_) / action.name, segment.fd.get())) segment.name = action.name;
  FAIRWAY_HOOK(broker_bound);
}

void Server::perform(const route::Drop& action) {
  const auto found = segments_.find(action.segment);
  if (found == segments_.end()) return;
  if (!found->second.name.empty()) names_.remove(sys::segments_path(directory_) / found->second.name);
  segments_.erase(found);
}

void Server::perform(const route::MakeLink& action) {
  try {
    auto [a, b] = sys::doorbell_pair();
    doorbells_[action.link] = {{action.a, action.b}, {std::move(a), std::move(b)}};
    FAIRWAY_HOOK(broker_link_made);
  } catch (const std::system_error& error) {
    log(LogLevel::warning, [&] { return std::string("two contexts cannot be linked: ") + error.what(); });
    route::Actions actions;
    registry_.link_failed(action.link, actions);
    execute(actions);
  }
}

void Server::perform(const route::KeepLink& action) { doorbells_[action.link] = {{action.a, action.b}, {}}; }

void Server::perform(const route::DropLink& action) { doorbells_.erase(action.link); }

void Server::perform(const route::MakeTable& action) {
  try {
    tables_.make_channels(action.first);
  } catch (const std::system_error& error) {
    log(LogLevel::warning, [&] { return std::string("channels go without a table: ") + error.what(); });
  }
}

void Server::perform(const route::DropTable& action) { tables_.drop_channels(action.first); }

void Server::perform(const route::UpdatePort& action) { tables_.update(action.port, action.info, sys::now_ns()); }

void Server::perform(const route::UpdateMemory& action) {
  if (const Session* const session = find(action.context))
    tables_.context(session->row).memory.store(action.bytes, std::memory_order_relaxed);
}

void Server::perform(const route::Disconnect& action) {
  Session* const session = find(action.context);
  if (session == nullptr) return;
  session->why = "broke the protocol: " + action.why;
  end(*session);
}

// Sending ---------------------------------------------------------------------------------------------------

bool Server::descriptors(const Session& to, const route::Send& send, std::vector<int>& fds) const {
  const auto add = [&fds](int fd) {
    fds.push_back(fd);
    return fd >= 0;
  };
  return std::visit(
      [&](const auto& attachment) {
        using Attachment = std::remove_cvref_t<decltype(attachment)>;
        if constexpr (std::is_same_v<Attachment, route::SegmentAttachment>) {
          const auto found = segments_.find(attachment.segment);
          return found != segments_.end() && add(found->second.fd.get());
        } else if constexpr (std::is_same_v<Attachment, route::ContextsAttachment>) {
          return add(tables_.context_table_fd(to.row));
        } else if constexpr (std::is_same_v<Attachment, route::ChannelsAttachment>) {
          // The numbers are of use without their table too.
          if (const int fd = tables_.channels_fd(attachment.first); fd >= 0) fds.push_back(fd);
          return true;
        } else if constexpr (std::is_same_v<Attachment, route::LinkAttachment>) {
          const auto found = doorbells_.find(attachment.link);
          if (found == doorbells_.end()) return false;
          const int side = found->second.side[0] == to.context ? 0 : 1;
          const auto peer = by_context_.find(found->second.side[1 - side]);
          if (peer == by_context_.end() || !add(found->second.end[side].get())) return false;
          if (peer->second->pidfd) fds.push_back(peer->second->pidfd.get());
          return true;
        } else {
          return true;
        }
      },
      send.attachment);
}

void Server::flush(Session& session) {
  bool full = false;
  while (!session.outbox.empty() && !session.over) {
    const auto& [next, answer] = session.outbox.front();
    std::vector<int> fds;
    const auto* const paired = std::get_if<wire::Paired>(&next.message);
    if (!descriptors(session, next, fds) || (paired != nullptr && paired->link && !doorbells_.contains(paired->link))) {
      session.answers -= answer;
      session.outbox.pop_front();
      continue;
    }
    const bool enough = session.sent_with_descriptors - session.acknowledged >= Session::most_in_flight;
    if (!fds.empty() && enough && enforced(Check::few_in_flight)) break;
    FAIRWAY_HOOK(broker_before_send);
    const sys::Sent result = sys::send_message(session.socket.get(), wire::encode(next.message), fds);
    full = result == sys::Sent::full;
    if (result == sys::Sent::short_of) {
      log(LogLevel::warning, [] { return "a message waits: the kernel is short of memory, or too many descriptors are in flight"; });
      retry_soon_ = true;
    }
    // Gone: the end of the socket is reported after what the context still sent.
    if (result != sys::Sent::ok) break;
    if (!fds.empty()) ++session.sent_with_descriptors;
    sent(session, next);
    session.answers -= answer;
    if (std::holds_alternative<wire::Refused>(next.message)) --session.refusals;
    session.outbox.pop_front();
  }
  if (full != session.watches_for_space) watch_for_space(session, full);
}

void Server::watch_for_space(Session& session, bool wanted) {
  try {
    poller_.change(session.socket.get(), session.key << 1, wanted ? sys::Poller::Interest::read_write : sys::Poller::Interest::read);
    session.watches_for_space = wanted;
  } catch (const std::system_error& error) {
    log(LogLevel::warning, [&] { return std::string("whether a context has room is looked at now and then: ") + error.what(); });
    retry_soon_ = true;
  }
}

void Server::sent(Session& to, const route::Send& send) {
  if (const auto* const link = std::get_if<route::LinkAttachment>(&send.attachment)) {
    Doorbells& doorbells = doorbells_.at(link->link);
    doorbells.end[doorbells.side[0] == to.context ? 0 : 1].close();
  }
  std::atomic<std::uint64_t>& notices = tables_.context(to.row).notices;
  // release: pairs with the acquire in the context's loop; the message is in its socket.
  notices.store(notices.load(std::memory_order_relaxed) + 1, std::memory_order_release);
}

}  // namespace fairway::broker
