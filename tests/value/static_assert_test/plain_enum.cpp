// Must not compile: "fairway: an enum needs a fixed underlying type".
#include <memory>
#include <vector>

#include <fairway/archive.hpp>

enum Color { red, green };

struct Message {
  Color member = red;

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& member;
  }
};

template <>
inline constexpr std::string_view fairway::type_key<Message> = "Message";

int main() {
  std::vector<std::byte> bytes;
  fairway::encode_object(Message{}, bytes);
  static_cast<void>(fairway::decode_object<Message>(bytes));
}
