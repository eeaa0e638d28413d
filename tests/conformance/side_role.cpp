#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <optional>
#include <sstream>
#include <stdexcept>

#include "conformance/side.hpp"

namespace fairway::test {
namespace {

/// The next line of the standard input, which the context's loop runs in the meantime; nothing at its end.
class Orders {
 public:
  explicit Orders(Context& context) : context_(context) {}

  std::optional<std::string> next() {
    for (;;) {
      if (const auto end = buffer_.find('\n'); end != std::string::npos) {
        std::string line = buffer_.substr(0, end);
        buffer_.erase(0, end + 1);
        stands_still_ = line.starts_with("stand_still");
        return line;
      }
      if (!stands_still_) {
        context_.poll();
        if (!context_.prepare_to_sleep()) continue;
      }
      pollfd entries[2] = {{0, POLLIN, 0}, {context_.native_handle(), POLLIN, 0}};
      if (::poll(entries, stands_still_ ? 1 : 2, -1) < 0 && errno != EINTR) throw std::runtime_error("poll failed");
      if (entries[0].revents == 0) continue;
      char text[4096];
      const ssize_t size = ::read(0, text, sizeof text);
      if (size <= 0) return std::nullopt;
      buffer_.append(text, static_cast<std::size_t>(size));
    }
  }

 private:
  Context& context_;
  std::string buffer_;
  bool stands_still_ = false;
};

/// The ports of this process under their numbers, and what can be asked of them.
class Ports {
 public:
  explicit Ports(std::unique_ptr<Side> first) { add(std::move(first)); }

  /// The answer to "verb port …": '=' and what was asked for, or '!' and the name of a DOMException.
  std::string answer(const std::string& line) {
    std::istringstream words(line);
    std::string verb;
    int number = 0;
    words >> verb >> number;
    try {
      return "=" + obey(verb, number, words);
    } catch (const DOMException& error) {
      return "!" + std::string(error.name());
    }
  }

 private:
  int add(std::unique_ptr<Side> side) {
    sides_[next_] = std::move(side);
    return next_++;
  }

  std::string obey(const std::string& verb, int number, std::istream& words) {
    Side& side = *sides_.at(number);
    if (verb == "post" || verb == "try_post") {
      Transfer transfer;
      std::size_t ports = 0;
      for (words >> ports; ports != 0; --ports) {
        int port = 0;
        words >> port;
        transfer.push_back(*sides_.at(port));
      }
      words.ignore();
      std::string text;
      std::getline(words, text);
      if (verb == "try_post") return side.try_post(text, transfer);
      side.post(text, transfer);
    } else if (verb == "post_many") {
      std::size_t count = 0;
      std::size_t size = 0;
      words >> count >> size;
      side.post_many(count, size);
    } else if (verb == "make_channel") {
      auto [one, two] = side.make_channel();
      const int first = add(std::move(one));
      return std::to_string(first) + " " + std::to_string(add(std::move(two)));
    } else if (verb == "take") {
      long timeout = 0;
      words >> timeout;
      Message message = side.take(std::chrono::milliseconds(timeout));
      std::string reply = std::to_string(message.ports.size());
      for (auto& port : message.ports) reply += " " + std::to_string(add(std::move(port)));
      return reply + " " + message.text;
    } else if (verb == "pump") {
      std::size_t count = 0;
      long patience = 0;
      words >> count >> patience;
      const Events events = side.pump(count, std::chrono::milliseconds(patience));
      std::string reply = std::to_string(events.size());
      for (const std::string& event : events) reply += "\n" + event;
      return reply;
    } else if (verb == "start") {
      side.start();
    } else if (verb == "listen") {
      side.listen();
    } else if (verb == "listen_for_close") {
      side.listen_for_close();
    } else if (verb == "listen_and_leave_over") {
      int carrier = 0;
      words >> carrier;
      side.listen_and_leave_over(*sides_.at(carrier));
    } else if (verb == "bounce") {
      side.bounce();
    } else if (verb == "increment") {
      side.increment();
    } else if (verb == "close") {
      side.close();
    } else if (verb == "open") {
      return side.open() ? "yes" : "no";
    } else if (verb == "reason") {
      return side.reason();
    } else if (verb == "buffered") {
      return std::to_string(side.buffered());
    } else if (verb == "stand_still") {
      side.stand_still();
    } else if (verb == "forget") {
      sides_.erase(number);
    } else {
      throw std::logic_error("the test asked for " + verb);
    }
    return "";
  }

  std::map<int, std::unique_ptr<Side>> sides_;
  int next_ = 0;
};

}  // namespace

/// Holds ports and does what the test says. Arguments: the broker's directory, the context's name.
FAIRWAY_CHILD(conformance_side) {
  auto locals = std::make_shared<Locals>();
  Context& context = locals->add({.name = arguments.at(1), .broker = arguments.at(0)});
  std::optional<MessagePort> connected;  // a port that is closed again already is one too
  context.on_connect([&](MessageEvent& event) { connected = std::move(event.ports[0]); });
  say("ready");
  while (!connected) context.run_once();
  Ports ports(std::make_unique<LocalSide>(locals, context, *std::move(connected)));
  Orders orders(context);
  while (const auto line = orders.next()) say(ports.answer(*line));
  return 0;
}

}  // namespace fairway::test
