#pragma once

#include <cstdint>

#include <fairway/fairway.hpp>

/// A picture on its way between video_camera and video_filter: the pixels change hands with it.
struct Frame {
  std::uint32_t number = 0;
  fairway::ArrayBuffer pixels;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive & number & pixels;
  }
};

template <>
inline constexpr std::string_view fairway::type_key<Frame> = "video.Frame";
