#include "wire/codec.hpp"

#include <algorithm>
#include <cstring>
#include <type_traits>
#include <utility>

namespace fairway::wire {

namespace {

/// Client tags begin at 1, broker tags at 65: a frame that goes the wrong way is not a message.
template <class Variant>
inline constexpr std::uint64_t first_tag = std::is_same_v<Variant, ClientMessage> ? 1 : 65;

bool valid_reason(CloseReason reason) noexcept {
  return static_cast<std::uint32_t>(reason) <= static_cast<std::uint32_t>(CloseReason::dropped);
}

bool no_padding(const std::uint16_t (&pad)[3]) noexcept { return pad[0] == 0 && pad[1] == 0 && pad[2] == 0; }

bool valid(const auto&) noexcept { return true; }
bool valid(const Hello& m) noexcept { return m.pad == 0 && m.name.valid() && (m.name.view().empty() || valid_name(m.name.view())); }
bool valid(const Connect& m) noexcept { return m.patient <= 1 && m.name.valid() && valid_name(m.name.view()); }
bool valid(const Bind& m) noexcept { return m.linear <= 1; }
bool valid(const LinkBind& m) noexcept { return m.pad == 0; }
bool valid(const Done& m) noexcept { return no_padding(m.pad); }
bool valid(const Refetch& m) noexcept { return no_padding(m.pad); }
bool valid(const Close& m) noexcept { return valid_reason(m.reason) && m.pad == 0; }
bool valid(const Detach& m) noexcept { return m.pad == 0; }
bool valid(const Claim& m) noexcept { return m.pad == 0; }
bool valid(const Unclaim& m) noexcept { return m.pad == 0; }
bool valid(const Box& m) noexcept { return (m.token == box_epoch || m.token == lent_epoch) && m.pad == 0; }
bool valid(const Reassert& m) noexcept { return m.opened <= 1 && m.linked <= 1 && m.partial <= 1 && m.pad == 0; }
bool valid(const Shown& m) noexcept { return m.linear <= 1 && m.first <= 1 && m.reads <= 1; }
bool valid(const Returned& m) noexcept { return m.pad == 0; }
bool valid(const PeerGone& m) noexcept { return m.pad == 0; }
bool valid(const Refusal& m) noexcept { return m.detail.valid(); }
bool valid(const LeaseRefused& m) noexcept { return m.detail.valid(); }
bool valid(const Link& m) noexcept { return m.name.valid() && m.pad == 0; }
bool valid(const Install& m) noexcept { return m.linear <= 1 && m.first <= 1; }
bool valid(const Reply& m) noexcept { return m.detail.valid(); }
bool valid(const Granted& m) noexcept {
  return m.origin >= Granted::Origin::connect && m.origin <= Granted::Origin::token && m.pad == 0;
}
bool valid(const LinkDrop& m) noexcept { return m.peer_gone <= 1; }
bool valid(const PortClosed& m) noexcept { return valid_reason(m.reason) && m.pad == 0; }

bool valid(const Refused& m) noexcept { return m.pad == 0; }
bool valid(const Boxed& m) noexcept { return m.again <= 1; }
bool valid(const Moved& m) noexcept { return m.pad == 0; }
bool valid(const Reasserted& m) noexcept {
  return m.outcome >= Reasserted::Outcome::kept && m.outcome <= Reasserted::Outcome::alone && valid_reason(m.reason) && m.pad == 0;
}

template <class Variant>
Frame encode_any(const Variant& message) noexcept {
  Frame frame{};
  const std::uint64_t tag = first_tag<Variant> + message.index();
  std::memcpy(frame.data(), &tag, sizeof tag);
  std::visit(
      [&frame](const auto& body) {
        using Body = std::remove_cvref_t<decltype(body)>;
        static_assert(std::is_trivially_copyable_v<Body> && sizeof(Body) <= frame_size - sizeof tag);
        std::memcpy(frame.data() + sizeof tag, &body, sizeof body);
      },
      message);
  return frame;
}

template <class Variant, class Body>
std::optional<Variant> decode_body(Bytes bytes) noexcept {
  Body body;
  std::memcpy(static_cast<void*>(&body), bytes.data(), sizeof body);
  const Bytes rest = bytes.subspan(sizeof body);
  if (!std::ranges::all_of(rest, [](std::byte b) { return b == std::byte{0}; }) || !valid(body)) return std::nullopt;
  return Variant(std::in_place_type<Body>, body);
}

template <class Variant>
std::optional<Variant> decode_any(Bytes frame) noexcept {
  if (frame.size() != frame_size) return std::nullopt;
  std::uint64_t tag = 0;
  std::memcpy(&tag, frame.data(), sizeof tag);
  tag -= first_tag<Variant>;
  if (tag >= std::variant_size_v<Variant>) return std::nullopt;
  return [&]<std::size_t... i>(std::index_sequence<i...>) {
    using Decode = std::optional<Variant> (*)(Bytes) noexcept;
    static constexpr Decode table[] = {&decode_body<Variant, std::variant_alternative_t<i, Variant>>...};
    return table[tag](frame.subspan(sizeof tag));
  }(std::make_index_sequence<std::variant_size_v<Variant>>());
}

}  // namespace

bool valid_name(std::string_view name) noexcept {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
  };
  return !name.empty() && name.size() <= name_limit && std::ranges::all_of(name, allowed);
}

std::size_t descriptors_of(const BrokerMessage& message) noexcept {
  struct Count {
    std::size_t operator()(const Welcome&) const { return 1; }
    std::size_t operator()(const Lease&) const { return 1; }
    std::size_t operator()(const Ids&) const { return 1; }
    std::size_t operator()(const Link&) const { return 2; }
    std::size_t operator()(const LinkInstall&) const { return 1; }
    std::size_t operator()(const Install&) const { return 1; }
    std::size_t operator()(const Boxed&) const { return 1; }
    std::size_t operator()(...) const { return 0; }
  };
  return std::visit(Count{}, message);
}

std::size_t descriptors_of(const ClientMessage& message) noexcept {
  return std::holds_alternative<Shown>(message) || std::holds_alternative<Box>(message) ? 1 : 0;
}

std::optional<Versions> versions_of_hello(Bytes frame) noexcept {
  struct Beginning {
    std::uint64_t tag;
    std::uint32_t protocol, layout;
  } beginning{};
  if (frame.size() != frame_size) return std::nullopt;
  std::memcpy(&beginning, frame.data(), sizeof beginning);
  if (beginning.tag != first_tag<ClientMessage>) return std::nullopt;
  return Versions{beginning.protocol, beginning.protocol, beginning.layout, beginning.layout, 0};
}

Frame encode(const ClientMessage& message) noexcept { return encode_any(message); }
Frame encode(const BrokerMessage& message) noexcept { return encode_any(message); }
std::optional<ClientMessage> decode_client(Bytes frame) noexcept { return decode_any<ClientMessage>(frame); }
std::optional<BrokerMessage> decode_broker(Bytes frame) noexcept { return decode_any<BrokerMessage>(frame); }

}  // namespace fairway::wire
