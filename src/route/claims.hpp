#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "base/ids.hpp"
#include "wire/messages.hpp"

namespace fairway::route {

/// Stands for a port in a message: the port, and which of its moves this is.
struct Token {
  PortId port;
  Epoch epoch = 0;
  friend auto operator<=>(const Token&, const Token&) = default;
};

/// What has become of a token in the record that a port has reached.
enum class TokenState : std::uint8_t { none, asked, granted, refused, at_hand };
enum class TokenEvent : std::uint8_t { reach, find, grant, refuse, abandon, deliver };
enum class TokenEffect : std::uint8_t {
  nothing,
  send_claim,
  send_unclaim,
  give,         ///< the message has the port
  give_ours,    ///< the message has what was lent from here
  give_closed,  ///< the message has a port that closes at once
  wrong,        ///< never happens: our bug, or the broker's
};
struct TokenStep {
  TokenState next;
  TokenEffect effect;
  friend bool operator==(const TokenStep&, const TokenStep&) = default;
};
TokenStep step(TokenState state, TokenEvent event) noexcept;

/// A context's side of claiming: for each port that has reached a record with tokens, what was asked and answered. The
/// message is delivered when every token is granted or refused; until then that port waits, and others go on. Pure:
/// the caller sends what it is given, in order.
///
/// Until its message is delivered, a granted port may be neither read nor written nor closed: it can still go back.
class Claims {
 public:
  struct Outcome {
    Token token;
    bool granted = false;
    bool ours = false;  ///< it was lent from here, and nobody was asked
    wire::Granted grant;
  };

  /// In one message. The broker lets so many of a context's claims be answered before it reads.
  static constexpr std::size_t most_tokens = 65536;

  /// Whether a library of ours wrote that table: not more tokens than that, none twice, no end of the carrier's own channel.
  static bool valid(PortId carrier, std::span<const Token> tokens);

  /// The port `carrier` has reached a record with a valid table, in that generation. For those that are `at_hand` nobody is asked.
  std::vector<wire::Claim> reach(PortId carrier, Generation generation, std::span<const Token> tokens,
                                 std::span<const PortId> at_hand = {});
  /// The answers. False: it was abandoned; the port is not ours, and nothing that is said of it is for us.
  bool on(const wire::Granted& m);
  bool on(const wire::Refused& m);
  /// Whether the port stands at a record that is not delivered.
  bool waiting(PortId carrier) const { return records_.contains(carrier); }
  /// Whether that record can be delivered now.
  bool complete(PortId carrier) const;
  /// In the order of the table. The record is forgotten.
  std::vector<Outcome> deliver(PortId carrier);
  /// The port is about to be detached or closed with the record unread. To be sent before that.
  std::vector<wire::Unclaim> abandon(PortId carrier);
  /// Nobody is left to answer: what is open counts as refused. The ports whose records can be delivered now.
  std::vector<PortId> lose_broker();
  /// Whether the port was granted to a message that is not delivered yet.
  bool held(PortId port) const;

 private:
  struct Entry {
    Token token;
    TokenState state = TokenState::none;
    wire::Granted grant;
  };
  Entry* find(PortId carrier, Token token);
  bool answer(PortId carrier, Token token, TokenEvent event, const wire::Granted& grant);

  std::map<PortId, std::vector<Entry>> records_;
};

}  // namespace fairway::route
