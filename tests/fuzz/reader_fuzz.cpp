/// The inspector over tables and halves in which the input stands: everything has the names and the seals that it should, and
/// nothing else is true. It shows something, or says in one line why not.
#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "fuzz/input.hpp"
#include "inspector/diagnosis.hpp"
#include "inspector/json.hpp"
#include "inspector/reader.hpp"
#include "support/temporary_directory.hpp"
#include "sys/memory.hpp"
#include "sys/runtime_dir.hpp"

namespace {

using namespace fairway;
using fuzz::Input;
using fuzz::require;
using fuzz::take;
using fuzz::take_word;

/// A directory with two tables and the halves of channel 1, which stay mapped here.
class Published {
 public:
  Published() {
    sys::remove_stale_names(directory_.path());  // makes the folders
    publish("tables/contexts.0", shm::contexts_table_size, shm::SegmentKind::contexts, 0);
    publish("tables/channels.1", shm::channels_table_size, shm::SegmentKind::channels, 1);
    for (const int side : {1, 2}) {
      const PortId port = PortId::of({1}, side);
      publish("segments/" + to_string(port), shm::small_segment, shm::SegmentKind::half, port.value);
    }
  }
  const std::filesystem::path& directory() const { return directory_.path(); }
  /// As it was when it was made, then as the input has it.
  void fill(Input input) {
    for (Segment& segment : segments_) std::ranges::copy(segment.before, segment.memory.bytes().begin());
    while (!input.empty()) {
      const auto bytes = segments_[take(input) % segments_.size()].memory.bytes();
      const std::uint64_t place = take_word(input) % (bytes.size() / 8);
      const std::uint64_t word = take_word(input);
      std::memcpy(bytes.data() + place * 8, &word, sizeof word);
    }
  }

 private:
  struct Segment {
    sys::Mapping memory;
    sys::Fd readable;
    std::vector<std::byte> before;
  };

  void publish(const std::filesystem::path& name, std::uint64_t size, shm::SegmentKind kind, std::uint64_t subject) {
    const sys::Fd fd = sys::create_memory("fairway:fuzz", size);
    Segment segment{sys::Mapping(fd.get(), size, sys::Mapping::Access::write), {}, {}};
    const shm::SegmentHeader header{shm::magic, shm::layout_version, kind, subject, 0, 0, 0, size - shm::data_offset, 0, 1, {}};
    const auto bytes = segment.memory.bytes();
    std::memcpy(bytes.data(), &header, sizeof header);
    if (kind == shm::SegmentKind::contexts)
      shm::write_row(reinterpret_cast<shm::ContextRow*>(bytes.data() + shm::data_offset)[0], {{7}, 1, 0, 1, 4096, "player", "fuzz"});
    if (kind == shm::SegmentKind::channels) {
      auto* const rows = reinterpret_cast<shm::ChannelRow*>(bytes.data() + shm::data_offset);
      for (shm::PortRow& port : rows[0].port) shm::write_port(port, {shm::PortState::owned, 0, {7}, 1});
      rows[0].id = 1;
    }
    sys::seal_against_writing(fd.get());
    segment.readable = sys::reopen_readonly(fd.get());
    sys::make_name(directory_.path() / name, segment.readable.get());
    segment.before.assign(bytes.begin(), bytes.end());
    segments_.push_back(std::move(segment));
  }

  fairway::test::TemporaryDirectory directory_;
  std::vector<Segment> segments_;
};

bool printable(const std::string& text) {
  return std::ranges::all_of(text, [](char c) { return c == '\n' || static_cast<unsigned char>(c) >= 0x20; });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Published published;
  published.fill({data, size});
  try {
    inspector::Reader reader(published.directory());
    const inspector::Snapshot snapshot = reader.snapshot();
    require(printable(inspector::list_json(snapshot)), "a stranger's bytes reach the terminal");
    require(snapshot.channels.size() <= shm::channels_per_table, "more channels than rows");
    if (const auto report = reader.report({1}, std::chrono::nanoseconds(1))) {
      require(printable(inspector::diagnose(*report)), "a stranger's bytes reach the terminal");
      require(!inspector::report_json(*report).empty(), "no report");
    }
  } catch (const inspector::Failure& failure) {
    require(printable(failure.what()), "a stranger's bytes reach the terminal");
  }
  return 0;
}
