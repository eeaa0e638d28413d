#include "value/inspect.hpp"

#include <algorithm>
#include <cctype>
#include <ostream>
#include <unordered_map>
#include <vector>

#include <fairway/value.hpp>

#include "value/node.hpp"

namespace fairway {

namespace {

using graph::Cell;
using graph::Node;
using graph::Slot;

constexpr std::size_t most_elements_shown = 100;  // of a buffer or typed array

/// What stands between the brackets of a container, in the order of printing.
struct Part {
  bool begins_item;
  std::string text;
  Cell cell;
  bool has_cell;
};

struct Frame {
  std::vector<Part> parts;
  std::size_t next = 0;
  std::string close;
  bool bracketed = true;  ///< items stand between brackets
};

/// What appears more than once, and its number as soon as it has been shown.
class References {
 public:
  explicit References(const Cell& root) {
    std::vector<const Node*> work;
    const auto reach = [&](const Node* node) {
      if (node == nullptr) return;
      const auto [place, fresh] = seen_.emplace(node, once);
      if (fresh) {
        work.push_back(node);
      } else {
        place->second = repeated;
      }
    };
    reach(graph::is_node(root.type) ? root.node : nullptr);
    while (!work.empty()) {
      const Node* const node = work.back();
      work.pop_back();
      graph::for_each_slot(*node, [&](const Slot& slot) { reach(slot.node()); });
    }
  }

  bool shared(const Node& node) const { return seen_.at(&node) != once; }
  /// 0: it is shown for the first time.
  int shown_as(const Node& node) const { return std::max(0, seen_.at(&node)); }
  int number(const Node& node) { return seen_[&node] = ++last_; }

 private:
  static constexpr int once = 0;
  static constexpr int repeated = -1;
  std::unordered_map<const Node*, int> seen_;
  int last_ = 0;
};

std::string key_text(const graph::Text& key) {
  const std::string& text = key.wtf8;
  const auto word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '$'; };
  const bool plain = !text.empty() && std::all_of(text.begin(), text.end(), word) && std::isdigit(static_cast<unsigned char>(text[0])) == 0;
  return plain ? text : graph::quoted(text);
}

class Printer {
 public:
  Printer(const Cell& root, InspectStyle style) : references_(root), style_(style) { print(root); }

  std::string take() {
    while (!frames_.empty()) step();
    return std::move(out_);
  }

 private:
  void step() {
    Frame& frame = frames_.back();
    if (frame.next == frame.parts.size()) {
      if (frame.bracketed && !frame.parts.empty()) separate(frames_.size() - 1, " ");
      out_ += frame.close;
      frames_.pop_back();
      return;
    }
    Part part = std::move(frame.parts[frame.next++]);
    if (part.begins_item) {
      if (frame.next > 1) out_ += ',';
      separate(frames_.size(), " ");
    }
    out_ += part.text;
    if (part.has_cell) print(part.cell);
  }

  void separate(std::size_t depth, const char* blank) {
    if (style_ == InspectStyle::one_line) {
      out_ += blank;
    } else {
      out_ += '\n';
      out_.append(2 * depth, ' ');
    }
  }

  void print(const Cell& cell) {
    if (!graph::is_node(cell.type)) {
      out_ += graph::primitive_text(cell);
      return;
    }
    Node& node = *cell.node;
    if (references_.shared(node)) {
      if (const int number = references_.shown_as(node); number != 0) {
        out_ += "[ref *" + std::to_string(number) + "]";
        return;
      }
      out_ += "<ref *" + std::to_string(references_.number(node)) + "> ";
    }
    open(node);
  }

  void begin(std::string open_text, std::string close) {
    out_ += open_text;
    frames_.push_back({{}, 0, std::move(close)});
  }
  void item(std::string text, const Slot& slot) { frames_.back().parts.push_back({true, std::move(text), slot.cell(), true}); }
  void item(std::string text) { frames_.back().parts.push_back({true, std::move(text), {}, false}); }
  void behind(std::string text, const Slot& slot) { frames_.back().parts.push_back({false, std::move(text), slot.cell(), true}); }

  void properties(const graph::Table& table) {
    for (const auto& [key, value] : table.entries()) item(key_text(*key.cell().text) + ": ", value);
  }

  void open(const Node& node) {
    switch (node.type) {
      case ValueType::object: return open_object(static_cast<const graph::ObjectNode&>(node));
      case ValueType::array: return open_array(static_cast<const graph::ArrayNode&>(node));
      case ValueType::map: {
        const auto& table = static_cast<const graph::MapNode&>(node).table;
        begin("Map(" + std::to_string(table.size()) + ") {", "}");
        for (const auto& [key, value] : table.entries()) {
          item("", key);
          behind(" => ", value);
        }
        return;
      }
      case ValueType::set: {
        const auto& table = static_cast<const graph::MapNode&>(node).table;
        begin("Set(" + std::to_string(table.size()) + ") {", "}");
        for (const auto& entry : table.entries()) item("", entry.key);
        return;
      }
      case ValueType::error: return open_error(static_cast<const graph::ErrorNode&>(node));
      case ValueType::typed_array:
      case ValueType::data_view: return open_view(static_cast<const graph::ViewNode&>(node));
      default: out_ += graph::leaf_text(node); return;
    }
  }

  void open_object(const graph::ObjectNode& object) {
    begin("{", "}");
    if (object.indexed)
      for (const auto& [index, value] : *object.indexed) item("'" + std::to_string(index) + "': ", value);
    properties(object.named);
  }

  void open_array(const graph::ArrayNode& array) {
    begin("[", "]");
    std::uint32_t expected = 0;
    const auto fill_to = [&](std::uint32_t index) {
      if (const std::uint32_t gap = index - expected; gap != 0)
        item("<" + std::to_string(gap) + (gap == 1 ? " empty item>" : " empty items>"));
    };
    const auto element = [&](std::uint32_t index, const Slot& slot) {
      fill_to(index);
      item("", slot);
      expected = index + 1;
    };
    for (std::uint32_t i = 0; i < array.dense.size(); ++i)
      if (!array.dense[i].is_hole()) element(i, array.dense[i]);
    if (array.sparse)
      for (const auto& [index, slot] : *array.sparse) element(index, slot);
    fill_to(array.length);
    if (array.extra) properties(*array.extra);
  }

  void open_error(const graph::ErrorNode& error) {
    std::string text = "[" + error.name;
    if (!error.message.is_hole()) text += ": " + graph::quoted(error.message.cell().text->wtf8);
    begin(text + "]", "");
    frames_.back().bracketed = false;
    if (!error.cause.is_hole()) {
      behind(" { cause: ", error.cause);
      frames_.back().close = " }";
    }
  }

  void open_view(const graph::ViewNode& view) {
    const std::size_t count = view.size() / graph::element_size(view.element);
    const bool typed = view.type == ValueType::typed_array;
    out_ += typed ? to_string(view.element) : "DataView";
    out_ += "(" + std::to_string(count) + ") [";
    for (std::size_t i = 0; i < std::min(count, most_elements_shown); ++i)
      out_ += (i == 0 ? " " : ", ") + graph::primitive_text(view.read(i).cell());
    if (count > most_elements_shown) out_ += ", ... " + std::to_string(count - most_elements_shown) + " more";
    out_ += count == 0 ? "]" : " ]";
    if (view.tracking) out_ += " tracking";
    if (!references_.shared(*view.buffer) && !view.buffer->resizable) return;
    begin("", "");
    frames_.back().bracketed = false;
    behind(" at " + std::to_string(view.offset) + " of ", Slot::node(*view.buffer));
  }

  References references_;
  InspectStyle style_;
  std::string out_;
  std::vector<Frame> frames_;
};

}  // namespace

std::string inspect(const Value& value, InspectStyle style) { return Printer(value.cell(), style).take(); }

std::ostream& operator<<(std::ostream& out, const Value& value) { return out << inspect(value); }

}  // namespace fairway
