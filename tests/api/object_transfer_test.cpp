// C++ types that hold ports and buffers: what is listed in `transfer` leaves with them.
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include <boost/serialization/string.hpp>
#include <boost/serialization/vector.hpp>
#include <fairway/fairway.hpp>

#include "support/dom_error.hpp"
#include "support/town.hpp"

namespace fairway::test {

struct Frame {
  int number = 0;
  std::vector<ArrayBuffer> planes;
  MessagePort reply;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& number& planes& reply;
  }
};

}  // namespace fairway::test

template <>
inline constexpr std::string_view fairway::type_key<fairway::test::Frame> = "test.Frame";

namespace fairway::test {
namespace {

ArrayBuffer filled(std::size_t size, char byte) {
  ArrayBuffer buffer(size);
  std::ranges::fill(buffer.bytes(), static_cast<std::byte>(byte));
  return buffer;
}

bool is_filled(const ArrayBuffer& buffer, std::size_t size, char byte) {
  return buffer.size() == size && std::ranges::all_of(buffer.bytes(), [byte](std::byte each) { return each == static_cast<std::byte>(byte); });
}

class ObjectTransfer : public OverBoth {
 protected:
  MessageEvent next() {
    auto event = town.next(theirs);
    if (!event) throw std::runtime_error("nothing came");
    return *std::move(event);
  }
};

TEST_P(ObjectTransfer, what_is_listed_leaves_and_what_is_not_is_copied) {
  MessageChannel inside(town[0]);
  Frame frame{7, {}, std::move(inside.port2)};
  frame.planes.push_back(filled(100, 'a'));
  frame.planes.push_back(filled(3 << 20, 'b'));
  frame.planes.push_back(filled(50, 'c'));
  frame.planes.push_back(frame.planes[1]);
  frame.planes.push_back(ArrayBuffer(10, 20));
  mine.post_message(frame, {.transfer = {frame.planes[1], frame.reply, frame.planes[0]}});
  EXPECT_TRUE(frame.planes[0].detached());
  EXPECT_TRUE(frame.planes[1].detached());
  EXPECT_TRUE(is_filled(frame.planes[2], 50, 'c'));
  EXPECT_FALSE(frame.reply);

  MessageEvent event = next();
  EXPECT_EQ(event.kind(), MessageEvent::Kind::object);
  EXPECT_TRUE(event.data().is_undefined());
  ASSERT_EQ(event.ports.size(), 1u);
  auto there = event.get<Frame>();
  EXPECT_EQ(there.number, 7);
  ASSERT_EQ(there.planes.size(), 5u);
  EXPECT_TRUE(is_filled(there.planes[0], 100, 'a'));
  EXPECT_TRUE(is_filled(there.planes[1], 3 << 20, 'b'));
  EXPECT_TRUE(is_filled(there.planes[2], 50, 'c'));
  EXPECT_TRUE(there.planes[3].value().is_same(there.planes[1].value()));
  EXPECT_EQ(there.planes[4].size(), 10u);
  EXPECT_EQ(there.planes[4].max_size(), 20u);
  ASSERT_TRUE(there.reply);
  there.reply.post_message("got it");
  EXPECT_EQ(town.text(inside.port1), "got it");
}

TEST_P(ObjectTransfer, one_without_ports_and_buffers_travels_as_before) {
  mine.post_message(Frame{3, {}, {}});
  const MessageEvent event = next();
  const auto there = event.get<Frame>();
  EXPECT_EQ(there.number, 3);
  EXPECT_TRUE(there.planes.empty());
  EXPECT_FALSE(there.reply);
}

TEST_P(ObjectTransfer, buffers_that_are_not_listed_stay) {
  Frame frame{1, {}, {}};
  frame.planes.push_back(filled(10, 'x'));
  mine.post_message(frame);
  EXPECT_TRUE(is_filled(frame.planes[0], 10, 'x'));
  EXPECT_TRUE(is_filled(next().get<Frame>().planes.at(0), 10, 'x'));
}

TEST_P(ObjectTransfer, what_cannot_be_sent_throws_and_detaches_nothing) {
  MessageChannel inside(town[0]);
  Frame frame{1, {}, std::move(inside.port2)};
  frame.planes.push_back(filled(10, 'x'));
  EXPECT_EQ(error_of([&] { mine.post_message(frame, {.transfer = {frame.planes[0]}}); }), "DataCloneError") << "a port that is not listed";
  EXPECT_EQ(error_of([&] { mine.post_message(frame); }), "DataCloneError");
  EXPECT_FALSE(frame.planes[0].detached());
  EXPECT_TRUE(frame.reply);
  Frame without{2, {filled(1, 'y')}, {}};
  mine.post_message("gone", {.transfer = {without.planes[0]}});
  EXPECT_EQ(error_of([&] { mine.post_message(without); }), "DataCloneError") << "a buffer that is detached";
  EXPECT_EQ(error_of([&] { mine.post_message(without, {.transfer = {without.planes[0]}}); }), "DataCloneError");
}

TEST_P(ObjectTransfer, a_port_is_taken_out_of_the_event_and_only_once) {
  MessageChannel inside(town[0]);
  Frame frame{1, {filled(10, 'z')}, std::move(inside.port2)};
  mine.post_message(frame, {.transfer = {frame.reply, frame.planes[0]}});
  MessageEvent event = next();
  EXPECT_EQ(error_of([&] { static_cast<void>(std::as_const(event).get<Frame>()); }), "DataCloneError");
  auto first = event.get_if<Frame>();
  ASSERT_TRUE(first && first->reply);
  EXPECT_FALSE(event.ports[0]);
  const auto second = event.get<Frame>();
  EXPECT_FALSE(second.reply);
  EXPECT_TRUE(second.planes[0].value().is_same(first->planes[0].value()));
}

TEST_P(ObjectTransfer, a_typed_handler_gets_all_of_it) {
  MessageChannel inside(town[0]);
  Frame frame{5, {filled(2 << 20, 'q')}, std::move(inside.port2)};
  std::optional<Frame> got;
  theirs.on_message<Frame>([&](Frame there, MessageEvent&) { got = std::move(there); });
  mine.post_message(frame, {.transfer = {frame.reply, frame.planes[0]}});
  ASSERT_TRUE(town.until([&] { return got.has_value(); }));
  EXPECT_TRUE(is_filled(got->planes.at(0), 2 << 20, 'q'));
  got->reply.post_message("thanks");
  EXPECT_EQ(town.text(inside.port1), "thanks");
}

INSTANTIATE_TEST_SUITE_P(, ObjectTransfer, testing::Bool(), kind_of_channel);

}  // namespace
}  // namespace fairway::test
