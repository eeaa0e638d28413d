#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include <fairway/fairway.hpp>

#include "shm/layout.hpp"
#include "support/child.hpp"
#include "support/town.hpp"
#include "wire/messages.hpp"

namespace fairway::test {

constexpr int own_words = 5;                   ///< posted by the hostile one while it is the owner
constexpr std::uint64_t word_size = 16;        ///< of the record of each
constexpr std::uint64_t own_final = own_words * word_size;
constexpr std::uint64_t first_ring = shm::small_segment - shm::data_offset;

/// So that a text to be looked for stands in no memory of who looks.
std::string cipher(std::string text);

/// What a former owner may say of a port. `carrier` is its own.
std::map<std::string, wire::ClientMessage> words_about(PortId port, PortId carrier, SegmentId lease);

/// The other side is context a, the new owner is b; the former owner is a process that writes its streams and its words to
/// the broker by hand, keeps all that it ever had, and lies (hostile_owner.cpp). Two more ports talk beside all of it.
class HostileFormerOwner : public testing::Test {
 protected:
  /// What it declares in its Detach. The default is the truth.
  struct End {
    std::uint64_t final = own_final;
    shm::Position read{};
  };

  /// It is the owner, and the other side has posted three words to it. `reads_first`: and has read what it wrote.
  void meet(bool reads_first);
  /// Detach, and the message with the port; `attack` comes between the two.
  void let_go(End end, const std::string& attack = {});
  void let_go() { let_go(End{}); }
  /// The other side knows of the move, and the port is nobody's yet.
  void wait_for_news();
  /// The new owner gets the port, and reads what was posted to the former one.
  void arrive();
  void hand_over(bool reads_first) {
    ASSERT_NO_FATAL_FAILURE(meet(reads_first));
    ASSERT_NO_FATAL_FAILURE(let_go());
    ASSERT_NO_FATAL_FAILURE(arrive());
  }

  static void post(MessagePort& port, const std::string& text, int count);
  void expect(MessagePort& port, const std::string& text, int count);
  /// The two talk on as if nobody else were there.
  void expect_peace();
  /// The channel is closed on both sides, as somebody broke the protocol on it.
  void expect_protocol_error();
  /// Whatever becomes of the channel, the others' channels go on.
  void TearDown() override;

  std::string tell(const std::string& what) { return hostile_.ask(what); }

  Town town_{2};
  Child hostile_{"hostile_owner", {town_.broker.directory().native()}};
  MessagePort other_side_, new_owner_, carrier_;
  std::pair<MessagePort, MessagePort> neighbours_;
};

}  // namespace fairway::test
