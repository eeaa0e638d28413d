/// Owns the port of a stream for a while.
///
///   stream_owner NAME              takes the port as the context NAME, reads to the end, and prints what all owners did
///   stream_owner NAME BYTE NEXT    reads until the stream is at BYTE, sends the port on to the context NEXT, says so, and
///                                  runs until it is ended. Further along already: sends the port on unread
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include <sys/resource.h>
#include <unistd.h>

#include "running_sha256.hpp"
#include "stream_handover.hpp"

namespace {

std::int64_t now_ns() { return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1); }

double per_second(std::uint64_t bytes, std::int64_t ns) {
  return ns <= 0 ? 0 : static_cast<double>(bytes) * 1e3 / static_cast<double>(ns);
}

/// The stream while it is here.
class Stay {
 public:
  Stay(std::string name, fairway::MessageEvent& event) : port_(std::move(event.ports.at(0))), handover_(event.get<Handover>()) {
    if (!handover_.hash.empty()) hash_.go_on_from(handover_.hash);
    me_.name = std::move(name);
    me_.pid = ::getpid();
    me_.from = me_.to = handover_.owners.empty() ? 0 : handover_.owners.back().to;
    me_.came_ns = now_ns();
  }

  /// Reads on, up to that byte at least. False: that was the end.
  bool read_to(std::uint64_t byte) {
    while (me_.to < byte) {
      const auto event = port_.receive();
      if (!event)
        throw std::runtime_error("the stream breaks off at byte " + std::to_string(me_.to) + ": " +
                                 std::string(to_string(*port_.close_reason())));
      if (event->bytes().empty()) return false;
      hash_.add(event->bytes());
      me_.to += event->bytes().size();
      ++me_.messages;
    }
    return true;
  }

  void hand_on(fairway::MessagePort& next) {
    finish();
    handover_.hash = hash_.state();
    next.post_message(handover_, {.transfer = {port_}});
  }

  void print() {
    finish();
    std::printf("%-8s %8s %14s %14s %9s %6s %8s\n", "OWNER", "PID", "FROM BYTE", "TO BYTE", "MESSAGES", "MB/s", "MEMORY");
    for (const Owner& owner : handover_.owners)
      std::printf("%-8s %8jd %14ju %14ju %9ju %6.0f %4jd MiB\n", owner.name.c_str(), std::intmax_t{owner.pid},
                  std::uintmax_t{owner.from}, std::uintmax_t{owner.to}, std::uintmax_t{owner.messages},
                  per_second(owner.to - owner.from, owner.left_ns - owner.came_ns), std::intmax_t{owner.most_mib});
    const Owner& first = handover_.owners.front();
    const Owner& last = handover_.owners.back();
    std::int64_t under_way = 0;
    for (std::size_t i = 1; i < handover_.owners.size(); ++i)
      under_way += handover_.owners[i].came_ns - handover_.owners[i - 1].left_ns;
    std::printf("throughput, hashing included: %.0f MB/s before the port moved, %.0f MB/s from its first move to its last, %.0f MB/s after\n",
                per_second(first.to - first.from, first.left_ns - first.came_ns),
                per_second(last.from - first.to, last.came_ns - first.left_ns),
                per_second(last.to - last.from, last.left_ns - last.came_ns));
    std::printf("moves: %zu, %.2f ms under way in all\n", handover_.owners.size() - 1, static_cast<double>(under_way) / 1e6);
    std::printf("sha256: %s\n", hash_.finish().c_str());
  }

  std::uint64_t at() const { return me_.to; }

 private:
  void finish() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    me_.most_mib = usage.ru_maxrss / 1024;
    me_.left_ns = now_ns();
    handover_.owners.push_back(me_);
  }

  fairway::MessagePort port_;
  Handover handover_;
  RunningSha256 hash_;
  Owner me_;
};

void own(const std::string& name, std::optional<std::uint64_t> until, const char* heir) {
  fairway::Context context{{.name = name}};
  std::optional<fairway::MessagePort> sender;
  context.on_connect([&sender](fairway::MessageEvent& event) { sender = std::move(event.ports[0]); });
  fairway::MessagePort next;
  if (until) next = context.connect(heir, std::chrono::seconds(10));
  while (!sender)
    if (!context.run_once(std::chrono::seconds(10))) throw std::runtime_error("nobody brings the port");
  auto event = sender->receive();
  if (!event) throw std::runtime_error("the port never came: " + std::string(to_string(*sender->close_reason())));

  Stay stay(name, *event);
  if (!until) {
    if (stay.read_to(~std::uint64_t{0})) throw std::runtime_error("the stream has no end");
    return stay.print();
  }
  if (!stay.read_to(*until)) throw std::runtime_error("the stream ends before byte " + std::to_string(*until));
  stay.hand_on(next);
  std::printf("%s %jd lets go at byte %ju\n", name.c_str(), std::intmax_t{::getpid()}, std::uintmax_t{stay.at()});
  std::fflush(stdout);
  context.run();
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 2 && argc != 4) throw std::invalid_argument("usage: stream_owner NAME [BYTE NEXT]");
  own(argv[1], argc == 4 ? std::optional<std::uint64_t>(std::stoull(argv[2])) : std::nullopt, argc == 4 ? argv[3] : nullptr);
} catch (const std::exception& error) {
  std::fprintf(stderr, "stream_owner: %s: %s\n", argc > 1 ? argv[1] : "", error.what());
  return 2;
}
