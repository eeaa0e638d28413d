// A socket that listens before there is a broker: who connects early is served, and the name outlives the broker.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <thread>

#include <fairway/fairway.hpp>

#include "support/child.hpp"
#include "support/temporary_directory.hpp"
#include "sys/runtime_dir.hpp"
#include "sys/socket.hpp"

namespace fairway::test {
namespace {

class PassedListener : public testing::Test {
 protected:
  int pass() const { return ::fcntl(listener.get(), F_DUPFD_CLOEXEC, 0); }

  TemporaryDirectory directory;
  std::filesystem::path socket = sys::socket_path(directory.path());
  sys::Fd listener = sys::listen_at(socket);
};

TEST_F(PassedListener, who_connected_before_the_broker_came_is_served_by_one_after_the_other) {
  for (int i = 0; i < 2; ++i) {
    std::thread early([this] {
      Context context({.name = "early", .broker = directory.path(), .broker_timeout = Child::watchdog()});
      EXPECT_TRUE(MessagePort(context.connect("early")));
    });
    Broker broker({.directory = directory.path(), .listener = pass()});
    std::thread runs([&] { broker.run(); });
    early.join();
    broker.stop();
    runs.join();
  }
  EXPECT_TRUE(std::filesystem::is_socket(socket)) << "it belongs to who passed it";
}

TEST_F(PassedListener, another_kind_of_socket_is_refused_and_closed) {
  const sys::Fd other = sys::listen_at(directory.path() / "other");
  const sys::Fd stream(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sys::Fd deaf(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  const sys::Fd file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  for (const sys::Fd* fd : {&other, &stream, &deaf, &file}) {
    const int passed = ::fcntl(fd->get(), F_DUPFD_CLOEXEC, 0);
    try {
      Broker broker({.directory = directory.path(), .listener = passed});
      ADD_FAILURE() << "is taken";
    } catch (const std::system_error& error) {
      EXPECT_EQ(error.code(), std::errc::invalid_argument);
      EXPECT_NE(std::string(error.what()).find(socket), std::string::npos) << error.what();
    }
    EXPECT_EQ(::fcntl(passed, F_GETFD), -1);
  }
  EXPECT_TRUE(std::filesystem::is_socket(socket));
}

/// fairwayd as systemd starts it.
class Service {
 public:
  Service(const sys::Fd& listener, const std::filesystem::path& directory) {
    const std::string program = sys::broker_program();
    pid_ = ::fork();
    if (pid_ != 0) return;
    if (listener.get() == 3) {
      ::fcntl(3, F_SETFD, 0);
    } else {
      ::dup2(listener.get(), 3);
    }
    ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
    ::setenv("LISTEN_FDS", "1", 1);
    ::execl(program.c_str(), program.c_str(), "--directory", directory.c_str(), "--idle-exit", "60", nullptr);
    ::_exit(127);
  }
  ~Service() { end(); }
  int end() {
    if (pid_ <= 0) return -1;
    int status = 0;
    ::kill(std::exchange(pid_, -1), SIGTERM);
    ::wait(&status);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

 private:
  int pid_;
};

TEST_F(PassedListener, the_program_takes_it_from_its_service_manager) {
  {
    Service service(listener, directory.path());
    Context context({.name = "one", .broker = directory.path(), .broker_timeout = Child::watchdog()});
    EXPECT_TRUE(MessagePort(context.connect("one")));
    EXPECT_EQ(service.end(), 0);
  }
  EXPECT_TRUE(std::filesystem::is_socket(socket));
  const Service next(listener, directory.path());
  const Context context({.broker = directory.path(), .broker_timeout = Child::watchdog()});
}

TEST(PassedListenerVariables, of_another_process_do_not_count) {
  ::setenv("LISTEN_FDS", "1", 1);
  ::setenv("LISTEN_PID", "1", 1);
  EXPECT_EQ(sys::passed_listener(), -1);
  ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
  EXPECT_EQ(sys::passed_listener(), 3);
  ::setenv("LISTEN_FDS", "0", 1);
  EXPECT_EQ(sys::passed_listener(), -1);
  ::unsetenv("LISTEN_FDS");
  EXPECT_EQ(sys::passed_listener(), -1);
  ::unsetenv("LISTEN_PID");
}

}  // namespace
}  // namespace fairway::test
