#include "multiprocess/hostile_owner.hpp"

#include "client/context.hpp"

namespace fairway::test {

std::string cipher(std::string text) {
  for (char& letter : text) letter = static_cast<char>(letter - 1);
  return text;
}

void HostileFormerOwner::meet(bool reads_first) {
  other_side_ = town_.accept(0);
  carrier_ = town_.accept(1);
  ASSERT_EQ(hostile_.line(), "ready");
  neighbours_ = town_.channel(0, 1);
  ASSERT_EQ(town_.text(carrier_), "hello");
  post(other_side_, "old ", 3);
  for (int i = 0; reads_first && i < own_words; ++i) ASSERT_EQ(town_.text(other_side_), "own " + std::to_string(i));
  ASSERT_EQ(tell("see " + cipher("old 2")), "seen");
}

void HostileFormerOwner::let_go(End end, const std::string& attack) {
  ASSERT_EQ(tell("detach " + std::to_string(end.final) + " " + std::to_string(end.read.pack())), "alive");
  if (!attack.empty()) tell(attack);
  ASSERT_EQ(tell("commit"), "done");
}

void HostileFormerOwner::wait_for_news() {
  const client::Endpoint& endpoint = *other_side_.implementation()->endpoint;
  ASSERT_TRUE(town_.until([&] { return endpoint.link() == nullptr; })) << "nobody tells of the move";
}

void HostileFormerOwner::arrive() {
  new_owner_ = town_.take(carrier_);
  expect(new_owner_, "old ", 3);
}

void HostileFormerOwner::post(MessagePort& port, const std::string& text, int count) {
  for (int i = 0; i < count; ++i) port.post_message(text + std::to_string(i));
}

void HostileFormerOwner::expect(MessagePort& port, const std::string& text, int count) {
  for (int i = 0; i < count; ++i) ASSERT_EQ(town_.text(port), text + std::to_string(i));
}

void HostileFormerOwner::expect_peace() {
  for (int round = 0; round < 20; ++round) {
    post(other_side_, "to b ", 20);
    post(new_owner_, "to a ", 20);
    ASSERT_NO_FATAL_FAILURE(expect(new_owner_, "to b ", 20));
    ASSERT_NO_FATAL_FAILURE(expect(other_side_, "to a ", 20));
  }
  EXPECT_FALSE(other_side_.try_receive());
  EXPECT_FALSE(new_owner_.try_receive());
  EXPECT_FALSE(other_side_.close_reason());
  EXPECT_FALSE(new_owner_.close_reason());
}

void HostileFormerOwner::expect_protocol_error() {
  for (MessagePort* const port : {&other_side_, &new_owner_}) {
    ASSERT_EQ(town_.text(*port), "closed");
    ASSERT_EQ(port->close_reason(), CloseReason::protocol_error);
  }
}

void HostileFormerOwner::TearDown() {
  if (HasFatalFailure()) return;
  post(neighbours_.first, "news ", 3);
  post(neighbours_.second, "answer ", 3);
  ASSERT_NO_FATAL_FAILURE(expect(neighbours_.second, "news ", 3));
  ASSERT_NO_FATAL_FAILURE(expect(neighbours_.first, "answer ", 3));
}

}  // namespace fairway::test
