/// Asks value_service about the numbers on its command line, over a port of its own.
#include <cstdlib>
#include <iostream>

#include <fairway/fairway.hpp>

using fairway::Value;

int main(int argc, char** argv) try {
  fairway::Context context;
  auto service = context.connect("statistics", std::chrono::seconds(20));
  fairway::MessageChannel channel(context);

  Value numbers = Value::array();
  for (int i = 1; i < argc; ++i) numbers.push_back(std::atof(argv[i]));
  Value request = Value::object({{"numbers", numbers}, {"tags", Value::set({"first", "small"})}, {"at", Value::date(0)}, {"reply", channel.port2}});
  service.post_message(request, {.transfer = {channel.port2}});

  const auto answer = channel.port1.receive();
  if (!answer) throw std::runtime_error("the service is gone");
  std::cout << answer->data() << "\n";
} catch (const std::exception& error) {
  std::cerr << "value_request: " << error.what() << "\n";
  return 2;
}
