#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include <fairway/message_port.hpp>
#include <fairway/payload.hpp>

#include "value/node.hpp"

/// What a post does with its transfer list, in this order (HTML Standard, StructuredSerializeWithTransfer).
namespace fairway {

namespace detail {

/// What the object that is being written refers to of what goes along with it.
class Sending {
 public:
  explicit Sending(const PostOptions& options) noexcept : options_(options) {}
  /// Its place among the ports of the list, from 0; none: it is not listed.
  std::optional<std::size_t> place_of(const client::Port& port) const noexcept;
  /// Its number among the buffers beside the object, from 0; none: it is neither listed nor shared.
  std::optional<std::size_t> number_of(graph::BufferNode& buffer);
  const std::vector<graph::BufferNode*>& beside() const noexcept { return beside_; }

 private:
  const PostOptions& options_;
  std::vector<graph::BufferNode*> beside_;
};

}  // namespace detail

/// Throws if the list itself is wrong; nothing is detached yet. `source`: the port that posts, if there is one.
void validate(const PostOptions& options, const client::Port* source);
/// The ports in the list, in its order.
std::vector<client::Port*> listed_ports(const PostOptions& options);
/// Appends the value, and answers which buffers stand beside it, in the order of their numbers.
std::vector<graph::BufferNode*> serialize(const Value& value, const PostOptions& options, std::vector<std::byte>& out);
/// As `validate` for what is in the list, once the value is serialized.
void validate_attached(const PostOptions& options, const client::Port* source);
/// Takes the ports out of their handles, which are dead from here on.
std::vector<MessagePort> detach_ports(const PostOptions& options);
/// What the message has not taken of the buffers is gone.
void detach_buffers(const PostOptions& options) noexcept;

}  // namespace fairway
