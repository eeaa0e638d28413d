#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include <boost/intrusive/set_hook.hpp>
#include <fairway/message_event.hpp>
#include <fairway/types.hpp>

#include "base/ids.hpp"
#include "client/held_stream.hpp"
#include "client/incoming.hpp"
#include "client/lease_pool.hpp"
#include "client/lending.hpp"
#include "client/outgoing.hpp"
#include "client/port.hpp"
#include "route/pairing.hpp"
#include "shm/byte_ring.hpp"
#include "value/node.hpp"
#include "wire/buffer_block.hpp"
#include "wire/messages.hpp"

namespace fairway::client {

class BufferMemory;
class Context;
class Link;

/// One end of a channel, owned by a Port, or by the Context while it is closing. Local: the other end is in the
/// same context, and messages wait in `queue_`. Shared: they go through a half in shared memory.
class Endpoint {
 public:
  explicit Endpoint(Context& context);
  ~Endpoint();
  Endpoint(const Endpoint&) = delete;

  static void entangle(Endpoint& one, Endpoint& two);
  /// From here on what is posted goes to shared memory.
  void share(PortId id, Epoch epoch, Epoch peer_epoch);
  /// This end of a fresh channel is given away by the broker.
  void leave() noexcept { twin_ = nullptr; }
  /// It comes from elsewhere. By a token: it sleeps until `awake`, as it may have to go back.
  void arrive(const wire::Granted& m);
  void awake();
  bool dormant() const noexcept { return dormant_; }
  /// Stands for a port that was lost on its way: it closes at once.
  void die(CloseReason reason) noexcept {
    twin_gone_ = true;
    reason_ = reason;
  }

  // The owner's side ------------------------------------------------------------------------------------------

  void post(shm::RecordType type, Bytes payload);
  struct LocalMessage {
    std::uint64_t sequence = 0;  ///< given by the post
    MessageEvent event;
    std::vector<graph::Contents> buffers = {};  ///< that its value refers to

    std::uint64_t size() const noexcept {
      std::uint64_t sum = event.bytes().size();
      for (const graph::Contents& buffer : buffers) sum += buffer.weight();
      return sum;
    }
  };
  /// With ports that stay in this context, and buffers, which leave unless it throws and has posted nothing.
  void post_local(LocalMessage message, std::span<graph::BufferNode* const> buffers);
  static MessageEvent local_message(shm::RecordType type, Bytes payload, std::size_t buffers);
  /// What leaves with a message: the broker has to know of it before the record is seen.
  struct Departure {
    struct Box {
      Number number;                                ///< of its token
      bool back = false;                            ///< under the number that it came with: nobody is asked
      Number lent = {};                             ///< under which it may come back
      std::shared_ptr<graph::Memory> memory = {};  ///< comes with the post
    };
    wire::Contained how() const noexcept { return boxes.empty() ? wire::Contained::copied : wire::Contained::boxed; }

    std::vector<std::unique_ptr<Endpoint>> ports;
    std::vector<Box> boxes;  ///< one for each buffer that lies in memory of its own, in order
  };
  /// How many numbers `pack` takes for these. (Those of a message that is about to be posted.)
  std::size_t numbers_wanted(std::span<graph::Contents* const> buffers) const;
  /// How what these hold leaves: back under the number that it came with, or in a box. Waits for nothing; none: it is copied.
  std::vector<Departure::Box> pack(std::span<graph::Contents* const> buffers);
  /// A message for a shared channel: the payload behind room for the table of so many ports and of the boxes, and for what
  /// the buffers hold.
  static Outgoing::Record record_with(shm::RecordType type, std::size_t ports, std::span<const graph::Contents* const> buffers,
                                      Bytes payload, wire::Contained how);
  /// The buffers are those of the record, and what stands in it leaves them, unless it throws and has posted nothing.
  void post_record(Outgoing::Record record, std::span<graph::BufferNode* const> buffers);
  /// The same with ports and boxes that leave this context. The ports are gone, whatever happens.
  void post_with(Outgoing::Record record, Departure departure, std::span<graph::BufferNode* const> buffers);
  const std::deque<LocalMessage>& local_queue() const noexcept { return queue_; }
  std::deque<LocalMessage> take_local_queue() {
    queued_bytes_ = 0;
    return std::exchange(queue_, {});
  }
  /// Posts a message once more that this end has posted to its twin.
  void replay(LocalMessage message);
  void note_taken() noexcept { carried_to_ = nullptr; }
  enum class Next { message, empty, closed };
  /// Takes the next message. Closed: `reason` is why, and everything is read.
  Next next(MessageEvent& event);
  /// The port has been told the reason.
  bool told_end() const noexcept { return port == nullptr || port->close_reason.has_value(); }
  CloseReason reason() const noexcept { return reason_; }
  /// A cheap hint that `next` would not say empty.
  bool readable() const noexcept {
    if (claimed_) return claims_answered_;
    return !queue_.empty() || (ended_ ? !over_ : in_.readable() || twin_gone_ || misses_generation());
  }
  /// As `readable`, for what is a message or the end.
  bool has_news() {
    if (!lending_.empty()) static_cast<void>(at_end());  // steps over what is none
    return readable();
  }
  /// Whether the only thing left to read is the end: then the close event is due, started or not.
  bool at_end();
  std::uint64_t buffered_amount() noexcept;
  /// The same as a question, and cheaper.
  bool unread_exceeds(std::uint64_t limit) noexcept {
    if (local()) return buffered_amount() > limit;
    return !peer_gone() && out_.unread_exceeds(limit, in_.control());
  }
  /// Whether more messages than that wait in this process's own memory.
  bool holds_more_than(std::size_t messages) const noexcept {
    if (local()) return twin_ != nullptr && twin_->queue_.size() > messages;
    return out_.has_backlog() && out_.backlog_messages() > messages;
  }
  /// The other side is gone, as far as is known: what is posted goes nowhere.
  bool peer_gone() const noexcept { return ended_ || twin_gone_ || in_.closed(); }
  bool is_twin(const Endpoint& other) const noexcept {
    return local() ? twin_ == &other : id_.opposite() == other.id_;
  }
  Endpoint* twin() const noexcept { return twin_; }
  bool local() const noexcept { return !id_; }

  /// Closes this end. True: nothing is left to do, the endpoint can go; false: what was posted is still on its way.
  bool close();
  bool closing() const noexcept { return closing_; }

  // The loop's side -------------------------------------------------------------------------------------------

  /// Moves the backlog on, if there is one: into room that the reader has made, or a larger generation.
  void progress() noexcept;
  /// A lease has come; it may be the one that was asked for.
  void progress_with_lease() { grow(); }
  /// Asks the other side to say when there is something to read, or room to write.
  void arm(std::uint64_t now_ns) noexcept;
  /// Whether there is the room to write that is waited for.
  bool found_room() noexcept;
  void note_started() noexcept {
    if (out_.control() != nullptr) out_.control()->statistics.started.store(1, std::memory_order_relaxed);
  }
  bool wants_room() const noexcept { return out_.has_backlog() || drain_below_.has_value(); }
  /// `try_post` said full: a drain event is due when no more than that is unread.
  void want_drain(std::uint64_t below) noexcept { drain_below_ = below; }
  bool drained() noexcept;
  void told_drained() noexcept { drain_below_.reset(); }

  /// The port opposite is owned by the context at the other end of the link; without one, by this context.
  void paired(Link* link, Epoch peer_epoch);
  void unlinked() noexcept { link_ = nullptr; }
  /// Both ends are owned here, and talk through shared memory.
  bool home() const noexcept { return home_; }
  void come_home() noexcept { home_ = true; }
  void moved(const wire::Moved& m);
  /// The other side wants this port looked at.
  void called() noexcept {
    if (out_.control() != nullptr) shm::add(out_.control()->statistics.wakes, 1);
  }
  /// For inspectors: something went wrong here.
  void note(shm::Fault fault) noexcept;
  void note_spin() noexcept {
    if (out_.control() != nullptr) shm::add(out_.control()->statistics.spins, 1);
  }
  void installed(const wire::Install& m, sys::Mapping memory, KeptMemory kept);
  /// Reading needs words of its own in shared memory, to say where the head is.
  void open_for_reading();
  /// The other side is gone; what it committed is still read.
  void peer_closed(std::optional<Incoming::End> end, CloseReason reason);
  /// One of the two sides needs what only the broker could give: the channel ends after what was committed.
  void strand();
  /// The other side does what no library of ours does: the channel ends here.
  void protocol_error(shm::Fault fault);
  /// Every port in the message that this end has reached is there, or known to be lost.
  void claims_answered() noexcept { claims_answered_ = true; }
  void forget_claims() noexcept { claimed_.reset(); }

  // endpoint_lending.cpp
  /// What the buffer holds has come in a message, and may go back.
  void borrow(const graph::Contents& buffer);
  /// Memory that this end has lent. Null: it has not, or it is back.
  std::shared_ptr<BufferMemory> take_back(PortId number);
  void take_relinquished(PortId number);
  /// How much is kept, or will be when what is posted has left.
  Lending::Amount lent() const noexcept;
  Lending& lending() noexcept { return lending_; }
  /// Whether the other side is to be told of something, and nothing posted before waits.
  bool may_relinquish() const noexcept { return lending_.keeps_some() && !out_.has_backlog(); }
  /// Tells the other side what does not go back.
  void relinquish();

  // endpoint_rejoining.cpp
  /// Until the next one knows this port, it goes on without a broker.
  void lose_broker() noexcept;
  /// Says to the next broker what there is. False: it goes on without.
  bool reassert();
  /// Nothing of it is kept for the next broker.
  void let_go_of_descriptors() noexcept;
  void reasserted(const wire::Reasserted& m);
  /// Granted by this broker, which knows from which stream: a former one would have to take it back there.
  bool returnable() const noexcept;
  /// Whether the broker of now knows this port: it can grow, and leave.
  bool known() const noexcept;
  /// Whether no broker will ever know it again.
  bool alone() const noexcept { return standing_ == Standing::alone; }
  /// The same of who needs something of a broker now: then one is looked for, and started if there is none.
  bool forsaken() noexcept;

  PortId id() const noexcept { return id_; }
  Link* link() const noexcept { return link_; }
  std::uint64_t first_local_sequence() const noexcept { return queue_.front().sequence; }
  bool has_local_messages() const noexcept { return !queue_.empty(); }

  boost::intrusive::set_member_hook<> local_order;  ///< in the context's set of those with local messages
  Port* port = nullptr;  ///< who owns it; null while it is closing or travels in a local message
  bool hot = false;      ///< in the context's list of those to look at before it sleeps

 private:
  /// Whether a message to `reader` with that port in it could never be read: it would lie in itself.
  static bool circular(const Endpoint& port, const Endpoint& reader) noexcept;
  void post_local(shm::RecordType type, Bytes payload);
  /// What was committed is there to be read.
  void announce() noexcept;
  void announce_unlinked() noexcept;
  void call_reader() noexcept;
  void grow() noexcept;
  /// True: `grow` may go on.
  bool take_segment();
  /// Detaches the ports of the messages that wait for it, as far as the broker takes the news.
  void let_ports_go();
  bool detach(Endpoint& carrier);
  /// The broker knows it, or never will. False: later.
  bool let_go(const Departure::Box& box);
  /// The number under which this came, if it may go back there.
  std::optional<PortId> way_back(const graph::Contents& buffer) const;
  /// Whether a number of the other side's choice can be mistaken for nothing else in a message over this channel.
  bool may_name(PortId number) const noexcept;
  /// What is still to come back is kept by the broker, for whoever has this end next. False: later.
  bool leave_lent();
  /// Nothing comes or goes any more.
  void end_lending() noexcept;
  void give_up(Departure& departure) noexcept;
  void drop_backlog() noexcept;
  void peer_moved(Epoch peer_epoch);
  void leave_link() noexcept;
  void leave_twin() noexcept;
  bool bind(LeasePool::Lease lease);
  void publish_head() noexcept;
  void answer_want() noexcept;
  /// A message that never left this context: what a port brought along is read before what came through shared memory.
  Next next_local(MessageEvent& event);
  /// The message that was looked at once, and is believed as it was then: its writer can change it at any time.
  Next next_with_ports(MessageEvent& event);
  static bool is_message(const shm::Record& record) noexcept { return record.header.type < shm::RecordType::close; }
  /// Everything but a message that can be had now. False: nothing is there.
  bool step_over(Incoming::Look look, const shm::Record& record);
  /// False: it is neither bytes, a string nor an object, or there is no memory.
  static bool take(const shm::Record& record, MessageEvent& event);
  /// What its buffers hold is the answer, as long as its ports are awaited.
  static std::vector<graph::Contents> take_other(const shm::Record& record, MessageEvent& event);
  /// With all of its ports there: what it holds besides its bytes. What is not there, or no value, makes the event an error.
  static void set_data(MessageEvent& event, std::span<graph::Contents> buffers);
  /// `elsewhere`: the bytes that came in boxes.
  void consume(const shm::Record& record, std::uint64_t elsewhere = 0);
  void finish_generation();
  void claim_ports(const shm::Record& record);
  /// What the other side relinquishes is there. False: not yet, or there is something else.
  bool pass_relinquished();
  void finish(CloseReason reason);
  void finish_by_record(const shm::Record& record);
  /// The broker has taken with it a generation of the other side that this side will never see.
  bool misses_generation() const noexcept;
  /// True: it was.
  bool strand_if_broker_is_missed();

  void hold_read(const wire::Install& m, KeptMemory memory);
  void hold_written(std::uint64_t size, shm::Shape shape, bool first, KeptMemory memory);
  void forget_what_is_read();
  void show(const HeldStream& stream);

  enum class Standing : std::uint8_t {
    known,   ///< to the broker that is there, or was until now
    former,  ///< to one that died
    alone,   ///< to none, for ever
  };

  Context& context_;
  // Local.
  Endpoint* twin_ = nullptr;
  const Endpoint* carried_to_ = nullptr;  ///< it is in a message that waits in the local queue of that one
  std::deque<LocalMessage> queue_;
  std::uint64_t queued_bytes_ = 0;
  bool twin_gone_ = false;
  // Shared.
  PortId id_;
  route::Pairing pairing_;
  Link* link_ = nullptr;
  Outgoing out_;
  Incoming in_;
  HeldStream written_;
  HeldStream read_;
  Standing standing_ = Standing::known;
  bool taken_over_ = false;  ///< from a former broker
  Lending lending_;
  std::deque<Departure> leaving_;  ///< of the held messages in the backlog, in order
  std::uint64_t messages_read_ = 0;
  std::uint64_t bytes_read_ = 0;
  std::uint32_t answered_arm_ = 0;
  std::uint32_t answered_want_ = 0;
  std::uint64_t awaited_ = 0;      ///< size of the lease that was asked for; 0: none
  std::optional<std::uint64_t> drain_below_;  ///< none: no drain event is due
  CloseReason reason_ = CloseReason::closed;
  bool ended_ = false;    ///< the other side is gone and everything it wrote is read
  bool over_ = false;     ///< `next` has said so
  bool closing_ = false;  ///< closed here, with a backlog on its way
  bool moving_ = false;   ///< likewise
  bool letting_go_ = false;
  bool home_ = false;
  bool dormant_ = false;  ///< granted to a message that is not delivered yet
  std::optional<shm::Record> claimed_;  ///< waits for the ports that it carries
  std::size_t ports_of_record_ = 0;
  bool claims_answered_ = false;
};


}  // namespace fairway::client
