/// The worker of spawn_parent: answers until its parent is gone.
#include <cstdio>

#include "factors.hpp"

namespace {

Answer factorize(std::uint64_t number) {
  Answer answer{number, {}};
  for (std::uint64_t factor = 2; factor <= number / factor; ++factor)
    for (; number % factor == 0; number /= factor) answer.factors.push_back(factor);
  if (number > 1) answer.factors.push_back(number);
  return answer;
}

}  // namespace

int main() try {
  fairway::Context context = fairway::Context::from_parent();
  while (const auto event = context.parent().receive()) context.parent().post_message(factorize(event->get<Question>().number));
} catch (const std::exception& error) {
  std::fprintf(stderr, "spawn_child: %s\n", error.what());
  return 2;
}
