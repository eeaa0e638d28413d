#pragma once

#include <vector>

#include "wire/codec.hpp"

namespace fairway::wire::test {

/// One of every message, no field of it 0 that may be something else.
inline std::vector<ClientMessage> client_samples() {
  return {
      Hello{1, 1, 0x1122334455667788, Name::of("player"), {0xaaaa, 0xbbbb}, 1, 1, {3}, 0, 2},
      LeaseRequest{12288},
      LeaseMapped{{7}},
      LeaseReturned{{8}},
      Create{{17}},
      Bind{PortId::of({17}, 2), {9}, 4096, 3, 1, 2},
      Connect{5, PortId::of({17}, 1), 1, Name::of("A-Z.a_z0-9")},
      CancelConnect{5},
      Invite{PortId::of({18}, 2), {1, 2}},
      Revoke{{1, 2}},
      LinkBind{{4}, 0, {10}},
      Close{PortId::of({17}, 2), 640, CloseReason::protocol_error, 0},
      End{PortId::of({17}, 1)},
      Done{PortId::of({17}, 1), 2, {}},
      Refetch{PortId::of({17}, 1), 2, {}},
      RefetchLink{{4}},
      Credit{8},
      Detach{PortId::of({17}, 1), PortId::of({18}, 2), 640, 0x3'0000'0000'0080, 2, 0, {}},
      Claim{PortId::of({17}, 1), PortId::of({18}, 1), 2, 3, 0},
      Unclaim{PortId::of({17}, 1), PortId::of({18}, 1), 2, 0},
      Reassert{PortId::of({17}, 1), 0x3'0000'0000'0080, {2}, {4}, 4242, 1, 2, 2, 5, 3, 1, 1, 1, 0},
      Shown{PortId::of({17}, 1), 12288, 640, 1, 2, 4, 1, 1, 1},
      Returned{},
      PeerGone{{2}, 0, 4242},
      Box{PortId::of({17}, 2), PortId::of({18}, 1), 1 << 20},
  };
}

inline std::vector<BrokerMessage> broker_samples() {
  return {
      Welcome{1, {2}, 3, 1, 1, 2},
      Refusal{3, Detail::of("the name 'player' is taken by pid 12")},
      Lease{{7}, 12288},
      LeaseRefused{12288, Detail::of("the broker's limit memory_per_user is reached")},
      Ids{{257}, 256},
      Link{{4}, {2}, 4242, Name::of("player"), 1, 1, 0},
      LinkInstall{{4}},
      LinkDrop{{4}},
      Paired{PortId::of({17}, 1), {4}, 1},
      Install{PortId::of({17}, 1), 12288, 8000, 1, 3, 1, 2, 2, 1},
      Reply{5, 2, Detail::of("no context has the name 'x'")},
      Granted{PortId::of({17}, 1), PortId::of({18}, 1), 0x3'0000'0000'0080, 3, 2, 1, Granted::Origin::token, 4, 1, 0, {}},
      PortClosed{PortId::of({17}, 1), 640, CloseReason::dropped, 3, 0},
      Refused{PortId::of({17}, 1), PortId::of({18}, 1), 2, 0},
      Moved{PortId::of({17}, 1), 640, 2, 3, 0},
      Reasserted{PortId::of({17}, 1), Reasserted::Outcome::over, CloseReason::peer_lost, {4}, 0},
      Boxed{PortId::of({17}, 2), 1 << 20, 1},
  };
}

}  // namespace fairway::wire::test
