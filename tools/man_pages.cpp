#include <fstream>
#include <iostream>
#include <string>

#include <CLI/CLI.hpp>
#include <fairway/types.hpp>

#include "fairwayd_options.hpp"
#include "inspector/cli.hpp"
#include "man_page.hpp"

/// Writes fairway.1 and fairwayd.8 into a folder, at build time.
int main(int argc, char** argv) {
  using namespace fairway;
  if (argc != 2) {
    std::cerr << "usage: man_pages FOLDER\n";
    return 2;
  }
  CLI::App inspector;
  inspector::Request request;
  define(inspector, request);
  CLI::App broker;
  BrokerArguments arguments;
  define(broker, arguments);
  const std::string folder = argv[1];
  std::ofstream first(folder + "/fairway.1");
  first << tools::man_page(tools::describe(inspector), {1, FAIRWAY_VERSION, FAIRWAY_DATE, "fairwayd(8)"});
  std::ofstream second(folder + "/fairwayd.8");
  second << tools::man_page(tools::describe(broker), {8, FAIRWAY_VERSION, FAIRWAY_DATE, "fairway(1)"});
  return first.flush() && second.flush() ? 0 : 2;
}
