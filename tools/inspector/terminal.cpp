#include "inspector/terminal.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <clocale>
#include <cstdio>

#define NCURSES_NOMACROS
#include <curses.h>

namespace fairway::inspector {

struct Terminal::Screen {
  SCREEN* screen = nullptr;
  bool colours = false;
};

namespace {

constexpr short alarm_pair = 1;
constexpr short notice_pair = 2;

attr_t attributes(Ink ink, bool colours) {
  switch (ink) {
    case Ink::plain: return A_NORMAL;
    case Ink::head: return A_BOLD;
    case Ink::alarm: return colours ? static_cast<attr_t>(COLOR_PAIR(alarm_pair)) : A_BOLD;
    case Ink::notice: return colours ? static_cast<attr_t>(COLOR_PAIR(notice_pair)) : A_BOLD;
  }
  return A_NORMAL;
}

bool can_place_cursor() {
  const char* const capability = ::tigetstr("cup");
  return capability != nullptr && capability != reinterpret_cast<const char*>(-1) && *capability != '\0';
}

}  // namespace

std::unique_ptr<Terminal> Terminal::open(Colour colour) {
  if (::isatty(STDIN_FILENO) != 1 || ::isatty(STDOUT_FILENO) != 1) return nullptr;
  std::setlocale(LC_CTYPE, "");
  auto screen = std::make_unique<Screen>();
  screen->screen = ::newterm(nullptr, stdout, stdin);
  if (screen->screen == nullptr) return nullptr;
  if (!can_place_cursor()) {
    ::endwin();
    ::delscreen(screen->screen);
    return nullptr;
  }
  ::cbreak();
  ::noecho();
  ::nonl();
  ::keypad(::stdscr, TRUE);
  ::nodelay(::stdscr, TRUE);
  ::curs_set(0);
  screen->colours = colour == Colour::on && ::has_colors();
  if (screen->colours) {
    ::start_color();
    ::use_default_colors();
    ::init_pair(alarm_pair, COLOR_RED, -1);
    ::init_pair(notice_pair, COLOR_YELLOW, -1);
  }
  return std::unique_ptr<Terminal>(new Terminal(std::move(screen)));
}

Terminal::Terminal(std::unique_ptr<Screen> screen) : screen_(std::move(screen)) {}

Terminal::~Terminal() {
  ::endwin();
  ::delscreen(screen_->screen);
}

ScreenSize Terminal::size() const {
  return {static_cast<std::size_t>(std::max(getmaxy(::stdscr), 0)), static_cast<std::size_t>(std::max(getmaxx(::stdscr), 0))};
}

void Terminal::resize() {
  winsize now{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &now) != 0 || now.ws_row == 0 || now.ws_col == 0) return;
  ::resizeterm(now.ws_row, now.ws_col);
  ::wclear(::stdscr);
}

void Terminal::draw(const std::vector<Line>& lines) {
  ::werase(::stdscr);
  for (std::size_t y = 0; y < lines.size(); ++y) {
    ::wmove(::stdscr, static_cast<int>(y), 0);
    for (const Cell& cell : lines[y]) {
      ::wattrset(::stdscr, static_cast<int>(attributes(cell.ink, screen_->colours)));
      ::waddnstr(::stdscr, cell.text.data(), static_cast<int>(cell.text.size()));
    }
  }
  ::wattrset(::stdscr, A_NORMAL);
  ::wrefresh(::stdscr);
}

bool Terminal::next(Input& input) {
  const int code = ::wgetch(::stdscr);
  if (code == ERR) return false;
  input = {};
  switch (code) {
    case 'q':
    case 'Q': input.quit = true; break;
    case 'r': input.key = Key::by_rate; break;
    case 'd': input.key = Key::by_depth; break;
    case 'm': input.key = Key::by_memory; break;
    case 'k':
    case KEY_UP: input.key = Key::up; break;
    case 'j':
    case KEY_DOWN: input.key = Key::down; break;
    case KEY_PPAGE: input.key = Key::page_up; break;
    case ' ':
    case KEY_NPAGE: input.key = Key::page_down; break;
    case 'g':
    case KEY_HOME: input.key = Key::home; break;
    case 'G':
    case KEY_END: input.key = Key::end; break;
    default: break;
  }
  return true;
}

}  // namespace fairway::inspector
