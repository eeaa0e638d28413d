/// Sends pictures through a filter in another process, and takes them back. Three buffers are enough for any number of them:
/// what comes back is drawn on anew.
#include <algorithm>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

#include "video.hpp"

namespace {

constexpr std::size_t size = 1920 * 1080;  // a byte each

std::byte shade_of(std::uint32_t number) { return static_cast<std::byte>(number * 3); }

Frame draw(std::uint32_t number, fairway::ArrayBuffer pixels) {
  std::ranges::fill(pixels.bytes(), shade_of(number));
  return {number, std::move(pixels)};
}

bool is_negative(const Frame& frame) {
  return std::ranges::all_of(frame.pixels.bytes(), [shade = ~shade_of(frame.number)](std::byte pixel) { return pixel == shade; });
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 3) throw std::invalid_argument("usage: video_camera FILTER PICTURES");
  const auto pictures = static_cast<std::uint32_t>(std::stoul(argv[2]));
  fairway::Context context;
  fairway::Child filter = context.spawn({argv[1]});
  std::vector<fairway::ArrayBuffer> free;
  for (int i = 0; i < 3; ++i) free.emplace_back(size);
  for (std::uint32_t drawn = 0, shown = 0; shown < pictures; ++shown) {
    for (; drawn < pictures && !free.empty(); ++drawn) {
      Frame frame = draw(drawn, std::move(free.back()));
      free.pop_back();
      filter.port.post_message(frame, {.transfer = {frame.pixels}});
    }
    const auto event = filter.port.receive();
    if (!event) throw std::runtime_error("the filter is gone: " + std::string(to_string(*filter.port.close_reason())));
    auto frame = event->get<Frame>();
    if (frame.number != shown || !is_negative(frame)) throw std::runtime_error("picture " + std::to_string(shown) + " is not the one that was sent");
    free.push_back(std::move(frame.pixels));
  }
  std::printf("%u pictures of %zu bytes in %zu buffers\n", pictures, size, free.size());
} catch (const std::exception& error) {
  std::fprintf(stderr, "video_camera: %s\n", error.what());
  return 2;
}
