// After html/infrastructure/safe-passing-of-structured-data/shared-array-buffers/no-transferring.html; SEMANTICS 16, 28.
#include "conformance/transports.hpp"

namespace fairway::test {
namespace {

class NoTransferring : public OverTransports {
 protected:
  void expect_as_before(const SharedArrayBuffer& memory, std::size_t bytes = size) {
    EXPECT_FALSE(memory.value().detached());
    EXPECT_EQ(memory.size(), bytes);
    a.post("next");
    EXPECT_EQ(b.receive(), "next") << "nothing was posted";
  }

  static constexpr std::size_t size = 8;
};

TEST_P(NoTransferring, shared_memory_that_is_posted_and_listed_is_a_data_clone_error) {
  for (const std::size_t bytes : {std::size_t{0}, size}) {
    const SharedArrayBuffer memory(bytes);
    Value listed = memory;
    EXPECT_EQ(error_of([&] { a.port().post_message(listed, {.transfer = {listed}}); }), "DataCloneError");
    expect_as_before(memory, bytes);
  }
}

TEST_P(NoTransferring, shared_memory_that_is_only_listed_is_one_too) {
  const SharedArrayBuffer memory(size);
  Value listed = memory;
  EXPECT_EQ(error_of([&] { a.port().post_message("test", {.transfer = {listed}}); }), "DataCloneError");
  expect_as_before(memory);
}

TEST_P(NoTransferring, what_is_listed_beside_it_is_not_detached) {
  const SharedArrayBuffer memory(size);
  Value listed = memory;
  ArrayBuffer buffer(size);
  EXPECT_EQ(error_of([&] { a.port().post_message(Value::array({buffer, memory}), {.transfer = {buffer, listed}}); }), "DataCloneError");
  EXPECT_FALSE(buffer.detached());
  expect_as_before(memory);
}

TEST_P(NoTransferring, a_structured_clone_does_not_transfer_it_either) {
  const SharedArrayBuffer memory(size);
  Value listed = memory;
  EXPECT_EQ(error_of([&] { static_cast<void>(structured_clone(listed, {.transfer = {listed}})); }), "DataCloneError");
  expect_as_before(memory);
}

FAIRWAY_OVER_TRANSPORTS(NoTransferring);

}  // namespace
}  // namespace fairway::test
