#include "inspector/tree.hpp"

#include <map>
#include <vector>

#include <boost/json.hpp>
#include <fmt/format.h>

#include "inspector/diagnosis.hpp"
#include "inspector/drawing.hpp"
#include "inspector/names.hpp"

namespace fairway::inspector {

namespace {

namespace json = boost::json;

struct Leaf {
  const ChannelSnapshot* channel;
  int side;

  const PortSnapshot& port() const { return channel->port[static_cast<std::size_t>(side - 1)]; }
  const PortSnapshot& opposite() const { return channel->port[static_cast<std::size_t>(2 - side)]; }
  std::string name() const { return to_string(PortId::of(channel->id, side)); }
  std::string opposite_name() const { return to_string(PortId::of(channel->id, 3 - side)); }
};

struct Tree {
  struct Process {
    std::int64_t pid;
    std::vector<const ContextSnapshot*> contexts;
  };
  std::vector<Process> processes;                     ///< in the order of their first contexts
  std::map<std::uint32_t, std::vector<Leaf>> leaves;  ///< by context
  std::vector<Leaf> in_transit;
};

Tree tree(const Snapshot& snapshot) {
  Tree tree;
  for (const ContextSnapshot& context : snapshot.contexts) {
    auto process = tree.processes.begin();
    while (process != tree.processes.end() && process->pid != context.info.pid) ++process;
    if (process == tree.processes.end()) process = tree.processes.insert(process, {context.info.pid, {}});
    process->contexts.push_back(&context);
  }
  for (const ChannelSnapshot& channel : snapshot.channels)
    for (const int side : {1, 2}) {
      const Leaf leaf{&channel, side};
      if (leaf.port().info.state == shm::PortState::transit) tree.in_transit.push_back(leaf);
      if (leaf.port().owner) tree.leaves[leaf.port().owner->info.id.value].push_back(leaf);
    }
  return tree;
}

std::string whereabouts(const PortSnapshot& port) {
  if (!port.owner) return std::string(to_string(port.info.state));
  const shm::ContextInfo& info = port.owner->info;
  return fmt::format("{}, pid {}", info.name.empty() ? info.command : info.name, info.pid);
}

std::string leaf_line(const Leaf& leaf, Colour colour) {
  std::string line = fmt::format("{}  opposite {} ({})", leaf.name(), leaf.opposite_name(), whereabouts(leaf.opposite()));
  const auto waiting = waiting_at(*leaf.channel, leaf.side);
  if (waiting && waiting->messages != 0)
    line += paint(fmt::format("  {} unread, {}", waiting->messages, bytes_text(waiting->bytes)), Ink::notice, colour);
  return line;
}

std::string branch(bool last) { return last ? "└─ " : "├─ "; }
std::string trunk(bool last) { return last ? "   " : "│  "; }

json::object leaf_json(const Leaf& leaf) {
  json::object object{{"port", leaf.name()}, {"opposite", leaf.opposite_name()}, {"opposite_context", nullptr}, {"unread_messages", nullptr}};
  if (leaf.opposite().owner) object["opposite_context"] = leaf.opposite().owner->info.id.value;
  if (const auto waiting = waiting_at(*leaf.channel, leaf.side)) object["unread_messages"] = waiting->messages;
  return object;
}

json::array leaves_json(const std::vector<Leaf>& leaves) {
  json::array array;
  for (const Leaf& leaf : leaves) array.push_back(leaf_json(leaf));
  return array;
}

}  // namespace

std::string tree_text(const Snapshot& snapshot, Colour colour) {
  Tree tree = inspector::tree(snapshot);
  std::string text = broker_line(snapshot.broker, colour);
  for (const Tree::Process& process : tree.processes) {
    const ContextSnapshot& first = *process.contexts.front();
    const Cell state = process_cell(first.process);
    text += fmt::format("\n{} ({}), {}\n", paint(fmt::format("pid {}", process.pid), Ink::head, colour), or_nothing(first.info.command),
                        paint(state.text, state.ink, colour));
    for (const ContextSnapshot* const context : process.contexts) {
      const bool last = context == process.contexts.back();
      text += fmt::format("{}context {} {}, {}\n", branch(last), context->info.id.value, or_nothing(context->info.name),
                          bytes_text(context->info.memory));
      const std::vector<Leaf>& leaves = tree.leaves[context->info.id.value];
      for (const Leaf& leaf : leaves) text += trunk(last) + branch(&leaf == &leaves.back()) + leaf_line(leaf, colour) + '\n';
    }
  }
  if (!tree.in_transit.empty()) {
    text += '\n' + paint("in transit", Ink::head, colour) + '\n';
    for (const Leaf& leaf : tree.in_transit) text += branch(&leaf == &tree.in_transit.back()) + leaf_line(leaf, colour) + '\n';
  }
  return text;
}

std::string tree_json(const Snapshot& snapshot) {
  Tree tree = inspector::tree(snapshot);
  json::array processes;
  for (const Tree::Process& process : tree.processes) {
    const ContextSnapshot& first = *process.contexts.front();
    json::array contexts;
    for (const ContextSnapshot* const context : process.contexts)
      contexts.push_back({{"id", context->info.id.value},
                          {"name", context->info.name.empty() ? json::value(nullptr) : json::value(context->info.name)},
                          {"ports", leaves_json(tree.leaves[context->info.id.value])}});
    processes.push_back({{"pid", process.pid},
                         {"command", first.info.command.empty() ? json::value(nullptr) : json::value(first.info.command)},
                         {"process", json::string(to_string(first.process).data(), to_string(first.process).size())},
                         {"contexts", std::move(contexts)}});
  }
  const json::object object{{"format", 1}, {"processes", std::move(processes)}, {"in_transit", leaves_json(tree.in_transit)}};
  return json::serialize(object) + '\n';
}

}  // namespace fairway::inspector
