/// Rows of the broker's tables: whatever stands there is copied out without reading beyond a field, and what the broker
/// writes over it is read as it was written.
#include <algorithm>
#include <cstring>
#include <memory>
#include <string>

#include "fuzz/input.hpp"
#include "shm/tables.hpp"

namespace {

using namespace fairway;
using fuzz::Input;
using fuzz::require;
using fuzz::take;
using fuzz::take_word;

/// On the heap, where AddressSanitizer sees the byte behind it.
template <class Row>
std::unique_ptr<Row> row_of(Input& input) {
  auto row = std::make_unique<Row>();
  const std::size_t size = std::min(sizeof(Row), input.size());
  if (size != 0) std::memcpy(static_cast<void*>(row.get()), input.data(), size);
  input = input.subspan(size);
  return row;
}

std::string text(Input& input) {
  std::string text(take(input), 'n');
  for (char& c : text) c = static_cast<char>(std::max<std::uint8_t>(take(input), 1));
  return text;
}

void context(Input input) {
  const auto row = row_of<shm::ContextRow>(input);
  shm::ContextInfo info;
  if (shm::read_row(*row, info))
    require(info.name.size() <= sizeof row->name && info.command.size() <= sizeof row->command, "a text is longer than its field");
  row->version = row->version & ~1u;  // the broker's own: nobody else writes there
  const shm::ContextInfo written{{static_cast<std::uint32_t>(take_word(input)) | 1}, static_cast<std::int32_t>(take_word(input)),
                                 static_cast<std::uint32_t>(take_word(input)), take_word(input), take_word(input), text(input), text(input)};
  shm::write_row(*row, written);
  require(shm::read_row(*row, info), "a row that was written cannot be read");
  require(info.id == written.id && info.pid == written.pid && info.memory == written.memory, "a row changes");
  require(info.name == written.name.substr(0, sizeof row->name - 1), "a name changes");
  require(info.command == written.command.substr(0, sizeof row->command - 1), "a command changes");
}

void channel(Input input) {
  const auto row = row_of<shm::ChannelRow>(input);
  for (const int side : {1, 2}) {
    static_cast<void>(shm::read_port(row->port[side - 1]));
    static_cast<void>(shm::read_history(*row, side));
    const shm::PortInfo written{static_cast<shm::PortState>(take(input) % 4), static_cast<Epoch>(take_word(input)),
                                {static_cast<std::uint32_t>(take_word(input))}, static_cast<std::uint32_t>(take_word(input))};
    shm::write_port(*row, side, written, take_word(input));
    require(shm::read_port(row->port[side - 1]) == written, "a port changes");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  if (take(input) % 2 == 0) {
    context(input);
  } else {
    channel(input);
  }
  return 0;
}
