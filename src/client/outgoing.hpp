#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <vector>

#include <fairway/types.hpp>

#include "base/ids.hpp"
#include "shm/byte_ring.hpp"
#include "shm/layout.hpp"
#include "sys/memory.hpp"
#include "value/node.hpp"
#include "wire/buffer_block.hpp"

namespace fairway::client {

/// The stream that a port writes: a sequence of generations, and behind them a backlog in the heap of what does
/// not fit yet. Knows nothing of the broker: it says which segment would help, and is given one.
class Outgoing {
 public:
  /// Rings do not grow beyond this; what is larger travels in a linear generation of its own.
  static constexpr std::uint64_t largest_ring = std::uint64_t{8} << 20;
  /// Nor do the linear ones that take what the ring has no room for, unless a single message needs it.
  static constexpr std::uint64_t largest_spill = std::uint64_t{1} << 30;
  /// A reader that is so many generations behind gets no more of them until it moves on.
  static constexpr Generation most_unread = 8;

  /// A message that is given away: bytes, and behind them what its buffers hold, each padded.
  struct Record {
    shm::RecordType type;
    std::uint8_t flags;
    std::vector<std::byte> bytes;
    std::vector<graph::Contents> contents = {};
    std::uint64_t length = bytes.size();  ///< of all, in the stream
    std::uint64_t elsewhere = 0;          ///< bytes that it takes along in boxes
    bool held = false;

    std::uint64_t weight() const noexcept { return length + elsewhere; }
  };

  enum class Push { committed, queued };
  /// Appends a record. `reader`: the control block of the other side, null while there is none.
  Push push(shm::RecordType type, std::uint8_t flags, Bytes payload, const shm::ControlBlock* reader);
  /// The same, as `flush` commits it. A held one must not be seen yet, and holds up all that is posted behind it, until
  /// `release`. What stands in it comes from the buffers, of which those that are not shared are detached unless it throws.
  void push(Record record, std::span<graph::BufferNode* const> buffers, wire::Contained how);
  /// The first held record may go.
  void release() noexcept;
  /// Moves what fits from the backlog into the newest generation. True: something was committed.
  bool flush(const shm::ControlBlock* reader);

  /// Whether the first of the backlog has no room in the newest generation, even when all of that is read.
  bool stuck() noexcept;
  /// Tells the reader that nothing follows unless the broker says who goes on.
  void say_left(bool left) noexcept;
  /// Whether `flush` would move something.
  bool has_room(const shm::ControlBlock* reader) noexcept;

  /// The size of the segment that would let the backlog move; 0: none would help now. `closing`: everything must
  /// go into one segment, whatever the reader does.
  std::uint64_t wanted_segment(bool closing) const noexcept;
  /// The first generation of every stream: it holds the control block.
  bool open() const noexcept { return control_ != nullptr; }
  /// Whether this owner of the port has written anything: then `tail` is where that ends.
  bool ever_open() const noexcept { return ever_open_; }
  /// Goes on where another owner of the port stopped.
  void start_at(Generation next, std::uint64_t messages, std::uint64_t bytes) noexcept {
    next_ = next;
    reader_generation_ = static_cast<Generation>(next - 1);
    posted_messages_ = messages;
    posted_bytes_ = read_bytes_ = bytes;
  }
  /// The reader has changed: what is written from here on goes to a generation that the former one never sees.
  void begin_pairing() noexcept { control_ = nullptr; }
  Generation next_generation() const noexcept { return next_; }
  /// How a segment of that size is best used for the backlog.
  shm::Shape shape_for(std::uint64_t segment_size, bool closing) const noexcept;
  /// Whether a segment of that size lets the backlog move.
  bool useful(std::uint64_t segment_size) const noexcept;
  /// The next generation; the broker knows of it.
  void begin_generation(sys::Mapping memory, PortId port, Epoch epoch, Epoch peer_epoch, shm::Shape shape);

  /// Where the newest generation ends now.
  std::uint64_t tail() const noexcept { return writer_.position(); }
  bool has_backlog() const noexcept { return !backlog_.empty(); }
  std::size_t backlog_messages() const noexcept { return backlog_.size(); }
  std::uint64_t backlog_bytes() const noexcept { return backlog_bytes_; }
  /// Bytes posted that the reader has not reported as read; never less than what is in the backlog.
  [[gnu::noinline]] std::uint64_t unread_bytes(const shm::ControlBlock* reader) noexcept;
  /// The same as a question, and cheap while the answer is no: the reader's words are looked at near the limit only.
  bool unread_exceeds(std::uint64_t limit, const shm::ControlBlock* reader) noexcept {
    return posted_bytes_ - read_bytes_ > limit && unread_bytes(reader) > limit;
  }
  void drop_backlog() noexcept;
  std::uint64_t posted_messages() const noexcept { return posted_messages_; }
  std::uint64_t posted_bytes() const noexcept { return posted_bytes_; }

  /// The owner's words of the pairing, null until the first generation.
  shm::ControlBlock* control() noexcept { return control_; }
  /// Asks the reader to say when there is room for the backlog, or, without one, when `unread_bytes` is down to about
  /// that. The caller looks again after its barrier.
  void want(std::uint64_t unread) noexcept;
  /// A reader that claims the impossible.
  bool damaged() const noexcept { return damaged_; }

 private:
  bool write(shm::RecordType type, std::uint8_t flags, Bytes payload, const shm::ControlBlock* reader) noexcept;
  bool write(const Record& record, const shm::ControlBlock* reader) noexcept;
  template <class Fill>
  bool write(shm::RecordType type, std::uint8_t flags, std::uint64_t length, const shm::ControlBlock* reader, Fill&& fill) noexcept;
  /// Once more, when what is known of the reader's head left no room.
  [[gnu::noinline]] std::byte* reserve_what_is_read(std::uint64_t length, const shm::ControlBlock* reader) noexcept;
  void refresh_head(const shm::ControlBlock* reader) noexcept;
  std::uint64_t count_unread(const shm::ControlBlock* reader) noexcept;
  /// As far as its head was seen.
  bool in_newest_generation() const noexcept { return reader_generation_ == static_cast<Generation>(next_ - 1); }
  void queue(Record record);
  void count_posted(std::uint64_t bytes) noexcept;
  void count_backlog() noexcept;

  sys::Mapping first_;    ///< holds the control block
  sys::Mapping current_;  ///< empty while the first generation is the current one
  shm::ControlBlock* control_ = nullptr;
  shm::RingWriter writer_;
  Generation next_ = 0;
  Generation reader_generation_ = 0;
  std::uint64_t head_ = 0;  ///< the reader's position in the current generation, as last seen
  std::deque<Record> backlog_;
  std::uint64_t backlog_bytes_ = 0;
  std::uint64_t backlog_size_ = 0;  ///< as records
  std::uint64_t posted_messages_ = 0;
  std::uint64_t posted_bytes_ = 0;
  std::uint64_t read_bytes_ = 0;  ///< what the reader said when it was asked last
  std::uint64_t written_before_ = 0;  ///< bytes in all generations but the newest
  std::uint64_t largest_ = 0;
  bool ever_open_ = false;
  bool damaged_ = false;
};

}  // namespace fairway::client
