/// The greeter's client: says a name and prints the answer.
#include <cstdio>
#include <stdexcept>
#include <string>

#include <fairway/fairway.hpp>

int main(int argc, char** argv) try {
  if (argc != 2) throw std::invalid_argument("usage: greet NAME");
  fairway::Context context;
  auto port = context.connect("greeter", std::chrono::seconds(10));
  port.post_message(std::string(argv[1]));
  const auto answer = port.receive();
  if (!answer) throw std::runtime_error("the greeter is gone: " + std::string(to_string(*port.close_reason())));
  std::printf("%s\n", std::string(answer->string()).c_str());
} catch (const std::exception& error) {
  std::fprintf(stderr, "greet: %s\n", error.what());
  return 2;
}
