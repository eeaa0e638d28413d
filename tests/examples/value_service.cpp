/// Answers requests of any shape, each over the port that came with it.
#include <cstdio>

#include <fairway/fairway.hpp>

using fairway::Value;

int main() try {
  fairway::Context context{{.name = "statistics"}};
  context.on_connect([](fairway::MessageEvent& event) {
    auto port = std::move(event.ports[0]);
    while (auto request = port.receive()) {
      const Value data = request->data();
      double sum = 0;
      for (const Value& number : data["numbers"].elements()) sum += number.get<double>();
      auto reply = std::move(request->ports.at(data["reply"].port_index().value()));
      reply.post_message(Value::object({{"sum", sum}, {"count", data["numbers"].size()}, {"tags", data["tags"]}, {"at", data["at"]}}));
    }
  });
  context.run();
} catch (const std::exception& error) {
  std::fprintf(stderr, "value_service: %s\n", error.what());
  return 2;
}
