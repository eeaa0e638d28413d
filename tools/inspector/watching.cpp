#include "inspector/watching.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string>
#include <system_error>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "inspector/json.hpp"
#include "inspector/life.hpp"
#include "inspector/live.hpp"
#include "inspector/pace.hpp"
#include "inspector/terminal.hpp"

namespace fairway::inspector {

namespace {

/// After the first look: soon, so that there is something to see.
constexpr std::chrono::milliseconds soon{100};

void write(std::FILE* to, const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), to) == text.size() && std::fflush(to) == 0) return;
  throw std::system_error(errno, std::generic_category(), "cannot write the output");
}

std::string utc_now() {
  return fmt::format("{:%FT%TZ}", fmt::gmtime(std::chrono::system_clock::to_time_t(std::chrono::system_clock::now())));
}

/// Whether that was the last look.
class Countdown {
 public:
  explicit Countdown(std::optional<std::uint64_t> count) : left_(count) {}
  bool over() const { return left_ == 0u; }
  void look() {
    if (left_) --*left_;
  }

 private:
  std::optional<std::uint64_t> left_;
};

// top -------------------------------------------------------------------------------------------------------

void top_lines(Reader& reader, const Rhythm& rhythm, Form form, std::size_t rows, Colour colour, Pace& pace) {
  Countdown left(rhythm.count);
  Snapshot before = reader.snapshot();
  while (!left.over()) {
    const Pace::Event event = pace.wait();
    if (event == Pace::Event::ended) return;
    if (event != Pace::Event::time) continue;
    Snapshot now = reader.snapshot();
    Live seen = live(before, now, utc_now());
    sort(seen, Order::rate);
    write(stdout, form == Form::json ? live_json(seen, rows) : live_text(seen, rows, colour));
    before = std::move(now);
    left.look();
  }
}

/// False: leave.
bool take_keys(Terminal& terminal, Live& seen, View& view) {
  for (Terminal::Input input; terminal.next(input);) {
    if (input.quit) return false;
    view = press(view, input.key, seen, terminal.size());
  }
  sort(seen, view.order);
  return true;
}

void top_screen(Reader& reader, const Rhythm& rhythm, Terminal& terminal, Pace& pace) {
  Countdown left(rhythm.count);
  View view;
  Snapshot before = reader.snapshot();
  Live seen = live(before, before, utc_now());
  while (!left.over()) {
    terminal.draw(screen(seen, view, terminal.size()));
    switch (pace.wait()) {
      case Pace::Event::ended: return;
      case Pace::Event::resized: terminal.resize(); break;
      case Pace::Event::key:
        if (!take_keys(terminal, seen, view)) return;
        break;
      case Pace::Event::time: {
        Snapshot now = reader.snapshot();
        seen = live(before, now, utc_now());
        sort(seen, view.order);
        before = std::move(now);
        left.look();
      }
    }
  }
  terminal.draw(screen(seen, view, terminal.size()));
}

}  // namespace

void top(Reader reader, const Rhythm& rhythm, Form form, std::size_t rows, Colour colour) {
  if (auto terminal = form == Form::text ? Terminal::open(colour) : nullptr) {
    Pace pace(soon, rhythm.interval, Pace::Keys::yes);
    top_screen(reader, rhythm, *terminal, pace);
    terminal.reset();
    return pace.leave();
  }
  Pace pace(soon, rhythm.interval, Pace::Keys::no);
  top_lines(reader, rhythm, form, rows, colour, pace);
  pace.leave();
}

// stat --watch ----------------------------------------------------------------------------------------------

namespace {

/// The cursor goes home, each line ends what stood there, and so does the last one.
std::string in_place(const std::string& text) {
  std::string result = "\x1b[H";
  for (const char c : text) {
    if (c == '\n') result += "\x1b[K";
    result += c;
  }
  return result + "\x1b[J";
}

}  // namespace

bool watch(Reader& reader, ChannelId channel, const Rhythm& rhythm, Form form, Colour colour) {
  Pace pace(soon, rhythm.interval, Pace::Keys::no);
  Countdown left(rhythm.count);
  const bool redraw = form == Form::text && ::isatty(STDOUT_FILENO) == 1;
  std::optional<ChannelSnapshot> before;
  std::optional<ChannelReport> report = reader.report(channel, before);
  if (!report) return false;
  if (redraw) write(stdout, "\x1b[2J");
  while (!left.over()) {
    const Pace::Event event = pace.wait();
    if (event == Pace::Event::ended) break;
    if (event != Pace::Event::time) continue;
    before = std::move(report->now);
    report = reader.report(channel, before);
    if (!report) {
      write(stdout, form == Form::json ? "" : fmt::format("{}  {} is closed and gone\n", utc_now(), to_string(channel)));
      break;
    }
    const std::string text = form == Form::json ? report_json(*report) : utc_now() + "  " + report_text(*report, colour);
    write(stdout, redraw ? in_place(text) : form == Form::json ? text : text + '\n');
    left.look();
  }
  pace.leave();
  return true;
}

// trace -----------------------------------------------------------------------------------------------------

namespace {

class File {
 public:
  explicit File(const std::filesystem::path& path) : path_(path), file_(path.empty() ? nullptr : std::fopen(path.c_str(), "we")) {
    if (!path.empty() && file_ == nullptr) throw std::system_error(errno, std::generic_category(), "cannot make " + path.native());
  }
  ~File() {
    if (file_ != nullptr) std::fclose(file_);
  }
  File(const File&) = delete;
  explicit operator bool() const { return file_ != nullptr; }
  std::FILE* get() const { return file_; }

 private:
  std::filesystem::path path_;
  std::FILE* file_;
};

std::int64_t wall_minus_monotonic() {
  const auto wall = std::chrono::system_clock::now().time_since_epoch();
  const auto monotonic = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(wall - monotonic).count();
}

}  // namespace

void trace(Reader reader, const Rhythm& rhythm, Form form, const std::filesystem::path& chrome) {
  const File file(chrome);
  Pace pace(std::chrono::nanoseconds(0), rhythm.interval, Pace::Keys::no);
  const auto end = std::chrono::steady_clock::now() + rhythm.duration.value_or(std::chrono::nanoseconds::max() / 4);
  Countdown left(rhythm.count);
  Life life(process_state);
  ChromeTrace slices;
  if (file) write(file.get(), slices.begin());
  std::uint64_t now_ns = 0;
  while (!left.over() && std::chrono::steady_clock::now() < end && pace.wait() != Pace::Event::ended) {
    const Snapshot now = reader.tables();
    now_ns = now.taken_ns;
    for (const LifeEvent& event : life.look(now)) {
      if (left.over()) break;
      if (file) {
        write(file.get(), slices.add(event));
      } else {
        write(stdout, form == Form::json ? event_json(event, wall_minus_monotonic()) : event_text(event, wall_minus_monotonic()));
      }
      left.look();
    }
  }
  if (file) write(file.get(), slices.end(now_ns));
  pace.leave();
}

}  // namespace fairway::inspector
