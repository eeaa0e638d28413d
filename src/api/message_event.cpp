#include <fairway/message_event.hpp>

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

namespace fairway {

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
    heap_.reset(new (std::nothrow) std::byte[size]);
    if (!heap_) return false;
  }
  size_ = size;
  return true;
}

std::string_view MessageEvent::string() const {
  if (kind_ != Kind::string) throw DOMException("DataCloneError", "the message is not a string");
  return {reinterpret_cast<const char*>(bytes().data()), size_};
}

void MessageEvent::require_object() const {
  if (kind_ != Kind::object) throw DOMException("DataCloneError", "the message is not a C++ object");
}

}  // namespace fairway
