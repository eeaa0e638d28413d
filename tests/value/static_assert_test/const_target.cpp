// Must not compile: "fairway: a const object cannot be read into".
#include <memory>
#include <vector>

#include <fairway/archive.hpp>

struct Message {
  const int member = 0;

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
