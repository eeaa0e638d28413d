#include "inspector/framing.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <memory>
#include <system_error>

#include "inspector/reader.hpp"

namespace fairway::inspector {

namespace {

constexpr std::size_t prefix = 4;
constexpr std::size_t most_at_once = std::size_t{1} << 20;

std::optional<std::string> read_line(std::FILE* from) {
  char* buffer = nullptr;
  std::size_t capacity = 0;
  const ssize_t length = ::getline(&buffer, &capacity, from);
  const std::unique_ptr<char, decltype(&std::free)> line(buffer, &std::free);
  if (length < 0) return std::nullopt;
  std::string message(line.get(), static_cast<std::size_t>(length));
  if (message.ends_with('\n')) message.pop_back();
  return message;
}

/// A length that is not true costs no more memory than what really comes.
std::string read_bytes(std::FILE* from, std::size_t size) {
  std::string bytes;
  while (bytes.size() < size) {
    const std::size_t before = bytes.size();
    bytes.resize(before + std::min(size - before, most_at_once));
    const std::size_t got = std::fread(bytes.data() + before, 1, bytes.size() - before, from);
    if (before + got != bytes.size()) {
      bytes.resize(before + got);
      break;
    }
  }
  return bytes;
}

std::size_t length_of(std::string_view head) {
  std::size_t size = 0;
  for (std::size_t i = 0; i < head.size(); ++i) size |= std::size_t{static_cast<unsigned char>(head[i])} << 8 * i;
  return size;
}

std::optional<std::string> read_counted(std::FILE* from) {
  const std::string head = read_bytes(from, prefix);
  if (head.empty()) return std::nullopt;
  const std::size_t size = length_of(head);
  std::string message = head.size() == prefix ? read_bytes(from, size) : std::string();
  if (head.size() != prefix || message.size() != size) throw Failure("the input ends inside of a message");
  return message;
}

void write_all(std::FILE* to, std::string_view bytes) {
  if (std::fwrite(bytes.data(), 1, bytes.size(), to) != bytes.size())
    throw std::system_error(errno, std::generic_category(), "cannot write a message");
}

std::array<char, prefix> head_of(std::string_view message) {
  if (message.size() > std::numeric_limits<std::uint32_t>::max()) throw Failure("a message of 4 GiB or more cannot be told by 4 bytes");
  std::array<char, prefix> head{};
  for (std::size_t i = 0; i < prefix; ++i) head[i] = static_cast<char>(message.size() >> 8 * i & 0xff);
  return head;
}

}  // namespace

std::optional<std::string> read_message(std::FILE* from, Framing framing) {
  std::optional<std::string> message = framing == Framing::lines ? read_line(from) : read_counted(from);
  if (!message && std::ferror(from) != 0) throw std::system_error(errno, std::generic_category(), "cannot read the input");
  return message;
}

void write_message(std::FILE* to, Framing framing, std::string_view message) {
  if (framing == Framing::length) {
    const auto head = head_of(message);
    write_all(to, {head.data(), head.size()});
    write_all(to, message);
  } else {
    write_all(to, message);
    write_all(to, "\n");
  }
  if (std::fflush(to) != 0) throw std::system_error(errno, std::generic_category(), "cannot write a message");
}

std::string framed(std::string_view message, Framing framing) {
  if (framing == Framing::lines) return std::string(message) + '\n';
  const auto head = head_of(message);
  return std::string(head.data(), head.size()).append(message);
}

std::optional<std::string> Cutter::take(std::size_t skipped, std::size_t size, std::size_t ends) {
  std::string message = bytes_.substr(skipped, size);
  bytes_.erase(0, skipped + size + ends);
  searched_ = 0;
  return message;
}

std::optional<std::string> Cutter::next() {
  if (framing_ == Framing::length) {
    if (bytes_.size() < prefix) return std::nullopt;
    const std::size_t size = length_of(std::string_view(bytes_).substr(0, prefix));
    if (bytes_.size() - prefix < size) return std::nullopt;
    return take(prefix, size, 0);
  }
  const std::size_t end = bytes_.find('\n', searched_);
  searched_ = bytes_.size();
  if (end == std::string::npos) return std::nullopt;
  return take(0, end, 1);
}

std::optional<std::string> Cutter::last() {
  if (bytes_.empty()) return std::nullopt;
  if (framing_ == Framing::length) throw Failure("the input ends inside of a message");
  return take(0, bytes_.size(), 0);
}

}  // namespace fairway::inspector
