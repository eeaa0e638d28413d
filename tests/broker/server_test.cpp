/// The broker around its registry: sockets, names, tables, its life.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <thread>

#include <fairway/broker.hpp>
#include <fairway/error.hpp>

#include "broker/raw_context.hpp"
#include "shm/tables.hpp"
#include "support/broker_thread.hpp"
#include "support/child.hpp"
#include "sys/process.hpp"
#include "sys/runtime_dir.hpp"

namespace fs = std::filesystem;

namespace fairway::broker {
namespace {

using fairway::test::Child;
using fairway::test::TemporaryDirectory;
using test::PolledBroker;
using test::RawContext;

BrokerOptions at(const TemporaryDirectory& directory) {
  BrokerOptions options;
  options.directory = directory.path();
  return options;
}

TEST(Server, AContextIsWelcomedWithItsTables) {
  PolledBroker broker;
  RawContext context(broker.directory(), &broker, "player");
  const auto [welcome, contexts] = context.wait_for<wire::Welcome>();
  EXPECT_EQ(welcome.context.value, 1u);
  ASSERT_EQ(contexts.size(), 1u);
  EXPECT_TRUE(sys::is_sealed_memory(contexts[0].get(), shm::contexts_table_size));
  const sys::Mapping table(contexts[0].get(), shm::contexts_table_size, sys::Mapping::Access::read);
  const auto* const rows = reinterpret_cast<const shm::ContextRow*>(table.bytes().data() + shm::data_offset);
  shm::ContextInfo info;
  ASSERT_TRUE(shm::read_row(rows[welcome.row], info));
  EXPECT_EQ(info.id, welcome.context);
  EXPECT_EQ(info.name, "player");
  EXPECT_EQ(info.pid, sys::process_id());
  EXPECT_EQ(info.command, sys::command_of(sys::process_id()));
  const auto [ids, channels] = context.wait_for<wire::Ids>();
  EXPECT_EQ(ids.count, 256u);
  ASSERT_EQ(channels.size(), 1u);
  EXPECT_TRUE(sys::is_sealed_memory(channels[0].get(), shm::channels_table_size));
  EXPECT_EQ(rows[welcome.row].notices.load(), 2u) << "so many messages were sent";

  context.socket().close();
  broker.serve();
  EXPECT_FALSE(shm::read_row(rows[welcome.row], info)) << "the row is free again";
}

TEST(Server, TheTablesAreFoundByName) {
  PolledBroker broker;
  RawContext context(broker.directory(), &broker);
  RawContext other(broker.directory(), &broker, "other");
  const PortId port = context.connect("other");
  const sys::Fd table = sys::open_name(sys::tables_path(broker.directory()) / "channels.1");
  ASSERT_TRUE(table);
  const sys::Mapping memory(table.get(), shm::channels_table_size, sys::Mapping::Access::read);
  const auto* const header = reinterpret_cast<const shm::SegmentHeader*>(memory.bytes().data());
  EXPECT_EQ(header->magic, shm::magic);
  EXPECT_EQ(header->kind, shm::SegmentKind::channels);
  const auto* const rows = reinterpret_cast<const shm::ChannelRow*>(memory.bytes().data() + shm::data_offset);
  EXPECT_EQ(rows[0].id.load(), port.channel().value);
  EXPECT_EQ(shm::read_port(rows[0].port[1]), (shm::PortInfo{shm::PortState::owned, 1, {2}, 0}));
  EXPECT_TRUE(sys::open_name(sys::tables_path(broker.directory()) / "contexts.0"));
}

TEST(Server, ASegmentIsSealedAndNamedAndGoesWithItsStream) {
  PolledBroker broker;
  RawContext writer(broker.directory(), &broker);
  RawContext reader(broker.directory(), &broker, "reader");
  const PortId port = writer.connect("reader");
  writer.send(wire::Bind{port, writer.lease(), 0, 0, 0, 0});
  const auto [install, descriptors] = reader.wait_for<wire::Install>();
  ASSERT_EQ(descriptors.size(), 1u);
  EXPECT_TRUE(sys::is_sealed_memory(descriptors[0].get(), install.size));
  EXPECT_THROW(sys::Mapping(descriptors[0].get(), install.size, sys::Mapping::Access::write), std::system_error);
  EXPECT_EQ(broker.segment_names(), std::vector<std::string>{"ch-1.1"});
  const sys::Fd named = sys::open_name(sys::segments_path(broker.directory()) / "ch-1.1");
  ASSERT_TRUE(named);
  EXPECT_TRUE(sys::is_sealed_memory(named.get(), install.size));
  writer.socket().close();
  broker.serve();
  EXPECT_EQ(broker.segment_names(), std::vector<std::string>{"ch-1.1"}) << "it is still read";
  reader.send(wire::End{port.opposite()});
  EXPECT_EQ(broker.segment_names(), std::vector<std::string>{});
}

TEST(Server, ALinkIsADoorbellAndAProcessForEachSide) {
  PolledBroker broker;
  RawContext a(broker.directory(), &broker, "a");
  RawContext b(broker.directory(), &broker, "b");
  a.connect("b");
  auto [of_a, fds_a] = a.wait_for<wire::Link>();
  auto [of_b, fds_b] = b.wait_for<wire::Link>();
  EXPECT_EQ(of_a.name.view(), "b");
  EXPECT_EQ(of_a.pid, sys::process_id());
  ASSERT_EQ(fds_a.size(), 2u);
  ASSERT_EQ(fds_b.size(), 2u);
  EXPECT_EQ(sys::ring(fds_a[0].get()), sys::Sent::ok);
  EXPECT_TRUE(sys::wait_readable(fds_b[0].get(), Timeout::zero()));
  EXPECT_FALSE(sys::has_ended(fds_a[1].get()));
  fds_a[0].close();
  EXPECT_EQ(sys::quiet(fds_b[0].get()), sys::Doorbell::rung);
  EXPECT_EQ(sys::quiet(fds_b[0].get()), sys::Doorbell::gone) << "the broker keeps no end of it open";
}

TEST(Server, NothingIsLeftInTheDirectoryButItsFolders) {
  fs::path directory;
  const TemporaryDirectory temporary;
  {
    BrokerOptions options = at(temporary);
    Broker broker(options);
    directory = temporary.path();
    EXPECT_TRUE(fs::exists(sys::socket_path(directory)));
  }
  EXPECT_FALSE(fs::exists(sys::socket_path(directory)));
  EXPECT_EQ(sys::list_names(sys::segments_path(directory)), std::vector<std::string>{});
  EXPECT_EQ(sys::list_names(sys::tables_path(directory)), std::vector<std::string>{});
}

TEST(Server, ASecondBrokerInTheSameDirectoryIsRefusedAndDisturbsNothing) {
  PolledBroker broker;
  RawContext context(broker.directory(), &broker, "a");
  context.wait_for<wire::Welcome>();
  BrokerOptions options;
  options.directory = broker.directory();
  try {
    Broker second(options);
    FAIL();
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), Errc::name_taken);
    EXPECT_NE(std::string(error.what()).find(broker.directory().native()), std::string::npos) << error.what();
  }
  RawContext later(broker.directory(), &broker, "b");
  later.wait_for<wire::Welcome>();
  EXPECT_FALSE(context.ended());
}

TEST(Server, ADirectoryWhoseSocketPathIsTooLongIsRefusedAndLeftUnlocked) {
  const TemporaryDirectory temporary;
  BrokerOptions options;
  options.directory = temporary.path() / std::string(100, 'd');
  for (int attempt = 0; attempt < 2; ++attempt) {
    try {
      Broker broker(options);
      FAIL();
    } catch (const std::system_error& error) {
      EXPECT_EQ(error.code().value(), ENAMETOOLONG) << error.what();
    }
  }
}

TEST(Server, AnIdleBrokerLeavesInTime) {
  const TemporaryDirectory temporary;
  BrokerOptions options = at(temporary);
  options.idle_exit = std::chrono::milliseconds(30);
  const std::uint64_t start = sys::now_ns();
  Broker broker(options);
  broker.run();
  EXPECT_GE(sys::now_ns() - start, 30'000'000u);
}

TEST(Server, ABrokerIsIdleOnlyWhenItsLastContextHasLeft) {
  const TemporaryDirectory temporary;
  BrokerOptions options = at(temporary);
  options.idle_exit = std::chrono::milliseconds(500);
  Broker broker(options);
  std::thread thread([&] { broker.run(); });
  auto context = std::make_unique<RawContext>(temporary.path(), nullptr);
  context->wait_for<wire::Welcome>();
  const std::uint64_t joined = sys::now_ns();
  while (sys::now_ns() - joined < 700'000'000u && !context->ended()) {
  }
  EXPECT_FALSE(context->ended());
  const std::uint64_t left = sys::now_ns();
  context.reset();
  thread.join();
  EXPECT_GE(sys::now_ns() - left, 500'000'000u);
}

TEST(Server, AnotherThreadStopsIt) {
  const TemporaryDirectory temporary;
  Broker broker(at(temporary));
  std::thread thread([&] { broker.run(); });
  broker.stop();
  thread.join();
  broker.stop();
  broker.run();  // a stop that came early counts
}

FAIRWAY_CHILD(joins_and_waits) {
  RawContext context(arguments.at(0), nullptr, arguments.at(1));
  context.wait_for<wire::Welcome>();
  if (arguments.size() > 2) {
    const pid_t holder = ::fork();
    if (holder == 0) {
      ::alarm(60);
      for (;;) ::pause();
    }
    fairway::test::say(std::to_string(holder));
  } else {
    fairway::test::say("joined");
  }
  std::string line;
  fairway::test::hear(line);
  return 0;
}

TEST(Server, AContextThatIsKilledIsGone) {
  fairway::test::BrokerThread broker;
  RawContext other(broker.directory(), nullptr, "other");
  Child child("joins_and_waits", {broker.directory().native(), "child"});
  ASSERT_EQ(child.line(), "joined");
  const PortId port = other.connect("child");
  child.kill(SIGKILL);
  const auto closed = other.wait_for<wire::PortClosed>().first;
  EXPECT_EQ(closed.port, port);
  EXPECT_EQ(closed.reason, CloseReason::peer_lost);
  RawContext next(broker.directory(), nullptr, "child");
  next.wait_for<wire::Welcome>();  // the name was free before anybody learned of the death
}

TEST(Server, AForkedChildThatHoldsTheSocketDoesNotHideTheDeath) {
  fairway::test::BrokerThread broker;
  RawContext other(broker.directory(), nullptr, "other");
  Child child("joins_and_waits", {broker.directory().native(), "child", "fork"});
  const int holder = std::stoi(child.line());
  const PortId port = other.connect("child");
  child.kill(SIGKILL);
  EXPECT_EQ(other.wait_for<wire::PortClosed>().first.port, port);
  ::kill(holder, SIGKILL);
}

}  // namespace
}  // namespace fairway::broker
