/// A server: greets whoever connects to "greeter".
#include <cstdio>
#include <string>

#include <fairway/fairway.hpp>

int main() try {
  fairway::Context context{{.name = "greeter"}};
  context.on_connect([](fairway::MessageEvent& event) {
    auto port = std::move(event.ports[0]);
    while (auto question = port.receive())
      port.post_message(std::string("hello, ") + std::string(question->string()));
  });
  context.run();
} catch (const std::exception& error) {
  std::fprintf(stderr, "greeter: %s\n", error.what());
  return 2;
}
