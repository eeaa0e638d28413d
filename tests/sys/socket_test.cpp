#include "sys/socket.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <system_error>

#include "support/child.hpp"
#include "support/temporary_directory.hpp"
#include "sys/process.hpp"

namespace fairway::sys {
namespace {

using Buffer = std::array<std::byte, 64>;

std::pair<Fd, Fd> packet_pair() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) throw std::runtime_error("socketpair failed");
  return {Fd(ends[0]), Fd(ends[1])};
}

std::span<const std::byte> bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

std::string text(const Buffer& buffer, const Received& received) {
  return {reinterpret_cast<const char*>(buffer.data()), std::min(received.size, buffer.size())};
}

bool same_object(int a, int b) {
  struct stat one {}, two {};
  return ::fstat(a, &one) == 0 && ::fstat(b, &two) == 0 && one.st_dev == two.st_dev && one.st_ino == two.st_ino;
}

void close_reading(Fd& fd) { fd.close(); }

TEST(Socket, MessagesKeepTheirBoundaries) {
  auto [a, b] = packet_pair();
  Buffer buffer;
  std::vector<Fd> fds;
  EXPECT_EQ(receive_message(b.get(), buffer, fds).kind, Received::Kind::nothing);
  EXPECT_EQ(send_message(a.get(), bytes("one")), Sent::ok);
  EXPECT_EQ(send_message(a.get(), bytes("three")), Sent::ok);
  EXPECT_EQ(text(buffer, receive_message(b.get(), buffer, fds)), "one");
  EXPECT_EQ(text(buffer, receive_message(b.get(), buffer, fds)), "three");
  EXPECT_EQ(receive_message(b.get(), buffer, fds).kind, Received::Kind::nothing);
  EXPECT_TRUE(fds.empty());
}

TEST(Socket, DescriptorsComeWithTheirMessageAndCloseOnExec) {
  auto [a, b] = packet_pair();
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const Fd reading(ends[0]), writing(ends[1]);
  const int both[] = {reading.get(), writing.get()};
  EXPECT_EQ(send_message(a.get(), bytes("two"), both), Sent::ok);
  EXPECT_EQ(send_message(a.get(), bytes("none")), Sent::ok);
  Buffer buffer;
  std::vector<Fd> fds;
  const Received received = receive_message(b.get(), buffer, fds);
  EXPECT_EQ(text(buffer, received), "two");
  EXPECT_FALSE(received.descriptors_lost);
  ASSERT_EQ(fds.size(), 2u);
  EXPECT_TRUE(same_object(fds[0].get(), reading.get()));
  for (const Fd& fd : fds) EXPECT_NE(::fcntl(fd.get(), F_GETFD) & FD_CLOEXEC, 0);
  receive_message(b.get(), buffer, fds);
  EXPECT_EQ(fds.size(), 2u);
}

TEST(Socket, AMessageThatIsTooLongTellsItsLength) {
  auto [a, b] = packet_pair();
  const std::string lots(1000, 'x');
  EXPECT_EQ(send_message(a.get(), bytes(lots)), Sent::ok);
  EXPECT_EQ(send_message(a.get(), bytes("next")), Sent::ok);
  Buffer buffer;
  std::vector<Fd> fds;
  const Received received = receive_message(b.get(), buffer, fds);
  EXPECT_EQ(received.kind, Received::Kind::message);
  EXPECT_EQ(received.size, 1000u);
  EXPECT_EQ(text(buffer, receive_message(b.get(), buffer, fds)), "next") << "its rest is gone";
}

TEST(Socket, MoreDescriptorsThanExpectedAreLostAndDoNotLeak) {
  auto [a, b] = packet_pair();
  std::byte byte{};
  iovec data{&byte, 1};
  alignas(cmsghdr) std::byte control[CMSG_SPACE(64 * sizeof(int))] = {};
  msghdr header{};
  header.msg_iov = &data;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  cmsghdr* const rights = CMSG_FIRSTHDR(&header);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(64 * sizeof(int));
  for (int i = 0; i < 64; ++i) std::memcpy(CMSG_DATA(rights) + static_cast<std::size_t>(i) * sizeof(int), &static_cast<const int&>(a.get()), sizeof(int));
  ASSERT_EQ(::sendmsg(a.get(), &header, 0), 1);

  const std::size_t before = test::open_descriptors(::getpid());
  {
    Buffer buffer;
    std::vector<Fd> fds;
    const Received received = receive_message(b.get(), buffer, fds);
    EXPECT_EQ(received.kind, Received::Kind::message);
    EXPECT_TRUE(received.descriptors_lost);
    EXPECT_LE(fds.size(), 4u);
  }
  EXPECT_EQ(test::open_descriptors(::getpid()), before);
}

TEST(Socket, DescriptorsForWhichThereIsNoRoomAreLostAndTheMessageIsNot) {
  auto [a, b] = packet_pair();
  const int one[] = {a.get()};
  ASSERT_EQ(send_message(a.get(), bytes("message"), one), Sent::ok);
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  rlimit none = before;
  none.rlim_cur = 0;
  Buffer buffer;
  std::vector<Fd> fds;
  ::setrlimit(RLIMIT_NOFILE, &none);
  const Received received = receive_message(b.get(), buffer, fds);
  ::setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_EQ(text(buffer, received), "message");
  EXPECT_TRUE(received.descriptors_lost);
  EXPECT_TRUE(fds.empty());
}

TEST(Socket, WhatWasSentBeforeTheEndComesBeforeTheEnd) {
  auto [a, b] = packet_pair();
  ASSERT_EQ(send_message(a.get(), bytes("last words")), Sent::ok);
  close_reading(a);
  Buffer buffer;
  std::vector<Fd> fds;
  EXPECT_EQ(text(buffer, receive_message(b.get(), buffer, fds)), "last words");
  EXPECT_EQ(receive_message(b.get(), buffer, fds).kind, Received::Kind::gone);
  EXPECT_EQ(receive_message(b.get(), buffer, fds).kind, Received::Kind::gone);
  EXPECT_EQ(send_message(b.get(), bytes("too late")), Sent::gone);
}

TEST(Socket, APeerThatLeavesWithoutReadingIsHeardToItsEnd) {
  auto [a, b] = packet_pair();
  ASSERT_EQ(send_message(b.get(), bytes("never read")), Sent::ok);
  ASSERT_EQ(send_message(a.get(), bytes("first")), Sent::ok);
  ASSERT_EQ(send_message(a.get(), bytes("second")), Sent::ok);
  close_reading(a);  // the kernel reports a reset first
  Buffer buffer;
  std::vector<Fd> fds;
  EXPECT_EQ(text(buffer, receive_message(b.get(), buffer, fds)), "first");
  EXPECT_EQ(text(buffer, receive_message(b.get(), buffer, fds)), "second");
  EXPECT_EQ(receive_message(b.get(), buffer, fds).kind, Received::Kind::gone);
}

TEST(Socket, AFullSocketSaysSoAndNeverBlocks) {
  auto [a, b] = packet_pair();
  std::size_t sent = 0;
  while (send_message(a.get(), bytes("0123456789abcdef")) == Sent::ok) ++sent;
  EXPECT_GT(sent, 8u);
  EXPECT_EQ(send_message(a.get(), bytes("x")), Sent::full);
  Buffer buffer;
  std::vector<Fd> fds;
  while (receive_message(b.get(), buffer, fds).kind == Received::Kind::message) --sent;
  EXPECT_EQ(sent, 0u);
  EXPECT_EQ(send_message(a.get(), bytes("x")), Sent::ok);
}

TEST(Doorbell, AFullOneNeverBlocksTheRinger) {
  auto [a, b] = doorbell_pair();
  for (int i = 0; i < 100'000; ++i) ASSERT_EQ(ring(a.get()), Sent::ok);
  EXPECT_TRUE(wait_readable(b.get(), Timeout::zero()));
  for (int i = 0; i < 100'000 && wait_readable(b.get(), Timeout::zero()); ++i) ASSERT_EQ(quiet(b.get()), Doorbell::rung);
  EXPECT_FALSE(wait_readable(b.get(), Timeout::zero()));
  EXPECT_EQ(quiet(b.get()), Doorbell::silent) << "nothing to empty is no end";
}

TEST(Doorbell, AHostilePeerCannotMakeTheRingerBlock) {
  auto [a, b] = doorbell_pair();
  // It has the other end only: this is all that it can change.
  ASSERT_EQ(::fcntl(b.get(), F_SETFL, 0), 0);
  const int tiny = 1;
  ::setsockopt(b.get(), SOL_SOCKET, SO_RCVBUF, &tiny, sizeof tiny);
  for (int i = 0; i < 100'000; ++i) ASSERT_EQ(ring(a.get()), Sent::ok);
}

TEST(Doorbell, WhoLetsGoOfItSaysThatThisIsNoDeath) {
  auto [a, b] = doorbell_pair();
  ASSERT_EQ(ring(a.get()), Sent::ok);
  let_go(a.get());
  a.close();
  EXPECT_EQ(quiet(b.get()), Doorbell::let_go);
  EXPECT_EQ(quiet(b.get()), Doorbell::gone);
}

TEST(Doorbell, TheEndIsNoticedOnBothSides) {
  auto [a, b] = doorbell_pair();
  close_reading(b);
  EXPECT_EQ(ring(a.get()), Sent::gone);
  EXPECT_EQ(quiet(a.get()), Doorbell::gone);
  auto [c, d] = doorbell_pair();
  ASSERT_EQ(ring(c.get()), Sent::ok);
  close_reading(c);
  EXPECT_EQ(quiet(d.get()), Doorbell::rung) << "the last ring";
  EXPECT_EQ(quiet(d.get()), Doorbell::gone);
}

TEST(Listener, PeersConnectAndAreKnown) {
  const test::TemporaryDirectory directory;
  const Fd listener = listen_at(directory.path() / "socket");
  EXPECT_FALSE(accept_from(listener.get())) << "nobody is there yet";
  const Fd client = connect_to(directory.path() / "socket");
  const Fd server = accept_from(listener.get());
  ASSERT_TRUE(server);
  EXPECT_EQ(credentials_of_peer(server.get()).pid, process_id());
  EXPECT_EQ(credentials_of_peer(server.get()).uid, user_id());
  const Fd pidfd = pidfd_of_peer(server.get(), process_id());
  ASSERT_TRUE(pidfd);
  EXPECT_NE(::fcntl(pidfd.get(), F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_FALSE(has_ended(pidfd.get()));
}

TEST(Listener, NobodyThereIsSaid) {
  const test::TemporaryDirectory directory;
  const auto path = directory.path() / "socket";
  const auto connect_error = [&] {
    try {
      connect_to(path);
    } catch (const std::system_error& error) {
      EXPECT_NE(std::string(error.what()).find(path.native()), std::string::npos) << error.what();
      return error.code().value();
    }
    return 0;
  };
  EXPECT_EQ(connect_error(), ENOENT);
  listen_at(path);
  EXPECT_EQ(connect_error(), ECONNREFUSED) << "the name of one that is gone";
}

TEST(Listener, APathThatIsTooLongIsSaidWithItsLimit) {
  const test::TemporaryDirectory directory;
  const std::size_t room = 107 - directory.path().native().size() - 1;
  const auto fits = directory.path() / std::string(room, 's');
  EXPECT_TRUE(listen_at(fits));
  const auto too_long = directory.path() / std::string(room + 1, 's');
  for (const auto& attempt : {&listen_at, &connect_to}) {
    try {
      attempt(too_long);
      FAIL();
    } catch (const std::system_error& error) {
      EXPECT_EQ(error.code().value(), ENAMETOOLONG);
      EXPECT_NE(std::string(error.what()).find(too_long.native()), std::string::npos) << error.what();
      EXPECT_NE(std::string(error.what()).find("at most 107 bytes"), std::string::npos) << error.what();
    }
  }
}

TEST(Waiting, ItEndsNotBeforeItsTime) {
  auto [a, b] = packet_pair();
  const std::uint64_t start = now_ns();
  EXPECT_FALSE(wait_readable(b.get(), std::chrono::milliseconds(20)));
  EXPECT_GE(now_ns() - start, 20'000'000u);
  ASSERT_EQ(send_message(a.get(), bytes("x")), Sent::ok);
  EXPECT_TRUE(wait_readable(b.get(), Timeout::max()));
}

}  // namespace
}  // namespace fairway::sys
