#pragma once

#include <vector>

#include <fairway/message_port.hpp>
#include <fairway/payload.hpp>

/// What a post does with its transfer list, in this order (HTML Standard, StructuredSerializeWithTransfer).
namespace fairway {

/// Throws if the list itself is wrong; nothing is detached yet. `source`: the port that posts, if there is one.
void validate(const PostOptions& options, const client::Port* source);
/// Who the ports in the list are, as values know them.
std::vector<const void*> identities(const PostOptions& options);
/// As `validate` for what is in the list, once the value is serialized.
void validate_attached(const PostOptions& options, const client::Port* source);
/// Takes the ports out of their handles, which are dead from here on.
std::vector<MessagePort> detach(const PostOptions& options);

}  // namespace fairway
