// Values made here go through V8 and come back: Node is the oracle. The other way round: roundtrip.js.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <random>

#include <fairway/value.hpp>

#include "support/temporary_directory.hpp"
#include "value/text.hpp"
#include "wire/value_reader.hpp"
#include "wire/value_writer.hpp"

namespace fairway::test {
namespace {

using namespace std::string_literals;

/// A random graph of everything that this V8 can read.
class Graph {
 public:
  Graph(unsigned seed, bool resizable) : random_(seed), resizable_(resizable), budget_(5 + below(60)) {}

  Value value() {
    if (!made_.empty() && below(8) == 0) return made_[below(made_.size())];
    if (budget_ == 0 || below(3) == 0) return primitive();
    --budget_;
    switch (below(10)) {
      case 0:
      case 1: return object();
      case 2:
      case 3: return array();
      case 4: return map();
      case 5: return set();
      case 6: return view();
      case 7: return keep(Value::boxed(below(2) == 0 ? Value(number()) : Value(text())));
      case 8: return error();
      default: return below(2) == 0 ? keep(Value::date(number())) : keep(Value::regexp(u"[a-z]\u20ac", below(2) == 0 ? "gi" : "dsu"));
    }
  }

 private:
  std::size_t below(std::size_t limit) { return random_() % limit; }
  Value keep(Value value) {
    made_.push_back(value);
    return value;
  }

  double number() {
    constexpr double odd[] = {0, -0.0, 2147483647, 2147483648, -2147483648, -2147483649, 1e300, 5e-324, 0.1};
    return below(2) == 0 ? odd[below(std::size(odd))] : static_cast<double>(below(2000)) - 1000;
  }
  Value text() {
    std::u16string units(below(20), u' ');
    const std::size_t limit = below(3) == 0 ? 0x10000 : below(2) == 0 ? 0x100 : 0x80;
    for (char16_t& unit : units) unit = static_cast<char16_t>(below(limit));
    return Value(std::u16string_view(units));
  }
  std::string key() { return below(2) == 0 ? std::to_string(below(30)) : below(2) == 0 ? text().get<std::string>() : "k" + std::to_string(below(9)); }
  Value primitive() {
    switch (below(7)) {
      case 0: return {};
      case 1: return nullptr;
      case 2: return below(2) == 0;
      case 3:
      case 4: return number();
      case 5: {
        std::vector<std::uint64_t> words(below(20));
        for (std::uint64_t& word : words) word = random_() << 32 | random_();
        return Value::bigint(below(2) == 0, words);
      }
      default: return text();
    }
  }

  Value object() {
    Value object = keep(Value::object());
    for (std::size_t i = below(12); i != 0; --i) object.set(key(), value());
    return object;
  }
  Value array() {
    Value array = keep(Value::array());
    for (std::size_t i = below(12); i != 0; --i) array.push_back(value());
    if (below(3) == 0) array.set(below(60), value());
    if (below(6) == 0) array.set(4'294'967'294u, value());
    if (below(4) == 0) array.set("x" + key(), value());
    if (array.size() < 100 && below(4) == 0) array.set_length(static_cast<std::uint32_t>(array.size() + below(5)));
    return array;
  }
  Value map() {
    Value map = keep(Value::map());
    for (std::size_t i = below(14); i != 0; --i) {
      const Value key = value();
      map.set_entry(key, value());
    }
    return map;
  }
  Value set() {
    Value set = keep(Value::set());
    for (std::size_t i = below(14); i != 0; --i) set.add(value());
    return set;
  }
  Value view() {
    const std::size_t size = below(100);
    Value buffer = resizable_ && below(2) == 0 ? Value::array_buffer(size, size + below(50)) : Value::array_buffer(std::vector(size, std::byte{7}));
    keep(buffer);
    const auto type = static_cast<ElementType>(below(11));
    const std::size_t units[] = {1, 1, 1, 2, 2, 4, 4, 4, 8, 8, 8};
    const std::size_t unit = units[static_cast<std::size_t>(type)];
    const std::size_t offset = below(size / unit + 1) * unit;
    if (below(3) == 0) return keep(Value::data_view(buffer, offset));
    if ((size - offset) % unit == 0 && below(2) == 0) return keep(Value::typed_array(type, buffer, offset));
    return keep(Value::typed_array(type, buffer, offset, below((size - offset) / unit + 1)));
  }
  Value error() {
    const char* const names[] = {"Error", "EvalError", "RangeError", "ReferenceError", "SyntaxError", "TypeError", "URIError"};
    Value error = Value::error(names[below(7)], text().get<std::string>());
    if (below(2) == 0) error.set("stack", text());
    if (below(4) == 0) error.remove("message");
    if (below(4) == 0) error.set("cause", value());
    return keep(error);
  }

  std::mt19937_64 random_;
  bool resizable_;
  std::size_t budget_;
  std::vector<Value> made_;
};

bool node_knows(const char* expression) {
  return std::system(("node -e 'process.exit(" + std::string(expression) + " ? 0 : 1)' 2>/dev/null").c_str()) == 0;
}

bool run_node(const char* script, const std::filesystem::path& in, const std::filesystem::path& out) {
  return std::system(("node '" FAIRWAY_ORACLE "/" + std::string(script) + "' '" + in.native() + "' '" + out.native() + "'").c_str()) == 0;
}

void put(std::ostream& out, const std::vector<std::byte>& bytes) {
  const auto size = static_cast<std::uint32_t>(bytes.size());
  out.write(reinterpret_cast<const char*>(&size), sizeof size);
  out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

std::vector<std::byte> take(std::istream& in) {
  std::uint32_t size = 0;
  in.read(reinterpret_cast<char*>(&size), sizeof size);
  std::vector<std::byte> bytes(in ? size : 0);
  in.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  return bytes;
}

TEST(ValueOracle, v8_reads_and_writes_what_was_made_here) {
  if (!node_knows("1")) GTEST_SKIP() << "needs Node";
  const bool resizable = node_knows("ArrayBuffer.prototype.resize");
  TemporaryDirectory directory;
  const auto sent = directory.path() / "sent";
  const auto back = directory.path() / "back";
  constexpr unsigned count = 2000;
  {
    std::ofstream out(sent, std::ios::binary);
    for (unsigned seed = 0; seed < count; ++seed) {
      std::vector<std::byte> bytes;
      wire::write_value(Graph(seed, resizable).value(), {}, bytes);
      put(out, bytes);
    }
  }
  ASSERT_TRUE(run_node("echo.js", sent, back));
  std::ifstream in(back, std::ios::binary);
  unsigned unread = 0;  // an Error that its own cause leads back to, which V8 11 cannot read
  for (unsigned seed = 0; seed < count; ++seed) {
    const std::vector<std::byte> bytes = take(in);
    if (bytes.empty() && in) {
      ++unread;
      continue;
    }
    Value again;
    ASSERT_EQ(wire::read_value(bytes, {}, again), wire::ValueError::none) << "seed " << seed;
    const Value original = Graph(seed, resizable).value();
    ASSERT_EQ(again, original) << "seed " << seed;
    ASSERT_EQ(inspect(again), inspect(original)) << "seed " << seed << ": not in that order";
  }
  EXPECT_LT(unread, count / 20);
  std::cout << count - unread << " graphs came back the same\n";
  if (!resizable) std::cout << "without resizable buffers: they ask for Node 20\n";
}

TEST(ValueOracle, transferred_buffers_are_the_same_to_v8) {
  if (!node_knows("1")) GTEST_SKIP() << "needs Node";
  TemporaryDirectory directory;
  const std::byte content[] = {std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}};
  const Value buffer = Value::array_buffer(content);
  const Value empty = Value::array_buffer(Bytes());
  const Value value = Value::object({{"view", Value::typed_array(ElementType::uint8, buffer, 1, 2)}, {"empty", empty}, {"again", buffer},
                                     {"copied", Value::array_buffer(Bytes(content).first(2))}});
  graph::BufferNode* const listed[] = {&graph::as<graph::BufferNode>(empty.cell()), &graph::as<graph::BufferNode>(buffer.cell())};
  std::vector<std::byte> bytes;
  ASSERT_EQ(wire::write_value(value, {}, listed, bytes), (std::vector{listed[1], listed[0]}));
  std::ofstream(directory.path() / "in", std::ios::binary).write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  ASSERT_TRUE(run_node("buffers.js", directory.path() / "in", directory.path() / "out"));
  std::ifstream in(directory.path() / "out", std::ios::binary);
  const std::string out{std::istreambuf_iterator<char>(in), {}};
  std::vector<graph::Contents> contents(2);
  contents[0].in_heap.assign(std::begin(content), std::end(content));
  Value again;
  ASSERT_EQ(wire::read_value(std::as_bytes(std::span(out)), {}, contents, again), wire::ValueError::none);
  EXPECT_EQ(again, value);
  EXPECT_TRUE(again["view"].buffer().is_same(again["again"]));
}

TEST(ValueOracle, ports_are_host_objects_to_v8) {
  if (!node_knows("1")) GTEST_SKIP() << "needs Node";
  TemporaryDirectory directory;
  const std::string bytes = "\xff\x0fo\"\5first\\\1\"\6second\\\0\"\5again^\1{\3"s;
  Value value;
  ASSERT_EQ(wire::read_value(std::as_bytes(std::span(bytes)), std::vector<std::shared_ptr<void>>(2), value), wire::ValueError::none);
  std::ofstream(directory.path() / "in", std::ios::binary) << bytes;
  EXPECT_TRUE(run_node("ports.js", directory.path() / "in", directory.path() / "out"));
}

}  // namespace
}  // namespace fairway::test
