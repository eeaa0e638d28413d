#pragma once

#include <cstdint>
#include <vector>

#include <boost/serialization/vector.hpp>
#include <fairway/fairway.hpp>

/// What spawn_parent asks and spawn_child answers: C++ types with Boost.Serialization and a key.
struct Question {
  std::uint64_t number = 0;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive & number;
  }
};

struct Answer {
  std::uint64_t number = 0;
  std::vector<std::uint64_t> factors;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive & number & factors;
  }
};

template <>
inline constexpr std::string_view fairway::type_key<Question> = "factors.Question";
template <>
inline constexpr std::string_view fairway::type_key<Answer> = "factors.Answer";
