#pragma once

#include <fairway/message_event.hpp>
#include <fairway/payload.hpp>

#include "shm/byte_ring.hpp"

/// The kinds of payloads, messages and records are counted alike: each is the other plus a constant.
namespace fairway::client {

constexpr shm::RecordType record_type(MessageEvent::Kind kind) noexcept {
  return static_cast<shm::RecordType>(static_cast<int>(shm::RecordType::bytes) + static_cast<int>(kind));
}
constexpr shm::RecordType record_type(Payload::Kind kind) noexcept {
  return record_type(static_cast<MessageEvent::Kind>(kind));
}
/// Of a record that holds a message.
constexpr MessageEvent::Kind event_kind(shm::RecordType type) noexcept {
  return static_cast<MessageEvent::Kind>(static_cast<int>(type) - static_cast<int>(shm::RecordType::bytes));
}

static_assert(record_type(Payload::Kind::bytes) == shm::RecordType::bytes && event_kind(shm::RecordType::bytes) == MessageEvent::Kind::bytes);
static_assert(record_type(Payload::Kind::string) == shm::RecordType::string && event_kind(shm::RecordType::string) == MessageEvent::Kind::string);
static_assert(record_type(Payload::Kind::object) == shm::RecordType::object && event_kind(shm::RecordType::object) == MessageEvent::Kind::object);
static_assert(record_type(Payload::Kind::value) == shm::RecordType::value);
static_assert(event_kind(shm::RecordType::value) == MessageEvent::Kind::value);

}  // namespace fairway::client
