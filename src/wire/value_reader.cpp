#include "wire/value_reader.hpp"

#include <algorithm>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "value/heap.hpp"
#include "wire/value_input.hpp"

namespace fairway::wire {

namespace {

using graph::Node;
using graph::Slot;

/// Versions before 14 have no flags behind a view; some writers of 13 wrote them all the same.
enum class ViewFlags { none, there };

/// A container that is being read.
struct Frame {
  Node* node;
  enum class Wants : std::uint8_t { element, key, value, member, part, cause } wants;
  std::uint32_t length = 0;  ///< of an array, as it began
  std::uint32_t count = 0;   ///< elements read; behind them, properties, entries or members
  Slot key;
};

class Reader {
 public:
  Reader(Bytes bytes, ViewFlags view_flags, std::span<const std::shared_ptr<void>> ports, std::span<graph::Contents> buffers)
      : in_(bytes), view_flags_(view_flags), ports_(ports), port_nodes_(ports.size()), buffers_(buffers),
        buffer_nodes_(buffers.size()), heap_(std::make_unique<graph::Heap>()) {}
  /// What it took goes back, unless the value has it.
  ~Reader() {
    for (std::size_t i = 0; heap_ && i < buffers_.size(); ++i)
      if (buffer_nodes_[i] != nullptr) buffers_[i] = buffer_nodes_[i]->take();
  }

  ValueError run(Value& out) {
    const std::size_t size = in_.left();
    Slot root = begin_value();
    while (in_.good() && !frames_.empty()) {
      Slot value = step();
      // What is complete completes what it is in, as far as that goes.
      if (in_.good() && !value.is_hole()) {
        if (frames_.empty()) {
          root = std::move(value);
        } else {
          deliver(std::move(value));
        }
      }
    }
    if (in_.good() && in_.left() != 0) in_.fail(ValueError::left_over);
    if (!in_.good()) return in_.error();
    heap_->weigh(0, size);
    out = Value(root.cell());
    if (root.node() != nullptr) static_cast<void>(heap_.release());  // it belongs to its handles
    return ValueError::none;
  }

 private:
  using Wants = Frame::Wants;

  /// A value that needs no others is there at once; a container is entered, and the answer is a hole.
  Slot begin_value() {
    std::uint8_t tag = in_.tag();
    while (tag == tag::object_count && in_.good()) {
      static_cast<void>(in_.varint());
      tag = in_.tag();
    }
    Slot value = read_primitive(in_, tag);
    if (!value.is_hole()) return value;
    value = begin_object(tag);
    if (graph::is_buffer(value.type()) && in_.skip_tag(tag::view))
      value = read_view(graph::as<graph::BufferNode>(value.cell()));
    return value;
  }

  /// Reads on in the innermost container: a value that is complete, perhaps that container; or a hole.
  Slot step() {
    Frame& frame = frames_.back();
    switch (frame.wants) {
      case Wants::element: return step_element(frame);
      case Wants::key: return step_key(frame);
      case Wants::member: return step_member(frame);
      case Wants::part: return step_error(frame);
      case Wants::value:
      case Wants::cause: break;
    }
    return begin_value();
  }

  void deliver(Slot value) {
    Frame& frame = frames_.back();
    switch (frame.wants) {
      case Wants::element:
        static_cast<graph::ArrayNode&>(*frame.node).dense.push_back(std::move(value));
        ++frame.count;
        break;
      case Wants::value: deliver_property(frame, std::move(value)); break;
      case Wants::member: deliver_member(frame, std::move(value)); break;
      case Wants::cause:
        static_cast<graph::ErrorNode&>(*frame.node).cause = std::move(value);
        frame.wants = Wants::part;
        break;
      case Wants::key:
      case Wants::part: break;
    }
  }

  // Objects without others inside -----------------------------------------------------------------------------

  template <class T, class... Args>
  T& make(Args&&... args) {
    T& node = heap_->make<T>(std::forward<Args>(args)...);
    objects_.push_back(&node);
    return node;
  }

  Slot begin_object(std::uint8_t tag) {
    switch (tag) {
      case tag::reference: return read_reference();
      case tag::object: return enter(make<graph::ObjectNode>(), Wants::key);
      case tag::dense_array: return begin_dense_array();
      case tag::sparse_array: {
        auto& array = make<graph::ArrayNode>();
        array.length = in_.varint();
        return enter(array, Wants::key, array.length);
      }
      case tag::map: return enter(make<graph::MapNode>(ValueType::map), Wants::member);
      case tag::set: return enter(make<graph::MapNode>(ValueType::set), Wants::member);
      case tag::error: return enter(make<graph::ErrorNode>(read_error_name()), Wants::part);
      case tag::date: return Slot::node(make<graph::DateNode>(in_.real()));
      case tag::true_object:
      case tag::false_object: return boxed(ValueType::boolean_object, Slot::boolean(tag == tag::true_object));
      case tag::number_object: return boxed(ValueType::number_object, Slot::number(in_.real()));
      case tag::bigint_object: return boxed(ValueType::bigint_object, read_bigint(in_));
      case tag::string_object: return boxed(ValueType::string_object, read_inner_string());
      case tag::regexp: return read_regexp();
      case tag::array_buffer: return read_buffer(false);
      case tag::resizable_array_buffer: return read_buffer(true);
      case tag::host_object: return read_port();
      case tag::transferred_array_buffer: return read_buffer_beside(false);
      case tag::shared_array_buffer: return read_buffer_beside(true);
      default: in_.fail(ValueError::tag); return Slot::hole();
    }
  }

  Slot boxed(ValueType type, Slot inner) { return Slot::node(make<graph::BoxedNode>(type, std::move(inner))); }

  /// A string with its tag, where nothing else can be.
  Slot read_inner_string() {
    const std::uint8_t tag = in_.tag();
    if (is_string_tag(tag)) return read_string(in_, tag);
    in_.fail(ValueError::string);
    return Slot::hole();
  }

  Slot read_reference() {
    const std::uint32_t number = in_.varint();
    if (number < objects_.size()) return Slot::node(*objects_[number]);
    in_.fail(ValueError::reference);
    return Slot::hole();
  }

  Slot read_regexp() {
    Slot source = read_inner_string();
    const std::uint32_t flags = in_.varint();
    if (!graph::valid_flags(flags)) in_.fail(ValueError::flags);
    return Slot::node(make<graph::RegExpNode>(std::move(source), flags));
  }

  Slot read_buffer(bool resizable) {
    const std::uint32_t size = in_.varint();
    const std::uint32_t maximum = resizable ? in_.varint() : 0;
    if (resizable && size > maximum) in_.fail(ValueError::bounds);
    const Bytes bytes = in_.raw(size);
    auto& buffer = make<graph::BufferNode>();
    buffer.in_heap.assign(bytes.begin(), bytes.end());
    buffer.resizable = resizable;
    buffer.maximum = maximum;
    return Slot::node(buffer);
  }

  Slot read_buffer_beside(bool shared) {
    const std::uint32_t index = in_.varint();
    if (index >= buffers_.size() || shared != (buffers_[index].sharing != graph::Sharing::none)) {
      in_.fail(ValueError::transferred);
      return Slot::hole();
    }
    if (buffer_nodes_[index] == nullptr) {
      auto& buffer = make<graph::BufferNode>(buffers_[index].sharing);
      buffer.give(std::move(buffers_[index]));
      buffer_nodes_[index] = &buffer;
    } else {
      objects_.push_back(buffer_nodes_[index]);
    }
    return Slot::node(*buffer_nodes_[index]);
  }

  Slot read_view(graph::BufferNode& buffer) {
    const std::uint32_t kind = in_.varint();
    const std::uint32_t offset = in_.varint();
    const std::uint32_t size = in_.varint();
    const std::uint32_t flags = view_flags_ == ViewFlags::there ? in_.varint() : 0;
    const auto* const found = std::ranges::find(tag::view_kinds, kind);
    const bool typed = kind != tag::data_view;
    if (typed && found == std::end(tag::view_kinds)) in_.fail(ValueError::tag);
    if (!in_.good()) return Slot::hole();
    const auto element = typed ? static_cast<ElementType>(found - std::begin(tag::view_kinds)) : ElementType::uint8;
    const std::size_t unit = graph::element_size(element);
    const std::size_t there = buffer.bytes().size();
    if (offset > there || size > there - offset || offset % unit != 0 || size % unit != 0) in_.fail(ValueError::bounds);
    const bool tracking = (flags & tag::view_is_length_tracking) != 0;
    const bool of_resizable = (flags & tag::view_is_of_resizable) != 0;
    const bool known = flags <= (tag::view_is_length_tracking | tag::view_is_of_resizable);
    if (!known || of_resizable != buffer.resizable || (tracking && !of_resizable)) in_.fail(ValueError::flags);
    auto& view = make<graph::ViewNode>(typed ? ValueType::typed_array : ValueType::data_view, element, buffer);
    view.offset = offset;
    view.fixed_size = size;
    view.tracking = tracking;
    return Slot::node(view);
  }

  Slot read_port() {
    const std::uint32_t index = in_.varint();
    if (index >= ports_.size()) {
      in_.fail(ValueError::transferred);
      return Slot::hole();
    }
    if (port_nodes_[index] == nullptr) {
      port_nodes_[index] = &make<graph::PortNode>(ports_[index], index);
    } else {
      objects_.push_back(port_nodes_[index]);
    }
    return Slot::node(*port_nodes_[index]);
  }

  // Containers ------------------------------------------------------------------------------------------------

  Slot enter(Node& node, Wants wants, std::uint32_t length = 0) {
    frames_.push_back({&node, wants, length, 0, {}});
    return Slot::hole();
  }
  Slot leave() {
    Node& node = *frames_.back().node;
    frames_.pop_back();
    return Slot::node(node);
  }
  Slot leave_if(bool counts_are_right) {
    if (!counts_are_right) in_.fail(ValueError::count);
    return leave();
  }

  Slot begin_dense_array() {
    auto& array = make<graph::ArrayNode>();
    const std::uint32_t length = in_.varint();
    // Each element that is announced, here and in the arrays around, takes a byte at least.
    if (length > in_.left() || announced_ > in_.left() - length) {
      in_.fail(ValueError::cut_off);
      return Slot::hole();
    }
    announced_ += length;
    array.dense.reserve(length);
    array.length = length;
    return enter(array, Wants::element, length);
  }

  Slot step_element(Frame& frame) {
    if (frame.count < frame.length) {
      --announced_;
      if (!in_.skip_tag(tag::hole)) return begin_value();
      auto& array = static_cast<graph::ArrayNode&>(*frame.node);
      array.dense.push_back(Slot::hole());
      ++array.holes;
      ++frame.count;
      return Slot::hole();
    }
    frame.wants = Wants::key;
    frame.count = 0;
    return Slot::hole();
  }

  Slot step_key(Frame& frame) {
    const bool object = frame.node->type == ValueType::object;
    const std::uint8_t tag = in_.tag();
    if (object && tag == tag::object_end) return leave_if(frame.count == in_.varint());
    if (!object && (tag == tag::sparse_array_end || tag == tag::dense_array_end)) {
      const bool counted = frame.count == in_.varint();
      return leave_if(in_.varint() == frame.length && counted);
    }
    frame.key = read_primitive(in_, tag);
    if (frame.key.type() == ValueType::number) {
      frame.key = number_key(frame.key.cell().number);
    } else if (frame.key.type() != ValueType::string) {
      in_.fail(ValueError::key);
    }
    frame.wants = Wants::value;
    return Slot::hole();
  }

  /// An array index stays a number; others are the strings that JavaScript makes of them.
  static Slot number_key(double number) {
    if (number >= 0 && number < graph::no_index && number == std::trunc(number)) return Slot::number(number);
    return Slot::text(graph::number_text(number));
  }

  void deliver_property(Frame& frame, Slot value) {
    if (frame.node->type == ValueType::map) return deliver_entry(frame, std::move(value));
    frame.wants = Wants::key;
    ++frame.count;
    const graph::Cell& key = frame.key.cell();
    const std::uint32_t index = key.type == ValueType::number ? static_cast<std::uint32_t>(key.number) : graph::index_of(key.text->wtf8);
    bool fresh = false;
    if (frame.node->type == ValueType::object) {
      auto& object = static_cast<graph::ObjectNode&>(*frame.node);
      if (index == graph::no_index) {
        fresh = object.named.insert(std::move(frame.key), std::move(value));
      } else {
        if (!object.indexed) object.indexed = std::make_unique<graph::Indexed>();
        fresh = object.indexed->emplace(index, std::move(value)).second;
      }
    } else {
      auto& array = static_cast<graph::ArrayNode&>(*frame.node);
      if (index == graph::no_index) {
        if (key.text->wtf8 == "length") return in_.fail(ValueError::key);
        if (!array.extra) array.extra = std::make_unique<graph::Table>();
        fresh = array.extra->insert(std::move(frame.key), std::move(value));
      } else if (index < frame.length && array.find(index) == nullptr) {
        array.put(index, std::move(value));
        fresh = true;
      }
    }
    if (!fresh) in_.fail(ValueError::key);
  }

  Slot step_member(Frame& frame) {
    const bool map = frame.node->type == ValueType::map;
    if (!in_.skip_tag(map ? tag::map_end : tag::set_end)) return begin_value();
    return leave_if(in_.varint() == frame.count);
  }

  /// A member of a Set, or the key of a Map's entry. One that comes again changes nothing, as in JavaScript.
  void deliver_member(Frame& frame, Slot value) {
    if (value.type() == ValueType::number && value.cell().number == 0) value = Slot::number(0);
    ++frame.count;
    if (frame.node->type == ValueType::set) {
      static_cast<graph::MapNode&>(*frame.node).table.insert(std::move(value), {});
    } else {
      frame.key = std::move(value);
      frame.wants = Wants::value;
    }
  }

  void deliver_entry(Frame& frame, Slot value) {
    ++frame.count;
    frame.wants = Wants::member;
    static_cast<graph::MapNode&>(*frame.node).table.put(std::move(frame.key), std::move(value));
  }

  std::string read_error_name() {
    for (const auto& [tag, name] : tag::error_names)
      if (in_.next_is(tag)) return name;
    return "Error";
  }

  /// Message, stack and cause in any order (V8 has changed it), each once.
  Slot step_error(Frame& frame) {
    auto& error = static_cast<graph::ErrorNode&>(*frame.node);
    switch (in_.byte()) {
      case tag::error_end: return leave();
      case tag::error_message: read_once(error.message); break;
      case tag::error_stack: read_once(error.stack); break;
      case tag::error_cause:
        if (!error.cause.is_hole()) in_.fail(ValueError::tag);
        frame.wants = Wants::cause;
        break;
      default: in_.fail(ValueError::tag); break;
    }
    return Slot::hole();
  }
  void read_once(Slot& place) {
    if (!place.is_hole()) in_.fail(ValueError::tag);
    place = read_inner_string();
  }

  ValueInput in_;
  ViewFlags view_flags_;
  std::span<const std::shared_ptr<void>> ports_;
  std::vector<Node*> port_nodes_;
  std::span<graph::Contents> buffers_;
  std::vector<graph::BufferNode*> buffer_nodes_;
  std::unique_ptr<graph::Heap> heap_;
  std::vector<Node*> objects_;  ///< by their numbers
  std::vector<Frame> frames_;
  std::size_t announced_ = 0;  ///< elements of dense arrays that are still to come
};

}  // namespace

ValueError read_value(Bytes bytes, std::span<const std::shared_ptr<void>> ports, std::span<graph::Contents> buffers,
                      Value& out) noexcept {
  ValueInput header(bytes);
  if (header.byte() != tag::version) return ValueError::version;
  const std::uint32_t version = header.varint();
  if (!header.good() || version < 13 || version > 15) return ValueError::version;
  const Bytes body = bytes.last(header.left());
  try {
    const ValueError error = Reader(body, version == 13 ? ViewFlags::none : ViewFlags::there, ports, buffers).run(out);
    if (error == ValueError::none || version != 13) return error;
    return Reader(body, ViewFlags::there, ports, buffers).run(out);
  } catch (const std::bad_alloc&) {
    return ValueError::memory;
  }
}

}  // namespace fairway::wire
