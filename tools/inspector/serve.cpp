#include "inspector/serve.hpp"

#include <poll.h>

#include <cstdio>
#include <list>
#include <optional>
#include <utility>

#include <fairway/fairway.hpp>
#include <fmt/format.h>

#include "inspector/program.hpp"
#include "inspector/reader.hpp"

namespace fairway::inspector {

namespace {

/// One who has connected, and the program that answers.
class Answering {
 public:
  Answering(MessagePort port, const Service& service)
      : port_(std::move(port)), program_(service.command), cutter_(framing(service.speech)), service_(service) {
    port_.on_drain([this] { full_ = false; });
    port_.on_close([this](CloseReason) {
      full_ = false;  // what is posted goes nowhere
      program_.end_input();
    });
  }
  Answering(const Answering&) = delete;

  /// Moves what can be moved, both ways. What cannot be told to the other side ends the conversation.
  void move() {
    try {
      move_messages();
    } catch (const Failure& failure) {
      fmt::print(stderr, "fairway: {}: {}\n", service_.command.at(0), failure.what());
      give_up();
    }
  }
  bool over() { return program_.over() && !waiting_ && read_all_; }
  int exit_code() const noexcept { return failed_ ? 2 : program_.exit_code(); }

  /// Whether the context is to wake for its messages. None is handed out meanwhile: `move` takes them.
  void listen(bool on) {
    if (on && program_.wants_more()) port_.on_message([](MessageEvent&) {});
    if (!on) port_.on_message({});
  }
  void add_to(std::vector<pollfd>& entries) const {
    if (!full_) entries.push_back({program_.output(), POLLIN, 0});
    entries.push_back({program_.input(), POLLOUT, 0});
    entries.push_back({program_.end(), POLLIN, 0});
  }

 private:
  /// What the program writes from now on is read, so that it ends, and dropped.
  void give_up() {
    failed_ = true;
    full_ = false;
    waiting_.reset();
    port_.close();
    program_.end_input();
  }

  void move_messages() {
    program_.flush();
    while (program_.wants_more()) {
      const auto message = port_.try_receive();
      if (!message) break;
      std::string scratch;
      program_.write(framed(heard(*message, service_.speech, scratch), framing(service_.speech)));
    }
    while (post_next()) {
    }
  }

  /// False: the program has written no more, or the port is full.
  bool post_next() {
    if (full_) return false;
    if (!waiting_) take(cutter_.next());
    if (!waiting_) {
      std::string bytes;
      if (program_.read(bytes)) {
        if (!failed_) cutter_.add(bytes);
        return true;
      }
      if (program_.output() >= 0 || std::exchange(read_all_, true)) return false;
      take(cutter_.last());
      if (!waiting_) return false;
    }
    full_ = port_.try_post(waiting_->payload()) == Status::full;
    if (!full_) waiting_.reset();
    return !full_;
  }

  void take(std::optional<std::string> message) {
    if (message && !failed_) waiting_.emplace(*std::move(message), service_.speech, ++taken_);
  }

  MessagePort port_;
  Program program_;
  Cutter cutter_;
  const Service& service_;
  std::optional<Spoken> waiting_;  ///< the port was full
  std::uint64_t taken_ = 0;
  bool failed_ = false;
  bool full_ = false;
  bool read_all_ = false;
};

void wait(Context& context, const std::list<Answering>& all) {
  std::vector<pollfd> entries{{context.native_handle(), POLLIN, 0}};
  for (const Answering& one : all) one.add_to(entries);
  ::poll(entries.data(), entries.size(), -1);
}

}  // namespace

int serve(const Service& service) {
  Context context({.name = service.name, .broker = service.broker});
  std::list<Answering> all;
  bool begun = false;
  context.on_connect([&](MessageEvent& event) {
    // Who comes second is refused: its port closes.
    if (service.once && std::exchange(begun, true)) return;
    all.emplace_back(std::move(event.ports.at(0)), service);
  });
  for (;;) {
    context.poll();
    for (Answering& one : all) one.move();
    for (auto one = all.begin(); one != all.end();) {
      if (!one->over()) {
        ++one;
        continue;
      }
      const int exit_code = one->exit_code();
      one = all.erase(one);
      if (service.once) return exit_code;
    }
    for (Answering& one : all) one.listen(true);
    if (context.prepare_to_sleep()) wait(context, all);
    for (Answering& one : all) one.listen(false);
  }
}

}  // namespace fairway::inspector
