#include "wire/versions.hpp"

#include <algorithm>

#include "wire/messages.hpp"

namespace fairway::wire {

namespace {

/// 0: none.
std::uint32_t newest_of_both(std::uint32_t oldest, std::uint32_t newest, std::uint32_t other_oldest, std::uint32_t other_newest) noexcept {
  const std::uint32_t common = std::min(newest, other_newest);
  return common >= std::max(oldest, other_oldest) ? common : 0;
}

std::string range(std::uint32_t oldest, std::uint32_t newest) {
  return (oldest == newest ? "" : std::to_string(oldest) + " to ") + std::to_string(newest);
}

}  // namespace

Versions Versions::of(const Hello& hello) noexcept {
  const auto or_only = [](std::uint32_t oldest, std::uint32_t newest) { return oldest == 0 ? newest : oldest; };
  return {hello.protocol, or_only(hello.oldest_protocol, hello.protocol), hello.layout, or_only(hello.oldest_layout, hello.layout),
          hello.features};
}

void Versions::announce(Hello& hello) const noexcept {
  hello.protocol = protocol;
  hello.oldest_protocol = oldest_protocol;
  hello.layout = layout;
  hello.oldest_layout = oldest_layout;
  hello.features = features;
}

Agreement Agreement::of(const Welcome& welcome) noexcept { return {welcome.protocol, welcome.layout, welcome.features}; }

std::optional<Agreement> agree(const Versions& one, const Versions& other) noexcept {
  const Agreement both{newest_of_both(one.oldest_protocol, one.protocol, other.oldest_protocol, other.protocol),
                       newest_of_both(one.oldest_layout, one.layout, other.oldest_layout, other.layout), one.features & other.features};
  if (both.protocol == 0 || both.layout == 0) return std::nullopt;
  return both;
}

bool allows(const Versions& mine, const Agreement& answer) noexcept {
  return answer.protocol >= mine.oldest_protocol && answer.protocol <= mine.protocol && answer.layout >= mine.oldest_layout &&
         answer.layout <= mine.layout && (answer.features & ~mine.features) == 0;
}

std::string to_string(const Versions& versions) {
  return "protocol " + range(versions.oldest_protocol, versions.protocol) + ", layout " + range(versions.oldest_layout, versions.layout);
}

std::string to_string(const Agreement& agreement) {
  return "protocol " + std::to_string(agreement.protocol) + ", layout " + std::to_string(agreement.layout);
}

}  // namespace fairway::wire
