#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include <fairway/archive.hpp>
#include <fairway/export.hpp>
#include <fairway/message_port.hpp>
#include <fairway/types.hpp>

namespace fairway {

class Value;

/// A message as it arrives (HTML Standard, the MessageEvent interface). Owns its data: it can be moved
/// and kept after the callback. A message of up to 256 bytes needs no allocation.
class FAIRWAY_API MessageEvent {
 public:
  enum class Kind { bytes, string, object, value, error };

  MessageEvent() noexcept {}  // not defaulted: that would zero the buffer wherever one is value-initialized
  MessageEvent(MessageEvent&& other) noexcept;
  MessageEvent& operator=(MessageEvent&& other) noexcept;
  [[gnu::always_inline]] ~MessageEvent() {}  // in the loop that hands out messages

  /// Makes room for a payload, which a transport then writes to `room`. False: there is no memory.
  [[nodiscard]] bool assign(Kind kind, std::size_t size) noexcept;
  /// The same for what has a value beside its bytes, which a transport then sets: of an object its buffers.
  [[nodiscard]] bool assign_with_data(Kind kind, std::size_t size) noexcept;
  void set_data(Value value) noexcept;
  std::byte* room() noexcept { return heap_ ? heap_.get() : inline_.data(); }

  Kind kind() const noexcept { return kind_; }

  /// The value; of a string that string, of an error null, else undefined. <fairway/value.hpp> has the type. Throws DOMException
  /// "RangeError" when there is no memory for the string.
  const Value& data() const;

  /// The payload as it was sent, whatever its kind; of a value without what its transferred buffers hold.
  Bytes bytes() const noexcept { return {heap_ ? heap_.get() : inline_.data(), size_}; }

  /// Throws DOMException "DataCloneError" if the message is not a string.
  std::string_view string() const;

  /// Throws DOMException "DataCloneError" if the message is not a T, or is damaged. A T with ports takes them out of `ports`:
  /// once, and not of a const event. The buffers in it are those of the event, however often it is asked.
  template <Typed T>
  T get() {
    require_object();
    return decode_object<T>(bytes(), {buffers(), &ports});
  }
  template <Typed T>
  T get() const {
    require_object();
    return decode_object<T>(bytes(), {buffers(), nullptr});
  }

  /// Nothing if the message is not a T. Throws DOMException "DataCloneError" if it is a damaged one.
  template <Typed T>
  std::optional<T> get_if() {
    if (!is_object_of(type_key<T>)) return std::nullopt;
    return get<T>();
  }
  template <Typed T>
  std::optional<T> get_if() const {
    if (!is_object_of(type_key<T>)) return std::nullopt;
    return get<T>();
  }

  /// Every port of the transfer list, in its order. Take them with `std::move`; what stays closes with the event.
  std::vector<MessagePort> ports;

 private:
  static constexpr std::size_t inline_capacity = 256;

  /// Bytes on the heap stand behind room for a Value, so that an event that has none is not larger or slower for it.
  struct FreeBlock {
    FAIRWAY_API void operator()(std::byte* bytes) const noexcept;
  };

  bool is_object_of(std::string_view key) const noexcept { return kind_ == Kind::object && object_key(bytes()) == key; }
  const Value* buffers() const noexcept;
  void require_object() const;
  const Value& string_value() const;

  mutable std::unique_ptr<std::byte[], FreeBlock> heap_;  ///< `data` makes a place for a short string's value
  std::size_t size_ = 0;
  Kind kind_ = Kind::bytes;
  alignas(16) std::array<std::byte, inline_capacity> inline_;
};

template <Typed T>
void MessagePort::on_message(Callback<void(T, MessageEvent&)> callback) {
  if (!callback) return on_checked_message({});
  on_checked_message([callback = std::move(callback)](MessageEvent& event) {
    auto value = try_decode<T>(event);
    if (!value) return false;
    callback(*std::move(value), event);
    return true;
  });
}

template <Typed T>
std::optional<T> MessagePort::try_decode(MessageEvent& event) {
  try {
    return event.get<T>();
  } catch (const DOMException&) {
    return std::nullopt;
  }
}

}  // namespace fairway
