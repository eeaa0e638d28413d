#include "value/node.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <limits>

namespace fairway::graph {

namespace {

/// So many more holes than elements may be in the vector.
constexpr std::size_t spare_holes = 8;
constexpr std::string_view flag_letters = "gimyus?dv";  // by their bits

template <class T>
double load(const std::byte* at) noexcept {
  T value;
  std::memcpy(&value, at, sizeof value);
  return static_cast<double>(value);
}

template <class T>
void store(std::byte* at, T value) noexcept {
  std::memcpy(at, &value, sizeof value);
}

/// ECMAScript, ToInt32 and its like: modulo 2^32.
std::uint32_t wrap(double number) noexcept {
  if (!std::isfinite(number)) return 0;
  const double rest = std::fmod(std::trunc(number), 4294967296.0);
  return static_cast<std::uint32_t>(static_cast<std::int64_t>(rest));
}

Slot load_bigint(const std::byte* at, bool is_signed) {
  std::uint64_t bits = 0;
  std::memcpy(&bits, at, sizeof bits);
  const bool negative = is_signed && bits >> 63 != 0;
  return Slot::bigint(std::make_unique<BigInteger>(negative, std::vector{negative ? -bits : bits}));
}

}  // namespace

std::uint64_t begin_walk() noexcept {
  static std::atomic<std::uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;  // a number of its own is all that is wanted
}

DateNode::DateNode(double milliseconds) noexcept : Node(ValueType::date), time(std::trunc(milliseconds) + 0.0) {
  if (!(std::fabs(milliseconds) <= 8.64e15)) time = std::numeric_limits<double>::quiet_NaN();
}

bool valid_flags(RegExpFlags flags) noexcept {
  constexpr RegExpFlags unicode = 1 << 4;
  constexpr RegExpFlags linear = 1 << 6;  // V8's own
  constexpr RegExpFlags unicode_sets = 1 << 8;
  return flags < 1 << 9 && (flags & linear) == 0 && (flags & (unicode | unicode_sets)) != (unicode | unicode_sets);
}

std::string flags_text(RegExpFlags flags) {
  std::string text;
  for (std::size_t bit = 0; bit < flag_letters.size(); ++bit)
    if ((flags >> bit & 1) != 0) text += flag_letters[bit];
  std::ranges::sort(text);
  return text;
}

const Slot* ArrayNode::find(std::uint32_t index) const noexcept {
  if (index < dense.size()) return dense[index].is_hole() ? nullptr : &dense[index];
  if (!sparse) return nullptr;
  const auto found = sparse->find(index);
  return found == sparse->end() ? nullptr : &found->second;
}

void ArrayNode::put(std::uint32_t index, Slot value) {
  if (index < dense.size()) {
    if (dense[index].is_hole()) --holes;
    dense[index] = std::move(value);
  } else if (const std::size_t gap = index - dense.size();
             holes + gap <= dense.size() - holes + spare_holes && (!sparse || sparse->begin()->first > index)) {
    for (std::size_t i = 0; i < gap; ++i) {
      dense.push_back(Slot::hole());
      ++holes;
    }
    dense.push_back(std::move(value));
    while (sparse && sparse->begin()->first == dense.size()) {
      dense.push_back(std::move(sparse->begin()->second));
      sparse->erase(sparse->begin());
      if (sparse->empty()) sparse = nullptr;
    }
  } else {
    if (!sparse) sparse = std::make_unique<Indexed>();
    sparse->insert_or_assign(index, std::move(value));
  }
  if (index >= length) length = index + 1;
}

bool ArrayNode::erase(std::uint32_t index) noexcept {
  if (index < dense.size()) {
    if (dense[index].is_hole()) return false;
    dense[index] = Slot::hole();
    ++holes;
    return true;
  }
  if (!sparse || sparse->erase(index) == 0) return false;
  if (sparse->empty()) sparse = nullptr;
  return true;
}

void ArrayNode::resize(std::uint32_t new_length) {
  while (dense.size() > new_length) {
    if (dense.back().is_hole()) --holes;
    dense.pop_back();
  }
  if (sparse) {
    sparse->erase(sparse->lower_bound(new_length), sparse->end());
    if (sparse->empty()) sparse = nullptr;
  }
  length = new_length;
}

bool ViewNode::out_of_bounds() const noexcept {
  if (buffer->detached) return true;
  const std::size_t there = buffer->bytes().size();
  return tracking ? offset > there : offset > there || fixed_size > there - offset;
}

std::size_t ViewNode::size() const noexcept {
  if (out_of_bounds()) return 0;
  if (!tracking) return fixed_size;
  const std::size_t rest = buffer->bytes().size() - offset;
  return rest - rest % element_size(element);
}

std::span<std::byte> ViewNode::bytes() const noexcept {
  const std::size_t count = size();
  return count == 0 ? std::span<std::byte>() : buffer->bytes().subspan(offset, count);
}

Slot ViewNode::read(std::size_t index) const {
  const std::byte* const at = bytes().data() + index * element_size(element);
  switch (element) {
    case ElementType::int8: return Slot::number(load<std::int8_t>(at));
    case ElementType::uint8:
    case ElementType::uint8_clamped: return Slot::number(load<std::uint8_t>(at));
    case ElementType::int16: return Slot::number(load<std::int16_t>(at));
    case ElementType::uint16: return Slot::number(load<std::uint16_t>(at));
    case ElementType::int32: return Slot::number(load<std::int32_t>(at));
    case ElementType::uint32: return Slot::number(load<std::uint32_t>(at));
    case ElementType::float32: return Slot::number(load<float>(at));
    case ElementType::float64: return Slot::number(load<double>(at));
    case ElementType::bigint64: return load_bigint(at, true);
    case ElementType::biguint64: return load_bigint(at, false);
  }
  return {};
}

bool ViewNode::write(std::size_t index, const Cell& value) noexcept {
  std::byte* const at = bytes().data() + index * element_size(element);
  const bool big = element == ElementType::bigint64 || element == ElementType::biguint64;
  if (value.type != (big ? ValueType::bigint : ValueType::number)) return false;
  if (big) {
    const std::uint64_t low = value.bigint->magnitude.empty() ? 0 : value.bigint->magnitude[0];
    store(at, value.bigint->negative ? -low : low);
    return true;
  }
  const double written = value.number;
  switch (element) {
    case ElementType::int8:
    case ElementType::uint8: store(at, static_cast<std::uint8_t>(wrap(written))); break;
    case ElementType::uint8_clamped:
      store(at, static_cast<std::uint8_t>(std::isnan(written) ? 0 : std::nearbyint(std::clamp(written, 0.0, 255.0))));
      break;
    case ElementType::int16:
    case ElementType::uint16: store(at, static_cast<std::uint16_t>(wrap(written))); break;
    case ElementType::int32:
    case ElementType::uint32: store(at, wrap(written)); break;
    case ElementType::float32: store(at, static_cast<float>(written)); break;
    case ElementType::float64: store(at, written); break;
    case ElementType::bigint64:
    case ElementType::biguint64: break;
  }
  return true;
}

}  // namespace fairway::graph
