/// Somebody else's program: a broker of its own in the directory given, a channel, a C++ type and bytes over it.
#include <cstdio>
#include <string>
#include <thread>

#include <boost/serialization/string.hpp>
#include <fairway/fairway.hpp>

struct Order {
  std::string item;
  int count = 0;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive & item & count;
  }
};

template <>
inline constexpr std::string_view fairway::type_key<Order> = "consumer.Order";

int main(int argc, char** argv) try {
  if (argc != 2) return 2;
  fairway::Broker broker({.directory = argv[1]});
  std::jthread thread([&broker] { broker.run(); });
  std::string received;
  {
    fairway::Context shop({.name = "shop", .broker = argv[1]});
    fairway::Context customer({.broker = argv[1]});
    shop.on_connect([&received](fairway::MessageEvent& event) {
      auto port = std::move(event.ports[0]);
      while (auto order = port.receive()) received += order->get<Order>().item + " ";
    });
    auto port = customer.connect("shop");
    port.post_message(Order{"apples", 3});
    port.post_message(Order{"pears", 4});
    port.close();
    shop.run_once();
  }
  broker.stop();
  std::printf("%s%s\n", received.c_str(), std::string(fairway::version()).c_str());
  return received == "apples pears " ? 0 : 1;
} catch (const std::exception& error) {
  std::fprintf(stderr, "consumer: %s\n", error.what());
  return 2;
}
