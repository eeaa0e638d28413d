#pragma once

#include <gtest/gtest.h>

#include "conformance/side.hpp"

namespace fairway::test {

/// The base of every conformance test: its body runs over each transport.
class OverTransports : public testing::TestWithParam<Transport> {
 protected:
  Channel channel{GetParam()};
  LocalSide& a = *channel.a;
  Side& b = *channel.b;
};

#define FAIRWAY_OVER_TRANSPORTS(Suite)                                                                            \
  INSTANTIATE_TEST_SUITE_P(, Suite,                                                                               \
                           testing::Values(Transport::one_context, Transport::two_contexts, Transport::two_processes), \
                           [](const auto& transport) { return name_of(transport.param); })

}  // namespace fairway::test
