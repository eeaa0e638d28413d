#pragma once

#include <gtest/gtest.h>

#include "conformance/side.hpp"
#include "support/dom_error.hpp"

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

/// The same with three parties.
class OverTransportsOfThree : public testing::TestWithParam<Transport> {
 protected:
  Trio trio{GetParam()};
  LocalSide& to_b = *trio.to_b;
  LocalSide& to_c = *trio.to_c;
  Side& b = *trio.b;
  Side& c = *trio.c;
};

#define FAIRWAY_OVER_TRANSPORTS_OF_THREE(Suite)                                                                     \
  INSTANTIATE_TEST_SUITE_P(, Suite,                                                                                 \
                           testing::Values(Transport::one_context, Transport::three_contexts, Transport::three_processes), \
                           [](const auto& transport) { return name_of(transport.param); })

}  // namespace fairway::test
