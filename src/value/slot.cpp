#include "value/slot.hpp"

#include <cmath>
#include <cstring>
#include <functional>

namespace fairway::graph {

namespace {

template <class T>
int order(const T& one, const T& other) noexcept {
  return std::less<T>{}(one, other) ? -1 : std::less<T>{}(other, one) ? 1 : 0;
}

int order_numbers(double one, double other) noexcept {
  if (std::isnan(one) || std::isnan(other)) return order(std::isnan(other), std::isnan(one));
  return order(one, other);
}

int order_magnitudes(const BigInteger& one, const BigInteger& other) noexcept {
  if (one.magnitude.size() != other.magnitude.size()) return order(one.magnitude.size(), other.magnitude.size());
  for (std::size_t i = one.magnitude.size(); i-- > 0;)
    if (one.magnitude[i] != other.magnitude[i]) return order(one.magnitude[i], other.magnitude[i]);
  return 0;
}

/// Frees the blob if that was the last share. acquire/release: pairs with the other threads' shares.
template <class T>
void drop(T* blob) noexcept {
  if (blob != nullptr && blob->references.fetch_sub(1, std::memory_order_acq_rel) == 1) delete blob;
}

}  // namespace

void retain_blob(const Cell& cell) noexcept {
  Blob& blob = cell.type == ValueType::string ? static_cast<Blob&>(*cell.text) : static_cast<Blob&>(*cell.bigint);
  blob.references.fetch_add(1, std::memory_order_relaxed);  // who adds a share has one
}

void release_blob(const Cell& cell) noexcept {
  if (cell.type == ValueType::string) {
    drop(cell.text);
  } else {
    drop(cell.bigint);
  }
}

int compare(std::string_view one, std::string_view other) noexcept {
  if (one.size() != other.size()) return order(one.size(), other.size());
  return one.empty() ? 0 : std::memcmp(one.data(), other.data(), one.size());
}

int compare(const Cell& one, const Cell& other) noexcept {
  if (one.type != other.type) return order(one.type, other.type);
  switch (one.type) {
    case ValueType::undefined:
    case ValueType::null: return 0;
    case ValueType::boolean: return order(one.boolean, other.boolean);
    case ValueType::number: return order_numbers(one.number, other.number);
    case ValueType::bigint: {
      if (one.bigint->negative != other.bigint->negative) return one.bigint->negative ? -1 : 1;
      const int magnitudes = order_magnitudes(*one.bigint, *other.bigint);
      return one.bigint->negative ? -magnitudes : magnitudes;
    }
    case ValueType::string: return one.text == other.text ? 0 : compare(one.text->wtf8, other.text->wtf8);
    default: return is_node(one.type) ? order(one.node, other.node) : 0;
  }
}

bool same(const Cell& one, const Cell& other) noexcept { return compare(one, other) == 0; }

}  // namespace fairway::graph
