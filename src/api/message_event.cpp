#include <fairway/message_event.hpp>

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include <fairway/value.hpp>

namespace fairway {

namespace {

static_assert(sizeof(Value) == 16 && alignof(Value) <= 16, "the bytes behind it stay aligned");

/// Null: there is no memory.
[[gnu::noinline]] std::byte* allocate_block(std::size_t size) noexcept {
  void* const block = size <= ~std::size_t{0} - sizeof(Value) ? ::operator new(sizeof(Value) + size, std::nothrow) : nullptr;
  if (block == nullptr) return nullptr;
  ::new (block) Value();
  return static_cast<std::byte*>(block) + sizeof(Value);
}

Value& value_before(std::byte* bytes) noexcept { return *std::launder(reinterpret_cast<Value*>(bytes - sizeof(Value))); }

}  // namespace

void MessageEvent::FreeBlock::operator()(std::byte* bytes) const noexcept {
  Value& value = value_before(bytes);
  value.~Value();
  ::operator delete(static_cast<void*>(&value));
}

MessageEvent::MessageEvent(MessageEvent&& other) noexcept
    : ports(std::move(other.ports)), heap_(std::move(other.heap_)), size_(std::exchange(other.size_, 0)), kind_(other.kind_) {
  if (!heap_) std::memcpy(inline_.data(), other.inline_.data(), size_);
}

MessageEvent& MessageEvent::operator=(MessageEvent&& other) noexcept {
  if (this == &other) return *this;
  ports = std::move(other.ports);
  heap_ = std::move(other.heap_);
  size_ = std::exchange(other.size_, 0);
  kind_ = other.kind_;
  if (!heap_) std::memcpy(inline_.data(), other.inline_.data(), size_);
  return *this;
}

bool MessageEvent::assign(Kind kind, std::size_t size) noexcept {
  kind_ = kind;
  size_ = 0;
  heap_.reset();
  if (size > inline_capacity) {
    heap_.reset(allocate_block(size));
    if (!heap_) return false;
  }
  size_ = size;
  return true;
}

bool MessageEvent::assign_with_data(Kind kind, std::size_t size) noexcept {
  kind_ = kind;
  heap_.reset(allocate_block(size));
  size_ = heap_ ? size : 0;
  return heap_ != nullptr;
}

void MessageEvent::set_data(Value value) noexcept { value_before(heap_.get()) = std::move(value); }

const Value& MessageEvent::data() const {
  static const Value undefined;
  static const Value null = nullptr;
  switch (kind_) {
    case Kind::value: return heap_ ? value_before(heap_.get()) : undefined;  // none: moved from
    case Kind::string: return string_value();
    case Kind::error: return null;
    case Kind::bytes:
    case Kind::object: break;
  }
  return undefined;
}

const Value& MessageEvent::string_value() const {
  const std::string_view text = string();
  try {
    if (!heap_) {  // it stays where it is, too: views of it were given out
      heap_.reset(allocate_block(size_));
      if (!heap_) throw std::bad_alloc();
      std::memcpy(heap_.get(), text.data(), text.size());
    }
    Value& value = value_before(heap_.get());
    if (value.is_undefined()) value = text;
    return value;
  } catch (const std::bad_alloc&) {
    throw DOMException("RangeError", "no memory for a string of " + std::to_string(size_) + " bytes");
  }
}

std::string_view MessageEvent::string() const {
  if (kind_ != Kind::string) throw DOMException("DataCloneError", "the message is not a string");
  return {reinterpret_cast<const char*>(bytes().data()), size_};
}

const Value* MessageEvent::buffers() const noexcept {
  return heap_ && value_before(heap_.get()).is(Value::Type::array) ? &value_before(heap_.get()) : nullptr;
}

void MessageEvent::require_object() const {
  if (kind_ != Kind::object) throw DOMException("DataCloneError", "the message is not a C++ object");
}

}  // namespace fairway
