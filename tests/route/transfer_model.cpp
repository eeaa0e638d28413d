#include "route/transfer_model.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "shm/layout.hpp"

/// The world and its steps.
namespace fairway::route::test {

TransferModel::TransferModel(int contexts, const std::vector<Channel>& channels, Budget budget, std::uint32_t left_out)
    : registry_(Limits{}), budget_(budget), left_out_(left_out) {
  for (int i = 0; i < contexts; ++i) {
    wire::Hello hello;
    hello.name = wire::Name::of(std::string(1, static_cast<char>('a' + i)));
    Actions actions;
    wire::Refusal refusal;
    Context context;
    context.id = registry_.join(hello, {1000, 1}, 0, actions, refusal);
    contexts_.push_back(context);
    perform(std::move(actions));
  }
  std::uint64_t number = 1;
  for (const Channel& channel : channels) {
    Context& one = contexts_[static_cast<std::size_t>(channel.one)];
    const ChannelId id{static_cast<std::uint64_t>(channel.one) * shm::channels_per_table + number++};
    const PortId mine = PortId::of(id, 1);
    handle(one, wire::Create{id});
    one.ports[mine].pairing = Pairing(0, 1);
    const char other[] = {static_cast<char>('a' + channel.two), 0};
    handle(one, wire::Connect{1, mine.opposite(), 0, wire::Name::of(other)});
    Context& two = contexts_[static_cast<std::size_t>(channel.two)];
    two.ports[mine.opposite()].pairing = Pairing(1, 0);
  }
  for (Context& context : contexts_) context.in.clear();
}

// The broker ------------------------------------------------------------------------------------------------

void TransferModel::perform(Actions actions) {
  for (std::size_t i = 0; i < actions.size(); ++i) {
    if (const auto* const allocate = std::get_if<Allocate>(&actions[i])) {
      Actions more;
      registry_.allocated(allocate->segment, more);
    } else if (const auto* const update = std::get_if<UpdatePort>(&actions[i])) {
      rows_[update->port] = update->info;
    } else if (const auto* const disconnect = std::get_if<Disconnect>(&actions[i])) {
      wrong("an honest context is disconnected: " + disconnect->why);
    } else if (const auto* const sent = std::get_if<Send>(&actions[i])) {
      const auto to = std::ranges::find(contexts_, sent->to, &Context::id);
      if (to == contexts_.end() || !to->alive) continue;
      if (const auto* const refused = std::get_if<wire::Refused>(&sent->message)) {
        const shm::PortState state = rows_[refused->port].state;
        if (state != shm::PortState::closed && state != shm::PortState::none) wrong("a token of a port that lives is refused");
      }
      if (const auto* const moved = std::get_if<wire::Moved>(&sent->message)) {
        std::erase_if(to->in, [moved](const wire::BrokerMessage& message) {
          const auto* const old = std::get_if<wire::Moved>(&message);
          const auto* const paired = std::get_if<wire::Paired>(&message);
          return (old != nullptr && old->port == moved->port) || (paired != nullptr && paired->port == moved->port);
        });
      }
      std::visit(
          [&to](const auto& message) {
            using Message = std::remove_cvref_t<decltype(message)>;
            if constexpr (std::is_same_v<Message, wire::Granted> || std::is_same_v<Message, wire::Refused> ||
                          std::is_same_v<Message, wire::Moved> || std::is_same_v<Message, wire::Paired> ||
                          std::is_same_v<Message, wire::Install> || std::is_same_v<Message, wire::PortClosed>)
              to->in.push_back(message);
          },
          sent->message);
    }
  }
}

void TransferModel::handle(Context& context, const wire::ClientMessage& message) {
  Actions actions;
  if (auto bind = std::get_if<wire::Bind>(&message)) {
    wire::Bind real = *bind;
    registry_.handle(context.id, wire::LeaseRequest{shm::small_segment}, actions);
    for (const Action& action : actions)
      if (const auto* const allocate = std::get_if<Allocate>(&action)) real.segment = allocate->segment;
    perform(std::exchange(actions, {}));
    registry_.handle(context.id, wire::LeaseMapped{real.segment}, actions);
    registry_.handle(context.id, real, actions);
  } else {
    registry_.handle(context.id, message, actions);
  }
  perform(std::move(actions));
}

// Steps -----------------------------------------------------------------------------------------------------

std::vector<TransferModel::Step> TransferModel::steps() const {
  using Kind = Step::Kind;
  std::vector<Step> steps;
  for (std::size_t i = 0; i < contexts_.size(); ++i) {
    const Context& context = contexts_[i];
    const int who = static_cast<int>(i);
    if (context.left) continue;
    if (!context.out.empty()) steps.push_back({Kind::broker_handles, who, {}, {}, 0});
    if (!context.alive) {
      if (context.out.empty() || !has(Habit::broker_drains)) steps.push_back({Kind::end_of_file, who, {}, {}, 0});
      continue;
    }
    if (budget_.deaths > 0) {
      const int most = context.committing ? std::min(context.last_act, static_cast<int>(context.out.size())) : 0;
      for (int lost = 0; lost <= most; ++lost) steps.push_back({Kind::die, who, {}, {}, lost});
    }
    if (context.committing || context.late) {  // it does nothing else in between
      steps.push_back({Kind::commit, who, context.committing, {}, 0});
      continue;
    }
    if (!context.in.empty()) steps.push_back({Kind::context_handles, who, {}, {}, 0});
    for (const auto& [id, port] : context.ports) {
      if (port.held) continue;
      if (readable(context, id, port)) steps.push_back({Kind::read, who, id, {}, 0});
      if (budget_.posts > 0 && !port.closed && !port.ended) steps.push_back({Kind::post, who, id, {}, 0});
      if (budget_.closes > 0) steps.push_back({Kind::close, who, id, {}, 0});
      if (budget_.transfers == 0) continue;
      for (const auto& [carrier, over] : context.ports)
        if (!over.held && !over.closed && !over.ended && carrier.channel() != id.channel())
          steps.push_back({Kind::transfer, who, id, carrier, 0});
    }
  }
  return steps;
}

bool TransferModel::quiet() const {
  return std::ranges::all_of(steps(), [](const Step& step) { return step.kind >= Step::Kind::post; });
}

void TransferModel::take(const Step& step) {
  using Kind = Step::Kind;
  Context& context = contexts_[static_cast<std::size_t>(step.context)];
  if (step.kind >= Kind::read) context.last_act = 0;
  switch (step.kind) {
    case Kind::broker_handles: {
      const wire::ClientMessage message = context.out.front();
      context.out.pop_front();
      handle(context, message);
      break;
    }
    case Kind::context_handles: {
      const wire::BrokerMessage message = context.in.front();
      context.in.pop_front();
      std::visit(
          [&]<class Message>(const Message& m) {
            if constexpr (requires { on(context, m); }) on(context, m);
          },
          message);
      break;
    }
    case Kind::end_of_file: {
      context.out.clear();
      context.left = true;
      for (const auto& [id, memory] : memory_)
        for (const auto& [index, records] : memory.generations)
          for (const Record& record : records) {
            if (!record.token) continue;
            const shm::PortInfo& row = rows_[record.token->port];
            if (row.owner == context.id && row.state == shm::PortState::owned && row.epoch < record.token->epoch)
              wrong("a port dies with its sender after its message is committed");
          }
      Actions actions;
      registry_.leave(context.id, actions);
      perform(std::move(actions));
      break;
    }
    case Kind::commit: {
      if (!context.committing) {
        send(context, *std::exchange(context.late, std::nullopt));
        break;
      }
      const PortId id = std::exchange(context.committing, {});
      auto& generations = memory_[id].generations;
      generations.at(static_cast<Generation>(context.ports.at(id).next - 1)).push_back(std::exchange(context.record, {}));
      break;
    }
    case Kind::read: read(context, step.port); break;
    case Kind::post:
      --budget_.posts;
      post(context, step.port);
      break;
    case Kind::transfer:
      --budget_.transfers;
      transfer(context, step.port, step.carrier);
      break;
    case Kind::close:
      --budget_.closes;
      close(context, step.port);
      break;
    case Kind::die:
      --budget_.deaths;
      context.alive = false;
      context.out.resize(context.out.size() - static_cast<std::size_t>(step.lost), wire::Done{});
      if (context.committing && !context.record.token) --memory_[context.committing].posted;
      context.committing = {};
      context.record = {};
      context.late.reset();
      context.in.clear();
      context.ports.clear();
      context.claims = {};
      break;
  }
  check();
}

}  // namespace fairway::route::test
