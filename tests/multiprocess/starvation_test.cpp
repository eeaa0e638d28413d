// Memory runs out in one of the processes: a clear word, and work goes on when that has passed.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <thread>

#include <fairway/fairway.hpp>

#include "multiprocess/starvation.hpp"
#include "multiprocess/village.hpp"
#include "multiprocess/stream_roles.hpp"
#include "support/broker_thread.hpp"
#include "support/child.hpp"
#include "support/sanitized.hpp"

namespace fairway::test {
namespace {

namespace fs = std::filesystem;

bool asleep(const fs::path& task) {
  std::ifstream file(task / "stat");
  std::string line;
  std::getline(file, line);
  const std::size_t state = line.rfind(") ");
  return state != std::string::npos && line.substr(state + 2, 1) == "S";
}

/// Leaves so many bytes of new address space to a process, once all of its threads wait: one that starts maps more than it
/// keeps.
Limit memory_left(const Child& child, std::size_t bytes) {
  const fs::path tasks = "/proc/" + std::to_string(child.pid()) + "/task";
  while (!std::ranges::all_of(fs::directory_iterator(tasks), asleep)) std::this_thread::yield();
  std::ifstream file("/proc/" + std::to_string(child.pid()) + "/statm");
  std::size_t pages = 0;
  file >> pages;
  return {child.pid(), RLIMIT_AS, pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) + bytes};
}

// Roles -----------------------------------------------------------------------------------------------------

/// Posts a stream: until it cannot, and when it is told, the rest. Arguments: directory, count, size of the huge ones.
FAIRWAY_CHILD(writer) {
  say_log();
  const std::uint64_t count = std::stoull(arguments.at(1));
  Stream stream(1, 3000, std::stoull(arguments.at(2)));
  Context context({.broker = arguments.at(0)});
  MessagePort port = context.connect("reader");
  port.post_message("hello");
  std::string line;
  say("ready");
  if (!hear(line)) return 1;
  std::uint64_t posted = 0;
  const auto post = [&] {
    for (; posted < count; ++posted) port.post_message(stream.message(posted));
  };
  const std::string error = error_of(post);
  say("posted " + std::to_string(posted) + (error.empty() ? "" : ": " + error));
  if (!hear(line)) return 1;
  post();
  while (port.buffered_amount() != 0) context.run_once(std::chrono::milliseconds(20));
  port.close();
  return 0;
}

/// Checks a stream. Arguments: directory, size of the huge ones.
FAIRWAY_CHILD(reader) {
  say_log();
  Stream stream(1, 3000, std::stoull(arguments.at(1)));
  Context context({.name = "reader", .broker = arguments.at(0)});
  MessagePort port;
  context.on_connect([&](MessageEvent& event) { port = std::move(event.ports[0]); });
  say("ready");
  while (!port) context.run_once();
  std::string line = port.receive()->string() == "hello" ? "connected" : "no hello";
  say(line);
  if (!hear(line)) return 1;
  std::uint64_t count = 0;
  while (auto event = port.receive()) {
    if (!stream.is_message(count, event->bytes())) break;
    ++count;
  }
  say("received " + std::to_string(count) + (port.close_reason() == CloseReason::closed ? ", closed" : ", and then something else"));
  return 0;
}

// Memory of a context ---------------------------------------------------------------------------------------

/// Reads everything and says what came.
std::uint64_t read_stream(MessagePort& port, std::size_t huge) {
  Stream stream(1, 3000, huge);
  std::uint64_t count = 0;
  while (auto event = port.receive(std::chrono::seconds(50))) {
    if (!stream.is_message(count, event->bytes())) {
      ADD_FAILURE() << "message " << count << " is another one, of " << event->bytes().size() << " bytes";
      break;
    }
    ++count;
  }
  EXPECT_EQ(port.close_reason(), CloseReason::closed);
  return count;
}

MessagePort accept(Context& context) {
  MessagePort port;
  context.on_connect([&](MessageEvent& event) { port = std::move(event.ports[0]); });
  while (!port) context.run_once();
  context.on_connect({});
  EXPECT_EQ(port.receive()->string(), "hello");
  return port;
}

TEST(ScarceMemory, what_a_writer_finds_no_segment_for_waits_in_its_heap_and_arrives_later) {
  if (sanitized) GTEST_SKIP() << "sanitizers need memory of their own";
  constexpr std::uint64_t count = 8000;  // 1.7 MB
  BrokerThread broker;
  Context context({.name = "reader", .broker = broker.directory()});
  Child writer("writer", {broker.directory().native(), std::to_string(count), "0"});
  MessagePort port = accept(context);
  ASSERT_EQ(writer.line(), "ready");
  Limit limit = memory_left(writer, 3 * mebibyte);
  writer.send("post");
  std::string line = line_with(writer, "log:");
  EXPECT_NE(line.find("a segment cannot be mapped: mmap"), std::string::npos) << line;
  EXPECT_NE(line.find("Cannot allocate memory"), std::string::npos) << line;
  std::uint64_t complaints = 1;
  for (line = writer.line(); line.starts_with("log:"); line = writer.line()) ++complaints;
  EXPECT_LT(complaints, count / 10) << "it asks again now and then, not with every post";
  EXPECT_EQ(line, "posted " + std::to_string(count));
  limit.lift();
  writer.send("go on");
  EXPECT_EQ(read_stream(port, 0), count);
  EXPECT_EQ(writer.wait(), 0);
}

TEST(ScarceMemory, a_writer_without_any_is_told_and_what_it_had_posted_arrives_once) {
  if (sanitized) GTEST_SKIP() << "sanitizers need memory of their own";
  constexpr std::uint64_t count = 20'000;  // 43 MB
  constexpr std::size_t huge = 200'000;
  BrokerThread broker;
  Context context({.name = "reader", .broker = broker.directory()});
  Child writer("writer", {broker.directory().native(), std::to_string(count), std::to_string(huge)});
  MessagePort port = accept(context);
  ASSERT_EQ(writer.line(), "ready");
  Limit limit = memory_left(writer, 6 * mebibyte);
  writer.send("post");
  const std::string told = line_with(writer, "posted");
  EXPECT_NE(told.find(": "), std::string::npos) << told;
  limit.lift();
  writer.send("go on");
  EXPECT_EQ(read_stream(port, huge), count);
  EXPECT_EQ(writer.wait(), 0);
}

/// Memory is back after so many complaints: in the middle of asking again, or between two times.
void starve_reader(int complaints) {
  constexpr std::uint64_t count = 5000;  // 11 MB
  constexpr std::size_t huge = 200'000;
  BrokerThread broker;
  Child reader("reader", {broker.directory().native(), std::to_string(huge)});
  ASSERT_EQ(reader.line(), "ready");
  Context context({.broker = broker.directory()});
  MessagePort port = context.connect("reader");
  port.post_message("hello");
  ASSERT_EQ(reader.line(), "connected");
  Limit limit = memory_left(reader, 2 * mebibyte);
  Stream stream(1, 3000, huge);
  for (std::uint64_t n = 0; n < count; ++n) port.post_message(stream.message(n));
  reader.send("read");  // not before: one that keeps pace needs no larger segment
  for (int times = 0; times < complaints; ++times) {
    const std::string complaint = line_with(reader, "log:");
    EXPECT_NE(complaint.find("cannot be mapped: mmap"), std::string::npos) << complaint;
    EXPECT_NE(complaint.find("Cannot allocate memory"), std::string::npos) << complaint;
  }
  limit.lift();
  while (port.buffered_amount() != 0) context.run_once(std::chrono::milliseconds(20));
  port.close();
  EXPECT_EQ(line_with(reader, "received"), "received " + std::to_string(count) + ", closed");
}

TEST(ScarceMemory, a_reader_that_cannot_map_asks_again_and_loses_nothing) {
  if (sanitized) GTEST_SKIP() << "sanitizers need memory of their own";
  for (const int complaints : {10, 11, 12}) {
    SCOPED_TRACE(complaints);
    starve_reader(complaints);
  }
}

// Memory of the broker --------------------------------------------------------------------------------------

/// A segment is asked for while the broker is short of what it takes.
void refuse_a_segment(Limit (*limit_of)(const Child& broker), const std::vector<std::string>& complaints) {
  Village village("block");
  Context context({.broker = village.directory.path()});
  MessagePort large = context.connect("echo");
  MessagePort small = context.connect("echo");
  for (MessagePort* const port : {&large, &small}) {
    port->post_message("hello");
    ASSERT_EQ(port->receive()->string(), "hello");
  }
  Limit limit = limit_of(village.broker);
  const std::vector<std::byte> message(5 * mebibyte, std::byte{42});
  large.post_message(message);
  const std::string line = line_with(village.broker, "log:");
  for (const std::string& complaint : complaints) EXPECT_NE(line.find(complaint), std::string::npos) << line;
  for (int i = 0; i < 100; ++i) {
    small.post_message(std::to_string(i));
    const auto answer = small.receive();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->string(), std::to_string(i));
  }
  limit.lift();
  const auto answer = large.receive(std::chrono::seconds(50));
  ASSERT_TRUE(answer);
  EXPECT_TRUE(std::ranges::equal(answer->bytes(), message));
}

TEST(ScarceBroker, a_segment_that_it_may_not_make_is_refused_and_made_when_it_may) {
  refuse_a_segment([](const Child& broker) { return Limit(broker.pid(), RLIMIT_FSIZE, mebibyte); },
                   {"the broker cannot allocate memory", "more than RLIMIT_FSIZE"});
}

TEST(ScarceBroker, a_segment_that_it_has_no_memory_for_is_refused_and_made_when_it_has) {
  if (sanitized) GTEST_SKIP() << "sanitizers need memory of their own";
  refuse_a_segment([](const Child& broker) { return memory_left(broker, 0); }, {"the broker is out of memory"});
}

TEST(ScarceBroker, a_context_that_it_has_no_memory_for_is_refused_and_the_next_is_not) {
  if (sanitized) GTEST_SKIP() << "sanitizers need memory of their own";
  TemporaryDirectory directory;
  Child broker("broker", {directory.path().native()});
  ASSERT_EQ(broker.line(), "ready");
  Limit limit = memory_left(broker, 0);
  const std::string error = error_of([&] { Context context({.broker = directory.path()}); });
  EXPECT_NE(error.find("out of memory"), std::string::npos) << error;
  limit.lift();
  Context one({.name = "reader", .broker = directory.path()});
  Context two({.broker = directory.path()});
  MessagePort port = two.connect("reader");
  port.post_message("hello");
  accept(one);
}

TEST(ScarceBroker, channels_that_it_has_no_memory_for_are_refused_and_the_others_go_on) {
  if (sanitized) GTEST_SKIP() << "sanitizers need memory of their own";
  Village village("block");
  Context context({.broker = village.directory.path(), .broker_timeout = std::chrono::milliseconds(500)});
  MessagePort first = context.connect("echo");
  first.post_message("hello");
  ASSERT_EQ(first.receive()->string(), "hello");
  Limit limit = memory_left(village.broker, 4 * mebibyte);
  std::vector<MessagePort> ports;
  const std::string error = error_of([&] {
    while (ports.size() < 5000) {
      ports.push_back(context.connect("echo"));
      ports.back().post_message("hello");
    }
  });
  EXPECT_NE(error.find("the broker is out of memory"), std::string::npos) << error << " after " << ports.size();
  EXPECT_NE(line_with(village.broker, "log:").find("out of memory"), std::string::npos);
  first.post_message("still there");
  ASSERT_EQ(first.receive()->string(), "still there");
  limit.lift();
  Context later({.broker = village.directory.path()});
  MessagePort port = later.connect("echo");
  port.post_message("later");
  ASSERT_EQ(port.receive()->string(), "later");
}

}  // namespace
}  // namespace fairway::test
