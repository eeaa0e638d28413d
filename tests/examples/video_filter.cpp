/// The other end of video_camera: turns each picture into its negative, where it lies, and hands it back.
#include <cstdio>

#include "video.hpp"

int main() try {
  fairway::Context context = fairway::Context::from_parent();
  while (const auto event = context.parent().receive()) {
    auto frame = event->get<Frame>();
    for (std::byte& pixel : frame.pixels.bytes()) pixel = ~pixel;
    context.parent().post_message(frame, {.transfer = {frame.pixels}});
  }
} catch (const std::exception& error) {
  std::fprintf(stderr, "video_filter: %s\n", error.what());
  return 2;
}
