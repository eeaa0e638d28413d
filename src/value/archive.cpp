#include <fairway/archive.hpp>

#include <algorithm>
#include <exception>
#include <string>

#include <fairway/error.hpp>

namespace fairway {

namespace {

constexpr std::size_t key_length_size = sizeof(std::uint16_t);
constexpr std::size_t collisions_per_byte = 16;
constexpr std::size_t foreign_allowance = 1024;

/// A peer's key as it may stand in one line of a message.
std::string printable(std::string_view key) {
  constexpr std::size_t longest = 80;
  std::string text = "\"" + std::string(key.substr(0, longest)) + (key.size() > longest ? "…\"" : "\"");
  std::ranges::replace_if(
      text, [](char c) { return (c >= 0 && c < ' ') || c == '\x7f'; }, '?');
  return text;
}

}  // namespace

void OutputArchive::save_binary(const void* address, std::size_t size) {
  const auto* bytes = static_cast<const std::byte*>(address);
  out_.insert(out_.end(), bytes, bytes + size);
}

void OutputArchive::save_count(std::uint64_t count) {
  for (; count > 0x7f; count >>= 7) out_.push_back(static_cast<std::byte>(count | 0x80));
  out_.push_back(static_cast<std::byte>(count));
}

std::uint64_t InputArchive::load_varint() {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    std::uint8_t byte = 0;
    load_binary(&byte, 1);
    const std::uint64_t bits = byte & 0x7f;
    if (shift == 63 && bits > 1) break;
    value |= bits << shift;
    if (byte < 0x80) {
      if (byte == 0 && shift > 0) detail::throw_damaged("a count has more bytes than it needs");
      return value;
    }
  }
  detail::throw_damaged("a count has more than 64 bits");
}

std::size_t InputArchive::load_count(std::size_t element_size) {
  const std::uint64_t count = load_varint();
  if (count > rest_.size() / element_size)
    detail::throw_damaged(std::to_string(count) + " elements are announced and " + std::to_string(rest_.size()) +
                          " bytes are left");
  return count;
}

std::size_t InputArchive::load_foreign_count() {
  const std::uint64_t count = load_varint();
  if (count > size_ + foreign_allowance - foreign_elements_)
    detail::throw_damaged("there are more elements than bytes");
  foreign_elements_ += count;
  return count;
}

void InputArchive::charge_collisions(std::size_t steps) {
  collisions_ += steps;
  if (collisions_ / collisions_per_byte > size_) detail::throw_damaged("the keys of a hash table collide");
}

void InputArchive::throw_cut_off(std::size_t wanted) const {
  detail::throw_damaged(std::to_string(wanted) + " bytes are wanted and " + std::to_string(rest_.size()) + " are left");
}

namespace detail {

void throw_damaged(std::string_view what) { throw DOMException("DataCloneError", what); }

void throw_too_deep() { throw_damaged("objects are nested more than " + std::to_string(max_depth) + " deep"); }

void throw_newer_version(std::uint64_t version, unsigned known) {
  throw_damaged("a class was written in version " + std::to_string(version) + ", and " + std::to_string(known) +
                " is the newest that this program knows");
}

void save_key(std::string_view key, std::vector<std::byte>& out) {
  OutputArchive archive(out);
  archive << static_cast<std::uint16_t>(key.size());
  archive.save_binary(key.data(), key.size());
}

void decode(Bytes bytes, const Received& received, std::string_view key, void (*load)(InputArchive&, void* object), void* object) {
  const std::string_view sent = object_key(bytes);
  if (sent.empty()) throw_damaged("the message has no type key");
  if (sent != key) throw_damaged("the message is a " + printable(sent) + ", not a " + printable(key));

  InputArchive archive(bytes.subspan(key_length_size + sent.size()), received);
  try {
    load(archive, object);
  } catch (const DOMException& error) {
    if (error.name() == "DataCloneError") throw;
    throw_damaged("reading a " + printable(key) + " failed: " + error.what());
  } catch (const std::exception& error) {
    throw_damaged("reading a " + printable(key) + " failed: " + error.what());
  }
  if (archive.remaining() > 0)
    throw_damaged(std::to_string(archive.remaining()) + " bytes are left over behind a " + printable(key));
}

}  // namespace detail

std::string_view object_key(Bytes bytes) noexcept {
  std::uint16_t length = 0;
  if (bytes.size() < key_length_size) return {};
  std::memcpy(&length, bytes.data(), key_length_size);
  if (bytes.size() - key_length_size < length) return {};
  return {reinterpret_cast<const char*>(bytes.data()) + key_length_size, length};
}

}  // namespace fairway
