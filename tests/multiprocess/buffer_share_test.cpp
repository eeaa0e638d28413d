// Buffers that many hold: each is one object of the kernel's, in every context and process that has it.
#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include <fairway/fairway.hpp>

#include "multiprocess/memory_objects.hpp"
#include "support/child.hpp"
#include "support/town.hpp"

namespace fairway::test {
namespace {

SharedBuffer frozen(std::size_t size, unsigned seed) { return SharedBuffer(filled(size, seed)); }

class BufferShare : public testing::Test {
 protected:
  void TearDown() override { EXPECT_TRUE(town.until([] { return holders() == 0; })) << holders() << " are left"; }
  Value next(MessagePort& port) {
    auto event = town.next(port);
    if (!event) throw std::runtime_error("nothing came");
    return event->data();
  }

  Town town{3};
};

TEST_F(BufferShare, all_readers_of_a_shared_buffer_have_the_same_object_and_none_can_write_it) {
  auto [mine, theirs] = town.channel(0, 1);
  auto [on, last] = town.channel(1, 2);
  ArrayBuffer source = filled(3 * mebibyte + 5, 7);
  const std::string object = object_at(source.bytes().data());
  ASSERT_NE(object, "");
  const SharedBuffer buffer(std::move(source));
  EXPECT_EQ(object_at(buffer.bytes().data()), object) << "frozen where it was";
  mine.post_message(buffer);
  const SharedBuffer there(next(theirs));
  on.post_message(there);
  const SharedBuffer further(next(last));
  for (const SharedBuffer& each : {buffer, there, further}) {
    EXPECT_EQ(object_at(each.bytes().data()), object);
    EXPECT_TRUE(is_filled(each, 3 * mebibyte + 5, 7));
  }
  EXPECT_NE(there.bytes().data(), buffer.bytes().data());
  EXPECT_TRUE(town.until([] { return holders() == 6; })) << "three mappings and their descriptors: the broker has let go";
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    if (std::filesystem::read_symlink(entry, gone).native().find(name_of_objects) == std::string::npos) continue;
    const int fd = std::stoi(entry.path().filename());
    EXPECT_NE(::fcntl(fd, F_GET_SEALS) & F_SEAL_WRITE, 0);
    EXPECT_EQ(::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
    EXPECT_EQ(::pwrite(fd, "x", 1, 0), -1);
  }
}

/// A writable mapping of the only such object in this process, as somebody keeps it who breaks the rules.
std::byte* kept_mapping() {
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    if (std::filesystem::read_symlink(entry, gone).native().find(name_of_objects) == std::string::npos) continue;
    void* const mapping = ::mmap(nullptr, mebibyte, PROT_READ | PROT_WRITE, MAP_SHARED, std::stoi(entry.path().filename()), 0);
    return mapping == MAP_FAILED ? nullptr : static_cast<std::byte*>(mapping);
  }
  return nullptr;
}

TEST_F(BufferShare, what_somebody_else_can_write_still_is_copied) {
  ArrayBuffer source = filled(mebibyte, 3);
  const std::string object = object_at(source.bytes().data());
  std::byte* const kept = kept_mapping();
  ASSERT_NE(kept, nullptr);
  const SharedBuffer buffer(std::move(source));
  kept[100] = ~kept[100];
  EXPECT_NE(object_at(buffer.bytes().data()), object);
  EXPECT_TRUE(is_filled(buffer, mebibyte, 3));
  ::munmap(kept, mebibyte);
}

TEST_F(BufferShare, one_that_waits_inside_a_context_goes_along_when_its_port_leaves_that) {
  auto [mine, theirs] = town.channel(0, 1);
  MessageChannel inside(town[0]);
  const SharedBuffer large = frozen(mebibyte, 5), small = frozen(10, 6);
  const SharedArrayBuffer memory(100);
  inside.port1.post_message(Value::array({large, small, memory}));
  mine.post_message("take it", {.transfer = {inside.port2}});
  MessagePort moved = town.take(theirs);
  const Value all = next(moved);
  EXPECT_TRUE(is_filled(all[0], mebibyte, 5));
  EXPECT_TRUE(is_filled(all[1], 10, 6));
  EXPECT_EQ(object_at(SharedBuffer(all[0]).bytes().data()), object_at(large.bytes().data()));
  memory.bytes()[99] = std::byte{4};
  EXPECT_EQ(SharedArrayBuffer(all[2]).bytes()[99], std::byte{4});
}

TEST_F(BufferShare, one_that_nobody_reads_is_freed) {
  auto [mine, theirs] = town.channel(0, 1);
  for (int i = 0; i < 10; ++i) mine.post_message(Value::array({frozen(mebibyte, 5), SharedArrayBuffer(10)}));
  EXPECT_TRUE(town.until([] { return holders() == 20; })) << "the broker's";
  theirs.close();
}

TEST(BufferShareProcesses, contexts_of_a_private_broker_copy_what_is_frozen_and_share_nothing) {
  Town town(2, {.private_names = true});
  auto [mine, theirs] = town.channel(0, 1);
  const SharedBuffer buffer = frozen(mebibyte, 13);
  const SharedArrayBuffer memory(100);
  MessageChannel inside(town[0]);
  mine.post_message(Value::array({buffer, Value(inside.port2)}), {.transfer = {inside.port2}});
  mine.post_message(memory);
  mine.post_message(Value::array({memory, buffer}), {.transfer = {inside.port1}});
  mine.post_message("on");
  const auto received = [&] { return town.next(theirs).value(); };
  const MessageEvent first = received();
  ASSERT_EQ(first.kind(), MessageEvent::Kind::value);
  EXPECT_TRUE(is_filled(first.data()[0], mebibyte, 13));
  EXPECT_EQ(object_at(SharedBuffer(first.data()[0]).bytes().data()), "");
  EXPECT_EQ(first.ports.size(), 1u);
  EXPECT_EQ(received().kind(), MessageEvent::Kind::error);
  EXPECT_EQ(received().kind(), MessageEvent::Kind::error);
  EXPECT_EQ(received().string(), "on");
}

/// Arguments: directory. Counts in what it is sent, and answers with it.
FAIRWAY_CHILD(counts) {
  Context context({.name = "counter", .broker = arguments.at(0)});
  std::optional<MessagePort> port;
  context.on_connect([&](MessageEvent& event) { port = std::move(event.ports[0]); });
  say("ready");
  while (!port) context.run_once();
  const auto event = port->receive(Child::watchdog());
  const SharedArrayBuffer memory(Value(event->data()));
  for (int i = 0; i < 100'000; ++i) std::atomic_ref(memory.at<std::uint64_t>(0)).fetch_add(1, std::memory_order_relaxed);
  port->post_message(memory);
  std::string line;
  hear(line);
  return 0;
}

TEST(BufferShareProcesses, two_processes_count_in_the_same_memory_and_it_outlives_one) {
  BrokerThread broker;
  Child counter("counts", {broker.directory().native()});
  ASSERT_EQ(counter.line(), "ready");
  Context context({.broker = broker.directory()});
  MessagePort port = context.connect("counter");
  SharedArrayBuffer memory(sizeof(std::uint64_t));
  port.post_message(memory);
  for (int i = 0; i < 100'000; ++i) std::atomic_ref(memory.at<std::uint64_t>(0)).fetch_add(1, std::memory_order_relaxed);
  const auto back = port.receive(Child::watchdog());
  ASSERT_TRUE(back && back->kind() == MessageEvent::Kind::value);
  counter.kill(SIGKILL);
  counter.wait();
  memory = {};
  EXPECT_EQ(std::atomic_ref(SharedArrayBuffer(Value(back->data())).at<std::uint64_t>(0)).load(), 200'000u);
}

}  // namespace
}  // namespace fairway::test
