#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/ids.hpp"
#include "route/claims.hpp"
#include "value/node.hpp"

namespace fairway::client {

/// A number for what leaves in a message.
struct Number {
  PortId id;
  std::uint64_t life = 0;  ///< of the broker that gave it
};

/// Memory that goes back and forth over a channel. Who sends it keeps it mapped, under a number that goes along with it; under
/// that number it comes back, and neither the broker nor the kernel is asked (PROTOCOL.md, rule 20). This is what one end of
/// the channel knows; what it says was sent or read, the caller has sent or read.
class Lending {
 public:
  using Memory = std::shared_ptr<graph::Memory>;

  /// Of memory.
  struct Amount {
    std::uint64_t bytes = 0;
    std::uint64_t objects = 0;
  };

  // What was sent.

  /// Whether memory comes over this channel, too, and what was lent mostly came back.
  bool worthwhile() const noexcept { return memory_comes_ && relinquished_ <= returned_ + most_in_vain; }
  void lend(Number number, Memory memory) { lent_.push_back({number, std::move(memory)}); }
  struct Lent {
    Number number;
    Memory memory;
  };
  const std::vector<Lent>& lent() const noexcept { return lent_; }
  /// Which of these are out.
  std::vector<PortId> out(std::span<const route::Token> tokens) const;
  /// It has come back. None: it is not out. Its number is free for the next.
  std::optional<Lent> take_back(PortId number);
  /// It will not. None: it was not out.
  std::optional<Number> relinquished(PortId number);
  /// It is for others to take back.
  void forget_last() noexcept { lent_.pop_back(); }

  // What has come.

  /// In a box, and not to be shared, whether it may go back or not.
  void memory_came() noexcept { memory_comes_ = true; }
  /// It may, under that number of the other side.
  void borrow(PortId number, const Memory& memory);
  /// Under which it came, if it has come here and is here.
  std::optional<PortId> number_of(const graph::Memory& memory) const noexcept;
  /// It is on its way back.
  void gave_back(PortId number) noexcept;
  /// It never arrived.
  void keep(PortId number);
  /// It leaves another way.
  void keep(const graph::Memory& memory);
  void keep_all();
  /// Whether there is something here for good, or gone.
  bool keeps_some() const noexcept;
  /// The other side is to be told, once.
  std::vector<PortId> take_kept();

  bool empty() const noexcept { return lent_.empty() && borrowed_.empty() && kept_.empty(); }

 private:
  /// So many more may be lent for nothing than come back.
  static constexpr std::uint64_t most_in_vain = 4;
  /// No library of ours lends so much at a time: who does is not told everything.
  static constexpr std::size_t most_borrowed = 256;

  std::optional<Lent> take(PortId number);

  struct Borrowed {
    PortId number;
    std::weak_ptr<const graph::Memory> memory;
  };

  std::vector<Lent> lent_;
  std::vector<Borrowed> borrowed_;
  std::vector<PortId> kept_;
  std::uint64_t returned_ = 0;
  std::uint64_t relinquished_ = 0;
  bool memory_comes_ = false;
};

}  // namespace fairway::client
