#include "tools/pseudo_terminal.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utmp.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

namespace fairway::test {

namespace {

constexpr std::chrono::seconds watchdog{30};

winsize size_of(std::size_t lines, std::size_t columns) {
  return {static_cast<unsigned short>(lines), static_cast<unsigned short>(columns), 0, 0};
}

}  // namespace

PseudoTerminal::PseudoTerminal(const std::string& kind, std::size_t lines, std::size_t columns, std::vector<std::string> arguments)
    : screen_(lines, std::string(columns, ' ')) {
  arguments.insert(arguments.begin(), FAIRWAY_INSPECTOR);
  std::vector<char*> argv;
  for (std::string& word : arguments) argv.push_back(word.data());
  argv.push_back(nullptr);
  winsize size = size_of(lines, columns);
  int master = -1, slave = -1;
  if (::openpty(&master, &slave, nullptr, nullptr, &size) != 0) throw std::runtime_error("openpty failed");
  master_ = sys::Fd(master);
  slave_ = sys::Fd(slave);
  ::fcntl(master, F_SETFD, FD_CLOEXEC);
  before_ = modes();
  pid_ = ::fork();
  if (pid_ < 0) throw std::runtime_error("fork failed");
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::setenv("TERM", kind.c_str(), 1);
    ::unsetenv("LINES");
    ::unsetenv("COLUMNS");
    ::signal(SIGPIPE, SIG_DFL);
    ::login_tty(slave);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
}

PseudoTerminal::~PseudoTerminal() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  end();
}

termios PseudoTerminal::modes() const {
  termios modes{};
  if (::tcgetattr(slave_.get(), &modes) != 0) throw std::runtime_error("tcgetattr failed");
  return modes;
}

bool PseudoTerminal::as_it_was() const {
  const termios now = modes();
  return now.c_iflag == before_.c_iflag && now.c_oflag == before_.c_oflag && now.c_cflag == before_.c_cflag &&
         now.c_lflag == before_.c_lflag && std::memcmp(now.c_cc, before_.c_cc, sizeof now.c_cc) == 0;
}

void PseudoTerminal::type(const std::string& keys) {
  if (::write(master_.get(), keys.data(), keys.size()) != static_cast<ssize_t>(keys.size())) throw std::runtime_error("write failed");
}

void PseudoTerminal::resize(std::size_t lines, std::size_t columns) {
  screen_.assign(lines, std::string(columns, ' '));
  y_ = x_ = 0;
  const winsize size = size_of(lines, columns);
  if (::ioctl(master_.get(), TIOCSWINSZ, &size) != 0) throw std::runtime_error("TIOCSWINSZ failed");
}

std::string PseudoTerminal::line(std::size_t number) const {
  const std::string& text = screen_.at(number);
  return text.substr(0, text.find_last_not_of(' ') + 1);
}

std::string PseudoTerminal::screen() const {
  std::string text;
  for (std::size_t i = 0; i < screen_.size(); ++i) text += line(i) + '\n';
  return text;
}

/// What a VT52 does with a character.
void PseudoTerminal::show(char c) {
  std::string& row = screen_[std::min(y_, screen_.size() - 1)];
  if (!escape_.empty()) {
    escape_ += c;
    if (escape_[1] == 'Y' && escape_.size() < 4) return;
    switch (escape_[1]) {
      case 'A': y_ -= std::min<std::size_t>(y_, 1); break;
      case 'B': ++y_; break;
      case 'C': ++x_; break;
      case 'D': x_ -= std::min<std::size_t>(x_, 1); break;
      case 'H': y_ = x_ = 0; break;
      case 'Y':
        y_ = static_cast<unsigned char>(escape_[2]) - 32u;
        x_ = static_cast<unsigned char>(escape_[3]) - 32u;
        break;
      case 'J':
        for (std::size_t below = y_ + 1; below < screen_.size(); ++below) std::ranges::fill(screen_[below], ' ');
        [[fallthrough]];
      case 'K':
        for (std::size_t at = x_; at < row.size(); ++at) row[at] = ' ';
        break;
      default: break;
    }
    escape_.clear();
    return;
  }
  switch (c) {
    case '\x1b': escape_ = c; break;
    case '\r': x_ = 0; break;
    case '\b': x_ -= std::min<std::size_t>(x_, 1); break;
    case '\t': x_ = (x_ / 8 + 1) * 8; break;
    case '\n':
      if (y_ + 1 < screen_.size()) {
        ++y_;
      } else {
        std::rotate(screen_.begin(), screen_.begin() + 1, screen_.end());
        std::ranges::fill(screen_.back(), ' ');
      }
      break;
    default:
      if (static_cast<unsigned char>(c) < 32) break;
      if (x_ < row.size()) row[x_] = c;
      ++x_;
  }
}

bool PseudoTerminal::read_some() {
  pollfd entry{master_.get(), POLLIN, 0};
  const int ready = ::poll(&entry, 1, static_cast<int>(std::chrono::milliseconds(watchdog).count()));
  if (ready < 0 && errno == EINTR) return true;
  if (ready <= 0) throw std::runtime_error("watchdog: nothing comes; the screen is\n" + screen());
  char buffer[4096];
  const ssize_t size = ::read(master_.get(), buffer, sizeof buffer);
  if (size <= 0) return false;
  output_.append(buffer, static_cast<std::size_t>(size));
  for (ssize_t i = 0; i < size; ++i) show(buffer[i]);
  return true;
}

bool PseudoTerminal::until(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + watchdog;
  while (!condition())
    if (std::chrono::steady_clock::now() > deadline || !read_some()) return false;
  return true;
}

bool PseudoTerminal::until_screen_has(const std::string& part) {
  return until([&] { return screen().find(part) != std::string::npos; });
}

bool PseudoTerminal::until_output_has(const std::string& part) {
  return until([&] { return output_.find(part) != std::string::npos; });
}

int PseudoTerminal::end() {
  int status = 0;
  // The terminal lives on as long as this process has it open: the program's end is its process's.
  const auto deadline = std::chrono::steady_clock::now() + watchdog;
  for (;;) {
    pollfd entry{master_.get(), POLLIN, 0};
    if (::poll(&entry, 1, 10) == 1 && !read_some()) break;
    const pid_t ended = ::waitpid(pid_, &status, WNOHANG);
    if (ended == pid_) break;
    if (std::chrono::steady_clock::now() > deadline) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, &status, 0);
      break;
    }
  }
  pid_ = -1;
  pollfd entry{master_.get(), POLLIN, 0};
  while (::poll(&entry, 1, 0) == 1 && read_some()) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

}  // namespace fairway::test
