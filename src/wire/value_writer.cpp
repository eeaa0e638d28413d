#include "wire/value_writer.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <new>
#include <string>

#include <fairway/error.hpp>

#include "wire/value_tags.hpp"

namespace fairway::wire {

namespace {

using graph::Cell;
using graph::Node;
using graph::Slot;

[[noreturn]] void refuse(const std::string& why) { throw DOMException("DataCloneError", why); }

/// Bytes behind each other, as V8 writes them.
class Out {
 public:
  explicit Out(std::vector<std::byte>& bytes) : bytes_(bytes), start_(bytes.size()) {}

  void tag(std::uint8_t tag) { bytes_.push_back(std::byte{tag}); }
  void varint(std::uint64_t number) {
    for (; number >= 0x80; number >>= 7) tag(static_cast<std::uint8_t>(number | 0x80));
    tag(static_cast<std::uint8_t>(number));
  }
  void raw(const void* data, std::size_t size) {
    const auto* const begin = static_cast<const std::byte*>(data);
    bytes_.insert(bytes_.end(), begin, begin + size);
  }
  void real(double number) { raw(&number, sizeof number); }
  void length(std::size_t size, const char* what) {
    if (size > std::numeric_limits<std::uint32_t>::max()) refuse(std::string(what) + " of 4 GiB or more cannot be cloned");
    varint(size);
  }
  std::size_t written() const noexcept { return bytes_.size() - start_; }

 private:
  std::vector<std::byte>& bytes_;
  std::size_t start_;
};

std::size_t varint_size(std::uint64_t number) noexcept { return (static_cast<std::size_t>(std::bit_width(number | 1)) + 6) / 7; }

/// Where the walk is inside of a container.
struct Frame {
  const Node* node;
  std::size_t position = 0;                   ///< in the vector or table
  graph::Indexed::const_iterator indexed{};   ///< in the map of indices
  std::uint32_t written = 0;                  ///< properties
  enum class Stage : std::uint8_t { elements, indexed, named, value } stage = Stage::elements;
};

class Writer {
 public:
  Writer(std::span<const void* const> ports, std::span<graph::BufferNode* const> buffers, std::vector<std::byte>& out)
      : out_(out), ports_(ports), port_numbers_(ports.size(), none), walk_(graph::begin_walk()) {
    for (graph::BufferNode* const buffer : buffers) buffer->listed = walk_;
  }

  /// The buffers that stand beside it, in the order of their numbers.
  std::vector<graph::BufferNode*> run(const Cell& root) {
    out_.tag(tag::version);
    out_.varint(value_version);
    write(root);
    while (!frames_.empty()) step(frames_.back());
    return std::move(beside_);
  }

 private:
  using Stage = Frame::Stage;
  static constexpr std::uint32_t none = 0xffffffff;

  // Primitives ------------------------------------------------------------------------------------------------

  void write_number(double number) {
    const bool whole = number >= std::numeric_limits<std::int32_t>::min() && number <= std::numeric_limits<std::int32_t>::max() &&
                       number == std::trunc(number) && !(number == 0 && std::signbit(number));
    if (!whole) {
      out_.tag(tag::number);
      return out_.real(number);
    }
    const auto integer = static_cast<std::int32_t>(number);
    out_.tag(tag::int32);
    out_.varint(static_cast<std::uint32_t>(integer) << 1 ^ static_cast<std::uint32_t>(integer >> 31));
  }

  void write_bigint(const graph::BigInteger& number) {
    const std::size_t size = number.magnitude.size() * sizeof(std::uint64_t);
    if (size >= std::size_t{1} << 30) refuse("a BigInt of 2^33 bits or more cannot be cloned");
    out_.varint(size << 1 | (number.negative ? 1 : 0));
    out_.raw(number.magnitude.data(), size);
  }

  void write_text(const std::string& wtf8) {
    if (graph::is_ascii(wtf8)) {
      out_.tag(tag::one_byte_string);
      out_.length(wtf8.size(), "a string");
      return out_.raw(wtf8.data(), wtf8.size());
    }
    const std::u16string units = graph::to_utf16(wtf8);
    if (graph::is_latin1(wtf8)) {
      out_.tag(tag::one_byte_string);
      out_.length(units.size(), "a string");
      for (const char16_t unit : units) out_.tag(static_cast<std::uint8_t>(unit));
      return;
    }
    // V8 reads the units where they lie.
    const std::size_t size = units.size() * sizeof(char16_t);
    if ((out_.written() + 1 + varint_size(size)) % 2 != 0) out_.tag(tag::padding);
    out_.tag(tag::two_byte_string);
    out_.length(size, "a string");
    out_.raw(units.data(), size);
  }

  void write(const Cell& cell) {
    switch (cell.type) {
      case ValueType::undefined: return out_.tag(tag::undefined);
      case ValueType::null: return out_.tag(tag::null);
      case ValueType::boolean: return out_.tag(cell.boolean ? tag::true_value : tag::false_value);
      case ValueType::number: return write_number(cell.number);
      case ValueType::bigint: out_.tag(tag::bigint); return write_bigint(*cell.bigint);
      case ValueType::string: return write_text(cell.text->wtf8);
      default: return write_node(*cell.node);
    }
  }

  // What has identity -----------------------------------------------------------------------------------------

  /// True: it was written before, and a reference to it is now.
  bool write_again(const Node& node) {
    if (node.walk != walk_) return false;
    out_.tag(tag::reference);
    out_.varint(node.number);
    return true;
  }
  void give_number(Node& node) noexcept {
    node.walk = walk_;
    node.number = next_++;
  }

  void write_node(Node& node) {
    if (write_again(node)) return;
    if (node.type == ValueType::typed_array || node.type == ValueType::data_view)
      return write_view(static_cast<graph::ViewNode&>(node));
    if (node.type == ValueType::port) return write_port(static_cast<graph::PortNode&>(node));
    give_number(node);
    switch (node.type) {
      case ValueType::object:
        out_.tag(tag::object);
        return enter(node, Stage::indexed, static_cast<graph::ObjectNode&>(node).indexed.get());
      case ValueType::array: return open_array(static_cast<graph::ArrayNode&>(node));
      case ValueType::map: out_.tag(tag::map); return enter(node, Stage::named);
      case ValueType::set: out_.tag(tag::set); return enter(node, Stage::named);
      case ValueType::date: out_.tag(tag::date); return out_.real(static_cast<graph::DateNode&>(node).time);
      case ValueType::regexp: {
        const auto& regexp = static_cast<graph::RegExpNode&>(node);
        out_.tag(tag::regexp);
        write_text(regexp.source.cell().text->wtf8);
        return out_.varint(regexp.flags);
      }
      case ValueType::error: return open_error(static_cast<graph::ErrorNode&>(node));
      case ValueType::array_buffer:
      case ValueType::shared_buffer:
      case ValueType::shared_array_buffer: return write_buffer(static_cast<graph::BufferNode&>(node));
      default: return write_boxed(static_cast<graph::BoxedNode&>(node).inner.cell());
    }
  }

  void write_boxed(const Cell& inner) {
    switch (inner.type) {
      case ValueType::boolean: return out_.tag(inner.boolean ? tag::true_object : tag::false_object);
      case ValueType::number: out_.tag(tag::number_object); return out_.real(inner.number);
      case ValueType::bigint: out_.tag(tag::bigint_object); return write_bigint(*inner.bigint);
      default: out_.tag(tag::string_object); return write_text(inner.text->wtf8);
    }
  }

  void write_buffer(graph::BufferNode& buffer) {
    const bool shared = buffer.sharing != graph::Sharing::none;
    if (shared || buffer.listed == walk_) {
      if (shared && buffer.detached && buffer.listed != walk_) refuse("a SharedBuffer is detached");
      out_.tag(shared ? tag::shared_array_buffer : tag::transferred_array_buffer);
      out_.varint(beside_.size());
      beside_.push_back(&buffer);
      return;
    }
    if (buffer.detached) refuse("an ArrayBuffer is detached");
    if (buffer.maximum > std::numeric_limits<std::uint32_t>::max())
      refuse("an ArrayBuffer whose maximum is 4 GiB or more cannot be cloned");
    out_.tag(buffer.resizable ? tag::resizable_array_buffer : tag::array_buffer);
    out_.length(buffer.bytes().size(), "an ArrayBuffer");
    if (buffer.resizable) out_.varint(buffer.maximum);
    out_.raw(buffer.bytes().data(), buffer.bytes().size());
  }

  void write_view(graph::ViewNode& view) {
    if (view.buffer->detached) refuse("the ArrayBuffer under a view is detached");
    if (view.out_of_bounds()) refuse("a view is out of the bounds of its ArrayBuffer");
    write_node(*view.buffer);
    give_number(view);
    out_.tag(tag::view);
    const bool typed = view.type == ValueType::typed_array;
    out_.varint(typed ? tag::view_kinds[static_cast<std::size_t>(view.element)] : tag::data_view);
    out_.length(view.offset, "a view with an offset");
    out_.length(view.size(), "a view");
    out_.varint((view.tracking ? tag::view_is_length_tracking : 0) | (view.buffer->resizable ? tag::view_is_of_resizable : 0));
  }

  void write_port(graph::PortNode& port) {
    const std::shared_ptr<void> held = port.port.lock();
    const auto found = held ? std::ranges::find(ports_, held.get()) : ports_.end();
    if (found == ports_.end()) refuse("a port in the value is not listed in transfer");
    const auto index = static_cast<std::size_t>(found - ports_.begin());
    if (port_numbers_[index] != none) {
      out_.tag(tag::reference);
      return out_.varint(port_numbers_[index]);
    }
    give_number(port);
    port_numbers_[index] = port.number;
    out_.tag(tag::host_object);
    out_.varint(index);
  }

  // Containers ------------------------------------------------------------------------------------------------

  void enter(const Node& node, Stage stage, const graph::Indexed* indexed = nullptr) {
    Frame& frame = frames_.emplace_back(Frame{&node});
    frame.stage = stage;
    if (indexed != nullptr) frame.indexed = indexed->begin();
  }

  void open_array(graph::ArrayNode& array) {
    out_.tag(array.packed() ? tag::dense_array : tag::sparse_array);
    out_.varint(array.length);
    enter(array, Stage::elements, array.sparse.get());
  }

  void open_error(const graph::ErrorNode& error) {
    out_.tag(tag::error);
    for (const auto& [tag, name] : tag::error_names)
      if (error.name == name) out_.tag(tag);
    if (!error.message.is_hole()) {
      out_.tag(tag::error_message);
      write_text(error.message.cell().text->wtf8);
    }
    if (!error.stack.is_hole()) {
      out_.tag(tag::error_stack);
      write_text(error.stack.cell().text->wtf8);
    }
    enter(error, Stage::value);
    if (error.cause.is_hole()) return;
    out_.tag(tag::error_cause);
    write(error.cause.cell());
  }

  /// Writes the next entry of the container, or its end. What it writes may enter another one: the frame is not looked at
  /// behind that.
  void step(Frame& frame) {
    switch (frame.node->type) {
      case ValueType::object: {
        const auto& object = static_cast<const graph::ObjectNode&>(*frame.node);
        if (step_indexed(frame, object.indexed.get()) || step_named(frame, object.named)) return;
        out_.tag(tag::object_end);
        out_.varint(frame.written);
        break;
      }
      case ValueType::array: {
        const auto& array = static_cast<const graph::ArrayNode&>(*frame.node);
        if (step_element(frame, array) || step_indexed(frame, array.sparse.get())) return;
        if (array.extra && step_named(frame, *array.extra)) return;
        out_.tag(array.packed() ? tag::dense_array_end : tag::sparse_array_end);
        out_.varint(frame.written);
        out_.varint(array.length);
        break;
      }
      case ValueType::map: {
        if (step_entry(frame)) return;
        out_.tag(tag::map_end);
        out_.varint(static_cast<const graph::MapNode&>(*frame.node).table.size() * 2);
        break;
      }
      case ValueType::set: {
        const auto& entries = static_cast<const graph::MapNode&>(*frame.node).table.entries();
        if (frame.position < entries.size()) return write(entries[frame.position++].key.cell());
        out_.tag(tag::set_end);
        out_.varint(entries.size());
        break;
      }
      default: out_.tag(tag::error_end); break;
    }
    frames_.pop_back();
  }

  bool step_element(Frame& frame, const graph::ArrayNode& array) {
    if (frame.stage != Stage::elements) return false;
    while (frame.position < array.dense.size() && array.dense[frame.position].is_hole()) ++frame.position;
    if (frame.position == array.dense.size()) {
      frame.position = 0;
      frame.stage = Stage::indexed;
      return false;
    }
    const std::size_t index = frame.position++;
    if (!array.packed()) {
      ++frame.written;
      write_number(static_cast<double>(index));
    }
    write(array.dense[index].cell());
    return true;
  }

  bool step_indexed(Frame& frame, const graph::Indexed* slots) {
    if (frame.stage != Stage::indexed) return false;
    if (slots == nullptr || frame.indexed == slots->end()) {
      frame.stage = Stage::named;
      return false;
    }
    const auto& [index, slot] = *frame.indexed++;
    ++frame.written;
    write_number(index);
    write(slot.cell());
    return true;
  }

  bool step_named(Frame& frame, const graph::Table& table) {
    if (frame.position == table.size()) return false;
    const graph::Table::Entry& entry = table.entries()[frame.position++];
    ++frame.written;
    write_text(entry.key.cell().text->wtf8);
    write(entry.value.cell());
    return true;
  }

  /// Of a Map: a key in one step, its value in the next.
  bool step_entry(Frame& frame) {
    const auto& entries = static_cast<const graph::MapNode&>(*frame.node).table.entries();
    if (frame.position == entries.size()) return false;
    const bool key = frame.stage == Stage::named;
    frame.stage = key ? Stage::value : Stage::named;
    const graph::Table::Entry& entry = entries[frame.position];
    if (!key) ++frame.position;
    write(key ? entry.key.cell() : entry.value.cell());
    return true;
  }

  Out out_;
  std::span<const void* const> ports_;
  std::vector<std::uint32_t> port_numbers_;  ///< `none`: not written yet
  std::uint64_t walk_;
  std::uint32_t next_ = 0;
  std::vector<Frame> frames_;
  std::vector<graph::BufferNode*> beside_;
};

}  // namespace

std::vector<graph::BufferNode*> write_value(const Value& value, std::span<const void* const> ports,
                                            std::span<graph::BufferNode* const> buffers, std::vector<std::byte>& out) {
  try {
    return Writer(ports, buffers, out).run(value.cell());
  } catch (const std::bad_alloc&) {
    throw DOMException("RangeError", "no memory for the bytes of a value");
  }
}

void write_value(const Value& value, std::span<const void* const> ports, std::vector<std::byte>& out) {
  if (!write_value(value, ports, {}, out).empty()) refuse("a buffer that is shared cannot be cloned into bytes alone");
}

}  // namespace fairway::wire
